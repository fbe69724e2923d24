/*
 * tail: pages of /messages, and then the events of /events.
 *
 * With --follow the first connection to /events brings the hello alone: which server this
 * is, and the newest id.  What is wanted up to there is printed from pages; all behind it
 * comes as events, and from pages again where they have a gap, since the stream shows so
 * many at once and no more.  `position` says that everything up to an id is printed or is
 * said to be missing, and each connection begins with it, so nothing comes twice or is
 * left out in silence, whoever went away.
 *
 * SIGINT and SIGTERM are blocked and read from a descriptor, which whatever waits here
 * watches, as it watches whether standard output is still read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/tail.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/events.h"
#include "client/outage.h"
#include "client/outlet.h"
#include "client/page.h"
#include "client/pretty.h"
#include "client/question.h"
#include "client/status.h"
#include "messages/filter.h"

enum { PAGE_LIMIT = 1000, NEWEST_DEFAULT = 10, INSTANCE_MAX = 64 };
enum { WATCHED_SIGNALS, WATCHED_OUTPUT, WATCHED_COUNT };

#define GATHERED_BYTES_MAX ((size_t)64 * 1024)
/* 146 years, and no sum of it and a time overflows. */
#define FOR_EVER_MS (UINT64_MAX / 4 / CLOCK_NS_PER_MS)

struct tail {
	const struct options *options;
	struct status *status;
	struct status_answer answer;
	struct pollfd watched[WATCHED_COUNT];
	struct outage outage;
	struct events events;
	struct filter filter;
	char paths[OPTION_LIST_MAX][OPTION_ITEM_MAX]; /* of its fields */
	struct outlet outlet;
	struct text line;

	bool is_terminal, is_pretty, has_colors;
	bool is_over; /* with `code` */
	enum exit_code code;

	bool is_reached;       /* the server has said hello */
	bool is_stream_enough; /* this connection is not needed any more */
	char instance[INSTANCE_MAX];
	uint64_t newest;   /* of the moment when all began */
	uint64_t position; /* all up to this id is done with */
	uint64_t gap_end;  /* the stream left out what follows, up to here; 0: nothing */
	uint64_t counted, lowest;
};

/* For all functions here: -1 means that it is over. */
static int
finish(struct tail *t, enum exit_code code)
{
	t->is_over = true;
	t->code = code;
	return -1;
}

static int
fail(struct tail *t, const char *why)
{
	options_complain("%s", why);
	return finish(t, EXIT_CODE_FAILED);
}

static int
flush(struct tail *t)
{
	switch (outlet_flush(&t->outlet)) {
	case OUTLET_OK:
		return 0;
	case OUTLET_OVER:
		return finish(t, EXIT_CODE_DONE);
	case OUTLET_FAILED:
		break;
	}
	return finish(t, EXIT_CODE_FAILED);
}

static int
print_message(struct tail *t, const struct page_item *item)
{
	struct text *out = &t->outlet.text;

	if (t->is_pretty) {
		pretty_append_message(out, item, t->has_colors);
	} else if (t->is_terminal) {
		t->line.len = 0;
		text_append_one_line(&t->line, item->object, item->object_len);
		pretty_append_harmless(out, t->line.bytes, t->line.len);
		text_append_string(out, "\n");
	} else {
		text_append_one_line(out, item->object, item->object_len);
		text_append_string(out, "\n");
	}
	if (text_failed(&t->line))
		return fail(t, "out of memory");
	return out->len >= GATHERED_BYTES_MAX ? flush(t) : 0;
}

/* Waits for the next attempt, where there is to be one. */
static int
wait_out(struct tail *t)
{
	int left_ms;

	while ((left_ms = clock_left_ms(t->outage.next_ns)) > 0)
		if (poll(t->watched, WATCHED_COUNT, left_ms) > 0)
			return finish(t, EXIT_CODE_DONE);
	return 0;
}

/* A server that never answered is a mistake in the address rather than an outage. */
static int
recover(struct tail *t)
{
	if (!t->is_reached || !t->answer.is_transient) {
		options_complain("%s", t->answer.why);
		return finish(t, t->answer.code);
	}
	if (outage_fail(&t->outage, clock_mono_ns(), t->answer.retry_after_s) ==
		OUTAGE_BEGINS)
		options_complain("%s; trying again until it is back", t->answer.why);
	return wait_out(t);
}

/* False: no answer came, and the next attempt is due; or all is over. */
static bool
ask_once(struct tail *t, const struct question *q)
{
	status_ask(t->status, "/messages", q->parameters, q->count, &t->answer);
	if (t->answer.is_interrupted) {
		(void)finish(t, EXIT_CODE_DONE);
	} else if (t->answer.code == EXIT_CODE_DONE) {
		outage_end(&t->outage);
		return true;
	} else {
		(void)recover(t);
	}
	return false;
}

