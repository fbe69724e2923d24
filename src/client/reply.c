/*
 * reply: reads the server's lines strictly, as it reads ours.
 *
 * A line that is not finished yet is judged as well: until it is whole it is not JSON,
 * and what follows a whole object does not matter.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/reply.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/frame.h"

enum { DEPTH_MAX = 16, WASTE_BYTES = 512 };

/* What does not fit is dropped: the reason comes first. */
ssize_t
reply_receive(struct reply *r, int fd)
{
	char waste[WASTE_BYTES];
	size_t room = sizeof r->bytes - r->len;
	ssize_t n;

	if (room == 0)
		return recv(fd, waste, sizeof waste, MSG_DONTWAIT);
	n = recv(fd, r->bytes + r->len, room, MSG_DONTWAIT);
	if (n > 0)
		r->len += (size_t)n;
	return n;
}

/* NULL: no JSON.  Returns owned. */
static cJSON *
parse_line(const char *line, size_t len, struct lock *parser_lock)
{
	struct frame_item item;
	cJSON *root;

	if (frame_judge((const uint8_t *)line, len, DEPTH_MAX, &item) != FRAME_MESSAGE)
		return NULL;
	/* cJSON keeps the place of the last error in a global variable. */
	lock_acquire(parser_lock);
	root = cJSON_ParseWithLength((const char *)item.text, item.len);
	lock_release(parser_lock);
	return root;
}

static bool
explain_line(const cJSON *root, char *why, size_t why_size)
{
	const cJSON *message = cJSON_GetObjectItemCaseSensitive(root, "error");
	const cJSON *code = cJSON_GetObjectItemCaseSensitive(root, "code");

	if (cJSON_IsObject(message)) {
		code = cJSON_GetObjectItemCaseSensitive(message, "code");
		message = cJSON_GetObjectItemCaseSensitive(message, "message");
	} else if (!cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root, "ok"))) {
		return false;
	}
	(void)snprintf(why, why_size, "refused: %s: %s",
		cJSON_IsString(code) ? code->valuestring : "error",
		cJSON_IsString(message) ? message->valuestring : "no reason given");
	return true;
}

bool
reply_find_refusal(
	const struct reply *r, struct lock *parser_lock, char *why, size_t why_size)
{
	const char *line = r->bytes, *end = r->bytes + r->len;
	bool is_refused = false;

	if (r->len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		(void)snprintf(why, why_size, "speaks HTTP; messages need another port");
		return true;
	}
	while (line < end && !is_refused) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *line_end = newline != NULL ? newline : end;
		cJSON *root = parse_line(line, (size_t)(line_end - line), parser_lock);

		is_refused = explain_line(root, why, why_size);
		cJSON_Delete(root);
		line = newline != NULL ? newline + 1 : end;
	}
	return is_refused;
}
