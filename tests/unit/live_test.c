/*
 * live_test: readers of /events, as the status side reads for them.
 *
 * A tape checks what a reader gets, event by event: every id once or within a gap, in
 * order, and each message's own text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/live.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/lock.h"
#include "tap.h"

#define PLENTY ((size_t)1 << 30)
#define PATIENCE_MS 20000
#define BLOCK_BYTES ((size_t)32 * 1024)

/* A server without sockets and without a store. */
struct kit {
	struct counters counters;
	struct options options;
	struct ingest ingest;
	struct print print;
	struct session_shared shared;
	struct report report;
	struct turns turns;
	struct history history;
	struct live *live;
};

static void
kit_begin(struct kit *kit, size_t recent_messages, unsigned max_readers)
{
	struct recent *recent = recent_new(recent_messages, PLENTY);
	const struct live_options options = {.history = &kit->history,
		.report = &kit->report,
		.turns = &kit->turns,
		.counters = &kit->counters,
		.max_readers = max_readers};

	*kit = (struct kit){.history = {.recent = recent}};
	counter_init(&kit->counters);
	print_init(&kit->print, false);
	ingest_init(&kit->ingest, &kit->counters, recent, &kit->print);
	turn_init(&kit->turns);
	kit->shared.options = &kit->options;
	kit->shared.counters = &kit->counters;
	kit->shared.ingest = &kit->ingest;
	EXPECT_INT(0, report_init(&kit->report, &kit->shared));
	kit->live = live_new(&options);
	ingest_tell(&kit->ingest, live_note, kit->live);
}

static void
kit_end(struct kit *kit)
{
	live_free(kit->live);
	turn_fini(&kit->turns);
	ingest_fini(&kit->ingest);
	print_fini(&kit->print);
	counter_fini(&kit->counters);
	recent_free(kit->history.recent);
}

/* A batch of `count` messages of `len` digits, as a session hands it over. */
static void
take(struct kit *kit, unsigned count, size_t len)
{
	static const struct origin origin = {.connection = 1, .peer = "192.0.2.1:1"};
	struct batch_builder builder = {0};
	struct ingest_read read = {0};
	uint8_t *message = malloc(len);
	uint64_t ticket;

	memset(message, '1', len);
	for (unsigned i = 0; i < count; i++)
		(void)!batch_append(&builder, message, len, 0);
	read.batch = batch_finish(&builder, &origin);
	free(message);
	(void)!ingest_hand_over(&kit->ingest, &read, NULL, &ticket);
}

/* What a reader got: what is not complete yet, and what the events said. */
struct tape {
	struct exchange_stream *stream;
	struct text text;
	size_t at;       /* of the text: behind the last event */
	size_t searched; /* no event ends before that */
	ssize_t end;
	uint64_t id; /* up to here each was there once */
	uint64_t messages, gaps, missing, stats, hellos, resets;
	char wrong[TAP_TEXT_MAX]; /* the first event that should not be so */
};

static struct exchange_reply
ask(struct kit *kit, const char *after, const char *last_event_id)
{
	struct exchange_request request = {
		.is_get = true, .path = "/events", .last_event_id = last_event_id};
	struct exchange_reply reply = {.status = EXCHANGE_OK};

	if (after != NULL)
		request.parameters[request.parameter_count++] =
			(struct exchange_parameter){"after", after, true};
	live_get_events(kit->live, &request, &reply);
	return reply;
}

static struct tape
tape_begin(struct kit *kit, const char *after)
{
	struct exchange_reply reply = ask(kit, after, NULL);

	EXPECT_INT(EXCHANGE_OK, reply.status);
	EXPECT_TEXT("text/event-stream", reply.type);
	return (struct tape){.stream = reply.stream};
}

static void
tape_end(struct tape *tape)
{
	tape->stream->free(tape->stream);
	text_free(&tape->text);
}

/* The number behind a label of the event; 0 where there is none. */
static uint64_t
number_behind(const char *event, const char *label)
{
	const char *at = strstr(event, label);

	return at != NULL ? strtoull(at + strlen(label), NULL, 10) : 0;
}

