/*
 * recent: the newest messages, in memory.
 *
 * Holds whole batches, shared by reference: as many as it takes for the newest
 * `max_messages`, and at most `max_bytes` (one batch is always kept).  Readers take a
 * view of the batches and look at them without holding up anybody.
 *
 * Any thread may call; nothing blocks on I/O.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_RECENT_H
#define BIO_MESSAGES_RECENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "messages/batch.h"

struct recent;

/* Batches in the order of their ids, each held; `oldest_id` is the oldest to be shown. */
struct recent_view {
	struct batch **batches;
	size_t count;
	uint64_t oldest_id, newest_id; /* 0 where there is none */
};

/* Returns owned; NULL: out of memory. */
struct recent *recent_new(size_t max_messages, size_t max_bytes) MUST_USE;
void recent_free(struct recent *r);

/*
 * Shows the batch, which it takes.  One that has no ids gets the next ones and the time,
 * both in one order for all threads; one that has them, from the store, must come in
 * their order.
 */
void recent_append(struct recent *r, struct batch *batch);

/* 0, or -1: out of memory. */
int recent_view_open(struct recent *r, struct recent_view *out) MUST_USE;

/*
 * A view of the newest batches alone: those with messages behind `after`, and no more of
 * them than it takes for `max_messages`.
 */
int recent_view_open_behind(struct recent *r, uint64_t after, size_t max_messages,
	struct recent_view *out) MUST_USE;

void recent_view_close(struct recent_view *view);

/* 0: there is none. */
uint64_t recent_newest_id(struct recent *r);

#endif
