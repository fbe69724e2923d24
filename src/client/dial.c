/*
 * dial: connect(2) without blocking, and poll(2).
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/dial.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

static int
wait_connected(int fd, uint64_t deadline_ns, int stop_fd)
{
	struct pollfd items[] = {
		{.fd = stop_fd, .events = POLLIN},
		{.fd = fd, .events = POLLOUT},
	};
	socklen_t len = sizeof(int);
	int error = 0, ready;

	do
		ready = poll(items, 2, clock_left_ms(deadline_ns));
	while (ready < 0 && errno == EINTR);
	if (ready < 0)
		return errno;
	if (ready == 0)
		return ETIMEDOUT;
	if (items[0].revents != 0)
		return ECANCELED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return errno;
	return error;
}

/*
 * A port of the range that the system gives to those who connect, and nobody listens
 * there: the system may give us this one, and then we have connected to ourselves.
 */
static bool
is_own_end(int fd)
{
	struct sockaddr_storage own, peer;
	socklen_t own_len = sizeof own, peer_len = sizeof peer;

	return getsockname(fd, (struct sockaddr *)&own, &own_len) == 0 &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_len) == 0 &&
	       own_len == peer_len && memcmp(&own, &peer, own_len) == 0;
}

static int
dial_one(const struct sockaddr_storage *address, uint64_t timeout_ms, int stop_fd,
	int *out_fd)
{
	int fd =
		socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)address, address_length(address)) != 0)
		error = errno;
	if (error == EINPROGRESS)
		error = wait_connected(fd, clock_deadline_ns(timeout_ms), stop_fd);
	if (error == 0 && is_own_end(fd)) {
		const struct linger at_once = {.l_onoff = 1};

		/* An orderly end would keep the port from its server for a minute. */
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
		error = ECONNREFUSED;
	}
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	/* Paced messages must not wait for the acknowledgement of the one before. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	*out_fd = fd;
	return 0;
}

int
dial(const struct address_list *addresses, uint64_t timeout_ms, int stop_fd, int *out_fd)
{
	int first_error = EHOSTUNREACH;

	for (size_t i = 0; i < addresses->count; i++) {
		int error = dial_one(&addresses->items[i], timeout_ms, stop_fd, out_fd);

		if (error == 0 || error == ECANCELED)
			return error;
		if (i == 0)
			first_error = error;
	}
	return first_error;
}

const char *
dial_hint(int error)
{
	return error == ECONNREFUSED
		       ? " (is bio-server running? choose another with --server)"
		       : "";
}

/* tcp(7); of a socket that is broken it says 0. */
size_t
dial_unsent(int fd)
{
	int bytes = 0;

	if (ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0)
		return 0;
	return (size_t)bytes;
}
