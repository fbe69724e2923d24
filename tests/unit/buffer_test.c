/*
 * buffer_test: what is lent, what waits for the budget, and what a buffer keeps.
 *
 * Nothing sleeps: a deadline of a few milliseconds is the only time that passes, and
 * where a thread waits for another, either order of events is right.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buffer.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/lock.h"
#include "cuts.h"
#include "tap.h"

#define STANDARD BUFFER_STANDARD_BYTES
#define THREADS 4
#define ROUNDS 2000
#define STACK_BYTES ((size_t)256 * 1024)
#define PATIENCE_MS 20000 /* a test that would wait for ever fails instead */

static struct buffer_pool *
new_pool(size_t budget_bytes)
{
	struct buffer_pool *pool = buffer_pool_new(budget_bytes, 0);

	if (pool == NULL)
		abort();
	return pool;
}

/* Puts `len` bytes that tell their place into a buffer, `begin` from its front. */
static void
fill(struct buffer *b, size_t begin, size_t len)
{
	b->begin = begin;
	b->end = begin + len;
	for (size_t i = 0; i < len; i++)
		b->bytes[begin + i] = (uint8_t)(i * 7 + i / 256);
}

static bool
is_filled(const struct buffer *b, size_t len)
{
	if (b->end - b->begin != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (b->bytes[b->begin + i] != (uint8_t)(i * 7 + i / 256))
			return false;
	return true;
}

static void
a_pool_begins_with_nothing(void)
{
	struct buffer_pool *pool = new_pool(STANDARD);

	EXPECT_INT(0, buffer_pool_bytes(pool));
	buffer_pool_free(pool);
	buffer_pool_free(NULL);
}

static void
a_borrowed_buffer_is_empty(void)
{
	static const struct {
		size_t capacity, lent;
	} rows[] = {
		{0, STANDARD},
		{1, STANDARD},
		{STANDARD, STANDARD},
		{STANDARD + 1, STANDARD + 1},
		{3 * STANDARD, 3 * STANDARD},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer_pool *pool = new_pool(4 * STANDARD);
		struct buffer b;

		memset(&b, 0xa5, sizeof b);
		tap_context("capacity %zu", rows[i].capacity);
		EXPECT_INT(0, buffer_borrow(pool, &b, rows[i].capacity, 0));
		EXPECT(b.bytes != NULL && b.is_lent && b.begin == 0 && b.end == 0);
		EXPECT_INT(rows[i].lent, b.capacity);
		EXPECT_INT(rows[i].lent, buffer_pool_bytes(pool));
		memset(b.bytes, 1, b.capacity);
		buffer_return(pool, &b);
		EXPECT(b.bytes == NULL && !b.is_lent && b.capacity == 0);
		buffer_return(pool, &b); /* nothing is lent: nothing to do */
		EXPECT(buffer_pool_bytes(pool) <= STANDARD);
		buffer_pool_free(pool);
	}
}

static void
a_returned_standard_buffer_is_lent_again(void)
{
	struct buffer_pool *pool = new_pool(STANDARD);
	struct buffer b;

	for (int i = 0; i < 3; i++) {
		EXPECT_INT(0, buffer_borrow(pool, &b, STANDARD, 0));
		EXPECT_INT(STANDARD, buffer_pool_bytes(pool));
		buffer_return(pool, &b);
		EXPECT_INT(STANDARD, buffer_pool_bytes(pool));
	}
	buffer_pool_free(pool);
}

static void
a_returned_large_buffer_leaves_the_pool(void)
{
	struct buffer_pool *pool = new_pool(4 * STANDARD);
	struct buffer b;

	EXPECT_INT(0, buffer_borrow(pool, &b, 2 * STANDARD, 0));
	buffer_return(pool, &b);
	EXPECT_INT(0, buffer_pool_bytes(pool));
	buffer_pool_free(pool);
}

/* However many were lent at once, only a few are kept. */
static void
the_stock_is_small(void)
{
	enum { MANY = 64 };
	struct buffer_pool *pool = new_pool(MANY * STANDARD);
	struct buffer lent[MANY];

	for (size_t i = 0; i < MANY; i++)
		EXPECT_INT(0, buffer_borrow(pool, &lent[i], STANDARD, 0));
	EXPECT_INT(MANY * STANDARD, buffer_pool_bytes(pool));
	for (size_t i = 0; i < MANY; i++)
		buffer_return(pool, &lent[i]);
	EXPECT(buffer_pool_bytes(pool) > 0);
	EXPECT(buffer_pool_bytes(pool) <= MANY / 4 * STANDARD);
	buffer_pool_free(pool);
}

static void
the_budget_is_never_exceeded(void)
{
	struct buffer_pool *pool = new_pool(2 * STANDARD + 100);
	struct buffer first, second, third = {.capacity = 42};

	EXPECT_INT(0, buffer_borrow(pool, &first, STANDARD, 0));
	EXPECT_INT(-1, buffer_borrow(pool, &third, STANDARD + 101, 0));
	EXPECT_INT(0, buffer_borrow(pool, &second, STANDARD + 100, 0));
	EXPECT_INT(-1, buffer_borrow(pool, &third, 1, 0));
	EXPECT_INT(42, third.capacity);
	EXPECT_INT(2 * STANDARD + 100, buffer_pool_bytes(pool));
	buffer_return(pool, &second);
	EXPECT_INT(0, buffer_borrow(pool, &third, 1, 0));
	buffer_return(pool, &first);
	buffer_return(pool, &third);
	buffer_pool_free(pool);
}

static void
more_than_the_budget_is_never_lent(void)
{
	struct buffer_pool *pool = new_pool(STANDARD);
	struct buffer b;

	EXPECT_INT(-1, buffer_borrow(pool, &b, STANDARD + 1, 0));
	EXPECT_INT(0, buffer_borrow(pool, &b, STANDARD, 0));
	EXPECT_INT(STANDARD, buffer_pool_bytes(pool));
	buffer_return(pool, &b);
	buffer_pool_free(pool);
}

/* The stock is for speed: it must not stand in the way of a larger buffer. */
static void
the_stock_gives_way(void)
{
	struct buffer_pool *pool = new_pool(4 * STANDARD);
	struct buffer small[4], large;

	for (size_t i = 0; i < COUNT_OF(small); i++)
		EXPECT_INT(0, buffer_borrow(pool, &small[i], STANDARD, 0));
	for (size_t i = 0; i < COUNT_OF(small); i++)
		buffer_return(pool, &small[i]);
	EXPECT_INT(0, buffer_borrow(pool, &large, 4 * STANDARD, 0));
	EXPECT_INT(4 * STANDARD, buffer_pool_bytes(pool));
	buffer_return(pool, &large);
	buffer_pool_free(pool);
}

static void
waiting_ends_at_the_deadline(void)
{
	struct buffer_pool *pool = new_pool(STANDARD);
	struct buffer first, second;
	uint64_t deadline_ns;

	EXPECT_INT(0, buffer_borrow(pool, &first, STANDARD, 0));
	deadline_ns = clock_deadline_ns(10);
	EXPECT_INT(-1, buffer_borrow(pool, &second, STANDARD, deadline_ns));
	EXPECT(clock_mono_ns() >= deadline_ns);
	EXPECT_INT(-1, buffer_resize(pool, &first, 2 * STANDARD, clock_deadline_ns(1)));
	buffer_return(pool, &first);
	EXPECT_INT(0, buffer_borrow(pool, &second, STANDARD, deadline_ns));
	buffer_return(pool, &second);
	buffer_pool_free(pool);
}

/* A thread that borrows. */
struct borrower {
	struct buffer_pool *pool;
	size_t capacity;
	int result;
	atomic_bool is_running;
};

static void *
run_borrower(void *argument)
{
	struct borrower *borrower = argument;
	struct buffer b;

	atomic_store(&borrower->is_running, true);
	borrower->result = buffer_borrow(
		borrower->pool, &b, borrower->capacity, clock_deadline_ns(PATIENCE_MS));
	if (borrower->result == 0)
		buffer_return(borrower->pool, &b);
	return NULL;
}

static void
what_is_returned_wakes_who_waits(void)
{
	static const size_t capacities[] = {STANDARD, 2 * STANDARD};

	for (size_t i = 0; i < 50 && tap.failures == 0; i++) {
		struct buffer_pool *pool = new_pool(2 * STANDARD);
		struct borrower borrower = {
			.pool = pool, .capacity = capacities[i % COUNT_OF(capacities)]};
		struct buffer first, second;
		pthread_t thread;

		EXPECT_INT(0, buffer_borrow(pool, &first, STANDARD, 0));
		EXPECT_INT(0, buffer_borrow(pool, &second, STANDARD, 0));
		if (!EXPECT_INT(0,
			    thread_start(&thread, STACK_BYTES, run_borrower, &borrower)))
			abort();
		while (!atomic_load(&borrower.is_running))
			(void)sched_yield();
		/* By now it mostly waits; where it does not yet, the test holds too. */
		for (int yields = 0; yields < 100; yields++)
			(void)sched_yield();
		buffer_return(pool, &first);
		buffer_return(pool, &second);
		EXPECT_INT(0, pthread_join(thread, NULL));
		EXPECT_INT(0, borrower.result);
		buffer_pool_free(pool);
	}
}

/* A thread that borrows, grows and returns, over and over. */
struct worker {
	struct buffer_pool *pool;
	uint64_t random;
	size_t budget_bytes;
	unsigned failures;
};

static void
run_worker_once(struct worker *w)
{
	uint64_t deadline_ns = clock_deadline_ns(PATIENCE_MS);
	size_t begin = random_below(&w->random, 100);
	struct buffer b;

	if (buffer_borrow(w->pool, &b, STANDARD, deadline_ns) != 0) {
		w->failures++;
		return;
	}
	fill(&b, begin, 100);
	/* Two that grow at once may stand in each other's way, so this one does not wait.
	 */
	if (random_below(&w->random, 4) == 0)
		(void)!buffer_resize(w->pool, &b, STANDARD + begin, 0);
	w->failures += !is_filled(&b, 100);
	w->failures += buffer_pool_bytes(w->pool) > w->budget_bytes;
	buffer_return(w->pool, &b);
}

static void *
run_worker(void *argument)
{
	for (int i = 0; i < ROUNDS; i++)
		run_worker_once(argument);
	return NULL;
}

static void
many_threads_share_a_small_budget(void)
{
	size_t budget_bytes = 2 * STANDARD + 100, started = 0;
	struct buffer_pool *pool = new_pool(budget_bytes);
	struct worker workers[THREADS];
	pthread_t threads[THREADS];

	for (; started < THREADS; started++) {
		workers[started] = (struct worker){pool, started, budget_bytes, 0};
		if (thread_start(&threads[started], STACK_BYTES, run_worker,
			    &workers[started]) != 0)
			break;
	}
	EXPECT_INT(THREADS, started);
	for (size_t i = 0; i < started; i++) {
		EXPECT_INT(0, pthread_join(threads[i], NULL));
		EXPECT_INT(0, workers[i].failures);
	}
	EXPECT(buffer_pool_bytes(pool) <= 2 * STANDARD);
	buffer_pool_free(pool);
}

static void
growing_keeps_the_unconsumed_bytes(void)
{
	static const struct {
		size_t begin, len, capacity;
	} rows[] = {
		{0, 0, 2 * STANDARD},
		{0, 1000, 2 * STANDARD},
		{500, 1000, 2 * STANDARD},
		{0, STANDARD, 2 * STANDARD},
		{STANDARD - 1, 1, STANDARD + 1},
		{STANDARD, 0, 2 * STANDARD},
		{100, 1000, STANDARD},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer_pool *pool = new_pool(3 * STANDARD);
		struct buffer b;

		tap_context("row %zu", i);
		EXPECT_INT(0, buffer_borrow(pool, &b, STANDARD, 0));
		fill(&b, rows[i].begin, rows[i].len);
		EXPECT_INT(0, buffer_resize(pool, &b, rows[i].capacity, 0));
		EXPECT_INT(0, b.begin);
		EXPECT(b.is_lent && b.capacity >= rows[i].capacity);
		EXPECT(is_filled(&b, rows[i].len));
		buffer_return(pool, &b);
		EXPECT(buffer_pool_bytes(pool) <= 2 * STANDARD);
		buffer_pool_free(pool);
	}
}

static void
growing_in_vain_changes_nothing(void)
{
	struct buffer_pool *pool = new_pool(2 * STANDARD);
	struct buffer b, before;

	EXPECT_INT(0, buffer_borrow(pool, &b, STANDARD, 0));
	fill(&b, 10, 1000);
	before = b;
	EXPECT_INT(-1, buffer_resize(pool, &b, 2 * STANDARD, 0));
	EXPECT(b.bytes == before.bytes && b.begin == before.begin &&
		b.end == before.end && b.capacity == before.capacity && b.is_lent);
	EXPECT(is_filled(&b, 1000));
	EXPECT_INT(STANDARD, buffer_pool_bytes(pool));
	buffer_return(pool, &b);
	buffer_pool_free(pool);
}

/* A session may begin in memory of its own, which the pool must not take. */
static void
growing_out_of_memory_of_ones_own(void)
{
	uint8_t own[64];
	struct buffer_pool *pool = new_pool(2 * STANDARD);
	struct buffer b = {.bytes = own, .capacity = sizeof own};

	fill(&b, 8, 50);
	buffer_return(pool, &b);
	EXPECT(b.bytes == own);
	EXPECT_INT(0, buffer_resize(pool, &b, STANDARD, 0));
	EXPECT(b.bytes != own && b.is_lent);
	EXPECT(is_filled(&b, 50));
	EXPECT_INT(STANDARD, buffer_pool_bytes(pool));
	buffer_return(pool, &b);
	buffer_pool_free(pool);
}

static void
growing_out_of_nothing(void)
{
	struct buffer_pool *pool = new_pool(STANDARD);
	struct buffer b = {0};

	EXPECT_INT(0, buffer_resize(pool, &b, STANDARD, 0));
	EXPECT(b.is_lent && b.begin == 0 && b.end == 0);
	buffer_return(pool, &b);
	buffer_pool_free(pool);
}

static void
compacting_moves_bytes_to_the_front(void)
{
	static const struct {
		size_t begin, len;
	} rows[] = {
		{0, 0},
		{0, 1000},
		{10, 0},
		{10, 1000}, /* onto themselves */
		{5000, 1000},
		{STANDARD, 0},
		{1, STANDARD - 1},
	};
	struct buffer_pool *pool = new_pool(STANDARD);

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer b;

		tap_context("row %zu", i);
		EXPECT_INT(0, buffer_borrow(pool, &b, STANDARD, 0));
		fill(&b, rows[i].begin, rows[i].len);
		buffer_compact(&b);
		EXPECT_INT(0, b.begin);
		EXPECT(is_filled(&b, rows[i].len));
		EXPECT_INT(STANDARD, b.capacity);
		buffer_return(pool, &b);
	}
	buffer_pool_free(pool);
}

int
main(void)
{
	TAP_RUN(a_pool_begins_with_nothing);
	TAP_RUN(a_borrowed_buffer_is_empty);
	TAP_RUN(a_returned_standard_buffer_is_lent_again);
	TAP_RUN(a_returned_large_buffer_leaves_the_pool);
	TAP_RUN(the_stock_is_small);
	TAP_RUN(the_budget_is_never_exceeded);
	TAP_RUN(more_than_the_budget_is_never_lent);
	TAP_RUN(the_stock_gives_way);
	TAP_RUN(waiting_ends_at_the_deadline);
	TAP_RUN(what_is_returned_wakes_who_waits);
	TAP_RUN(many_threads_share_a_small_budget);
	TAP_RUN(growing_keeps_the_unconsumed_bytes);
	TAP_RUN(growing_in_vain_changes_nothing);
	TAP_RUN(growing_out_of_memory_of_ones_own);
	TAP_RUN(growing_out_of_nothing);
	TAP_RUN(compacting_moves_bytes_to_the_front);
	return tap_finish();
}
