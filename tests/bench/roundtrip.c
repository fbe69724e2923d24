/*
 * roundtrip: how long one sender waits for its ack.
 *
 *   roundtrip --to HOST:PORT --seconds S [--hello JSON]
 *
 * One connection: sends one message, waits for the line {"ack":N} that counts it, and so
 * on until the time is over.  With --hello it says that first, and waits for the welcome.
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

struct roundtrip {
	int fd;
	struct payload payload;
	double *waits_s;
	size_t count;
	uint64_t bytes;
};

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
say_hello(struct roundtrip *r, const char *hello)
{
	char line[LINE_MAX_BYTES];
	int len = snprintf(line, sizeof line, "BIO/1 %s\n", hello);

	if (len < 0 || (size_t)len >= sizeof line)
		errx(EXIT_FAILURE, "--hello: too long");
	sender_send(r->fd, line, (size_t)len);
	r->bytes += (uint64_t)len;
	receive_line(r->fd, line);
	if (strncmp(line, WELCOME, strlen(WELCOME)) != 0)
		errx(EXIT_FAILURE, "no welcome: %s", line);
}

static double
wait_for_ack(struct roundtrip *r)
{
	char line[LINE_MAX_BYTES], expected[64];
	double begin_s = tool_now_s(), took_s;

	sender_send(r->fd, r->payload.bytes, r->payload.len);
	receive_line(r->fd, line);
	took_s = tool_now_s() - begin_s;
	(void)snprintf(expected, sizeof expected, "{\"ack\":%zu}\n", r->count + 1);
	if (strcmp(line, expected) != 0)
		errx(EXIT_FAILURE, "expected %sgot %s", expected, line);
	return took_s;
}

static void
measure(struct roundtrip *r, double seconds)
{
	double end_s = tool_now_s() + seconds;

	do {
		r->waits_s[r->count] = wait_for_ack(r);
		r->count++;
	} while (r->count < WAITS_MAX && tool_now_s() < end_s);
	r->bytes += r->count * r->payload.len;
	sender_half_close(r->fd);
	sender_wait_for_end(r->fd);
}

static void
report(struct roundtrip *r)
{
	(void)printf("{\"connections\": 1, \"messages\": %zu, \"bytes\": %ju, ", r->count,
		(uintmax_t)r->bytes);
	tool_print_waits(r->waits_s, r->count);
	(void)printf("}\n");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"seconds", required_argument, NULL, 's'},
		{"hello", required_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct roundtrip r = {.fd = -1};
	const char *hello = NULL;
	double seconds = 1;
	int which;

	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == 't')
			r.fd = sender_connect(sender_resolve(optarg));
		else if (which == 's')
			seconds = tool_parse_number("seconds", optarg, 0, 3600);
		else if (which == 'h')
			hello = optarg;
		else
			exit(EXIT_FAILURE);
	}
	if (optind < argc || r.fd == -1)
		errx(EXIT_FAILURE,
			"usage: roundtrip --to HOST:PORT [--seconds S] [--hello JSON]");
	payload_init_seed(&r.payload);
	r.waits_s = tool_allocate(WAITS_MAX * sizeof r.waits_s[0]);
	if (hello != NULL)
		say_hello(&r, hello);
	measure(&r, seconds);
	report(&r);
	free(r.waits_s);
	return EXIT_SUCCESS;
}
