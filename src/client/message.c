/*
 * message: cJSON writes the built-in one, and our own scanner judges both.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/message.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "wire/frame.h"

static int
report_no_memory(struct message *m)
{
	link_group_fail(m->group, EXIT_CODE_FAILED, "out of memory");
	return -1;
}

/* Returns owned; NULL: out of memory. */
static char *
compose(const struct options *options, time_t now)
{
	cJSON *root = cJSON_CreateObject();
	char time_text[32], *text = NULL;
	struct tm tm;

	(void)localtime_r(&now, &tm);
	(void)strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M:%S", &tm);
	if (cJSON_AddStringToObject(root, "send_user", options->user) != NULL &&
		cJSON_AddStringToObject(root, "send_time", time_text) != NULL &&
		cJSON_AddStringToObject(root, "send_msg", options->message) != NULL)
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static int
judge(struct message *m, const char *text, const char *what, struct frame_item *out)
{
	size_t white = strspn(text, " \t\r\n");

	if (frame_judge((const uint8_t *)text, strlen(text), SCAN_DEPTH_MAX, out) ==
		FRAME_MESSAGE)
		return 0;
	link_group_fail(m->group, EXIT_CODE_BAD_JSON,
		"bad JSON in %s at offset %" PRIu64 ": %s", what, out->offset + white,
		out->error);
	return -1;
}

int
message_open(struct message *m, struct link_group *group)
{
	const char *operand = group->options->operand;
	const uint8_t *text;
	struct frame_item item;
	size_t len;

	*m = (struct message){.group = group};
	if (operand != NULL) {
		if (judge(m, operand, "the operand", &item) != 0)
			return -1;
		m->operand = item.text;
		m->operand_len = item.len;
		return 0;
	}
	/* The texts of --user and --message may be no UTF-8. */
	if (message_make(m, &text, &len) == 0 &&
		judge(m, (const char *)text, "the message", &item) == 0)
		return 0;
	message_close(m);
	return -1;
}

void
message_close(struct message *m)
{
	cJSON_free(m->text);
}

int
message_make(struct message *m, const uint8_t **text, size_t *len)
{
	time_t now;

	if (m->operand != NULL) {
		*text = m->operand;
		*len = m->operand_len;
		return 0;
	}
	now = time(NULL);
	if (m->text == NULL || m->text_time != now) {
		cJSON_free(m->text);
		m->text = compose(m->group->options, now);
		m->text_time = now;
	}
	if (m->text == NULL)
		return report_no_memory(m);
	*text = (const uint8_t *)m->text;
	*len = strlen(m->text);
	return 0;
}

uint64_t
message_due_ns(const struct options *options, uint64_t start_ns, uint64_t count)
{
	double wait_ns;

	if (options->rate <= 0)
		return 0;
	wait_ns = (double)count * (double)CLOCK_NS_PER_S / options->rate;
	return wait_ns < 1e18 ? start_ns + (uint64_t)wait_ns : CLOCK_NEVER;
}