static void
complain(struct tape *tape, const char *event)
{
	if (tape->wrong[0] == '\0')
		(void)snprintf(tape->wrong, sizeof tape->wrong, "behind %llu: %.200s",
			(unsigned long long)tape->id, event);
}

static void
play_message(struct tape *tape, const char *event)
{
	uint64_t id = number_behind(event, "id: ");
	char begin[64];
	int len = snprintf(begin, sizeof begin, "id: %llu\ndata: {\"id\":%llu,\"rec",
		(unsigned long long)id, (unsigned long long)id);
	const char *data = strstr(event, "\"data\":");

	/* Behind the text stands the object's end. */
	if (id != tape->id + 1 || strncmp(event, begin, (size_t)len) != 0 ||
		data == NULL ||
		number_behind(event, "\"size_bytes\":") + 1 !=
			strlen(data + strlen("\"data\":")))
		complain(tape, event);
	tape->id = id;
	tape->messages++;
}

static void
play_gap(struct tape *tape, const char *event)
{
	uint64_t from = number_behind(event, "\"from\":"),
		 to = number_behind(event, "\"to\":");

	if (from != tape->id + 1 || to < from || number_behind(event, "id: ") != to)
		complain(tape, event);
	tape->missing += to - tape->id;
	tape->id = to;
	tape->gaps++;
}

static void
play(struct tape *tape, const char *event)
{
	if (strncmp(event, "id: ", 4) == 0)
		play_message(tape, event);
	else if (strncmp(event, "event: gap\n", 11) == 0)
		play_gap(tape, event);
	else if (strncmp(event, "event: stats\ndata: {\"name\":\"bio\",", 33) == 0)
		tape->stats++;
	else if (strncmp(event, "event: reset\n", 13) == 0)
		tape->resets++;
	else if (strncmp(event, "event: hello\n", 13) == 0) {
		tape->hellos++;
		tape->id = number_behind(event, "id: ");
	} else if (strcmp(event, "retry: 1000") != 0)
		complain(tape, event);
}

/* One read, and the events that are complete with it.  What the read answered. */
static ssize_t
tape_read(struct tape *tape, size_t capacity)
{
	char block[BLOCK_BYTES], *end;
	ssize_t len = tape->stream->read(tape->stream, block, capacity);

	if (len <= 0)
		return tape->end = len;
	text_append(&tape->text, block, (size_t)len);
	text_append(&tape->text, "", 1);
	tape->text.len--;
	while ((end = strstr(tape->text.bytes + tape->searched, "\n\n")) != NULL) {
		*end = '\0';
		play(tape, tape->text.bytes + tape->at);
		*end = '\n';
		tape->at = tape->searched = (size_t)(end + 2 - tape->text.bytes);
	}
	if (tape->text.len > tape->at)
		tape->searched = tape->text.len - 1;
	return len;
}

static bool
shows(const struct tape *tape, const char *piece)
{
	return tape->text.bytes != NULL && strstr(tape->text.bytes, piece) != NULL;
}

/* Reads until the id has been there, or for too long. */
static void
tape_read_to(struct tape *tape, uint64_t id)
{
	uint64_t deadline_ns = clock_deadline_ns(PATIENCE_MS);

	while (tape->id < id && tape->end >= 0 && clock_mono_ns() < deadline_ns)
		(void)tape_read(tape, BLOCK_BYTES);
	EXPECT_INT(id, tape->id);
	EXPECT_TEXT("", tape->wrong);
}

static void
a_reader_begins_behind_the_newest(void)
{
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 100, 8);
	tape = tape_begin(&kit, NULL);
	(void)tape_read(&tape, BLOCK_BYTES);
	EXPECT(shows(&tape, "\"newest_id\":null}\n\n"));
	EXPECT(shows(&tape, kit.report.instance));
	tape_end(&tape);
	take(&kit, 3, 5);
	tape = tape_begin(&kit, NULL);
	(void)tape_read(&tape, BLOCK_BYTES);
	EXPECT(shows(&tape, "\"newest_id\":3}\n\n"));
	EXPECT_INT(1, tape.hellos);
	take(&kit, 2, 5);
	tape_read_to(&tape, 5);
	EXPECT_INT(2, tape.messages);
	EXPECT_INT(0, tape.gaps);
	tape_end(&tape);
	kit_end(&kit);
}

