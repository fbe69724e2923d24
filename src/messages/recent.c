/*
 * recent: a ring of batches behind one lock.
 *
 * Every batch has a message or more, so a ring of max_messages + 1 slots always has room
 * before the old ones leave.  Batches that leave are released outside the lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/recent.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/lock.h"

struct recent {
	size_t max_messages, max_bytes, slots;
	struct lock lock; /* guards everything below */
	struct batch **ring;
	size_t first, count;    /* slots in use */
	size_t messages, bytes; /* in all batches held */
	uint64_t next_id;
	int64_t last_us;
};

struct recent *
recent_new(size_t max_messages, size_t max_bytes)
{
	struct recent *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->max_messages = max_messages;
	r->max_bytes = max_bytes;
	r->slots = max_messages + 1;
	r->next_id = 1;
	r->ring = calloc(r->slots, sizeof *r->ring);
	if (r->ring == NULL) {
		free(r);
		return NULL;
	}
	lock_init(&r->lock);
	return r;
}

static struct batch *
batch_at(const struct recent *r, size_t position)
{
	return r->ring[(r->first + position) % r->slots];
}

void
recent_free(struct recent *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->count; i++)
		batch_release(batch_at(r, i));
	lock_fini(&r->lock);
	free(r->ring);
	free(r);
}

static void
number_locked(struct recent *r, struct batch *batch) REQUIRES(r->lock)
{
	int64_t now_us = clock_wall_us();

	if (now_us > r->last_us)
		r->last_us = now_us;
	batch->received_us = r->last_us;
	batch->first_id = r->next_id;
	r->next_id += batch->count;
}

/* Takes out what is no longer needed; the caller releases the chain. */
static struct batch *
evict_locked(struct recent *r) REQUIRES(r->lock)
{
	struct batch *chain = NULL;

	while (r->count > 1) {
		struct batch *oldest = batch_at(r, 0);

		if (r->messages - oldest->count < r->max_messages &&
			r->bytes <= r->max_bytes)
			break;
		r->first = (r->first + 1) % r->slots;
		r->count--;
		r->messages -= oldest->count;
		r->bytes -= batch_bytes(oldest);
		/* Readers of a view look at everything but `next`. */
		oldest->next = chain;
		chain = oldest;
	}
	return chain;
}

void
recent_append(struct recent *r, struct batch *batch)
{
	struct batch *evicted;

	lock_acquire(&r->lock);
	if (batch->first_id == 0)
		number_locked(r, batch);
	else
		r->next_id = batch->first_id + batch->count;
	r->ring[(r->first + r->count) % r->slots] = batch;
	r->count++;
	r->messages += batch->count;
	r->bytes += batch_bytes(batch);
	evicted = evict_locked(r);
	lock_release(&r->lock);
	batch_release_chain(evicted);
}

/* What stands from `position` on. */
static int
open_view_locked(struct recent *r, size_t position, struct recent_view *out)
	REQUIRES(r->lock)
{
	out->batches = malloc((r->count - position + 1) * sizeof *out->batches);
	if (out->batches == NULL)
		return -1;
	for (; position < r->count; position++) {
		out->batches[out->count] = batch_at(r, position);
		batch_hold(out->batches[out->count++]);
	}
	if (r->count > 0) {
		out->newest_id = r->next_id - 1;
		out->oldest_id = batch_at(r, 0)->first_id;
		if (r->messages > r->max_messages)
			out->oldest_id = r->next_id - r->max_messages;
	}
	return 0;
}

int
recent_view_open(struct recent *r, struct recent_view *out)
{
	int result;

	*out = (struct recent_view){0};
	lock_acquire(&r->lock);
	result = open_view_locked(r, 0, out);
	lock_release(&r->lock);
	return result;
}

int
recent_view_open_behind(
	struct recent *r, uint64_t after, size_t max_messages, struct recent_view *out)
{
	size_t position, messages = 0;
	int result;

	*out = (struct recent_view){0};
	lock_acquire(&r->lock);
	for (position = r->count; position > 0 && messages < max_messages; position--) {
		const struct batch *batch = batch_at(r, position - 1);

		if (batch->first_id + batch->count - 1 <= after)
			break;
		messages += batch->count;
	}
	result = open_view_locked(r, position, out);
	lock_release(&r->lock);
	return result;
}

uint64_t
recent_newest_id(struct recent *r)
{
	uint64_t id;

	lock_acquire(&r->lock);
	id = r->count > 0 ? r->next_id - 1 : 0;
	lock_release(&r->lock);
	return id;
}

void
recent_view_close(struct recent_view *view)
{
	for (size_t i = 0; i < view->count; i++)
		batch_release(view->batches[i]);
	free(view->batches);
	*view = (struct recent_view){0};
}
