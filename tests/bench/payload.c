/*
 * payload: reads the messages and finds their ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "payload.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "tool.h"

static char seed_message[] =
	"{\"send_user\": \"Lyon\", \"send_time\": \"2026-01-01 00:00:00\", "
	"\"send_msg\": \"BIO test...\"}\n";

static void
find_lines(struct payload *p)
{
	p->line_ends = tool_allocate(p->len * sizeof p->line_ends[0]);
	p->messages = 0;
	for (size_t i = 0; i < p->len; i++)
		if (p->bytes[i] == '\n')
			p->line_ends[p->messages++] = i + 1;
}

void
payload_init_seed(struct payload *p)
{
	p->bytes = seed_message;
	p->len = sizeof seed_message - 1;
	find_lines(p);
}

void
payload_init_file(struct payload *p, const char *path)
{
	FILE *file = fopen(path, "rb");
	long len;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < 0)
		err(EXIT_FAILURE, "%s", path);
	rewind(file);
	p->len = (size_t)len;
	p->bytes = tool_allocate(p->len + 1);
	if (fread(p->bytes, 1, p->len, file) != p->len)
		err(EXIT_FAILURE, "%s", path);
	(void)fclose(file);
	if (len == 0 || p->bytes[len - 1] != '\n')
		errx(EXIT_FAILURE, "%s: the last line has no end", path);
	find_lines(p);
}
