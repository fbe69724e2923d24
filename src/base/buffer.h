/*
 * buffer: the bytes that a session has read and not yet consumed, and the pool that lends
 * the memory for them.
 *
 * All lent memory comes out of one budget.  A session borrows when bytes are waiting and
 * gives back when it has consumed them; a buffer of the standard size goes back to a
 * small stock, another to the system.  When the budget is spent, borrowing waits: the
 * sessions then do not read, and TCP slows their senders.
 *
 * Those who wait may hold buffers themselves, so that in the end nobody could go on.
 * Therefore a part of the budget is a reserve for one borrower at a time: whoever would
 * have to wait and finds it free gets what the longest message takes, can finish that,
 * and gives all back.
 *
 * A buffer belongs to one thread; the pool may be called by any.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_BUFFER_H
#define BIO_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define BUFFER_STANDARD_BYTES ((size_t)256 * 1024)

struct buffer {
	uint8_t *bytes;
	size_t begin, end; /* what is unconsumed lies in bytes[begin..end) */
	size_t capacity;
	bool is_lent;       /* the pool's memory, not the owner's own */
	bool is_of_reserve; /* the one that is */
};

struct buffer_pool;

/*
 * The reserve is a part of the budget; it serves buffers of up to half its size, since
 * one that grows is there twice for a moment.  Returns owned; NULL: out of memory.
 */
struct buffer_pool *buffer_pool_new(size_t budget_bytes, size_t reserve_bytes) MUST_USE;
void buffer_pool_free(struct buffer_pool *pool);

/* What is lent or in stock now, without the reserve. */
size_t buffer_pool_bytes(struct buffer_pool *pool);

/*
 * Makes `b` an empty buffer of at least `capacity` bytes, waiting for the budget until
 * the deadline (clock_mono_ns).  -1: the deadline passed or the system has no memory.
 */
int buffer_borrow(struct buffer_pool *pool, struct buffer *b, size_t capacity,
	uint64_t deadline_ns) MUST_USE;

/*
 * The same for exactly `capacity` bytes, and takes the unconsumed bytes over, which must
 * fit, from the buffer that `b` was; that goes back to the pool if it came from there. On
 * -1 `b` is as it was.
 */
int buffer_resize(struct buffer_pool *pool, struct buffer *b, size_t capacity,
	uint64_t deadline_ns) MUST_USE;

/* Gives lent memory back; `b` has none then. */
void buffer_return(struct buffer_pool *pool, struct buffer *b);

/* Moves the unconsumed bytes to the front. */
void buffer_compact(struct buffer *b);

#endif