/* It knows of a message that the newest pulse does not have yet. */
static void
who_comes_between_two_pulses_sees_no_message_twice(void)
{
	struct tape first, second;
	struct kit kit;

	kit_begin(&kit, 100, 8);
	first = tape_begin(&kit, NULL);
	take(&kit, 3, 5);
	second = tape_begin(&kit, NULL);
	(void)tape_read(&second, BLOCK_BYTES);
	EXPECT_INT(3, second.id);
	take(&kit, 2, 5);
	tape_read_to(&second, 5);
	EXPECT_INT(2, second.messages);
	tape_read_to(&first, 5);
	EXPECT_INT(5, first.messages);
	EXPECT_INT(0, first.gaps + second.gaps);
	tape_end(&second);
	tape_end(&first);
	kit_end(&kit);
}

static void
stats_come_with_and_without_messages(void)
{
	uint64_t deadline_ns = clock_deadline_ns(PATIENCE_MS);
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 100, 8);
	tape = tape_begin(&kit, NULL);
	while (tape.stats < 2 && clock_mono_ns() < deadline_ns)
		(void)tape_read(&tape, BLOCK_BYTES);
	EXPECT_INT(2, tape.stats);
	EXPECT_INT(0, tape.messages);
	EXPECT_TEXT("", tape.wrong);
	tape_end(&tape);
	kit_end(&kit);
}

static void
what_is_kept_behind_an_id_comes_first(void)
{
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 10000, 8);
	for (unsigned i = 0; i < 100; i++)
		take(&kit, 70, 40);
	tape = tape_begin(&kit, "17");
	tape_read_to(&tape, 7000);
	EXPECT_INT(7000 - 17, tape.messages);
	EXPECT_INT(0, tape.gaps);
	take(&kit, 1, 3);
	tape_read_to(&tape, 7001);
	EXPECT_INT(0, tape.gaps);
	tape_end(&tape);
	kit_end(&kit);
}

static void
what_is_not_kept_is_one_gap(void)
{
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 10, 8);
	take(&kit, 20, 5);
	take(&kit, 20, 5);
	tape = tape_begin(&kit, "5");
	tape_read_to(&tape, 40);
	EXPECT_INT(1, tape.gaps);
	EXPECT_INT(25, tape.missing);
	EXPECT_INT(10, tape.messages);
	tape_end(&tape);
	kit_end(&kit);
}

static void
an_id_beyond_the_newest_is_a_reset(void)
{
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 10, 8);
	take(&kit, 3, 5);
	tape = tape_begin(&kit, "4");
	(void)tape_read(&tape, BLOCK_BYTES);
	EXPECT_INT(1, tape.resets);
	EXPECT(shows(&tape, "event: reset\ndata: {\"newest_id\":3}\n\n"));
	take(&kit, 1, 5);
	tape_read_to(&tape, 4);
	EXPECT_INT(1, tape.messages);
	tape_end(&tape);
	kit_end(&kit);
}

