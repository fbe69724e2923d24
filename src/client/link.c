/*
 * link: every wait in one place, link_wait.
 *
 * A socket that does not block, in one poll(2) with the group's stop descriptor and the
 * owner's.  After a stop no message is begun, and what was begun has a moment to get out.
 * The server speaks only to refuse, so what it writes is read whenever it comes and
 * judged at once, and again where the connection breaks: the reason may have arrived
 * before the reset.
 *
 * The links themselves share nothing but the group, of which only what is behind its lock
 * changes while they run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/dial.h"
#include "client/framed.h"

enum { ERROR_MAX_BYTES = 1024, STOP_GRACE_MS = 2000 };

int
link_group_init(struct link_group *g, const struct options *options)
{
	*g = (struct link_group){.options = options, .code = EXIT_CODE_DONE};
	lock_init(&g->lock);
	g->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (g->stop_fd >= 0)
		return 0;
	link_group_fail(g, EXIT_CODE_FAILED, "cannot start: %s", strerror(errno));
	lock_fini(&g->lock);
	return -1;
}

void
link_group_fini(struct link_group *g)
{
	(void)close(g->stop_fd);
	lock_fini(&g->lock);
}

void
link_group_stop(struct link_group *g)
{
	int result = eventfd_write(g->stop_fd, 1);

	assert(result == 0);
	(void)result;
}

void
link_group_fail(struct link_group *g, enum exit_code code, const char *format, ...)
{
	char text[ERROR_MAX_BYTES];
	va_list arguments;
	bool is_first;

	lock_acquire(&g->lock);
	is_first = g->code == EXIT_CODE_DONE;
	if (is_first)
		g->code = code;
	lock_release(&g->lock);
	if (!is_first)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	options_complain("%s", text);
}

static int
report_unreachable(struct link_group *g, const char *why, int error)
{
	link_group_fail(g, EXIT_CODE_UNREACHABLE, "cannot connect to %s: %s%s",
		g->options->server, why, dial_hint(error));
	return -1;
}

int
link_group_resolve(struct link_group *g)
{
	const char *why;

	if (address_resolve(&g->options->server_address, &g->addresses, &why) == 0)
		return 0;
	return report_unreachable(g, why, 0);
}

static bool
is_refused(struct link *link)
{
	struct link_group *g = link->group;
	char why[ERROR_MAX_BYTES];

	if (!reply_find_refusal(&link->reply, &g->lock, why, sizeof why))
		return false;
	link_group_fail(g, EXIT_CODE_REFUSED, "%s %s", g->options->server, why);
	return true;
}

/* The connection broke; the server may have said why before that. */
static int
lose(struct link *link, const char *why)
{
	while (reply_receive(&link->reply, link->fd) > 0)
		;
	if (!is_refused(link))
		link_group_fail(link->group, EXIT_CODE_UNREACHABLE,
			"%s: connection lost: %s", link->group->options->server, why);
	return -1;
}

static int
take_reply(struct link *link)
{
	ssize_t n = reply_receive(&link->reply, link->fd);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return lose(link, strerror(errno));
	if (is_refused(link))
		return -1;
	if (n > 0)
		return 0;
	if (!link->is_finishing)
		return lose(link, "the server closed it");
	link->has_peer_ended = true;
	return 0;
}

static int
poll_until(struct pollfd *items, nfds_t count, uint64_t deadline_ns)
{
	uint64_t now_ns = clock_mono_ns(), left_ns = 0;
	struct timespec left;

	if (deadline_ns == CLOCK_NEVER)
		return ppoll(items, count, NULL, NULL);
	if (deadline_ns > now_ns)
		left_ns = deadline_ns - now_ns;
	left.tv_sec = (time_t)(left_ns / CLOCK_NS_PER_S);
	left.tv_nsec = (long)(left_ns % CLOCK_NS_PER_S);
	return ppoll(items, count, &left, NULL);
}

/* READY also where the server has ended its side, as it may once ours has ended. */
enum link_wake
link_wait(struct link *link, int fd, short events, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t until_ns =
			deadline_ns < link->limit_ns ? deadline_ns : link->limit_ns;
		struct pollfd items[] = {
			{.fd = link->is_stopping ? -1 : link->group->stop_fd,
				.events = POLLIN},
			{.fd = link->fd, .events = POLLIN},
			{.fd = fd, .events = events},
		};
		int ready = poll_until(items, COUNT_OF(items), until_ns);

		if (ready == 0)
			return LINK_WAKE_TIME;
		if (ready < 0)
			continue; /* EINTR: a debugger or a terminal stopped us */
		if (items[0].revents != 0) {
			link->is_stopping = true;
			link->limit_ns = clock_deadline_ns(STOP_GRACE_MS);
			return LINK_WAKE_STOP;
		}
		if (items[1].revents != 0 && take_reply(link) != 0)
			return LINK_WAKE_FAILED;
		if (items[2].revents != 0 || link->has_peer_ended)
			return LINK_WAKE_READY;
		/* A server that never stops talking must not stop the clock. */
		if (clock_mono_ns() >= until_ns)
			return LINK_WAKE_TIME;
	}
}

