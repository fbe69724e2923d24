/*
 * publish: the sender of NATS JetStream, by its own client library.
 *
 *   publish flood --to HOST:PORT --connections N --seconds S
 *
 * Each connection publishes the one message again and again without waiting for each
 * ack, as many at a time as WINDOW, into one stream that is kept in a file and made when
 * it is missing.  The clock runs from the first message until the last ack has come; an
 * ack that does not come, or is an error, ends the program.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "tool.h"

#define WINDOW 4096
#define ACK_WAIT_MS 30000
#define STREAM "bench"

struct worker {
	pthread_t thread;
	natsConnection *connection;
	jsCtx *jetstream;
	uint64_t messages;
};

/* Set before the first worker starts and only read afterwards. */
static struct payload payload;
static const char *target;
static size_t workers_count = 1;
static double seconds = 1;

static atomic_bool is_over;

static void
check(natsStatus status, const char *what)
{
	if (status != NATS_OK)
		errx(EXIT_FAILURE, "%s: %s", what, natsStatus_GetText(status));
}

static void
fail_publish(jsCtx *jetstream, jsPubAckErr *failure, void *argument)
{
	(void)jetstream;
	(void)argument;
	errx(EXIT_FAILURE, "not stored: %s", failure->ErrText);
}

static void
open_worker(struct worker *w)
{
	char url[300];
	jsOptions options;

	(void)snprintf(url, sizeof url, "nats://%s", target);
	check(natsConnection_ConnectTo(&w->connection, url), "connect");
	check(jsOptions_Init(&options), "options");
	options.PublishAsync.MaxPending = WINDOW;
	options.PublishAsync.StallWait = ACK_WAIT_MS;
	options.PublishAsync.ErrHandler = fail_publish;
	check(natsConnection_JetStream(&w->jetstream, w->connection, &options),
		"JetStream");
}

static void
close_worker(struct worker *w)
{
	jsCtx_Destroy(w->jetstream);
	natsConnection_Destroy(w->connection);
}

/* Where it is there already, and of the same kind, nothing happens. */
static void
make_stream(struct worker *w)
{
	const char *subjects[] = {STREAM};
	jsStreamConfig stream;

	check(jsStreamConfig_Init(&stream), "stream");
	stream.Name = STREAM;
	stream.Subjects = subjects;
	stream.SubjectsLen = TOOL_COUNT_OF(subjects);
	stream.Storage = js_FileStorage;
	check(js_AddStream(NULL, w->jetstream, &stream, NULL, NULL), "stream");
}

static void *
run_worker(void *argument)
{
	/* The message without its newline. */
	int len = (int)payload.len - 1;
	struct worker *w = argument;
	jsPubOptions options;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		check(js_PublishAsync(w->jetstream, STREAM, payload.bytes, len, NULL),
			"publish");
		w->messages++;
	}
	check(jsPubOptions_Init(&options), "options");
	options.MaxWait = ACK_WAIT_MS;
	check(js_PublishAsyncComplete(w->jetstream, &options), "acks");
	return NULL;
}

/* How many messages all have published. */
static uint64_t
measure(struct worker *workers, double start_s)
{
	uint64_t messages = 0;

	for (size_t i = 0; i < workers_count; i++) {
		errno = pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]);
		if (errno != 0)
			err(EXIT_FAILURE, "pthread_create");
	}
	tool_sleep_until_s(start_s + seconds);
	atomic_store(&is_over, true);
	for (size_t i = 0; i < workers_count; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		messages += workers[i].messages;
	}
	return messages;
}

static void
parse_options(int argc, char *argv[])
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"connections", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	int which;

	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which == 't')
			target = optarg;
		else if (which == 'n')
			workers_count =
				(size_t)tool_parse_number("connections", optarg, 1, 1000);
		else if (which == 's')
			seconds = tool_parse_number("seconds", optarg, 0, 3600);
		else
			exit(EXIT_FAILURE);
	}
	if (optind + 1 != argc || strcmp(argv[optind], "flood") != 0 || target == NULL)
		errx(EXIT_FAILURE, "usage: publish flood --to HOST:PORT "
				   "[--connections N] [--seconds S]");
}

int
main(int argc, char *argv[])
{
	struct worker *workers;
	uint64_t messages;
	double start_s, took_s;

	parse_options(argc, argv);
	payload_init_seed(&payload);
	workers = tool_allocate(workers_count * sizeof workers[0]);
	for (size_t i = 0; i < workers_count; i++) {
		workers[i] = (struct worker){0};
		open_worker(&workers[i]);
	}
	make_stream(&workers[0]);
	start_s = tool_now_s();
	messages = measure(workers, start_s);
	took_s = tool_now_s() - start_s;
	for (size_t i = 0; i < workers_count; i++)
		close_worker(&workers[i]);
	free(workers);
	(void)printf("{\"connections\": %zu, \"messages\": %ju, \"bytes\": %ju, "
		     "\"began_s\": %.6f, \"seconds\": %.6f}\n",
		workers_count, (uintmax_t)messages,
		(uintmax_t)(messages * (payload.len - 1)), start_s, took_s);
	return EXIT_SUCCESS;
}
