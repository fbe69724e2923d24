/*
 * stream: recv, send and poll on one blocking socket.
 *
 * A receive without a deadline is one system call; with one, poll comes where nothing is
 * there yet.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* What a peer may still have on its way when we say why we close. */
#define LINGER_BYTES_MAX ((size_t)1024 * 1024)

void
stream_init(struct stream *s, int fd)
{
	*s = (struct stream){.fd = fd};
}

/* 0: ready; -1 and errno. */
static int
wait_for(const struct stream *s, short events, uint64_t deadline_ns)
{
	struct pollfd entry = {.fd = s->fd, .events = events};
	int ready;

	do
		ready = poll(&entry, 1, clock_left_ms(deadline_ns));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	return ready > 0 ? 0 : -1;
}

ssize_t
stream_receive(struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns)
{
	bool waits = deadline_ns == CLOCK_NEVER;
	ssize_t n;

	for (;;) {
		n = recv(s->fd, bytes, capacity, waits ? 0 : MSG_DONTWAIT);
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -1;
		if (deadline_ns == STREAM_NO_WAIT) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (wait_for(s, POLLIN, deadline_ns) != 0)
			return -1;
	}
}

int
stream_send(struct stream *s, const void *bytes, size_t len, uint64_t deadline_ns)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(s->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n >= 0) {
			at += n;
			len -= (size_t)n;
			s->sent_bytes += (uint64_t)n;
		} else if (errno == EAGAIN) {
			if (wait_for(s, POLLOUT, deadline_ns) != 0)
				return -1;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

void
stream_send_at_once(struct stream *s)
{
	int on = 1;

	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

size_t
stream_unread_bytes(const struct stream *s)
{
	int bytes = 0;

	if (ioctl(s->fd, FIONREAD, &bytes) != 0 || bytes < 0)
		return 0;
	return (size_t)bytes;
}

bool
stream_peer_has_finished(const struct stream *s)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	if (getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return false;
	return info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_LAST_ACK ||
	       info.tcpi_state == TCP_CLOSING || info.tcpi_state == TCP_TIME_WAIT;
}

void
stream_linger(struct stream *s, uint64_t deadline_ns)
{
	char waste[4096];
	size_t total = 0;
	ssize_t n;

	if (shutdown(s->fd, SHUT_WR) != 0)
		return;
	do {
		n = stream_receive(s, waste, sizeof waste, deadline_ns);
		total += n > 0 ? (size_t)n : 0;
	} while (n > 0 && total < LINGER_BYTES_MAX);
}

void
stream_close(struct stream *s)
{
	(void)close(s->fd);
	s->fd = -1;
}
