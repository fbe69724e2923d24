/*
 * acked: one loop that takes messages, waits for everything at once, and reads and writes
 * whatever is ready.
 *
 * The numbers: the first welcome says what number the first message gets.  From then on
 * the window knows them, each new connection says with which number it would go on, and
 * the welcome answers from where the server wants it: what is below is finished.
 *
 * An outage begins with a failure and ends when the server finishes a number; a server
 * that takes connections and nothing else does not end it.  Nothing to send needs no
 * connection, so while the window is empty a broken one is left alone.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/acked.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/dial.h"
#include "client/identity.h"
#include "client/outage.h"
#include "client/progress.h"
#include "client/refusal.h"
#include "client/source.h"
#include "client/talk.h"
#include "client/tally.h"

enum { WHY_MAX_BYTES = 1024, STOP_GRACE_MS = 5000 };

/* More than a socket takes at once; so taking messages and writing them take turns. */
#define UNWRITTEN_BYTES_MAX ((size_t)256 * 1024)

enum phase { PHASE_OFFLINE, PHASE_GREETING, PHASE_OPEN };

struct acked {
	const struct options *options;
	struct link_group *group;
	struct source source;
	struct identity identity;
	struct tally tally;
	struct outage outage;
	struct progress progress;
	struct talk talk;
	enum phase phase;

	bool is_numbered; /* the first welcome has come */
	bool is_whole;    /* the input is all of the session */
	bool has_ended;   /* there is no further message */
	bool wants_input; /* the input has to be read */
	bool is_stopping, is_over;
	uint64_t due_ns;   /* when the next message is; 0: now */
	uint64_t heard_ns; /* when the connection last made progress */
	size_t rest;       /* front_rest at that time */
};

/* The first failure decides the exit code, but each is told. */
static void
report(struct acked *a, enum exit_code code, const char *why, const char *more)
{
	struct link_group *g = a->group;

	options_complain("%s%s", why, more);
	lock_acquire(&g->lock);
	if (g->code == EXIT_CODE_DONE)
		g->code = code;
	lock_release(&g->lock);
}

static void PRINTF_LIKE(3, 4)
	fail(struct acked *a, enum exit_code code, const char *format, ...)
{
	char why[WHY_MAX_BYTES];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	report(a, code, why, "");
	a->is_over = true;
}

static void
hang_up(struct acked *a)
{
	if (a->phase != PHASE_OFFLINE)
		talk_close(&a->talk);
	a->phase = PHASE_OFFLINE;
}

static bool
has_waiting(const struct acked *a)
{
	return window_count(&a->tally.window) > 0;
}

/* Of the message in front, what the server's system has not taken. */
static size_t
front_rest(const struct acked *a)
{
	size_t unsent = a->phase == PHASE_OPEN ? dial_unsent(a->talk.fd) : 0;

	return window_front_rest(&a->tally.window, unsent);
}

static void
note_progress(struct acked *a)
{
	a->heard_ns = clock_mono_ns();
	a->rest = front_rest(a);
}

static void
give_up(struct acked *a, enum exit_code code, const char *why)
{
	double tried_s = (double)a->options->retry_timeout_ms / 1000;
	char more[64] = "";

	if (a->is_stopping)
		(void)snprintf(more, sizeof more, "; was stopped");
	else if (tried_s > 0)
		(void)snprintf(more, sizeof more, "; gave up after %g s", tried_s);
	report(a, code, why, more);
	a->is_over = true;
}

/* The connection is lost, or was not made. */
static void PRINTF_LIKE(4, 5) lose(struct acked *a, enum exit_code code,
	uint64_t retry_after_s, const char *format, ...)
{
	char why[WHY_MAX_BYTES];
	va_list arguments;

	hang_up(a);
	va_start(arguments, format);
	(void)vsnprintf(why, sizeof why, format, arguments);
	va_end(arguments);
	switch (outage_fail(&a->outage, clock_mono_ns(), retry_after_s)) {
	case OUTAGE_BEGINS:
		if (!a->options->quiet)
			options_complain("%s; trying again for up to %g s", why,
				(double)a->options->retry_timeout_ms / 1000);
		break;
	case OUTAGE_GOES_ON:
		break;
	case OUTAGE_IS_TOO_LONG:
		give_up(a, code, why);
		break;
	}
}

