/*
 * reply: looks for a refusal in each line.
 *
 * A line that is not finished yet is judged as well: until it is whole it is not JSON,
 * and what follows a whole object does not matter.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/reply.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "client/answer.h"

enum { WASTE_BYTES = 512 };

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
		struct answer answer;

		answer_parse(line, (size_t)(line_end - line), parser_lock, &answer);
		is_refused = answer.kind == ANSWER_REFUSAL;
		if (is_refused)
			(void)snprintf(why, why_size, "refused: %s: %s", answer.code,
				answer.error);
		line = newline != NULL ? newline + 1 : end;
	}
	return is_refused;
}
