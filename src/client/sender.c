/*
 * sender: connections that send, each in a thread of its own.
 *
 * A worker owns its link and its message.  What all share is constant while they run, but
 * for the group of the links; the input has one worker, since a stream cannot be sent
 * twice.  After a stop no message is begun.
 *
 * A function that answers -1 has reported why, or a stop came before anything was sent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/sender.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "client/acked.h"
#include "client/input.h"
#include "client/link.h"
#include "client/message.h"

enum { STACK_BYTES = 256 * 1024, OTHER_DESCRIPTORS = 32 };

struct sender {
	const struct options *options;
	struct link_group group;
	struct input input; /* where the operand names one */
	sigset_t signals;
	bool has_ended; /* under the group's lock: a signal is only our own */
};

struct worker {
	struct sender *sender;
	pthread_t thread;
	uint64_t start_ns;      /* when it was connected */
	struct message message; /* where there is no input */
	bool is_done;           /* nothing was left to send, or it was bad */
	struct link link;
};

static int
report_no_memory(struct sender *s)
{
	link_group_fail(&s->group, EXIT_CODE_FAILED, "out of memory");
	return -1;
}

/* Waits until the next message is due. */
static int
pace(struct worker *w)
{
	uint64_t due_ns =
		message_due_ns(w->sender->options, w->start_ns, w->link.messages);

	if (due_ns == 0)
		return 0;
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

static int
put_again(struct worker *w)
{
	const uint8_t *text;
	size_t len;

	if (message_make(&w->message, &text, &len) != 0)
		return -1;
	return put_message(w, text, len);
}

static int
send_repeated(struct worker *w)
{
	uint64_t repeat = w->sender->options->repeat;

	while (repeat == 0 || w->link.messages < repeat) {
		int result = pace(w);

		if (w->link.is_stopping)
			break;
		if (result == 0)
			result = put_again(w);
		if (result != 0)
			return -1;
	}
	w->is_done = repeat > 0 && w->link.messages == repeat;
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

/* A file that was read to its last byte, but for the end, when the stop came. */
static bool
is_at_end(struct input *input)
{
	struct frame_item item;

	return input->is_file && input_read(input) == 0 && input->has_ended &&
	       input_next(input, &item) == INPUT_END;
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
	w->is_done = event == INPUT_END ||
		     (event == INPUT_MORE && is_at_end(&w->sender->input));
	return link_flush(&w->link);
}

static int
send_message(struct worker *w)
{
	int result;

	if (message_open(&w->message, &w->sender->group) != 0)
		return -1;
	result = send_repeated(w);
	message_close(&w->message);
	return result;
}

static void
run_link(struct worker *w)
{
	struct sender *s = w->sender;
	int result;

	if (link_open(&w->link, &s->group) != 0)
		return;
	w->start_ns = clock_mono_ns();
	result = options_is_stream(s->options) ? send_input(w) : send_message(w);
	if (result == 0)
		link_finish(&w->link);
	link_close(&w->link);
}

/* Of what has no end of its own nothing is left. */
static void
complain_of_stop(struct worker *w)
{
	struct sender *s = w->sender;

	if (!w->link.is_stopping || w->is_done)
		return;
	if (options_is_stream(s->options) && s->input.is_file)
		link_group_fail(&s->group, EXIT_CODE_FAILED,
			"stopped before the end of %s", s->input.name);
	else if (!options_is_stream(s->options) && s->options->repeat > 0)
		link_group_fail(
			&s->group, EXIT_CODE_FAILED, "stopped before all was sent");
}

static void *
run_worker(void *argument)
{
	struct worker *w = argument;

	run_link(w);
	complain_of_stop(w);
	return NULL;
}

static bool
has_ended(struct sender *s)
{
	bool result;

	lock_acquire(&s->group.lock);
	result = s->has_ended;
	lock_release(&s->group.lock);
	return result;
}

/* The second one does not wait for what may not end soon, such as a name server. */
static void *
run_signals(void *argument)
{
	struct sender *s = argument;
	bool is_first = true;
	int number;

	thread_name_self("signals");
	while (sigwait(&s->signals, &number) == 0 && !has_ended(s)) {
		if (!is_first)
			_exit(EXIT_CODE_FAILED);
		link_group_stop(&s->group);
		is_first = false;
	}
	return NULL;
}

static void
end_signals(struct sender *s, pthread_t signals)
{
	lock_acquire(&s->group.lock);
	s->has_ended = true;
	lock_release(&s->group.lock);
	(void)pthread_kill(signals, SIGINT);
	(void)pthread_join(signals, NULL);
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

/* What is acknowledged has one connection, and the calling thread serves it. */
static void
run_threads(struct sender *s)
{
	bool is_acked = s->options->ack == ACK_STORE;
	pthread_t signals;

	if (start_thread(s, &signals, run_signals, s) != 0)
		return;
	if (is_acked)
		acked_run(&s->group, options_is_stream(s->options) ? &s->input : NULL);
	else if (link_group_resolve(&s->group) == 0)
		run_workers(s);
	end_signals(s, signals);
}

static int
open_source(struct sender *s)
{
	struct message message;

	if (options_is_stream(s->options))
		return input_open(&s->input, s->options->operand, &s->group);
	/* A bad one is to be told before anything is connected. */
	if (message_open(&message, &s->group) != 0)
		return -1;
	message_close(&message);
	return 0;
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

	if (s->options->quiet || s->options->ack == ACK_STORE)
		return;
	if (g->code != EXIT_CODE_DONE && g->messages == 0)
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
	run_threads(&s);
	print_summary(&s);
	if (options_is_stream(options))
		input_close(&s.input);
fini_group:
	link_group_fini(&s.group);
	return s.group.code;
}