static void
the_header_field_wins_and_neither_may_be_wrong(void)
{
	static const struct {
		const char *after, *last_event_id;
		enum exchange_status status;
		uint64_t id;
	} rows[] = {
		{"1", "3", EXCHANGE_OK, 3},
		{"3", "0", EXCHANGE_OK, 0},
		{NULL, "2", EXCHANGE_OK, 2},
		{"x", "2", EXCHANGE_BAD_REQUEST, 0},
		{"2", "x", EXCHANGE_BAD_REQUEST, 0},
		{"", NULL, EXCHANGE_BAD_REQUEST, 0},
		{"-1", NULL, EXCHANGE_BAD_REQUEST, 0},
		{"9223372036854775808", NULL, EXCHANGE_BAD_REQUEST, 0},
		{NULL, "", EXCHANGE_BAD_REQUEST, 0},
	};
	struct kit kit;

	kit_begin(&kit, 10, 8);
	take(&kit, 5, 5);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct exchange_reply reply =
			ask(&kit, rows[i].after, rows[i].last_event_id);
		struct tape tape = {.stream = reply.stream};

		tap_context("row %d", (int)i);
		EXPECT_INT(rows[i].status, reply.status);
		EXPECT_INT(rows[i].status == EXCHANGE_OK, reply.stream != NULL);
		text_free(&reply.body);
		if (reply.stream == NULL)
			continue;
		(void)tape_read(&tape, 100);
		EXPECT(shows(&tape, "event: hello\nid: "));
		EXPECT_INT(
			rows[i].id, number_behind(tape.text.bytes, "event: hello\nid: "));
		tape_end(&tape);
	}
	kit_end(&kit);
}

static void
a_pulse_has_a_thousand_messages_and_a_gap_for_the_others(void)
{
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 10000, 8);
	tape = tape_begin(&kit, NULL);
	(void)tape_read(&tape, BLOCK_BYTES);
	take(&kit, 1200, 5);
	take(&kit, 900, 5);
	tape_read_to(&tape, 2100);
	EXPECT_INT(1, tape.gaps);
	EXPECT_INT(1100, tape.missing);
	EXPECT_INT(1000, tape.messages);
	tape_end(&tape);
	kit_end(&kit);
}

static void
a_pulse_has_a_mebibyte_or_one_message(void)
{
	struct kit kit;
	struct tape tape;

	kit_begin(&kit, 10000, 8);
	tape = tape_begin(&kit, NULL);
	(void)tape_read(&tape, BLOCK_BYTES);
	take(&kit, 10, 300000);
	tape_read_to(&tape, 10);
	EXPECT_INT(3, tape.messages);
	EXPECT_INT(7, tape.missing);
	take(&kit, 2, 1500000);
	tape_read_to(&tape, 12);
	EXPECT_INT(4, tape.messages);
	EXPECT_INT(8, tape.missing);
	EXPECT_INT(2, tape.gaps);
	tape_end(&tape);
	kit_end(&kit);
}

/* One of two stands still while more goes by than is kept for it. */
static void
who_is_overtaken_gets_one_gap(void)
{
	struct kit kit;
	struct tape quick, slow;

	kit_begin(&kit, 10000, 8);
	quick = tape_begin(&kit, NULL);
	slow = tape_begin(&kit, NULL);
	take(&kit, 1, 5);
	tape_read_to(&quick, 1);
	tape_read_to(&slow, 1);
	for (uint64_t id = 2; id <= 15; id++) {
		take(&kit, 1, 1000000);
		tape_read_to(&quick, id);
	}
	EXPECT_INT(15, quick.messages);
	tape_read_to(&slow, 15);
	EXPECT_INT(1, slow.gaps);
	EXPECT_INT(13, slow.missing);
	EXPECT_INT(2, slow.messages);
	tape_end(&slow);
	tape_end(&quick);
	kit_end(&kit);
}

/* Each holds another pulse; when it is too much the next have no messages. */
static void
what_slow_readers_hold_is_bounded(void)
{
	enum { READERS = 8, LEN = 13000000, FITTING = 6 };
	struct tape tapes[READERS], quick;
	struct kit kit;

	kit_begin(&kit, 10000, READERS + 1);
	quick = tape_begin(&kit, NULL);
	(void)tape_read(&quick, BLOCK_BYTES);
	for (uint64_t i = 0; i < READERS; i++) {
		tapes[i] = tape_begin(&kit, NULL);
		take(&kit, 1, LEN);
		tape_read_to(&quick, i + 1);
		while (tapes[i].text.len - tapes[i].at < 100 && tapes[i].id <= i)
			(void)tape_read(&tapes[i], BLOCK_BYTES);
	}
	EXPECT_INT(FITTING, quick.messages);
	EXPECT_INT(READERS - FITTING, quick.missing);
	for (unsigned i = 0; i < READERS; i++) {
		tape_read_to(&tapes[i], READERS);
		tape_end(&tapes[i]);
	}
	take(&kit, 1, LEN);
	tape_read_to(&quick, READERS + 1);
	EXPECT_INT(FITTING + 1, quick.messages);
	tape_end(&quick);
	kit_end(&kit);
}

