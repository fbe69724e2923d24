/*
 * live: a ring of the last pulses, and readers who each stand somewhere before its end.
 *
 * The pulses of the ring follow one another without a gap.  A reader who stands at the
 * end of one goes on with the next.  Who stands anywhere else, because it has just come,
 * first reads the history up to the end of the ring, again and again if need be, until it
 * meets the end of a pulse.  Who was with the ring and is overtaken gets a gap up to the
 * newest pulse.
 *
 * One reader at a time is the watcher: it waits for news and makes the next pulse, while
 * the others wait for that.  Whoever comes first becomes it, and nobody is for longer
 * than one call.  No lock is held while a pulse is made.
 *
 * What slow readers can hold is bounded: beyond it pulses have gaps instead of messages,
 * and who reads the history waits until others have sent what they read of it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/live.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "server/envelope.h"
#include "server/pulse.h"
#include "server/query.h"

#define TYPE_EVENTS "text/event-stream"
#define READ_TIMEOUT_MS 100
/* For the readers' ends to reach them. */
#define END_TIMEOUT_MS 300
#define PULSE_INTERVAL_NS (100 * CLOCK_NS_PER_MS)
#define STATS_INTERVAL_NS CLOCK_NS_PER_S
#define PULSE_MESSAGES_MAX 1000
#define PULSE_BYTES_MAX ((size_t)1024 * 1024)
/* More than a second of them, unless they are large. */
#define RING_SLOTS 16
#define RING_BYTES_MAX ((size_t)8 * 1024 * 1024)
/* Of all pulses together that readers have not sent yet. */
#define HELD_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Of history at a time, unless a message is longer. */
#define PAGE_BYTES_MAX ((size_t)256 * 1024)
/* Of it that readers have not sent yet; beyond it those who catch up wait. */
#define PAGES_BYTES_MAX ((size_t)64 * 1024 * 1024)

struct live {
	struct live_options options;
	atomic_uint readers;
	atomic_bool has_news;   /* something was shown since the last pulse was begun */
	atomic_bool is_watched; /* the watcher sleeps until there is news */
	struct lock lock;       /* guards everything below */
	struct condition news, pulsed;
	bool is_over, is_running, has_watcher;
	uint64_t last; /* where the newest pulse ends, also when there is none any more */
	uint64_t pulse_due_ns, stats_due_ns;
	/* The pulses from `first` on, before `next`. */
	struct pulse *ring[RING_SLOTS];
	uint64_t first, next;
	size_t ring_bytes, held_bytes;
	size_t pages_bytes; /* of history, with readers */
};

struct reader {
	struct exchange_stream stream; /* the first member, as which it is handed out */
	struct live *live;
	uint64_t position; /* up to here all is sent, or in what is being sent */
	bool is_with_ring;
	uint64_t next; /* the pulse to come, where it is */
	/* What is being sent, the text first. */
	struct text text;
	struct pulse *pulse;
	size_t text_sent, pulse_sent;
	size_t page_bytes; /* what of the text is history counts among all pages */
};

/* What a reader has to do next. */
enum step { STEP_SEND, STEP_CATCH_UP, STEP_WAIT, STEP_END, STEP_BREAK };

struct live *
live_new(const struct live_options *options)
{
	struct live *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->options = *options;
	lock_init(&l->lock);
	condition_init(&l->news);
	condition_init(&l->pulsed);
	return l;
}

void
live_free(struct live *l)
{
	if (l == NULL)
		return;
	condition_fini(&l->pulsed);
	condition_fini(&l->news);
	lock_fini(&l->lock);
	free(l);
}

/*
 * The watcher says that it sleeps before it looks for news, and news are written down
 * before we look whether it sleeps; so one of us sees the other.  Where there are news
 * already, whoever wrote them down has seen to that.
 */
void
live_note(void *live)
{
	struct live *l = live;

	if (atomic_load(&l->readers) == 0 || atomic_load(&l->has_news))
		return;
	atomic_store(&l->has_news, true);
	if (!atomic_load(&l->is_watched))
		return;
	lock_acquire(&l->lock);
	condition_broadcast(&l->news);
	lock_release(&l->lock);
}

void
live_end(struct live *l)
{
	uint64_t deadline_ns = clock_deadline_ns(END_TIMEOUT_MS);
	bool in_time = true;

	lock_acquire(&l->lock);
	l->is_over = true;
	condition_broadcast(&l->news);
	condition_broadcast(&l->pulsed);
	while (atomic_load(&l->readers) > 0 && in_time)
		in_time = condition_wait(&l->pulsed, &l->lock, deadline_ns);
	lock_release(&l->lock);
}

