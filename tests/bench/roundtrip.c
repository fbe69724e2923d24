/*
 * roundtrip: how long a sender waits for its ack, at two receivers.
 *
 *   roundtrip --to HOST:PORT [--hello JSON] --beside HOST:PORT --seconds S
 *
 * One connection to each: sends one message, waits for the line {"ack":N} that counts it,
 * and only then goes on, first, second, second, first, until the time is over.  A disk
 * and a scheduler that let one wait let the other wait as well, which runs one after the
 * other would not see to.  With --hello the first hears that before, and must welcome it.
 *
 * A wait is from before the send until the ack has been read; an ack with another number
 * ends the program.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "payload.h"
#include "sender.h"
#include "tool.h"

#define WAITS_MAX ((size_t)1000 * 1000)
#define LINE_MAX_BYTES 4096
#define WELCOME "BIO/1 {\"ok\":true,"
#define NEXT "\"next\":"

struct receiver {
	int fd;
	double *waits_s; /* those of odd turns, and behind WAITS_MAX those of even ones */
	size_t count;
	uint64_t next; /* the number of the next message */
	uint64_t bytes;
};

static struct payload payload;

/* The receiver says a line and then nothing until it hears more. */
static void
receive_line(int fd, char line[LINE_MAX_BYTES])
{
	size_t len = 0;

	do {
		ssize_t n = recv(fd, line + len, LINE_MAX_BYTES - 1 - len, 0);

		if (n < 0)
			err(EXIT_FAILURE, "recv");
		if (n == 0)
			errx(EXIT_FAILURE, "the receiver closed the connection");
		len += (size_t)n;
		line[len] = '\0';
	} while (line[len - 1] != '\n' && len < LINE_MAX_BYTES - 1);
}

static void
say_hello(struct receiver *r, const char *hello)
{
	char line[LINE_MAX_BYTES];
	int len = snprintf(line, sizeof line, "BIO/1 %s\n", hello);
	const char *next;

	if (len < 0 || (size_t)len >= sizeof line)
		errx(EXIT_FAILURE, "--hello: too long");
	sender_send(r->fd, line, (size_t)len);
	r->bytes += (uint64_t)len;
	receive_line(r->fd, line);
	next = strstr(line, NEXT);
	if (strncmp(line, WELCOME, strlen(WELCOME)) != 0 || next == NULL)
		errx(EXIT_FAILURE, "no welcome: %s", line);
	r->next = strtoull(next + strlen(NEXT), NULL, 10);
}

static void
take_turn(struct receiver *r)
{
	char line[LINE_MAX_BYTES], expected[64];
	double begin_s = tool_now_s(), took_s;

	sender_send(r->fd, payload.bytes, payload.len);
	receive_line(r->fd, line);
	took_s = tool_now_s() - begin_s;
	r->waits_s[r->count / 2 + r->count % 2 * WAITS_MAX] = took_s;
	r->count++;
	r->bytes += payload.len;
	(void)snprintf(
		expected, sizeof expected, "{\"ack\":%ju}\n", (uintmax_t)r->next++);
	if (strcmp(line, expected) != 0)
		errx(EXIT_FAILURE, "expected %sgot %s", expected, line);
}

static void
measure(struct receiver *first, struct receiver *second, double seconds)
{
	double end_s = tool_now_s() + seconds;

	do {
		take_turn(first);
		take_turn(second);
		take_turn(second);
		take_turn(first);
	} while (first->count < 2 * WAITS_MAX && tool_now_s() < end_s);
}

static void
open_receiver(struct receiver *r, const char *address)
{
	struct addrinfo *target = sender_resolve(address);

	r->fd = sender_connect(target);
	freeaddrinfo(target);
	r->waits_s = tool_allocate(2 * WAITS_MAX * sizeof r->waits_s[0]);
	r->next = 1;
}

static void
close_receiver(struct receiver *r)
{
	sender_half_close(r->fd);
	sender_wait_for_end(r->fd);
	free(r->waits_s);
}

static void
report(const char *name, struct receiver *r)
{
	(void)printf("\"%s\": {\"connections\": 1, \"messages\": %zu, \"bytes\": %ju, "
		     "\"odd\": {",
		name, r->count, (uintmax_t)r->bytes);
	tool_print_waits(r->waits_s, r->count / 2);
	(void)printf("}, \"even\": {");
	tool_print_waits(r->waits_s + WAITS_MAX, r->count / 2);
	(void)printf("}}");
}

static _Noreturn void
usage(void)
{
	errx(EXIT_FAILURE, "usage: roundtrip --to HOST:PORT [--hello JSON] --beside "
			   "HOST:PORT [--seconds S]");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"beside", required_argument, NULL, 'b'},
		{"seconds", required_argument, NULL, 's'},
		{"hello", required_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct receiver first = {.fd = -1}, second = {.fd = -1};
	const char *hello = NULL;
	double seconds = 1;
	int which;

	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == 't')
			open_receiver(&first, optarg);
		else if (which == 'b')
			open_receiver(&second, optarg);
		else if (which == 's')
			seconds = tool_parse_number("seconds", optarg, 0, 3600);
		else if (which == 'h')
			hello = optarg;
		else
			exit(EXIT_FAILURE);
	}
	if (optind < argc || first.fd == -1 || second.fd == -1)
		usage();
	payload_init_seed(&payload);
	if (hello != NULL)
		say_hello(&first, hello);
	measure(&first, &second, seconds);
	(void)printf("{");
	report("first", &first);
	(void)printf(", ");
	report("second", &second);
	(void)printf("}\n");
	close_receiver(&first);
	close_receiver(&second);
	return EXIT_SUCCESS;
}
