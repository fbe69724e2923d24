/*
 * probe: how long one short connection waits, while others keep the receiver busy.
 *
 *   probe --to HOST:PORT --rate R --seconds S
 *
 * R times a second: connect, send one message, half-close, wait for the receiver's end.
 * A wait is the time of all that.  Each of the R workers has one cycle a second, a little
 * after the other's, so a wait of up to a second delays nobody else: what is slow does
 * not make the measuring slower, and hide itself.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "payload.h"
#include "sender.h"
#include "tool.h"

struct worker {
	pthread_t thread;
	size_t first; /* of its cycles; the next is `rate` further on */
};

/* Set before the first worker starts and only read afterwards. */
static struct addrinfo *target;
static struct payload payload;
static size_t rate = 20, cycles;
static double start_s;
static double *waits_s; /* each written by the worker that has this cycle */

static void *
run_worker(void *argument)
{
	const struct worker *w = argument;

	for (size_t i = w->first; i < cycles; i += rate) {
		double begin_s;
		int fd;

		tool_sleep_until_s(start_s + (double)i / (double)rate);
		begin_s = tool_now_s();
		fd = sender_connect(target);
		sender_send(fd, payload.bytes, payload.len);
		sender_half_close(fd);
		sender_wait_for_end(fd);
		waits_s[i] = tool_now_s() - begin_s;
	}
	return NULL;
}

static void
measure(void)
{
	struct worker *workers = tool_allocate(rate * sizeof workers[0]);

	start_s = tool_now_s();
	for (size_t i = 0; i < rate; i++) {
		workers[i].first = i;
		errno = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
		if (errno != 0)
			err(EXIT_FAILURE, "pthread_create");
	}
	for (size_t i = 0; i < rate; i++)
		(void)pthread_join(workers[i].thread, NULL);
	free(workers);
}

static void
report(void)
{
	(void)printf("{\"connections\": %zu, \"messages\": %zu, \"bytes\": %zu, ", cycles,
		cycles * payload.messages, cycles * payload.len);
	tool_print_waits(waits_s, cycles);
	(void)printf("}\n");
}

static void
parse_options(int argc, char *argv[])
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	double seconds = 1;
	int which, index = 0;

	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		const char *name = options[index].name;

		if (which == 't')
			target = sender_resolve(optarg);
		else if (which == 'r')
			rate = (size_t)tool_parse_number(name, optarg, 1, 1000);
		else if (which == 's')
			seconds = tool_parse_number(name, optarg, 0, 3600);
		else
			exit(EXIT_FAILURE);
	}
	if (optind < argc || target == NULL)
		errx(EXIT_FAILURE,
			"usage: probe --to HOST:PORT [--rate R] [--seconds S]");
	cycles = (size_t)((double)rate * seconds);
	if (cycles == 0)
		errx(EXIT_FAILURE, "not one cycle in %g s", seconds);
}

int
main(int argc, char *argv[])
{
	parse_options(argc, argv);
	payload_init_seed(&payload);
	waits_s = tool_allocate(cycles * sizeof waits_s[0]);
	measure();
	report();
	free(waits_s);
	return EXIT_SUCCESS;
}
