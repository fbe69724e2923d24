/*
 * reply: the lines of each protocol that may knock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define REPLY_MAX 512
#define REPLY_TIMEOUT_MS 1000

void
reply_last(struct stream *stream, const void *bytes, size_t len)
{
	uint64_t deadline_ns = clock_deadline_ns(REPLY_TIMEOUT_MS);

	if (stream_send(stream, bytes, len, deadline_ns) == 0)
		stream_linger(stream, deadline_ns);
}

void
reply_error(struct stream *stream, const char *code, const char *message, uint64_t offset)
{
	char line[REPLY_MAX];
	int len = snprintf(line, sizeof line,
		"{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"offset\":%" PRIu64
		"}}\n",
		code, message, offset);

	reply_last(stream, line, (size_t)len);
}

/* "0.0.0.0" and "::", every address of the machine, are none that a browser can ask. */
static bool
is_every_address(const char *address)
{
	return strncmp(address, "0.0.0.0:", strlen("0.0.0.0:")) == 0 ||
	       strncmp(address, "[::]:", strlen("[::]:")) == 0;
}

void
reply_http(struct stream *stream, const char *status_address)
{
	const char *before = "at http://", *where = status_address, *after = "/";
	char body[REPLY_MAX / 2], answer[REPLY_MAX];
	int body_len, len;

	if (is_every_address(status_address)) {
		before = "on port ";
		where = strrchr(status_address, ':') + 1;
		after = " of this machine";
	}
	body_len = snprintf(body, sizeof body,
		"This port takes JSON messages, not HTTP.  The status pages are "
		"%s%s%s\n",
		before, where, after);
	len = snprintf(answer, sizeof answer,
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s",
		body_len, body);
	reply_last(stream, answer, (size_t)len);
}

void
reply_tls(struct stream *stream)
{
	static const uint8_t alert[] = {0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46};

	reply_last(stream, alert, sizeof alert);
}
