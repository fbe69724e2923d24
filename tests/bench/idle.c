/*
 * idle: many connections that have sent one message each and then stay open.
 *
 *   idle --to HOST:PORT --connections N
 *
 * Once all are open it says how many connections, messages and bytes that took, and holds
 * them until its own input ends.  Then each must still be open and must have been told
 * nothing; they are half-closed, and end when the receiver has closed the last.
 *
 * Connecting alone is quicker than accepting.  So now and then comes a connection that
 * waits for the receiver's end: by then all before it have been accepted, and the
 * kernel's queue never overflows.  Loopback has some 28,000 ports an address pair, and
 * what was closed keeps its port for a minute; so the connections come from addresses of
 * 127.0.1.0 upwards, and the ports of 127.0.0.1 stay free for the receivers to come.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "payload.h"
#include "sender.h"
#include "tool.h"

#define CONNECTIONS_A_WAIT 250
#define CONNECTIONS_AN_ADDRESS 5000

static struct addrinfo *target;
static struct payload payload;
static uint64_t connections, messages, bytes;

static int
connect_and_send(size_t i)
{
	uint32_t host = INADDR_LOOPBACK + 0x100 + (uint32_t)(i / CONNECTIONS_AN_ADDRESS);
	int fd = sender_connect_from(target, (struct in_addr){.s_addr = htonl(host)});

	sender_send(fd, payload.bytes, payload.len);
	connections++;
	messages += payload.messages;
	bytes += payload.len;
	return fd;
}

static void
open_all(int fds[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fds[i] = connect_and_send(i);
		if ((i + 1) % CONNECTIONS_A_WAIT == 0 || i + 1 == count) {
			int last = connect_and_send(i);

			sender_half_close(last);
			sender_wait_for_end(last);
		}
	}
}

static void
wait_for_end_of_input(void)
{
	char waste[64];

	while (read(STDIN_FILENO, waste, sizeof waste) > 0)
		continue;
}

static void
check_open(int fd)
{
	char reply[256];
	ssize_t len = recv(fd, reply, sizeof reply, MSG_DONTWAIT);

	if (len > 0)
		errx(EXIT_FAILURE, "the receiver said: %.*s", (int)len, reply);
	if (len == 0)
		errx(EXIT_FAILURE, "the receiver closed a connection");
	if (errno != EAGAIN)
		err(EXIT_FAILURE, "recv");
}

static void
close_all(const int fds[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_open(fds[i]);
	for (size_t i = 0; i < count; i++)
		sender_half_close(fds[i]);
	for (size_t i = 0; i < count; i++)
		sender_wait_for_end(fds[i]);
}

static size_t
parse_options(int argc, char *argv[])
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"connections", required_argument, NULL, 'n'},
		{NULL, 0, NULL, 0},
	};
	size_t count = 1;
	int which, index = 0;

	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (which == 't')
			target = sender_resolve(optarg);
		else if (which == 'n')
			count = (size_t)tool_parse_number(
				options[index].name, optarg, 1, 100000);
		else
			exit(EXIT_FAILURE);
	}
	if (optind < argc || target == NULL || target->ai_family != AF_INET)
		errx(EXIT_FAILURE, "usage: idle --to IPV4:PORT [--connections N]");
	return count;
}

int
main(int argc, char *argv[])
{
	size_t count = parse_options(argc, argv);
	int *fds = tool_allocate(count * sizeof fds[0]);

	payload_init_seed(&payload);
	open_all(fds, count);
	(void)printf("{\"held\": %zu, \"connections\": %ju, \"messages\": %ju, "
		     "\"bytes\": %ju}\n",
		count, (uintmax_t)connections, (uintmax_t)messages, (uintmax_t)bytes);
	(void)fflush(stdout);
	wait_for_end_of_input();
	close_all(fds, count);
	free(fds);
	return EXIT_SUCCESS;
}
