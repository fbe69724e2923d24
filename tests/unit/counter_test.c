/*
 * counter_test: totals, connections that open and close, and what a reader may see.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/counter.h"

#include "tap.h"

#define THREADS 4
#define ROUNDS 5000
#define STACK_BYTES ((size_t)256 * 1024)

static uint64_t
value_of(struct counters *c, int counter)
{
	struct counter_snapshot now;

	counter_read(c, &now);
	return now.values[counter];
}

static void
everything_begins_at_zero(void)
{
	struct counters c;
	struct counter_snapshot now;

	memset(&c, 0xa5, sizeof c);
	counter_init(&c);
	counter_read(&c, &now);
	for (int i = 0; i < COUNTER_COUNT; i++)
		EXPECT_INT(0, now.values[i]);
	EXPECT_INT(0, now.connections_peak);
	counter_fini(&c);
}

static void
adding_touches_one_counter(void)
{
	struct counters c;

	counter_init(&c);
	counter_add(&c, COUNTER_bytes_received, 1000);
	counter_add(&c, COUNTER_bytes_received, 24);
	for (int i = 0; i < COUNTER_COUNT; i++)
		EXPECT_INT(i == COUNTER_bytes_received ? 1024 : 0, value_of(&c, i));
	counter_fini(&c);
}

static void
changes_are_applied_together(void)
{
	const struct counter_change changes[] = {
		{COUNTER_messages_received, 7},
		{COUNTER_messages_rejected, 2},
		{(enum counter)(COUNTER_rejected_by_reason + REJECT_utf8), 1},
		{(enum counter)(COUNTER_rejected_by_reason + REJECT_bad_frame), 1},
	};
	struct counters c;

	counter_init(&c);
	counter_apply(&c, changes, COUNT_OF(changes));
	counter_apply(&c, changes, 1);
	counter_apply(&c, changes, 0);
	EXPECT_INT(14, value_of(&c, COUNTER_messages_received));
	EXPECT_INT(2, value_of(&c, COUNTER_messages_rejected));
	for (int reason = 0; reason < REJECT_COUNT; reason++)
		EXPECT_INT(reason == REJECT_utf8 || reason == REJECT_bad_frame,
			value_of(&c, COUNTER_rejected_by_reason + reason));
	counter_fini(&c);
}

static void
the_peak_stays_when_connections_close(void)
{
	struct counters c;
	struct counter_snapshot now;

	counter_init(&c);
	EXPECT(counter_open_connection(&c, 100));
	EXPECT(counter_open_connection(&c, 100));
	EXPECT(counter_open_connection(&c, 100));
	counter_close_connection(&c, CLOSE_eof);
	counter_close_connection(&c, CLOSE_eof);
	EXPECT(counter_open_connection(&c, 100));
	counter_read(&c, &now);
	EXPECT_INT(4, now.values[COUNTER_connections_accepted]);
	EXPECT_INT(2, now.values[COUNTER_connections_closed]);
	EXPECT_INT(3, now.connections_peak);
	counter_fini(&c);
}

static void
the_peak_is_of_what_is_open(void)
{
	struct counters c;
	struct counter_snapshot now;

	counter_init(&c);
	for (int i = 0; i < 10; i++) {
		EXPECT(counter_open_connection(&c, 100));
		counter_close_connection(&c, CLOSE_reset);
	}
	counter_read(&c, &now);
	EXPECT_INT(10, now.values[COUNTER_connections_accepted]);
	EXPECT_INT(1, now.connections_peak);
	counter_fini(&c);
}

static void
beyond_the_limit_nothing_is_counted(void)
{
	struct counters c;
	struct counter_snapshot now;

	counter_init(&c);
	EXPECT(counter_open_connection(&c, 2));
	EXPECT(counter_open_connection(&c, 2));
	EXPECT(!counter_open_connection(&c, 2));
	counter_close_connection(&c, CLOSE_eof);
	EXPECT(counter_open_connection(&c, 2));
	counter_read(&c, &now);
	EXPECT_INT(3, now.values[COUNTER_connections_accepted]);
	EXPECT_INT(2, now.connections_peak);
	counter_fini(&c);
}

static void
a_refused_connection_is_never_open(void)
{
	struct counters c;
	struct counter_snapshot now;

	counter_init(&c);
	counter_refuse_connection(&c, CLOSE_max_connections);
	counter_read(&c, &now);
	EXPECT_INT(1, now.values[COUNTER_connections_accepted]);
	EXPECT_INT(1, now.values[COUNTER_connections_closed]);
	EXPECT_INT(1, now.values[COUNTER_closed_by_reason + CLOSE_max_connections]);
	EXPECT_INT(0, now.connections_peak);
	counter_fini(&c);
}

static void
every_close_reason_has_its_counter(void)
{
	struct counters c;
	struct counter_snapshot now;

	counter_init(&c);
	for (int reason = 0; reason < CLOSE_COUNT; reason++)
		for (int i = 0; i <= reason; i++) {
			EXPECT(counter_open_connection(&c, 100));
			counter_close_connection(&c, (enum close_reason)reason);
		}
	counter_read(&c, &now);
	for (int reason = 0; reason < CLOSE_COUNT; reason++)
		EXPECT_INT(reason + 1, now.values[COUNTER_closed_by_reason + reason]);
	EXPECT_INT(CLOSE_COUNT * (CLOSE_COUNT + 1) / 2,
		now.values[COUNTER_connections_closed]);
	for (int reason = 0; reason < REJECT_COUNT; reason++)
		EXPECT_INT(0, now.values[COUNTER_rejected_by_reason + reason]);
	counter_fini(&c);
}

static void
the_rows_have_each_counter_once(void)
{
	int next = 0;

	for (size_t i = 0; i < COUNTER_ROW_COUNT; i++) {
		const struct counter_row *row = &counter_rows[i];

		EXPECT_INT(next, row->first);
		next += row->label != NULL ? (int)reason_list_count(row->list) : 1;
		EXPECT(row->help[0] != '\0');
	}
	EXPECT_INT(COUNTER_COUNT, next);
}

/* Opens and closes connections, accepts a message and rejects one in each. */
static void *
run_sender(void *argument)
{
	struct counters *c = argument;

	for (int i = 0; i < ROUNDS; i++) {
		const struct counter_change rejected[] = {
			{COUNTER_messages_rejected, 1},
			{(enum counter)(COUNTER_rejected_by_reason + i % REJECT_COUNT),
				1},
		};

		const struct counter_change framing = {
			(enum counter)(COUNTER_received_by_framing + i % FRAMING_COUNT),
			1};
		struct histogram_tally sizes = {0};

		histogram_tally_add(&sizes, (uint64_t)i);
		if (!counter_open_connection(c, THREADS))
			counter_add(c, COUNTER_bytes_sent, 1);
		counter_apply_received(c, &framing, 1, &sizes);
		counter_add_request(c, (unsigned)i % COUNTER_PATHS_MAX,
			(unsigned)i % COUNTER_CODES_MAX);
		counter_apply(c, rejected, COUNT_OF(rejected));
		counter_close_connection(c, (enum close_reason)(i % CLOSE_COUNT));
	}
	return NULL;
}

