/*
 * outlet: poll(2), then a write of no more than a pipe with room takes at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/outlet.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "client/options.h"

enum { LAST_LINE_MS = 1000 };

void
outlet_fini(struct outlet *o)
{
	text_free(&o->text);
}

/* Behind the line that is being written; where none has begun, here. */
static size_t
line_end(const struct text *text, size_t at)
{
	const char *newline;

	if (at == 0 || text->bytes[at - 1] == '\n')
		return at;
	newline = memchr(text->bytes + at, '\n', text->len - at);
	return newline != NULL ? (size_t)(newline - text->bytes) + 1 : text->len;
}

/* How much was written, which may be nothing yet; -1: errno. */
static ssize_t
write_some(const char *bytes, size_t len)
{
	ssize_t n = write(STDOUT_FILENO, bytes, len < PIPE_BUF ? len : PIPE_BUF);

	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static enum outlet_result
explain(int error)
{
	if (error == EPIPE)
		return OUTLET_OVER;
	options_complain("cannot write standard output: %s", strerror(error));
	return OUTLET_FAILED;
}

static enum outlet_result
write_all(struct outlet *o)
{
	size_t done = 0, end = o->text.len;
	bool is_stopped = false;

	while (done < end) {
		struct pollfd items[] = {{.fd = STDOUT_FILENO, .events = POLLOUT},
			{.fd = is_stopped ? -1 : o->stop_fd, .events = POLLIN}};
		int ready = poll(items, 2, is_stopped ? LAST_LINE_MS : -1);
		ssize_t n = 0;

		if (ready == 0)
			return OUTLET_OVER;
		if (ready > 0 && items[1].revents != 0) {
			is_stopped = true;
			end = line_end(&o->text, done);
		} else if (ready > 0) {
			n = write_some(o->text.bytes + done, end - done);
		}
		if (n < 0)
			return explain(errno);
		done += (size_t)n;
	}
	return is_stopped ? OUTLET_OVER : OUTLET_OK;
}

enum outlet_result
outlet_flush(struct outlet *o)
{
	enum outlet_result result;

	if (text_failed(&o->text)) {
		options_complain("out of memory");
		return OUTLET_FAILED;
	}
	result = write_all(o);
	o->text.len = 0;
	return result;
}
