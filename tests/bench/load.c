/*
 * load: the sender that the server and the yardstick both get.
 *
 *   load flood --to HOST:PORT --connections N --seconds S    many messages a write
 *   load each  --to HOST:PORT --connections N --seconds S    one message a write
 *   load cycle --to HOST:PORT --threads N --count C          connect, send, close
 *
 * The clock runs from the first send until the receiver has closed every connection, so
 * what still waits in a socket is not taken for received; when it began is reported by
 * the monotonic clock, for those who measure until later.  A cycle only closes, as a
 * simple client does, and outruns the receiver until its queue of connections is full;
 * from then on the kernel's retry after a second would be measured.  So each worker's
 * every 100th cycle, and its last, waits for the receiver's end before it closes: by then
 * the receiver has accepted all before it.
 *
 * The main thread connects and keeps the time; each connection (cycle: each worker) has a
 * thread.  Whatever goes wrong ends the program: half a measurement is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "payload.h"
#include "sender.h"
#include "tool.h"

#define WRITE_BYTES ((size_t)256 * 1024)
#define CYCLES_A_WAIT 100

struct worker {
	pthread_t thread;
	int fd; /* -1 in a cycle, which connects itself */
	uint64_t connections, messages, bytes;
};

struct kind {
	const char *name;
	void *(*run)(void *worker);
};

struct plan {
	const struct kind *kind;
	size_t workers;
	double seconds;
	size_t write_bytes;
};

/* Set before the first worker starts and only read afterwards. */
static struct addrinfo *target;
static struct payload payload;
static struct {
	char *bytes;
	size_t len;
	uint64_t messages;
} copies; /* of the payload, as many as one write takes */
static uint64_t cycles_per_worker = 1;

static atomic_bool is_over;

static void
finish(int fd)
{
	sender_half_close(fd);
	sender_wait_for_end(fd);
}

static void *
run_flood(void *argument)
{
	struct worker *w = argument;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		sender_send(w->fd, copies.bytes, copies.len);
		w->messages += copies.messages;
		w->bytes += copies.len;
	}
	finish(w->fd);
	return NULL;
}

static void *
run_each(void *argument)
{
	struct worker *w = argument;
	size_t line = 0, begin = 0;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		size_t end = payload.line_ends[line];

		sender_send(w->fd, payload.bytes + begin, end - begin);
		w->messages++;
		w->bytes += end - begin;
		line = line + 1 < payload.messages ? line + 1 : 0;
		begin = line > 0 ? end : 0;
	}
	finish(w->fd);
	return NULL;
}

static void *
run_cycle(void *argument)
{
	struct worker *w = argument;

	for (uint64_t i = 1; i <= cycles_per_worker; i++) {
		int fd = sender_connect(target);

		sender_send(fd, payload.bytes, payload.len);
		if (i % CYCLES_A_WAIT == 0 || i == cycles_per_worker)
			finish(fd);
		else if (close(fd) != 0)
			err(EXIT_FAILURE, "close");
		w->connections++;
		w->messages += payload.messages;
		w->bytes += payload.len;
	}
	return NULL;
}

static const struct kind kinds[] = {
	{"flood", run_flood},
	{"each", run_each},
	{"cycle", run_cycle},
};

static void
prepare_copies(size_t write_bytes)
{
	size_t len = payload.len, count = write_bytes > len ? write_bytes / len : 1;

	copies.len = count * len;
	copies.messages = count * payload.messages;
	copies.bytes = tool_allocate(copies.len);
	for (size_t i = 0; i < count; i++)
		memcpy(copies.bytes + i * len, payload.bytes, len);
}

/*
 * Runs the workers, adds up what they sent and returns how many seconds it took from
 * `*start_s` on.
 */