/* True where the parts of a snapshot belong together. */
static bool
is_consistent(const struct counter_snapshot *now)
{
	uint64_t rejected = 0, closed = 0, received = 0, requests = 0;

	for (int framing = 0; framing < FRAMING_COUNT; framing++)
		received += now->values[COUNTER_received_by_framing + framing];
	for (int path = 0; path < COUNTER_PATHS_MAX; path++)
		for (int code = 0; code < COUNTER_CODES_MAX; code++)
			requests += now->requests[path][code];
	for (int reason = 0; reason < REJECT_COUNT; reason++)
		rejected += now->values[COUNTER_rejected_by_reason + reason];
	for (int reason = 0; reason < CLOSE_COUNT; reason++)
		closed += now->values[COUNTER_closed_by_reason + reason];
	return received == now->values[COUNTER_messages_received] &&
	       received == now->message_bytes.count &&
	       received == histogram_count_up_to(
				   &now->message_bytes, HISTOGRAM_BUCKETS - 1) &&
	       requests == now->values[COUNTER_http_requests] &&
	       rejected == now->values[COUNTER_messages_rejected] &&
	       closed == now->values[COUNTER_connections_closed] &&
	       closed <= now->values[COUNTER_connections_accepted] &&
	       now->values[COUNTER_connections_accepted] - closed <=
		       now->connections_peak;
}

