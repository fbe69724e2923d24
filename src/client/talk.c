/*
 * talk: send(2) and recv(2), and lines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/talk.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void
talk_begin(struct talk *t, int fd, size_t hello_len)
{
	t->fd = fd;
	t->is_greeted = false;
	t->out_begin = 0;
	t->out_end = hello_len;
	t->in_begin = t->in_end = 0;
}

/* A token may be in what has been written. */
static void
forget_hello(struct talk *t, size_t len)
{
	explicit_bzero(t->out + t->out_begin, len);
	t->out_begin += len;
}

void
talk_close(struct talk *t)
{
	(void)close(t->fd);
	t->fd = -1;
	forget_hello(t, t->out_end - t->out_begin);
}

bool
talk_has_output(const struct talk *t, const struct window *w)
{
	const uint8_t *bytes;

	return t->out_begin < t->out_end ||
	       (t->is_greeted && window_unwritten(w, &bytes) > 0);
}

static ssize_t
write_some(int fd, const void *bytes, size_t len)
{
	ssize_t n = len > 0 ? send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

ssize_t
talk_write(struct talk *t, struct window *w)
{
	const uint8_t *bytes;
	size_t len = window_unwritten(w, &bytes);
	ssize_t n;

	if (t->out_begin < t->out_end) {
		n = write_some(t->fd, t->out + t->out_begin, t->out_end - t->out_begin);
		if (n > 0)
			forget_hello(t, (size_t)n);
		return n;
	}
	if (!t->is_greeted)
		return 0;
	n = write_some(t->fd, bytes, len);
	if (n > 0)
		window_note_written(w, (size_t)n);
	return n;
}

/* A line that is there, without its line feed; the rest of all once `has_ended`. */
static bool
take_line(struct talk *t, bool has_ended, const char **line, size_t *len)
{
	size_t held = t->in_end - t->in_begin;
	const char *newline;

	*line = t->in + t->in_begin;
	newline = memchr(*line, '\n', held);
	if (newline == NULL && (!has_ended || held == 0))
		return false;
	*len = newline != NULL ? (size_t)(newline - *line) : held;
	t->in_begin += *len + (newline != NULL);
	return true;
}

enum talk_event
talk_read(struct talk *t, int *receives, struct lock *parser_lock, struct answer *out)
{
	const char *line;
	size_t len;
	ssize_t n = 1;

	while (!take_line(t, n == 0, &line, &len)) {
		if (n == 0)
			return TALK_ENDED;
		if (*receives == 0)
			return TALK_NOTHING;
		(*receives)--;
		memmove(t->in, t->in + t->in_begin, t->in_end - t->in_begin);
		t->in_end -= t->in_begin;
		t->in_begin = 0;
		if (t->in_end == sizeof t->in) {
			errno = EPROTO;
			return TALK_BROKEN;
		}
		n = recv(
			t->fd, t->in + t->in_end, sizeof t->in - t->in_end, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? TALK_NOTHING
								 : TALK_BROKEN;
		t->in_end += (size_t)n;
	}
	answer_parse(line, len, parser_lock, out);
	return TALK_ANSWER;
}