/* Each reads a long message of the history; when it is too much the next wait for it. */
static void
what_is_held_of_the_history_is_bounded(void)
{
	enum { READERS = 8, LEN = 13000000, FITTING = 4 };
	struct tape tapes[READERS];
	struct kit kit;
	unsigned begun = 0;

	kit_begin(&kit, 10000, READERS);
	take(&kit, 1, LEN);
	for (unsigned i = 0; i < READERS; i++) {
		tapes[i] = tape_begin(&kit, "0");
		(void)tape_read(&tapes[i], BLOCK_BYTES);
		(void)tape_read(&tapes[i], BLOCK_BYTES);
		begun += tapes[i].text.len >= BLOCK_BYTES;
	}
	EXPECT_INT(FITTING, begun);
	/* Whoever ends makes room for others, also who leaves in the middle. */
	tape_end(&tapes[0]);
	for (unsigned i = 1; i < READERS; i++) {
		tape_read_to(&tapes[i], 1);
		EXPECT_INT(1, tapes[i].messages);
		(void)tape_read(&tapes[i], BLOCK_BYTES);
		tape_end(&tapes[i]);
	}
	kit_end(&kit);
}

static uint64_t
counted_readers(struct kit *kit)
{
	struct counter_snapshot now;

	counter_read(&kit->counters, &now);
	return now.values[COUNTER_event_readers_come] -
	       now.values[COUNTER_event_readers_left];
}

static void
readers_are_counted_and_no_more_than_allowed(void)
{
	struct exchange_reply reply;
	struct tape tapes[2];
	struct kit kit;

	kit_begin(&kit, 10, 2);
	tapes[0] = tape_begin(&kit, NULL);
	tapes[1] = tape_begin(&kit, NULL);
	EXPECT_INT(2, counted_readers(&kit));
	reply = ask(&kit, NULL, NULL);
	EXPECT_INT(EXCHANGE_UNAVAILABLE, reply.status);
	EXPECT(reply.stream == NULL);
	text_free(&reply.body);
	tape_end(&tapes[0]);
	tapes[0] = tape_begin(&kit, NULL);
	EXPECT_INT(2, counted_readers(&kit));
	tape_end(&tapes[0]);
	tape_end(&tapes[1]);
	EXPECT_INT(0, counted_readers(&kit));
	kit_end(&kit);
}

static void *
end_live(void *argument)
{
	live_end(argument);
	return NULL;
}

static void
the_end_is_the_end_of_every_stream(void)
{
	uint64_t deadline_ns = clock_deadline_ns(PATIENCE_MS);
	struct tape tape;
	pthread_t thread;
	struct kit kit;

	kit_begin(&kit, 10, 2);
	tape = tape_begin(&kit, NULL);
	EXPECT_INT(0, thread_start(&thread, 1 << 18, end_live, kit.live));
	while (tape.end >= 0 && clock_mono_ns() < deadline_ns)
		(void)tape_read(&tape, BLOCK_BYTES);
	EXPECT_INT(EXCHANGE_STREAM_END, tape.end);
	tape_end(&tape);
	(void)pthread_join(thread, NULL);
	kit_end(&kit);
}

enum { STORM_READERS = 12, STORM_MS = 1500, STORM_REJOINS = 1700 };

struct storm_reader {
	struct kit *kit;
	const atomic_uint_fast64_t *newest_id; /* 0: the storm is not over */
	pthread_t thread;
	struct tape tape;
	unsigned number;
	size_t capacity;
};