static void
snapshots_are_of_one_piece(void)
{
	struct counters c;
	struct counter_snapshot now;
	pthread_t threads[THREADS];
	size_t started = 0;
	bool consistent = true;

	counter_init(&c);
	while (started < THREADS &&
		thread_start(&threads[started], STACK_BYTES, run_sender, &c) == 0)
		started++;
	EXPECT_INT(THREADS, started);
	do {
		counter_read(&c, &now);
		consistent = consistent && is_consistent(&now);
	} while (now.values[COUNTER_connections_closed] < started * ROUNDS);
	for (size_t i = 0; i < started; i++)
		EXPECT_INT(0, pthread_join(threads[i], NULL));
	EXPECT(consistent);
	counter_read(&c, &now);
	EXPECT_INT(THREADS * ROUNDS, now.values[COUNTER_connections_accepted]);
	EXPECT_INT(THREADS * ROUNDS, now.values[COUNTER_connections_closed]);
	EXPECT_INT(THREADS * ROUNDS, now.values[COUNTER_messages_rejected]);
	EXPECT_INT(THREADS * ROUNDS, now.values[COUNTER_messages_received]);
	EXPECT_INT(THREADS * ROUNDS, now.values[COUNTER_http_requests]);
	EXPECT_INT((uint64_t)THREADS * ROUNDS * (ROUNDS - 1) / 2, now.message_bytes.sum);
	EXPECT_INT(0, now.values[COUNTER_bytes_sent]);
	EXPECT(now.connections_peak >= 1 && now.connections_peak <= THREADS);
	counter_fini(&c);
}

/* The names are on the wire and in the metrics: changing one breaks somebody. */
static void
reasons_have_their_names(void)
{
	static const char *const rejects[] = {
		"syntax", "utf8", "too_large", "too_deep", "incomplete", "bad_frame"};
	static const char *const framings[] = {"stream", "lines", "rs", "length"};

	for (size_t i = 0; i < COUNT_OF(rejects); i++)
		EXPECT_TEXT(rejects[i], reason_reject_name((enum reject_reason)i));
	for (size_t i = 0; i < COUNT_OF(framings); i++)
		EXPECT_TEXT(framings[i], reason_framing_name((enum framing)i));
	EXPECT_TEXT("eof", reason_close_name(CLOSE_eof));
	EXPECT_TEXT("message_timeout", reason_close_name(CLOSE_message_timeout));
	EXPECT_TEXT("draining", reason_close_name(CLOSE_draining));
	for (int i = 0; i < CLOSE_COUNT; i++)
		for (int j = 0; j < i; j++)
			EXPECT(strcmp(reason_close_name((enum close_reason)i),
				       reason_close_name((enum close_reason)j)) != 0);
}

int
main(void)
{
	TAP_RUN(everything_begins_at_zero);
	TAP_RUN(adding_touches_one_counter);
	TAP_RUN(changes_are_applied_together);
	TAP_RUN(the_peak_stays_when_connections_close);
	TAP_RUN(the_peak_is_of_what_is_open);
	TAP_RUN(beyond_the_limit_nothing_is_counted);
	TAP_RUN(a_refused_connection_is_never_open);
	TAP_RUN(every_close_reason_has_its_counter);
	TAP_RUN(the_rows_have_each_counter_once);
	TAP_RUN(snapshots_are_of_one_piece);
	TAP_RUN(reasons_have_their_names);
	return tap_finish();
}
