/*
 * sender: connections that send, each in a thread of its own.
 *
 * A worker owns its link and its text.  What all share is constant while they run, but
 * for the group of the links; the input has one worker, since a stream cannot be sent
 * twice.  After a stop no message is begun.
 *
 * A function that answers -1 has reported why, or a stop came before anything was sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/sender.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/lock.h"
#include "client/input.h"
#include "client/link.h"
#include "wire/frame.h"

enum { STACK_BYTES = 256 * 1024, OTHER_DESCRIPTORS = 32 };

struct sender {
	const struct options *options;
	struct link_group group;
	struct input input;        /* where the operand names one */
	struct frame_item message; /* the operand; no text: built afresh each second */
	sigset_t signals;
};

struct worker {
	struct sender *sender;
	pthread_t thread;
	uint64_t start_ns; /* when it was connected */
	char *text;        /* the built-in message as of `text_time` */
	time_t text_time;
	struct link link;
};

static int
report_no_memory(struct sender *s)
{
	link_group_fail(&s->group, EXIT_CODE_FAILED, "out of memory");
	return -1;
}

/*
 * Waits until the next message is due.  Due times are counted from the start, so that
 * lateness does not add up.
 */
static int
pace(struct worker *w)
{
	double rate = w->sender->options->rate, wait_ns;
	uint64_t due_ns = CLOCK_NEVER;

	if (rate <= 0)
		return 0;
	wait_ns = (double)w->link.messages * (double)CLOCK_NS_PER_S / rate;
	if (wait_ns < 1e18)
		due_ns = w->start_ns + (uint64_t)wait_ns;
	return link_wait(&w->link, -1, 0, due_ns) == LINK_WAKE_FAILED ? -1 : 0;
}

static int
put_message(struct worker *w, const uint8_t *text, size_t len)
{
	if (link_put_message(&w->link, text, len) != 0)
		return -1;
	/* A paced message is not kept back until others fill a segment. */
	return w->sender->options->rate > 0 ? link_flush(&w->link) : 0;
}