static bool
is_storm_over(const struct storm_reader *r)
{
	uint64_t newest_id = atomic_load(r->newest_id);

	return (newest_id > 0 && r->tape.id >= newest_id) || r->tape.end < 0;
}

/* Every third begins anew where it was, now and then, and half of them take little. */
static void *
read_storm(void *argument)
{
	struct storm_reader *r = argument;
	uint64_t deadline_ns = clock_deadline_ns(PATIENCE_MS);
	uint64_t rejoins_at = STORM_REJOINS;
	char after[24];

	while (!is_storm_over(r) && clock_mono_ns() < deadline_ns) {
		(void)tape_read(&r->tape, r->capacity);
		if (r->number % 3 != 0 || r->tape.messages < rejoins_at)
			continue;
		rejoins_at = r->tape.messages + STORM_REJOINS;
		(void)snprintf(
			after, sizeof after, "%llu", (unsigned long long)r->tape.id);
		r->tape.stream->free(r->tape.stream);
		r->tape.stream = ask(r->kit, after, NULL).stream;
		r->tape.at = r->tape.searched = r->tape.text.len = 0;
	}
	return NULL;
}

static void
readers_of_a_storm_see_each_id_once(void)
{
	uint64_t deadline_ns = clock_deadline_ns(STORM_MS), taken = 0, pulses = 0;
	struct storm_reader readers[STORM_READERS];
	atomic_uint_fast64_t newest_id = 0;
	struct kit kit;

	kit_begin(&kit, 50000, STORM_READERS);
	for (unsigned i = 0; i < STORM_READERS; i++) {
		readers[i] = (struct storm_reader){.kit = &kit,
			.newest_id = &newest_id,
			.tape = tape_begin(&kit, i % 2 == 0 ? "0" : NULL),
			.number = i,
			.capacity = i < STORM_READERS / 2 ? 700 : BLOCK_BYTES};
		EXPECT_INT(0, thread_start(&readers[i].thread, 1 << 18, read_storm,
				      &readers[i]));
	}
	for (; clock_mono_ns() < deadline_ns; taken += 100)
		take(&kit, 100, 30);
	atomic_store(&newest_id, taken);
	for (unsigned i = 0; i < STORM_READERS; i++) {
		struct tape *tape = &readers[i].tape;

		(void)pthread_join(readers[i].thread, NULL);
		tap_context("reader %u", i);
		EXPECT_INT(taken, tape->id);
		EXPECT_INT(taken, tape->messages + tape->missing);
		EXPECT(tape->messages > 0);
		EXPECT_TEXT("", tape->wrong);
		pulses = tape->gaps > pulses ? tape->gaps : pulses;
		tape_end(tape);
	}
	EXPECT(pulses > 5);
	EXPECT_INT(0, counted_readers(&kit));
	kit_end(&kit);
}

int
main(void)
{
	TAP_RUN(a_reader_begins_behind_the_newest);
	TAP_RUN(who_comes_between_two_pulses_sees_no_message_twice);
	TAP_RUN(stats_come_with_and_without_messages);
	TAP_RUN(what_is_kept_behind_an_id_comes_first);
	TAP_RUN(what_is_not_kept_is_one_gap);
	TAP_RUN(an_id_beyond_the_newest_is_a_reset);
	TAP_RUN(the_header_field_wins_and_neither_may_be_wrong);
	TAP_RUN(a_pulse_has_a_thousand_messages_and_a_gap_for_the_others);
	TAP_RUN(a_pulse_has_a_mebibyte_or_one_message);
	TAP_RUN(who_is_overtaken_gets_one_gap);
	TAP_RUN(what_slow_readers_hold_is_bounded);
	TAP_RUN(what_is_held_of_the_history_is_bounded);
	TAP_RUN(readers_are_counted_and_no_more_than_allowed);
	TAP_RUN(the_end_is_the_end_of_every_stream);
	TAP_RUN(readers_of_a_storm_see_each_id_once);
	return tap_finish();
}