/* Nothing is lost while nothing waits for an acknowledgement. */
static void
lose_connection(struct acked *a, const char *why)
{
	if (a->phase == PHASE_OPEN && !has_waiting(a))
		hang_up(a);
	else
		lose(a, EXIT_CODE_UNREACHABLE, 0, "%s: connection lost: %s",
			a->options->server, why);
}

static void
lose_silent(struct acked *a)
{
	lose(a, EXIT_CODE_UNREACHABLE, 0, "%s: connection lost: the server %s for %g s",
		a->options->server,
		a->phase == PHASE_OPEN ? "acknowledged nothing"
				       : "did not answer the hello",
		(double)a->options->timeout_ms / 1000);
}

static bool
passes(const struct acked *a, const struct answer *answer, const struct refusal *refusal)
{
	switch (refusal->duration) {
	case REFUSAL_IS_FINAL:
		break;
	case REFUSAL_PASSES:
		return true;
	case REFUSAL_PASSES_AT_HELLO:
		return a->phase == PHASE_GREETING;
	}
	/* Of a code that is not known it says what it is. */
	return answer->retry_after_s > 0;
}

static void
refuse(struct acked *a, const struct answer *answer)
{
	const struct refusal *refusal = refusal_find(answer->code);
	const char *colon = answer->error[0] != '\0' ? ": " : "";

	if (!passes(a, answer, refusal)) {
		fail(a, EXIT_CODE_REFUSED, "%s refused: %s%s%s%s", a->options->server,
			answer->code, colon, answer->error, refusal->advice);
	} else if (a->phase == PHASE_OPEN && !has_waiting(a)) {
		outage_postpone(&a->outage, clock_mono_ns(), answer->retry_after_s);
		hang_up(a);
	} else {
		lose(a, EXIT_CODE_REFUSED, answer->retry_after_s, "%s refused: %s%s%s%s",
			a->options->server, answer->code, colon, answer->error,
			refusal->advice);
	}
}

/* The server says that of numbers which it cannot mean. */
static void
fail_number(struct acked *a, const char *did, uint64_t number)
{
	fail(a, EXIT_CODE_FAILED, "%s %s number %" PRIu64 ", which does not wait",
		a->options->server, did, number);
}

/* Only what the server finishes is progress; that it takes connections is none. */
static void
note_finished(struct acked *a, uint64_t first_before)
{
	if (a->tally.window.first > first_before)
		outage_end(&a->outage);
}

static void
begin_numbers(struct acked *a, uint64_t next)
{
	bool resumes = a->options->resume;

	a->is_numbered = true;
	a->is_whole = resumes || next == 1;
	window_begin(&a->tally.window, next);
	source_begin(&a->source, resumes ? next - 1 : 0);
}

/* False: the session goes on somewhere else. */
static bool
adopt_numbers(struct acked *a, uint64_t next)
{
	struct window *w = &a->tally.window;
	uint64_t first = w->first;

	if (!a->is_numbered) {
		begin_numbers(a, next);
		return true;
	}
	if (next < first || next > window_sent_end(w) ||
		tally_finish_unheard(&a->tally, next) != 0) {
		fail(a, EXIT_CODE_REFUSED,
			"%s goes on with number %" PRIu64 " of the session, and this "
			"sender is at %" PRIu64 ": another one uses it",
			a->options->server, next, first);
		return false;
	}
	window_rewind(w);
	note_finished(a, first);
	return true;
}

static void
take_welcome(struct acked *a, const struct answer *answer)
{
	if (a->options->verbose)
		options_complain("%s: connection %" PRIu64
				 ", session %s, next number %" PRIu64,
			a->options->server, answer->connection, a->identity.session,
			answer->number);
	if (!adopt_numbers(a, answer->number))
		return;
	a->tally.max_message_bytes = answer->max_message_bytes;
	a->tally.max_depth = answer->max_depth;
	a->tally.connections++;
	a->talk.is_greeted = true;
	a->phase = PHASE_OPEN;
	note_progress(a);
	if (!has_waiting(a))
		outage_end(&a->outage);
}

