/*
 * sender: plain blocking calls; socket options stay as they are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "sender.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct addrinfo *
sender_resolve(const char *host_port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *target;
	const char *colon = strrchr(host_port, ':');
	char host[256];
	int result;

	if (colon == NULL || (size_t)(colon - host_port) >= sizeof host)
		errx(EXIT_FAILURE, "expected HOST:PORT: %s", host_port);
	memcpy(host, host_port, (size_t)(colon - host_port));
	host[colon - host_port] = '\0';
	result = getaddrinfo(host, colon + 1, &hints, &target);
	if (result != 0)
		errx(EXIT_FAILURE, "%s: %s", host_port, gai_strerror(result));
	return target;
}

static int
open_socket(const struct addrinfo *target)
{
	int fd = socket(target->ai_family, SOCK_STREAM, 0);

	if (fd == -1)
		err(EXIT_FAILURE, "socket");
	return fd;
}

static void
connect_to(int fd, const struct addrinfo *target)
{
	if (connect(fd, target->ai_addr, target->ai_addrlen) != 0)
		err(EXIT_FAILURE, "connect");
}

int
sender_connect(const struct addrinfo *target)
{
	int fd = open_socket(target);

	connect_to(fd, target);
	return fd;
}

int
sender_connect_from(const struct addrinfo *target, struct in_addr source)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = source};
	int fd = open_socket(target), one = 1;

	/* The port is chosen in connect, which can share it among receivers. */
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) != 0 ||
		bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
		err(EXIT_FAILURE, "bind");
	connect_to(fd, target);
	return fd;
}

void
sender_send(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0)
			err(EXIT_FAILURE, "send");
		bytes += sent;
		len -= (size_t)sent;
	}
}

void
sender_half_close(int fd)
{
	if (shutdown(fd, SHUT_WR) != 0)
		err(EXIT_FAILURE, "shutdown");
}

void
sender_wait_for_end(int fd)
{
	char reply[256];
	ssize_t len = recv(fd, reply, sizeof reply, 0);

	if (len < 0)
		err(EXIT_FAILURE, "recv");
	if (len > 0)
		errx(EXIT_FAILURE, "the receiver said: %.*s", (int)len, reply);
	(void)close(fd);
}
