/*
 * buffer: a stock of standard buffers and an account of all that is lent.
 *
 * Invariant under the lock: lent_bytes counts every byte that is in stock or lent, but
 * for the one buffer that is of the reserve, and never exceeds the budget less the
 * reserve. The stock is small, so that memory follows the work.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/lock.h"

#define STOCK_MAX 8

struct buffer_pool {
	size_t budget_bytes; /* less the reserve */
	size_t reserve_bytes;
	struct lock lock; /* guards everything below */
	struct condition room;
	size_t lent_bytes;
	bool is_reserve_taken;
	size_t waiting;
	uint8_t *stock[STOCK_MAX];
	size_t stock_count;
};

struct buffer_pool *
buffer_pool_new(size_t budget_bytes, size_t reserve_bytes)
{
	struct buffer_pool *pool = calloc(1, sizeof *pool);

	if (pool == NULL)
		return NULL;
	assert(reserve_bytes < budget_bytes);
	pool->budget_bytes = budget_bytes - reserve_bytes;
	pool->reserve_bytes = reserve_bytes;
	lock_init(&pool->lock);
	condition_init(&pool->room);
	return pool;
}

void
buffer_pool_free(struct buffer_pool *pool)
{
	if (pool == NULL)
		return;
	while (pool->stock_count > 0)
		free(pool->stock[--pool->stock_count]);
	condition_fini(&pool->room);
	lock_fini(&pool->lock);
	free(pool);
}

size_t
buffer_pool_bytes(struct buffer_pool *pool)
{
	size_t bytes;

	lock_acquire(&pool->lock);
	bytes = pool->lent_bytes;
	lock_release(&pool->lock);
	return bytes;
}

/* Takes `bytes` more on the account, at the cost of the stock if it must be. */
static bool
charge_locked(struct buffer_pool *pool, size_t bytes) REQUIRES(pool->lock)
{
	while (pool->lent_bytes + bytes > pool->budget_bytes && pool->stock_count > 0) {
		free(pool->stock[--pool->stock_count]);
		pool->lent_bytes -= BUFFER_STANDARD_BYTES;
	}
	if (pool->lent_bytes + bytes > pool->budget_bytes)
		return false;
	pool->lent_bytes += bytes;
	return true;
}

/* Memory out of the stock or the budget. */
static bool
find_room_locked(struct buffer_pool *pool, struct buffer *wanted) REQUIRES(pool->lock)
{
	if (wanted->capacity != BUFFER_STANDARD_BYTES || pool->stock_count == 0)
		return charge_locked(pool, wanted->capacity);
	wanted->bytes = pool->stock[--pool->stock_count];
	return true;
}

/* The reserve goes over from `b` if that has it. */
static bool
find_reserve_locked(struct buffer_pool *pool, const struct buffer *b,
	struct buffer *wanted) REQUIRES(pool->lock)
{
	if (pool->is_reserve_taken && !b->is_of_reserve)
		return false;
	if (2 * wanted->capacity > pool->reserve_bytes)
		return false;
	pool->is_reserve_taken = true;
	wanted->is_of_reserve = true;
	return true;
}

static void
close_account_locked(struct buffer_pool *pool, const struct buffer *b)
	REQUIRES(pool->lock)
{
	if (b->is_of_reserve)
		pool->is_reserve_taken = false;
	else
		pool->lent_bytes -= b->capacity;
	if (pool->waiting > 0)
		condition_broadcast(&pool->room);
}

/* The reserve is only for those who would have to wait. */
static int
borrow(struct buffer_pool *pool, const struct buffer *b, struct buffer *wanted,
	uint64_t deadline_ns)
{
	bool found;

	lock_acquire(&pool->lock);
	pool->waiting++;
	for (;;) {
		found = find_room_locked(pool, wanted) ||
			(deadline_ns > 0 && find_reserve_locked(pool, b, wanted));
		if (found || !condition_wait(&pool->room, &pool->lock, deadline_ns))
			break;
	}
	pool->waiting--;
	lock_release(&pool->lock);
	if (!found)
		return -1;
	if (wanted->bytes == NULL)
		wanted->bytes = malloc(wanted->capacity);
	if (wanted->bytes != NULL)
		return 0;
	lock_acquire(&pool->lock);
	if (!(wanted->is_of_reserve && b->is_of_reserve))
		close_account_locked(pool, wanted);
	lock_release(&pool->lock);
	return -1;
}

int
buffer_borrow(
	struct buffer_pool *pool, struct buffer *b, size_t capacity, uint64_t deadline_ns)
{
	static const struct buffer none;
	struct buffer wanted = {.capacity = capacity, .is_lent = true};

	if (wanted.capacity < BUFFER_STANDARD_BYTES)
		wanted.capacity = BUFFER_STANDARD_BYTES;
	if (borrow(pool, &none, &wanted, deadline_ns) != 0)
		return -1;
	*b = wanted;
	return 0;
}

int
buffer_resize(
	struct buffer_pool *pool, struct buffer *b, size_t capacity, uint64_t deadline_ns)
{
	struct buffer wanted = {.capacity = capacity, .is_lent = true};

	wanted.end = b->end - b->begin;
	assert(wanted.end <= capacity);
	if (borrow(pool, b, &wanted, deadline_ns) != 0)
		return -1;
	if (wanted.end > 0)
		memcpy(wanted.bytes, b->bytes + b->begin, wanted.end);
	if (wanted.is_of_reserve && b->is_of_reserve)
		free(b->bytes);
	else
		buffer_return(pool, b);
	*b = wanted;
	return 0;
}

void
buffer_return(struct buffer_pool *pool, struct buffer *b)
{
	if (!b->is_lent)
		return;
	lock_acquire(&pool->lock);
	if (b->capacity == BUFFER_STANDARD_BYTES && !b->is_of_reserve &&
		pool->stock_count < STOCK_MAX && pool->waiting == 0) {
		pool->stock[pool->stock_count++] = b->bytes;
		b->bytes = NULL;
	} else {
		close_account_locked(pool, b);
	}
	lock_release(&pool->lock);
	free(b->bytes);
	*b = (struct buffer){0};
}

void
buffer_compact(struct buffer *b)
{
	if (b->begin == 0)
		return;
	memmove(b->bytes, b->bytes + b->begin, b->end - b->begin);
	b->end -= b->begin;
	b->begin = 0;
}