static void
take_finished(struct acked *a, uint64_t last)
{
	uint64_t first = a->tally.window.first;

	if (tally_finish(&a->tally, last) == 0)
		note_finished(a, first);
	else
		fail_number(a, "acknowledged", last);
	note_progress(a);
}

static void
take_nak(struct acked *a, const struct answer *answer)
{
	note_progress(a);
	if (tally_refuse(&a->tally, answer) != 0)
		fail_number(a, "refused", answer->number);
}

static void
take_answer(struct acked *a, const struct answer *answer)
{
	bool is_open = a->phase == PHASE_OPEN;

	switch (answer->kind) {
	case ANSWER_WELCOME:
		if (!is_open)
			take_welcome(a, answer);
		return;
	case ANSWER_REFUSAL:
		refuse(a, answer);
		return;
	case ANSWER_NAK:
		if (is_open)
			take_nak(a, answer);
		return;
	case ANSWER_ACK:
		if (is_open)
			take_finished(a, answer->number);
		return;
	case ANSWER_BYE:
		if (is_open && answer->number > 0)
			take_finished(a, answer->number);
		if (!a->is_over)
			refuse(a, answer);
		return;
	case ANSWER_HTTP:
		fail(a, EXIT_CODE_REFUSED, "%s speaks HTTP; messages need another port",
			a->options->server);
		return;
	case ANSWER_OTHER:
		break;
	}
	if (!is_open)
		fail(a, EXIT_CODE_REFUSED, "%s answers a hello as no bio-server does",
			a->options->server);
}

/* What comes with so many receives at most. */
static void
read_answers(struct acked *a, int receives)
{
	struct answer answer;

	while (!a->is_over && a->phase != PHASE_OFFLINE) {
		switch (talk_read(&a->talk, &receives, &a->group->lock, &answer)) {
		case TALK_ANSWER:
			take_answer(a, &answer);
			break;
		case TALK_NOTHING:
			return;
		case TALK_ENDED:
			lose_connection(a, "the server closed it");
			return;
		case TALK_BROKEN:
			lose_connection(a, strerror(errno));
			return;
		}
	}
}

/* What is written is progress until the server has a whole message to acknowledge. */
static bool
awaits_answer(const struct acked *a)
{
	return a->phase == PHASE_OPEN && window_front_rest(&a->tally.window, 0) == 0;
}

/* Where writing fails, the server may have said why before. */
static void
write_output(struct acked *a)
{
	bool is_progress = !awaits_answer(a);
	ssize_t n = talk_write(&a->talk, &a->tally.window);
	int error = errno;

	if (n > 0 && is_progress)
		note_progress(a);
	if (n >= 0)
		return;
	read_answers(a, INT_MAX); /* it is broken: there is an end */
	if (!a->is_over && a->phase != PHASE_OFFLINE)
		lose_connection(a, strerror(error));
}

static void
stop(struct acked *a)
{
	a->is_stopping = true;
	a->outage.limit_ns = clock_deadline_ns(STOP_GRACE_MS);
}

static void
keep_message(struct acked *a, const struct source_item *item)
{
	struct framed framed = framed_make(
		(enum wire_framing)a->options->framing, item->text, item->len);

	bool is_first = !has_waiting(a);

	if (tally_add(&a->tally, &framed, item->line) != 0)
		fail(a, EXIT_CODE_FAILED, "out of memory");
	/* The server has been silent because there was nothing to say. */
	if (is_first)
		note_progress(a);
}

static void
take_message(struct acked *a)
{
	struct source_item item;

	switch (source_next(&a->source, &item)) {
	case SOURCE_MESSAGE:
		keep_message(a, &item);
		break;
	case SOURCE_WANTS_INPUT:
		a->wants_input = true;
		break;
	case SOURCE_NOT_DUE:
		a->due_ns = item.due_ns;
		break;
	case SOURCE_END:
		a->has_ended = true;
		break;
	case SOURCE_FAILED:
		a->is_over = true;
		break;
	}
}