static int
walk_answer(struct tail *t, int (*take)(struct tail *t, const struct page_item *item),
	uint64_t *next)
{
	enum page_event event;
	struct page_item item;
	struct page page;

	page_begin(&page, t->answer.body.bytes, t->answer.body.len);
	while ((event = page_next(&page, &item)) == PAGE_MESSAGE)
		if (take(t, &item) != 0)
			return -1;
	if (event == PAGE_BAD)
		return fail(t, "the server's answer is no page of messages");
	*next = page.next;
	return 0;
}

/* Asks for a page, all of which is there before anything is made of it. */
static int
walk_page(struct tail *t, const struct question *q,
	int (*take)(struct tail *t, const struct page_item *item), uint64_t *next)
{
	while (!ask_once(t, q))
		if (t->is_over)
			return -1;
	return walk_answer(t, take, next);
}

static void
make_question(const struct tail *t, struct question *q, uint64_t limit, uint64_t after,
	uint64_t before)
{
	question_begin(q);
	question_add_number(q, "limit", limit < PAGE_LIMIT ? limit : PAGE_LIMIT);
	question_add_number(q, "after", after);
	question_add_number(q, "before", before);
	question_add_filters(q, t->options);
}

static int
count_message(struct tail *t, const struct page_item *item)
{
	t->counted++;
	t->lowest = item->id;
	return 0;
}

/* From the newest one down; `after` becomes what stands before the first one wanted. */
static int
find_begin(struct tail *t, uint64_t count, uint64_t *after)
{
	uint64_t before = t->newest + 1;
	struct question q;

	t->counted = 0;
	t->lowest = before;
	while (before > 0 && t->counted < count) {
		make_question(t, &q, count - t->counted, *after, before);
		question_add(&q, "order", "desc");
		if (walk_page(t, &q, count_message, &before) != 0)
			return -1;
	}
	*after = t->lowest - 1;
	return 0;
}

/* All that the filter lets through, up to the newest one. */
static int
print_pages(struct tail *t, uint64_t after)
{
	struct question q;

	do {
		make_question(t, &q, PAGE_LIMIT, after, t->newest + 1);
		question_add(&q, "order", "asc");
		if (walk_page(t, &q, print_message, &after) != 0 || flush(t) != 0)
			return -1;
	} while (after > 0);
	return 0;
}

static int
print_newest(struct tail *t)
{
	const struct options *o = t->options;
	uint64_t after = o->behind != NUMBER_UNSAID ? o->behind : 0;
	uint64_t count = o->newest != NUMBER_UNSAID ? o->newest : NEWEST_DEFAULT;
	bool is_all = o->behind != NUMBER_UNSAID && o->newest == NUMBER_UNSAID;

	if (count == 0 || t->newest <= after)
		return 0;
	if (!is_all && find_begin(t, count, &after) != 0)
		return -1;
	return t->newest > after ? print_pages(t, after) : 0;
}

static int
find_newest(struct tail *t)
{
	const struct question q = {.parameters = {{"limit", "1"}}, .count = 1};
	uint64_t next;

	t->lowest = 0;
	if (walk_page(t, &q, count_message, &next) != 0)
		return -1;
	t->newest = t->lowest;
	return 0;
}

/* The number of an event's member; null is 0.  -1: there is none. */
static int
read_id(const cJSON *root, const char *name, uint64_t *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);

	if (!cJSON_IsNull(item) && (!cJSON_IsNumber(item) || item->valuedouble < 0))
		return -1;
	*out = cJSON_IsNull(item) ? 0 : (uint64_t)item->valuedouble;
	return 0;
}

/* The stream is left for pages, and gone back to behind the gap. */
static int
take_gap(struct tail *t, const cJSON *root)
{
	uint64_t from, to;

	if (read_id(root, "from", &from) != 0 || read_id(root, "to", &to) != 0 ||
		from <= t->position || to < from)
		return fail(t, "the server sent a gap that cannot be read");
	t->gap_end = to;
	t->is_stream_enough = true;
	return 0;
}

static int
take_reset(struct tail *t, const cJSON *root)
{
	uint64_t newest;

	if (read_id(root, "newest_id", &newest) != 0)
		return fail(t, "the server sent a reset that cannot be read");
	if (flush(t) != 0)
		return -1;
	options_complain("the server's messages end with id %" PRIu64 ", below %" PRIu64
			 "; beginning anew behind it",
		newest, t->position);
	t->position = newest;
	return 0;
}