static void
release_locked(struct live *l, struct pulse *pulse) REQUIRES(l->lock)
{
	if (--pulse->holders > 0)
		return;
	l->held_bytes -= pulse->text.capacity;
	pulse_free(pulse);
}

static void
drop_oldest_locked(struct live *l) REQUIRES(l->lock)
{
	struct pulse *oldest = l->ring[l->first++ % RING_SLOTS];

	l->ring_bytes -= oldest->text.capacity;
	release_locked(l, oldest);
}

/* Takes the pulse. */
static void
push_locked(struct live *l, struct pulse *pulse) REQUIRES(l->lock)
{
	size_t bytes = pulse->text.capacity;

	while (l->next - l->first == RING_SLOTS ||
		(l->next > l->first && l->ring_bytes + bytes > RING_BYTES_MAX))
		drop_oldest_locked(l);
	pulse->holders = 1;
	l->ring[l->next++ % RING_SLOTS] = pulse;
	l->ring_bytes += bytes;
	l->held_bytes += bytes;
	l->last = pulse->last;
}

static void
render_locked(struct live *l, uint64_t now_ns) REQUIRES(l->lock)
{
	struct pulse_bounds bounds = {
		PULSE_MESSAGES_MAX, l->held_bytes < HELD_BYTES_MAX ? PULSE_BYTES_MAX : 0};
	bool has_stats = now_ns >= l->stats_due_ns;
	uint64_t after = l->last;
	struct pulse *pulse;

	l->has_watcher = true;
	l->pulse_due_ns = now_ns + PULSE_INTERVAL_NS;
	if (has_stats)
		l->stats_due_ns = now_ns + STATS_INTERVAL_NS;
	lock_release(&l->lock);
	/* What is shown from here on is either in this pulse or news for the next. */
	atomic_store(&l->has_news, false);
	pulse = pulse_new(l->options.history->recent, after, &bounds,
		has_stats ? l->options.report : NULL);
	if (pulse == NULL) {
		log_error("out of memory for events; trying again");
		atomic_store(&l->has_news, true);
	}
	lock_acquire(&l->lock);
	l->has_watcher = false;
	if (pulse != NULL && pulse->text.len > 0)
		push_locked(l, pulse);
	else
		pulse_free(pulse);
	condition_broadcast(&l->pulsed);
}

/* The watcher's part of a wait: makes the next pulse, or sleeps until it has to. */
static void
watch_locked(struct live *l, uint64_t deadline_ns) REQUIRES(l->lock)
{
	uint64_t now_ns = clock_mono_ns(), due_ns = l->pulse_due_ns;

	if (now_ns >= due_ns) {
		atomic_store(&l->is_watched, true);
		if (atomic_load(&l->has_news) || now_ns >= l->stats_due_ns) {
			atomic_store(&l->is_watched, false);
			render_locked(l, now_ns);
			return;
		}
		due_ns = l->stats_due_ns;
	}
	l->has_watcher = true;
	(void)condition_wait(
		&l->news, &l->lock, due_ns < deadline_ns ? due_ns : deadline_ns);
	l->has_watcher = false;
	atomic_store(&l->is_watched, false);
}

/*
 * Looks for a pulse that begins where the reader stands, the newest of them: what others
 * there are before it show no message.
 */
static bool
join_locked(struct live *l, struct reader *r) REQUIRES(l->lock)
{
	uint64_t number = l->next, after = l->last;

	while (after > r->position && number > l->first)
		after = l->ring[--number % RING_SLOTS]->after;
	if (after != r->position)
		return false;
	r->next = number;
	r->is_with_ring = true;
	return true;
}

static enum step
find_step_locked(struct live *l, struct reader *r) REQUIRES(l->lock)
{
	if (l->is_over)
		return STEP_END;
	/* Who has just come may know of newer messages than the newest pulse does. */
	if (r->position > l->last)
		return STEP_WAIT;
	if ((!r->is_with_ring || r->next < l->first) && !join_locked(l, r)) {
		if (!r->is_with_ring)
			return l->pages_bytes < PAGES_BYTES_MAX ? STEP_CATCH_UP
								: STEP_WAIT;
		r->next = l->next - 1;
	}
	return r->next < l->next ? STEP_SEND : STEP_WAIT;
}