static bool
may_take(struct acked *a)
{
	const uint8_t *bytes;

	return a->is_numbered && !a->is_over && !a->has_ended && !a->is_stopping &&
	       !a->wants_input && a->due_ns == 0 && window_has_room(&a->tally.window) &&
	       window_unwritten(&a->tally.window, &bytes) < UNWRITTEN_BYTES_MAX &&
	       (a->phase == PHASE_OPEN || !has_waiting(a));
}

/* Fills the window with what is there and due. */
static void
take_messages(struct acked *a)
{
	a->wants_input = false;
	a->due_ns = 0;
	while (may_take(a))
		take_message(a);
}

static void
say_hello(struct acked *a, int fd)
{
	uint64_t next = a->is_numbered ? a->tally.window.first : 0;
	size_t len = identity_format(&a->identity, next, a->talk.out);

	talk_begin(&a->talk, fd, len);
	a->phase = PHASE_GREETING;
	note_progress(a);
}

/* The name is asked for each time: the server may have come back elsewhere. */
static void
connect_now(struct acked *a)
{
	const struct options *o = a->options;
	const char *why;
	int fd, error = 0;

	if (address_resolve(&o->server_address, &a->group->addresses, &why) == 0) {
		error = dial(&a->group->addresses, o->connect_timeout_ms,
			a->is_stopping ? -1 : a->group->stop_fd, &fd);
		if (error == ECANCELED) {
			stop(a);
			return;
		}
		if (error == 0) {
			say_hello(a, fd);
			return;
		}
		why = strerror(error);
	}
	lose(a, EXIT_CODE_UNREACHABLE, 0, "cannot connect to %s: %s%s", o->server, why,
		dial_hint(error));
}

/* Whether there is need of a connection where there is none. */
static bool
must_connect(const struct acked *a)
{
	return a->phase == PHASE_OFFLINE && (!a->is_numbered || has_waiting(a));
}

/* How long the server may keep silent. */
static uint64_t
silence_limit_ns(const struct acked *a)
{
	if (a->phase == PHASE_OFFLINE || (a->phase == PHASE_OPEN && !has_waiting(a)))
		return CLOCK_NEVER;
	return a->heard_ns + a->options->timeout_ms * CLOCK_NS_PER_MS;
}

static uint64_t
wait_limit_ns(const struct acked *a)
{
	uint64_t until_ns = a->outage.limit_ns;

	if (a->due_ns > 0 && a->due_ns < until_ns)
		until_ns = a->due_ns;
	if (must_connect(a) && a->outage.next_ns < until_ns)
		until_ns = a->outage.next_ns;
	if (silence_limit_ns(a) < until_ns)
		until_ns = silence_limit_ns(a);
	return until_ns;
}

/* Waits for everything at once and serves what is ready. */
static void
wait_and_serve(struct acked *a)
{
	bool writes =
		a->phase != PHASE_OFFLINE && talk_has_output(&a->talk, &a->tally.window);
	struct pollfd items[] = {
		{.fd = a->is_stopping ? -1 : a->group->stop_fd, .events = POLLIN},
		{.fd = a->phase == PHASE_OFFLINE ? -1 : a->talk.fd,
			.events = (short)(POLLIN | (writes ? POLLOUT : 0))},
		{.fd = a->wants_input ? source_fd(&a->source) : -1, .events = POLLIN},
	};

	if (poll(items, 3, clock_left_ms(wait_limit_ns(a))) < 0)
		return; /* EINTR: a debugger or a terminal stopped us */
	if (items[0].revents != 0)
		stop(a);
	if ((items[1].revents & ~POLLOUT) != 0)
		read_answers(a, 1);
	if ((items[1].revents & POLLOUT) != 0 && !a->is_over && a->phase != PHASE_OFFLINE)
		write_output(a);
	if (items[2].revents != 0 && source_read(&a->source) != 0)
		a->is_over = true;
}

