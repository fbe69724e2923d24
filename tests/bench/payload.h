/*
 * payload: the messages that are sent or scanned, one a line.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BENCH_PAYLOAD_H
#define BIO_BENCH_PAYLOAD_H

#include <stddef.h>

struct payload {
	char *bytes;
	size_t len;
	size_t messages;
	size_t *line_ends; /* of each message, behind its newline */
};

/* The one message of the first sender ever.  Both live until the program ends. */
void payload_init_seed(struct payload *p);

/* A file of one message a line, the last one ended. */
void payload_init_file(struct payload *p, const char *path);

#endif