/* Returns owned; NULL: out of memory. */
static char *
compose_message(const struct options *options, time_t now)
{
	cJSON *root = cJSON_CreateObject();
	char time_text[32], *text = NULL;
	struct tm tm;

	(void)localtime_r(&now, &tm);
	(void)strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M:%S", &tm);
	if (cJSON_AddStringToObject(root, "send_user", options->user) != NULL &&
		cJSON_AddStringToObject(root, "send_time", time_text) != NULL &&
		cJSON_AddStringToObject(root, "send_msg", options->message) != NULL)
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static int
put_built_in(struct worker *w)
{
	time_t now = time(NULL);

	if (w->text == NULL || w->text_time != now) {
		cJSON_free(w->text);
		w->text = compose_message(w->sender->options, now);
		w->text_time = now;
	}
	if (w->text == NULL)
		return report_no_memory(w->sender);
	return put_message(w, (const uint8_t *)w->text, strlen(w->text));
}

static int
send_repeated(struct worker *w)
{
	const struct frame_item *message = &w->sender->message;
	uint64_t repeat = w->sender->options->repeat;

	while (repeat == 0 || w->link.messages < repeat) {
		int result = pace(w);

		if (w->link.is_stopping)
			break;
		if (result == 0)
			result = message->text == NULL
					 ? put_built_in(w)
					 : put_message(w, message->text, message->len);
		if (result != 0)
			return -1;
	}
	return link_flush(&w->link);
}

/* What has been read goes out before a wait for more. */
static int
read_more(struct worker *w)
{
	struct input *input = &w->sender->input;

	if (link_flush(&w->link) != 0)
		return -1;
	switch (link_wait(&w->link, input->fd, POLLIN, CLOCK_NEVER)) {
	case LINK_WAKE_READY:
		return input_read(input);
	case LINK_WAKE_TIME:
	case LINK_WAKE_STOP:
		return 0;
	case LINK_WAKE_FAILED:
		break;
	}
	return -1;
}

/* 0 also where the input is bad: what was good before it ends in good order. */
static int
send_input(struct worker *w)
{
	enum input_event event = INPUT_MORE;

	while (!w->link.is_stopping && event != INPUT_END) {
		struct frame_item item;
		int result = 0;

		event = input_next(&w->sender->input, &item);
		if (event == INPUT_MORE)
			result = read_more(w);
		if (event == INPUT_MESSAGE)
			result = pace(w);
		if (event == INPUT_MESSAGE && result == 0 && !w->link.is_stopping)
			result = put_message(w, item.text, item.len);
		if (result != 0)
			return -1;
	}
	return link_flush(&w->link);
}

static void *
run_worker(void *argument)
{
	struct worker *w = argument;
	struct sender *s = w->sender;
	int result;

	if (link_open(&w->link, &s->group) != 0)
		return NULL;
	w->start_ns = clock_mono_ns();
	result = options_is_stream(s->options) ? send_input(w) : send_repeated(w);
	if (result == 0)
		link_finish(&w->link);
	link_close(&w->link);
	cJSON_free(w->text);
	return NULL;
}

static void *
run_signals(void *argument)
{
	struct sender *s = argument;
	int number;

	thread_name_self("signals");
	if (sigwait(&s->signals, &number) == 0)
		link_group_stop(&s->group);
	return NULL;
}

static int
start_thread(struct sender *s, pthread_t *out, void *(*run)(void *), void *argument)
{
	if (thread_start(out, STACK_BYTES, run, argument) == 0)
		return 0;
	link_group_fail(&s->group, EXIT_CODE_FAILED, "cannot start a thread: %s",
		strerror(errno));
	return -1;
}

static void
run_workers(struct sender *s)
{
	uint64_t count = s->options->connections, started;
	/* Zeroed by the system page by page: a link that sends little takes little. */
	struct worker *workers = calloc(count, sizeof *workers);

	if (workers == NULL) {
		(void)report_no_memory(s);
		return;
	}
	for (started = 0; started < count; started++) {
		struct worker *w = &workers[started];

		w->sender = s;
		if (start_thread(s, &w->thread, run_worker, w) != 0) {
			link_group_stop(&s->group);
			break;
		}
	}
	while (started > 0)
		(void)pthread_join(workers[--started].thread, NULL);
	free(workers);
}

static void
run_threads(struct sender *s)
{
	pthread_t signals;

	if (start_thread(s, &signals, run_signals, s) != 0)
		return;
	run_workers(s);
	(void)pthread_kill(signals, SIGINT);
	(void)pthread_join(signals, NULL);
}

static int
judge_message(
	struct sender *s, const char *text, const char *what, struct frame_item *out)
{
	size_t white = strspn(text, " \t\r\n");

	if (frame_judge((const uint8_t *)text, strlen(text), SCAN_DEPTH_MAX, out) ==
		FRAME_MESSAGE)
		return 0;
	link_group_fail(&s->group, EXIT_CODE_BAD_JSON,
		"bad JSON in %s at offset %" PRIu64 ": %s", what, out->offset + white,
		out->error);
	return -1;
}

/* The texts of --user and --message may be no UTF-8. */
static int
judge_built_in(struct sender *s)
{
	char *text = compose_message(s->options, time(NULL));
	struct frame_item item;
	int result;

	if (text == NULL)
		return report_no_memory(s);
	result = judge_message(s, text, "the message", &item);
	cJSON_free(text);
	return result;
}

static int
open_source(struct sender *s)
{
	const char *operand = s->options->operand;

	if (operand == NULL)
		return judge_built_in(s);
	if (options_is_stream(s->options))
		return input_open(&s->input, operand, &s->group);
	return judge_message(s, operand, "the operand", &s->message);
}

/* Where it cannot be raised, the connections beyond it fail and say so. */
static void
raise_descriptor_limit(uint64_t connections)
{
	rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
print_summary(const struct sender *s)
{
	const struct link_group *g = &s->group;
	uint64_t wanted = s->options->connections;
	char of[32] = "";

	if (s->options->quiet || (g->code != EXIT_CODE_DONE && g->messages == 0))
		return;
	if (g->links < wanted)
		(void)snprintf(of, sizeof of, " of %" PRIu64, wanted);
	(void)fprintf(stderr,
		"sent %" PRIu64 " message%s (%" PRIu64 " bytes) on %" PRIu64
		"%s connection%s\n",
		g->messages, g->messages == 1 ? "" : "s", g->bytes, g->links, of,
		wanted == 1 ? "" : "s");
}

static void
block_signals(struct sender *s)
{
	(void)sigemptyset(&s->signals);
	(void)sigaddset(&s->signals, SIGINT);
	(void)sigaddset(&s->signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
}

enum exit_code
sender_run(const struct options *options)
{
	struct sender s = {.options = options};

	/* Before anything that takes time: process 1 loses what is not blocked. */
	block_signals(&s);
	raise_descriptor_limit(options->connections);
	if (link_group_init(&s.group, options) != 0)
		return s.group.code;
	if (open_source(&s) != 0)
		goto fini_group;
	if (link_group_resolve(&s.group) == 0)
		run_threads(&s);
	print_summary(&s);
	if (options_is_stream(options))
		input_close(&s.input);
fini_group:
	link_group_fini(&s.group);
	return s.group.code;
}