/* What the kernel has taken from us may still be on its way, over a slow link. */
static void
check_silence(struct acked *a)
{
	if (front_rest(a) < a->rest)
		note_progress(a);
	else
		lose_silent(a);
}

static void
check_time(struct acked *a)
{
	uint64_t now_ns = clock_mono_ns();

	if (now_ns >= a->outage.limit_ns)
		give_up(a, EXIT_CODE_UNREACHABLE, "stopped before all was acknowledged");
	else if (now_ns >= silence_limit_ns(a))
		check_silence(a);
	else if (must_connect(a) && now_ns >= a->outage.next_ns)
		connect_now(a);
}

static bool
is_finished(const struct acked *a)
{
	if (a->is_over)
		return true;
	return (a->has_ended || a->is_stopping) && !has_waiting(a);
}

static void
show_progress(struct acked *a)
{
	const struct tally *l = &a->tally;

	if (progress_is_due(&a->progress))
		progress_show(&a->progress,
			"%" PRIu64 " sent, %" PRIu64 " acknowledged, %" PRIu64
			" refused%s",
			tally_sent(l), l->acknowledged, l->refused,
			a->phase == PHASE_OPEN ? "" : ", no connection");
}

static void
run_loop(struct acked *a)
{
	for (;;) {
		take_messages(a);
		if (is_finished(a))
			break;
		wait_and_serve(a);
		if (!is_finished(a))
			check_time(a);
		show_progress(a);
	}
}

/* Of what is sent for ever nothing is left. */
static void
complain_of_stop(struct acked *a, const char *hint)
{
	enum exit_code code = a->is_numbered ? EXIT_CODE_FAILED : EXIT_CODE_UNREACHABLE;

	if (a->is_over || !a->is_stopping || a->has_ended)
		return;
	if (a->source.input != NULL)
		fail(a, code, "stopped before the end of %s%s", source_name(&a->source),
			hint);
	else if (a->options->repeat > 0)
		fail(a, code, "stopped before all was sent");
}

static void
complain_of_input(struct acked *a)
{
	const struct source *source = &a->source;

	if (!a->is_over && !a->is_stopping && source->to_skip > 0 &&
		!source->input->is_bad)
		fail(a, EXIT_CODE_FAILED,
			"%s holds %" PRIu64
			" messages, and the session has come to %" PRIu64
			": it is not the input that was sent",
			source_name(source), source->skipped,
			source->skipped + source->to_skip);
}

/* What the end of the loop says about the whole. */
static void
conclude(struct acked *a)
{
	char hint[128] = "";

	a->tally.skipped = a->source.skipped;
	complain_of_input(a);
	if (a->source.input != NULL && a->is_whole)
		(void)snprintf(hint, sizeof hint, "; --session '%s' --resume goes on",
			a->identity.session);
	tally_complain_of_rest(&a->tally, hint);
	complain_of_stop(a, hint);
	lock_acquire(&a->group->lock);
	if (a->group->code == EXIT_CODE_DONE && a->tally.refused > 0)
		a->group->code = EXIT_CODE_REFUSED;
	lock_release(&a->group->lock);
	if (!a->options->quiet && a->is_numbered)
		tally_print_summary(&a->tally);
}

static void
converse(struct acked *a)
{
	const struct options *o = a->options;

	tally_init(&a->tally, o->window_bytes, source_name(&a->source));
	outage_init(&a->outage, o->retry_timeout_ms);
	progress_init(&a->progress, !o->quiet);
	if (o->verbose)
		options_complain("session %s", a->identity.session);
	run_loop(a);
	hang_up(a);
	progress_clear(&a->progress);
	conclude(a);
	tally_fini(&a->tally);
}

void
acked_run(struct link_group *group, struct input *input)
{
	struct acked a = {.options = group->options, .group = group};

	if (source_open(&a.source, group, input) != 0)
		return;
	if (identity_init(&a.identity, group) == 0)
		converse(&a);
	identity_fini(&a.identity);
	source_close(&a.source);
}