/* Takes the next pulse of the ring, and a gap where it begins further on. */
static void
take_pulse_locked(struct live *l, struct reader *r) REQUIRES(l->lock)
{
	struct pulse *pulse = l->ring[r->next++ % RING_SLOTS];

	if (pulse->after > r->position)
		envelope_append_gap(&r->text, r->position + 1, pulse->after);
	pulse->holders++;
	r->pulse = pulse;
	r->position = pulse->last;
}

static bool
has_room_for_page(struct live *l)
{
	bool has_room;

	lock_acquire(&l->lock);
	has_room = l->pages_bytes < PAGES_BYTES_MAX;
	lock_release(&l->lock);
	return has_room;
}

static void
account_page(struct reader *r, size_t bytes)
{
	struct live *l = r->live;

	lock_acquire(&l->lock);
	l->pages_bytes += bytes;
	l->pages_bytes -= r->page_bytes;
	lock_release(&l->lock);
	r->page_bytes = bytes;
}

/*
 * Reads the history on, up to `last` at most.  Whoever has a turn counts what it has read
 * before it gives the turn away, so no more is held beyond the limit than there are
 * turns.
 */
static enum step
catch_up(struct reader *r, uint64_t last, uint64_t deadline_ns)
{
	const struct live_options *options = &r->live->options;
	const struct history_bounds bounds = {
		.messages = PULSE_MESSAGES_MAX, .bytes = PAGE_BYTES_MAX};
	enum history_result result = HISTORY_FOUND;
	struct history_page page = {.next = r->position};
	bool has_room;

	if (!turn_begin_until(options->turns, deadline_ns))
		return STEP_WAIT;
	has_room = has_room_for_page(r->live);
	if (has_room)
		result = history_append_events(
			options->history, r->position, last, &bounds, &r->text, &page);
	account_page(r, r->text.capacity);
	turn_end(options->turns);
	if (result != HISTORY_FOUND)
		return STEP_BREAK;
	r->position = page.next;
	return has_room ? STEP_SEND : STEP_WAIT;
}

/* STEP_SEND, or why there is nothing to be sent. */
static enum step
fetch(struct reader *r, uint64_t deadline_ns)
{
	struct live *l = r->live;
	enum step step;
	uint64_t last;

	lock_acquire(&l->lock);
	while ((step = find_step_locked(l, r)) == STEP_WAIT &&
		clock_mono_ns() < deadline_ns) {
		if (l->has_watcher)
			(void)condition_wait(&l->pulsed, &l->lock, deadline_ns);
		else
			watch_locked(l, deadline_ns);
	}
	if (step == STEP_SEND)
		take_pulse_locked(l, r);
	last = l->last;
	lock_release(&l->lock);
	return step == STEP_CATCH_UP ? catch_up(r, last, deadline_ns) : step;
}

static size_t
copy_from(const struct text *text, size_t *sent, char *out, size_t capacity)
{
	size_t left = text->len - *sent, len = left < capacity ? left : capacity;

	if (len > 0)
		memcpy(out, text->bytes + *sent, len);
	*sent += len;
	return len;
}

static size_t
copy(struct reader *r, char *out, size_t capacity)
{
	size_t len = copy_from(&r->text, &r->text_sent, out, capacity);

	if (r->pulse != NULL)
		len += copy_from(
			&r->pulse->text, &r->pulse_sent, out + len, capacity - len);
	return len;
}

static void
drop_sent(struct reader *r)
{
	struct live *l = r->live;

	text_free(&r->text);
	if (r->page_bytes > 0)
		account_page(r, 0);
	r->text_sent = r->pulse_sent = 0;
	if (r->pulse == NULL)
		return;
	lock_acquire(&l->lock);
	release_locked(l, r->pulse);
	lock_release(&l->lock);
	r->pulse = NULL;
}

static ssize_t
read_events(struct exchange_stream *stream, char *out, size_t capacity)
{
	uint64_t deadline_ns = clock_deadline_ns(READ_TIMEOUT_MS);
	struct reader *r = (struct reader *)stream;
	enum step step = STEP_SEND;

	while (step == STEP_SEND) {
		size_t len = copy(r, out, capacity);

		if (len > 0)
			return (ssize_t)len;
		drop_sent(r);
		step = fetch(r, deadline_ns);
		if (text_failed(&r->text))
			step = STEP_BREAK;
	}
	if (step == STEP_BREAK)
		return EXCHANGE_STREAM_BROKEN;
	return step == STEP_END ? EXCHANGE_STREAM_END : 0;
}

