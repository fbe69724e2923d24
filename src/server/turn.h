/*
 * turn: what the readers of the status side can make the server hold, bounded.
 *
 * Few pages are built at a time, in the order of asking; few streams run; and when the
 * bodies that are not sent yet get too many, no further page is built.
 *
 * Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_TURN_H
#define BIO_SERVER_TURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/lock.h"

struct turn;

struct turns {
	struct lock lock; /* guards everything below */
	struct condition line_moved;
	struct turn *first, **last; /* who waits to build a page */
	unsigned builders, streams;
	size_t unsent_bytes;
};

void turn_init(struct turns *t);
void turn_fini(struct turns *t);

/*
 * Waits a few seconds for a turn to build a page.  False: too many readers.  A stream
 * that has begun is not broken off because of them: it waits as long as it takes.
 */
bool turn_begin(struct turns *t, bool is_stream) MUST_USE;
void turn_end(struct turns *t);

/* The same for a stream that cannot wait so long. */
bool turn_begin_until(struct turns *t, uint64_t deadline_ns) MUST_USE;

/* False: too many of them run. */
bool turn_begin_stream(struct turns *t) MUST_USE;
void turn_end_stream(struct turns *t);

/* Bodies on their way to a reader count against a limit. */
void turn_account_unsent(struct turns *t, size_t added_bytes, size_t removed_bytes);

#endif
