/*
 * buffer: a stock of standard buffers and an account of all that is lent.
 *
 * Invariant under the lock: lent_bytes counts every byte that is lent or in stock, and
 * never exceeds the budget.  The stock is small, so that memory follows the work.
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
	size_t budget_bytes;
	struct lock lock; /* guards everything below */
	struct condition room;
	size_t lent_bytes;
	size_t waiting;
	uint8_t *stock[STOCK_MAX];
	size_t stock_count;
};

struct buffer_pool *
buffer_pool_new(size_t budget_bytes)
{
	struct buffer_pool *pool = calloc(1, sizeof *pool);

	if (pool == NULL)
		return NULL;
	pool->budget_bytes = budget_bytes;
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

/* Room in the account for `bytes` more, at the cost of the stock if it must be. */
static bool
reserve_locked(struct buffer_pool *pool, size_t bytes) REQUIRES(pool->lock)
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

static void
release(struct buffer_pool *pool, size_t bytes)
{
	lock_acquire(&pool->lock);
	pool->lent_bytes -= bytes;
	if (pool->waiting > 0)
		condition_broadcast(&pool->room);
	lock_release(&pool->lock);
}

int
buffer_borrow(
	struct buffer_pool *pool, struct buffer *b, size_t capacity, uint64_t deadline_ns)
{
	uint8_t *bytes = NULL;
	bool reserved = true;

	if (capacity < BUFFER_STANDARD_BYTES)
		capacity = BUFFER_STANDARD_BYTES;
	lock_acquire(&pool->lock);
	if (capacity == BUFFER_STANDARD_BYTES && pool->stock_count > 0) {
		bytes = pool->stock[--pool->stock_count];
	} else {
		pool->waiting++;
		while (!(reserved = reserve_locked(pool, capacity)))
			if (!condition_wait(&pool->room, &pool->lock, deadline_ns))
				break;
		pool->waiting--;
	}
	lock_release(&pool->lock);
	if (!reserved)
		return -1;
	if (bytes == NULL && (bytes = malloc(capacity)) == NULL) {
		release(pool, capacity);
		return -1;
	}
	*b = (struct buffer){.bytes = bytes, .capacity = capacity, .is_lent = true};
	return 0;
}

int
buffer_grow(
	struct buffer_pool *pool, struct buffer *b, size_t capacity, uint64_t deadline_ns)
{
	struct buffer larger;

	if (buffer_borrow(pool, &larger, capacity, deadline_ns) != 0)
		return -1;
	larger.end = b->end - b->begin;
	assert(larger.end <= larger.capacity);
	memcpy(larger.bytes, b->bytes + b->begin, larger.end);
	buffer_return(pool, b);
	*b = larger;
	return 0;
}

void
buffer_return(struct buffer_pool *pool, struct buffer *b)
{
	uint8_t *bytes = b->bytes;

	if (!b->is_lent)
		return;
	if (b->capacity == BUFFER_STANDARD_BYTES) {
		lock_acquire(&pool->lock);
		if (pool->stock_count < STOCK_MAX && pool->waiting == 0) {
			pool->stock[pool->stock_count++] = bytes;
			bytes = NULL;
		}
		lock_release(&pool->lock);
	}
	if (bytes != NULL) {
		free(bytes);
		release(pool, b->capacity);
	}
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