/* The last reader leaves nothing behind. */
static void
leave(struct live *l)
{
	lock_acquire(&l->lock);
	if (atomic_fetch_sub(&l->readers, 1) == 1) {
		while (l->first < l->next)
			drop_oldest_locked(l);
		l->is_running = false;
	}
	/* It may have been the one who watched, or the last that the end waits for. */
	condition_broadcast(&l->pulsed);
	lock_release(&l->lock);
}

static void
free_reader(struct exchange_stream *stream)
{
	struct reader *r = (struct reader *)stream;
	struct live *l = r->live;

	drop_sent(r);
	free(r);
	leave(l);
	counter_add(l->options.counters, COUNTER_event_readers_left, 1);
}

static bool
enter(struct live *l)
{
	bool enters;

	lock_acquire(&l->lock);
	enters = atomic_load(&l->readers) < l->options.max_readers;
	if (enters)
		(void)atomic_fetch_add(&l->readers, 1);
	lock_release(&l->lock);
	return enters;
}

/* NULL: out of memory. */
static struct reader *
new_reader(struct live *l)
{
	struct reader *r = calloc(1, sizeof *r);

	if (r == NULL) {
		leave(l);
		return NULL;
	}
	r->stream = (struct exchange_stream){.read = read_events, .free = free_reader};
	r->live = l;
	counter_add(l->options.counters, COUNTER_event_readers_come, 1);
	return r;
}

/*
 * The first reader makes the ring begin.  News were not written down before it came, so
 * what there is must be asked for now, after that.
 */
static uint64_t
begin_running(struct live *l)
{
	uint64_t newest_id = recent_newest_id(l->options.history->recent);

	lock_acquire(&l->lock);
	if (!l->is_running) {
		l->is_running = true;
		l->last = newest_id;
		l->pulse_due_ns = l->stats_due_ns = 0;
		atomic_store(&l->has_news, true);
	}
	lock_release(&l->lock);
	return newest_id;
}

/* Where a reader wants to go on. */
struct place {
	bool is_given;
	uint64_t after;
};

/* NULL, or what is wrong with the request. */
static const char *
read_place(const struct exchange_request *request, struct place *out)
{
	*out = (struct place){0};
	for (size_t i = 0; i < request->parameter_count; i++) {
		if (strcmp(request->parameters[i].name, "after") != 0)
			return "unknown parameter; the only one here is after";
		if (out->is_given)
			return "after is given twice";
		if (!query_read_whole(request->parameters[i].value, &out->after))
			return "after must be a message id";
		out->is_given = true;
	}
	if (request->last_event_id == NULL)
		return NULL;
	out->is_given = true;
	return query_read_whole(request->last_event_id, &out->after)
		       ? NULL
		       : "Last-Event-ID must be a message id";
}

static void
append_newest(struct text *out, const char *before, uint64_t newest_id)
{
	text_append_string(out, before);
	if (newest_id > 0)
		text_append_number(out, newest_id);
	else
		text_append_string(out, "null");
	text_append_string(out, "}\n\n");
}

/* Its id says where the reader stands, should it come again before a message did. */
static void
greet(struct reader *r, const struct place *place, uint64_t newest_id)
{
	bool is_beyond = place->is_given && place->after > newest_id;

	r->position = place->is_given && !is_beyond ? place->after : newest_id;
	text_printf(&r->text,
		"retry: 1000\n\nevent: hello\nid: %" PRIu64
		"\ndata: {\"instance\":\"%s\",",
		r->position, r->live->options.report->instance);
	append_newest(&r->text, "\"newest_id\":", newest_id);
	if (is_beyond)
		append_newest(&r->text, "event: reset\ndata: {\"newest_id\":", newest_id);
}

void
live_get_events(struct live *l, const struct exchange_request *request,
	struct exchange_reply *reply)
{
	struct place place;
	const char *mistake = read_place(request, &place);
	struct reader *r;

	if (mistake != NULL) {
		exchange_fail(reply, EXCHANGE_BAD_REQUEST, mistake);
		return;
	}
	if (!enter(l)) {
		exchange_fail(reply, EXCHANGE_UNAVAILABLE,
			"too many read events; try again in a moment");
		return;
	}
	r = new_reader(l);
	if (r == NULL) {
		exchange_fail_no_memory(reply);
		return;
	}
	greet(r, &place, begin_running(l));
	if (text_failed(&r->text)) {
		free_reader(&r->stream);
		exchange_fail_no_memory(reply);
		return;
	}
	reply->type = TYPE_EVENTS;
	reply->stream = &r->stream;
}