int
link_open(struct link *link, struct link_group *g)
{
	int error = dial(
		&g->addresses, g->options->connect_timeout_ms, g->stop_fd, &link->fd);

	link->group = g;
	link->limit_ns = CLOCK_NEVER;
	if (error == 0)
		return 0;
	link->is_stopping = error == ECANCELED;
	return link->is_stopping ? -1 : report_unreachable(g, strerror(error), error);
}

void
link_close(struct link *link)
{
	(void)close(link->fd);
}

static int
report_timeout(struct link *link, const char *what)
{
	const struct options *o = link->group->options;
	uint64_t waited_ms = o->timeout_ms;

	if (link->is_stopping && waited_ms > STOP_GRACE_MS)
		waited_ms = STOP_GRACE_MS;
	link_group_fail(link->group, EXIT_CODE_UNREACHABLE,
		"%s: connection lost: the server %s for %g s", o->server, what,
		(double)waited_ms / 1000);
	return -1;
}

/* When the server has had its time, counted from now. */
static uint64_t
begin_time(struct link *link)
{
	link->unsent = dial_unsent(link->fd);
	return clock_deadline_ns(link->group->options->timeout_ms);
}

/* As link_wait; but the time begins anew while what was written before goes out. */
static enum link_wake
wait_for_server(struct link *link, int fd, short events, uint64_t *deadline_ns)
{
	for (;;) {
		enum link_wake wake = link_wait(link, fd, events, *deadline_ns);
		size_t before = link->unsent;

		if (wake != LINK_WAKE_TIME || link->is_stopping)
			return wake;
		*deadline_ns = begin_time(link);
		if (link->unsent >= before)
			return wake;
	}
}

int
link_flush(struct link *link)
{
	uint64_t deadline_ns = begin_time(link);
	size_t done = 0;

	while (done < link->out_len) {
		enum link_wake wake =
			wait_for_server(link, link->fd, POLLOUT, &deadline_ns);
		ssize_t n;

		if (wake == LINK_WAKE_FAILED)
			return -1;
		if (wake == LINK_WAKE_TIME)
			return report_timeout(link, "took nothing");
		if (wake == LINK_WAKE_STOP)
			continue;
		n = send(link->fd, link->out + done, link->out_len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return lose(link, strerror(errno));
		if (n > 0) {
			done += (size_t)n;
			deadline_ns = begin_time(link);
		}
	}
	link->bytes += done;
	link->out_len = 0;
	return 0;
}

/* `framed` is NULL for bytes that go out as they are. */
static int
put(struct link *link, const struct framed *framed, const uint8_t *from, size_t len)
{
	while (len > 0) {
		uint8_t *to = link->out + link->out_len;
		size_t n = LINK_OUT_BYTES - link->out_len;

		if (n > len)
			n = len;
		if (framed != NULL)
			framed_copy_text(framed, to, from, n);
		else
			memcpy(to, from, n);
		link->out_len += n;
		from += n;
		len -= n;
		if (len > 0 && link_flush(link) != 0)
			return -1;
	}
	return 0;
}

int
link_put_message(struct link *link, const uint8_t *text, size_t len)
{
	enum wire_framing framing = (enum wire_framing)link->group->options->framing;
	struct framed framed = framed_make(framing, text, len);

	if (link->out_len + framed_length(&framed) > LINK_OUT_BYTES &&
		link_flush(link) != 0)
		return -1;
	if (put(link, NULL, framed.head, framed.head_len) != 0 ||
		put(link, &framed, text, len) != 0 ||
		put(link, NULL, (const uint8_t *)"\n", framed.tail_len) != 0)
		return -1;
	link->messages++;
	return 0;
}

static int
wait_peer_ended(struct link *link)
{
	uint64_t deadline_ns = begin_time(link);

	while (!link->has_peer_ended) {
		switch (wait_for_server(link, -1, 0, &deadline_ns)) {
		case LINK_WAKE_READY:
		case LINK_WAKE_STOP:
			break;
		case LINK_WAKE_TIME:
			return report_timeout(link, "did not close it");
		case LINK_WAKE_FAILED:
			return -1;
		}
	}
	return 0;
}

void
link_finish(struct link *link)
{
	struct link_group *g = link->group;

	link->is_finishing = true;
	if (shutdown(link->fd, SHUT_WR) != 0) {
		(void)lose(link, strerror(errno));
		return;
	}
	if (wait_peer_ended(link) != 0)
		return;
	lock_acquire(&g->lock);
	g->links++;
	g->messages += link->messages;
	g->bytes += link->bytes;
	lock_release(&g->lock);
}
