/*
 * recent_test: numbering, what is kept and what leaves, views.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/recent.h"

#include <stdlib.h>

#include "base/lock.h"
#include "tap.h"

#define PLENTY ((size_t)1 << 30)

static const struct origin origin = {.connection = 1};

/* Hands over a batch of `count` messages of `len` bytes each. */
static void
append(struct recent *r, unsigned count, size_t len)
{
	struct batch_builder builder = {0};
	uint8_t *message = malloc(len);
	struct batch *batch;

	memset(message, '1', len);
	for (unsigned i = 0; i < count; i++)
		(void)!batch_append(&builder, message, len, 0);
	batch = batch_finish(&builder, &origin);
	free(message);
	recent_append(r, batch);
}

static void
an_empty_view_shows_nothing(void)
{
	struct recent *r = recent_new(10, PLENTY);
	struct recent_view view;

	EXPECT_INT(0, recent_view_open(r, &view));
	EXPECT_INT(0, view.count);
	EXPECT_INT(0, view.newest_id);
	recent_view_close(&view);
	recent_free(r);
}

static void
ids_have_no_gap_and_times_never_fall(void)
{
	struct recent *r = recent_new(100, PLENTY);
	struct recent_view view;
	uint64_t next = 1;
	int64_t last_us = 0;

	for (unsigned i = 1; i <= 10; i++)
		append(r, i, 3);
	EXPECT_INT(0, recent_view_open(r, &view));
	for (size_t i = 0; i < view.count; i++) {
		EXPECT_INT(next, view.batches[i]->first_id);
		EXPECT(view.batches[i]->received_us >= last_us);
		next += view.batches[i]->count;
		last_us = view.batches[i]->received_us;
	}
	EXPECT_INT(56, next);
	EXPECT_INT(55, view.newest_id);
	EXPECT_INT(1, view.oldest_id);
	recent_view_close(&view);
	recent_free(r);
}

static void
a_view_of_the_newest_has_what_is_behind_an_id(void)
{
	static const struct {
		uint64_t after;
		size_t messages;
		uint64_t count, first_id;
	} rows[] = {
		{0, 1000, 5, 1},
		{1, 1000, 4, 2},
		{2, 1000, 4, 2},
		{3, 1000, 3, 4},
		{14, 1000, 1, 11},
		{15, 1000, 0, 0},
		{99, 1000, 0, 0},
		{0, 5, 1, 11},
		{0, 6, 2, 7},
		{0, 0, 0, 0},
	};
	struct recent *r = recent_new(100, PLENTY);
	struct recent_view view;

	EXPECT_INT(0, recent_newest_id(r));
	for (unsigned i = 1; i <= 5; i++)
		append(r, i, 3);
	EXPECT_INT(15, recent_newest_id(r));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tap_context("behind %d, %d messages", (int)rows[i].after,
			(int)rows[i].messages);
		EXPECT_INT(0, recent_view_open_behind(
				      r, rows[i].after, rows[i].messages, &view));
		EXPECT_INT(15, view.newest_id);
		if (EXPECT_INT(rows[i].count, view.count) && view.count > 0)
			EXPECT_INT(rows[i].first_id, view.batches[0]->first_id);
		recent_view_close(&view);
	}
	recent_free(r);
}

static void
the_newest_are_kept_even_within_a_batch(void)
{
	static const struct {
		unsigned counts[3];
		uint64_t oldest, batches;
	} rows[] = {
		{{10, 0, 0}, 1, 1},
		{{10, 1, 0}, 2, 2},
		{{5, 5, 5}, 6, 2},
		{{1000, 0, 0}, 991, 1},
		{{1, 1000, 1}, 993, 2},
		{{1000, 10, 0}, 1001, 1},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct recent *r = recent_new(10, PLENTY);
		struct recent_view view;

		tap_context("row %zu", i);
		for (size_t n = 0; n < 3; n++)
			if (rows[i].counts[n] > 0)
				append(r, rows[i].counts[n], 1);
		EXPECT_INT(0, recent_view_open(r, &view));
		EXPECT_INT(rows[i].oldest, view.oldest_id);
		EXPECT_INT(rows[i].batches, view.count);
		recent_view_close(&view);
		recent_free(r);
	}
}

static void
bytes_are_bounded_and_one_batch_is_always_kept(void)
{
	struct recent *r = recent_new(1000, 10000);
	struct recent_view view;

	for (int i = 0; i < 20; i++)
		append(r, 1, 2000);
	EXPECT_INT(0, recent_view_open(r, &view));
	EXPECT_INT(4, view.count);
	EXPECT_INT(17, view.oldest_id);
	recent_view_close(&view);
	append(r, 1, 20000);
	EXPECT_INT(0, recent_view_open(r, &view));
	EXPECT_INT(1, view.count);
	EXPECT_INT(21, view.oldest_id);
	recent_view_close(&view);
	recent_free(r);
}

static void
a_view_outlives_what_it_shows(void)
{
	struct recent *r = recent_new(1, PLENTY);
	struct recent_view view;

	append(r, 1, 5);
	EXPECT_INT(0, recent_view_open(r, &view));
	append(r, 1, 6);
	recent_free(r);
	EXPECT_BYTES("[11111]", 7, view.batches[0]->body, view.batches[0]->body_len);
	recent_view_close(&view);
}

#define THREADS 4
#define BATCHES 2000

static void *
append_many(void *argument)
{
	for (int i = 0; i < BATCHES; i++)
		append(argument, 3, 2);
	return NULL;
}

static void
threads_share_one_sequence(void)
{
	struct recent *r = recent_new((size_t)THREADS * BATCHES * 3, PLENTY);
	pthread_t threads[THREADS];
	struct recent_view view;
	uint64_t next = 1;

	for (int i = 0; i < THREADS; i++)
		EXPECT_INT(0, thread_start(&threads[i], 1 << 18, append_many, r));
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	EXPECT_INT(0, recent_view_open(r, &view));
	for (size_t i = 0; i < view.count; i++) {
		if (!EXPECT_INT(next, view.batches[i]->first_id))
			break;
		next += view.batches[i]->count;
	}
	EXPECT_INT((uint64_t)THREADS * BATCHES * 3 + 1, next);
	recent_view_close(&view);
	recent_free(r);
}

int
main(void)
{
	TAP_RUN(an_empty_view_shows_nothing);
	TAP_RUN(ids_have_no_gap_and_times_never_fall);
	TAP_RUN(a_view_of_the_newest_has_what_is_behind_an_id);
	TAP_RUN(the_newest_are_kept_even_within_a_batch);
	TAP_RUN(bytes_are_bounded_and_one_batch_is_always_kept);
	TAP_RUN(a_view_outlives_what_it_shows);
	TAP_RUN(threads_share_one_sequence);
	return tap_finish();
}