/* It may be the same server with another file; all its messages are new ones. */
static int
begin_anew(struct tail *t, const char *instance)
{
	if (flush(t) != 0)
		return -1;
	options_complain("%s is another instance now; beginning anew with its messages",
		t->options->http);
	(void)snprintf(t->instance, sizeof t->instance, "%s", instance);
	t->position = 0;
	t->is_stream_enough = true;
	return 0;
}

static int
take_hello(struct tail *t, const cJSON *root)
{
	const cJSON *instance = cJSON_GetObjectItemCaseSensitive(root, "instance");
	uint64_t newest;

	if (!cJSON_IsString(instance) ||
		strlen(instance->valuestring) >= sizeof t->instance ||
		read_id(root, "newest_id", &newest) != 0)
		return fail(t, "the server sent a hello that cannot be read");
	if (!t->is_reached) {
		(void)snprintf(
			t->instance, sizeof t->instance, "%s", instance->valuestring);
		t->newest = newest;
		t->is_reached = t->is_stream_enough = true;
		return 0;
	}
	if (strcmp(instance->valuestring, t->instance) != 0)
		return begin_anew(t, instance->valuestring);
	return 0;
}

/* As /messages does, but that line feeds between tokens are spaces in an event. */
static int
take_next(struct tail *t, const struct page_item *item)
{
	t->position = item->id;
	if (!filter_match_text(&t->filter, item->data, item->data_len))
		return 0;
	return print_message(t, item);
}

static int
take_message(struct tail *t, const struct events_item *event)
{
	struct page_item item;

	if (page_take_apart(event->data.bytes, event->data.len, &item) != 0)
		return fail(t, "the server sent a message that cannot be read");
	return take_next(t, &item);
}

/* Events that nobody knows are passed over, and so are the counters. */
static int
take_event(struct tail *t, const struct events_item *event)
{
	bool is_hello = events_is(&event->type, "hello");
	int result = 0;
	cJSON *root;

	/* One that only says hello and goes away again has not come back. */
	if (!is_hello)
		outage_end(&t->outage);
	if (events_is(&event->type, "stats"))
		return 0;
	if (!is_hello && !t->is_reached)
		return fail(t, "the server sent events and no hello before them");
	if (events_is(&event->type, "message"))
		return take_message(t, event);
	root = cJSON_ParseWithLength(event->data.bytes, event->data.len);
	if (is_hello)
		result = take_hello(t, root);
	else if (events_is(&event->type, "gap"))
		result = take_gap(t, root);
	else if (events_is(&event->type, "reset"))
		result = take_reset(t, root);
	cJSON_Delete(root);
	return result;
}

static bool
take_bytes(void *argument, const char *bytes, size_t len)
{
	struct tail *t = argument;
	struct events_item event;
	size_t used;

	for (; !t->is_over && !t->is_stream_enough; bytes += used, len -= used) {
		switch (events_feed(&t->events, bytes, len, &used, &event)) {
		case EVENTS_EVENT:
			if (take_event(t, &event) != 0)
				return false;
			break;
		case EVENTS_MORE:
			return flush(t) == 0;
		case EVENTS_TOO_LARGE:
			(void)fail(t, "the server sent an event that is too large");
			return false;
		case EVENTS_NO_MEMORY:
			(void)fail(t, "out of memory");
			return false;
		}
	}
	return false;
}

/* One connection to /events, until it has brought enough. */
static int
read_stream(struct tail *t, bool is_first)
{
	char position[32];
	const struct status_stream stream = {.path = "/events",
		.last_event_id = is_first ? NULL : position,
		.take = take_bytes,
		.argument = t};

	(void)snprintf(position, sizeof position, "%" PRIu64, t->position);
	t->is_stream_enough = false;
	status_follow(t->status, &stream, &t->answer);
	events_free(&t->events);
	if (t->is_over)
		return -1;
	if (t->is_stream_enough)
		return 0;
	if (t->answer.is_interrupted)
		return finish(t, EXIT_CODE_DONE);
	return recover(t);
}

/* What was printed before stands above what is said now. */
static int
say_missing(struct tail *t, uint64_t last)
{
	if (last <= t->position)
		return 0;
	if (flush(t) != 0)
		return -1;
	options_complain("a gap: messages %" PRIu64 " to %" PRIu64 " (%" PRIu64
			 ") are left out; the server keeps them no longer",
		t->position + 1, last, last - t->position);
	t->position = last;
	return 0;
}