static double
measure(const struct plan *plan, struct worker *sum, double *start_s)
{
	struct worker *workers = tool_allocate(plan->workers * sizeof workers[0]);
	bool is_cycle = plan->kind->run == run_cycle;
	double took_s;

	for (size_t i = 0; i < plan->workers; i++) {
		workers[i] = (struct worker){.fd = -1};
		if (is_cycle)
			continue;
		workers[i].fd = sender_connect(target);
		workers[i].connections = 1;
	}
	*start_s = tool_now_s();
	for (size_t i = 0; i < plan->workers; i++) {
		errno = pthread_create(
			&workers[i].thread, NULL, plan->kind->run, &workers[i]);
		if (errno != 0)
			err(EXIT_FAILURE, "pthread_create");
	}
	if (!is_cycle)
		tool_sleep_until_s(*start_s + plan->seconds);
	atomic_store(&is_over, true);
	for (size_t i = 0; i < plan->workers; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		sum->connections += workers[i].connections;
		sum->messages += workers[i].messages;
		sum->bytes += workers[i].bytes;
	}
	took_s = tool_now_s() - *start_s;
	free(workers);
	return took_s;
}

static void
report(const struct plan *plan, double start_s, double took_s, const struct worker *sum)
{
	(void)printf("{");
	if (plan->kind->run == run_cycle) {
		uint64_t cycles = plan->workers * cycles_per_worker;

		(void)printf("\"cycles\": %ju, \"cycles_per_second\": %.1f, ",
			(uintmax_t)cycles, (double)cycles / took_s);
	}
	(void)printf("\"connections\": %ju, \"messages\": %ju, \"bytes\": %ju, "
		     "\"began_s\": %.6f, \"seconds\": %.6f, "
		     "\"messages_per_second\": %.1f}\n",
		(uintmax_t)sum->connections, (uintmax_t)sum->messages,
		(uintmax_t)sum->bytes, start_s, took_s, (double)sum->messages / took_s);
}

static _Noreturn void
usage(void)
{
	errx(EXIT_FAILURE, "usage: load flood|each --to HOST:PORT [--connections N] "
			   "[--seconds S], load cycle --to HOST:PORT [--threads N] "
			   "[--count C]; with [--payload FILE] [--write-bytes N]");
}

static const struct kind *
find_kind(int argc, char *argv[])
{
	for (size_t i = 0; argc > 1 && i < TOOL_COUNT_OF(kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			return &kinds[i];
	usage();
}

/* Fills the plan, and prepares the target and the payload. */
static void
parse_options(int argc, char *argv[], struct plan *plan)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"connections", required_argument, NULL, 'n'},
		{"threads", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'c'},
		{"payload", required_argument, NULL, 'p'},
		{"write-bytes", required_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int which, index = 0;

	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		const char *name = options[index].name;

		switch (which) {
		case 't':
			target = sender_resolve(optarg);
			break;
		case 'n':
			plan->workers = (size_t)tool_parse_number(name, optarg, 1, 10000);
			break;
		case 's':
			plan->seconds = tool_parse_number(name, optarg, 0, 3600);
			break;
		case 'c':
			cycles_per_worker =
				(uint64_t)tool_parse_number(name, optarg, 1, 1e6);
			break;
		case 'p':
			payload_init_file(&payload, optarg);
			break;
		case 'w':
			plan->write_bytes =
				(size_t)tool_parse_number(name, optarg, 1, 1 << 30);
			break;
		default:
			exit(EXIT_FAILURE);
		}
	}
	if (optind < argc || target == NULL)
		usage();
	if (payload.bytes == NULL)
		payload_init_seed(&payload);
}

int
main(int argc, char *argv[])
{
	struct plan plan = {.workers = 1, .seconds = 1, .write_bytes = WRITE_BYTES};
	struct worker sum = {.fd = -1};
	double start_s, took_s;

	plan.kind = find_kind(argc, argv);
	parse_options(argc - 1, argv + 1, &plan);
	prepare_copies(plan.write_bytes);
	took_s = measure(&plan, &sum, &start_s);
	report(&plan, start_s, took_s, &sum);
	return EXIT_SUCCESS;
}