static int
fill_message(struct tail *t, const struct page_item *item)
{
	if (item->id <= t->position || item->id > t->gap_end)
		return fail(t, "the server's pages do not go on");
	return say_missing(t, item->id - 1) != 0 ? -1 : take_next(t, item);
}

/*
 * Every message is asked for, since one that the filter hides is not missing.  Where no
 * answer comes, the stream is gone back to, which says whether this is the same server
 * still, and what is missing.
 */
static int
fill_gap(struct tail *t)
{
	uint64_t after = t->position, next = after;
	struct question q;

	do {
		if (next < after)
			return fail(t, "the server's pages do not go on");
		after = next;
		question_begin(&q);
		question_add_number(&q, "limit", PAGE_LIMIT);
		question_add_number(&q, "after", after);
		question_add_number(&q, "before", t->gap_end + 1);
		question_add(&q, "order", "asc");
		if (!ask_once(t, &q))
			return t->is_over ? -1 : 0;
		if (walk_answer(t, fill_message, &next) != 0 || flush(t) != 0)
			return -1;
	} while (next > 0);
	return say_missing(t, t->gap_end);
}

/* Where the events go on: all that was asked for is behind it. */
static void
settle_position(struct tail *t)
{
	const struct options *o = t->options;

	t->position = t->newest;
	if (o->behind != NUMBER_UNSAID &&
		(o->newest == NUMBER_UNSAID || o->behind > t->newest))
		t->position = o->behind;
}

static void
follow(struct tail *t)
{
	if (read_stream(t, true) != 0)
		return;
	settle_position(t);
	if (t->position == t->newest && print_newest(t) != 0)
		return;
	while (read_stream(t, false) == 0) {
		if (t->gap_end > 0 && fill_gap(t) != 0)
			return;
		t->gap_end = 0;
	}
}

static void
print_and_end(struct tail *t)
{
	if (find_newest(t) == 0)
		(void)print_newest(t);
}

static void
choose_look(struct tail *t)
{
	const struct options *o = t->options;
	const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");
	bool may_color = (no_color == NULL || no_color[0] == '\0') &&
			 (terminal == NULL || strcmp(terminal, "dumb") != 0);

	t->is_terminal = isatty(STDOUT_FILENO) == 1;
	t->is_pretty = o->look == LOOK_UNSAID ? t->is_terminal : o->look == LOOK_PRETTY;
	t->has_colors = o->color == COLOR_ALWAYS ||
			(o->color == COLOR_AUTO && t->is_terminal && may_color);
}

/* The options have been checked: each is .FIELD=VALUE or q=TEXT. */
static void
choose_messages(struct tail *t)
{
	const struct option_list *list = &t->options->filter;

	filter_init(&t->filter);
	t->filter.substring = t->options->query;
	for (size_t i = 0; i < list->count; i++) {
		const char *item = list->items[i], *value = strchr(item, '=') + 1;
		char *path = t->paths[i];

		if (item[0] == 'q') {
			t->filter.substring = value;
			continue;
		}
		memcpy(path, item, (size_t)(value - 1 - item));
		t->filter.fields[t->filter.field_count++] =
			(struct filter_field){path, value};
	}
}

/* -1: reported. */
static int
watch(struct tail *t)
{
	sigset_t signals;
	int fd;

	/* Process 1 of a container loses what is not blocked. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (fd < 0) {
		options_complain("cannot wait for signals: %s", strerror(errno));
		return -1;
	}
	t->watched[WATCHED_SIGNALS] = (struct pollfd){.fd = fd, .events = POLLIN};
	/* That nobody reads it any more is an event that is always told. */
	t->watched[WATCHED_OUTPUT] = (struct pollfd){.fd = STDOUT_FILENO};
	t->outlet.stop_fd = fd;
	status_watch(t->status, t->watched, WATCHED_COUNT);
	return 0;
}

static void
run(struct tail *t)
{
	choose_look(t);
	choose_messages(t);
	outage_init(&t->outage, FOR_EVER_MS);
	if (!t->options->follow) {
		print_and_end(t);
	} else if (watch(t) != 0) {
		t->code = EXIT_CODE_FAILED;
	} else {
		follow(t);
		(void)close(t->outlet.stop_fd);
	}
	events_free(&t->events);
	outlet_fini(&t->outlet);
	text_free(&t->line);
	text_free(&t->answer.body);
}

enum exit_code
tail_run(const struct options *options)
{
	struct tail t = {.options = options,
		.status = status_open(options),
		.outlet = {.stop_fd = -1}};

	if (t.status == NULL) {
		options_complain("out of memory");
		return EXIT_CODE_FAILED;
	}
	run(&t);
	status_close(t.status);
	return t.code;
}
