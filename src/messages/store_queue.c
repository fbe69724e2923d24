/*
 * store_queue: one lock around the numbers, the list, and those who wait.
 *
 * Who waits for room stands in a list of its own, on its own stack, with a condition of
 * its own: only the first is woken, and it wakes the next.  With one condition for all,
 * each commit would wake thousands for the few who then find room.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store_queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"

/* A transaction's share of the write-ahead log has to be well below what that may be. */
#define TRANSACTION_BYTES ((uint64_t)8 * 1024 * 1024)

struct waiter {
	struct waiter *next;
	struct condition woken;
	size_t bytes;
};

struct store_queue {
	size_t max_bytes;
	struct lock lock; /* guards everything below */
	struct condition work, released;
	struct waiter *first_waiter, **last_waiter;
	struct store_entry *first, **last;
	uint64_t next_id, next_ticket, released_ticket;
	int64_t last_us;
	uint64_t forward_mark;
	uint64_t hurry_ns;
	bool is_refusing;
	struct store_state state;
	struct store_numbers numbers;
};

struct store_queue *
store_queue_new(size_t max_bytes, const struct store_extent *extent, int64_t newest_us,
	uint64_t forward_mark)
{
	struct store_queue *q = calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	q->max_bytes = max_bytes;
	q->last = &q->first;
	q->last_waiter = &q->first_waiter;
	q->next_id = extent->newest_id + 1;
	q->next_ticket = 1;
	q->last_us = newest_us;
	q->forward_mark = forward_mark;
	q->hurry_ns = CLOCK_NEVER;
	q->numbers.extent = *extent;
	lock_init(&q->lock);
	condition_init(&q->work);
	condition_init(&q->released);
	return q;
}

void
store_queue_free(struct store_queue *q)
{
	struct store_work rest;

	if (q == NULL)
		return;
	rest.entries = q->first;
	batch_release_chain(store_queue_unwrap(&rest));
	condition_fini(&q->released);
	condition_fini(&q->work);
	lock_fini(&q->lock);
	free(q);
}

static bool
has_room_locked(const struct store_queue *q, size_t bytes) REQUIRES(q->lock)
{
	uint64_t queued = q->numbers.queued_bytes;

	return queued == 0 || queued + bytes <= q->max_bytes;
}

static void
wake_first_locked(struct store_queue *q) REQUIRES(q->lock)
{
	if (q->first_waiter != NULL && has_room_locked(q, q->first_waiter->bytes))
		condition_broadcast(&q->first_waiter->woken);
}

static void
wake_all_locked(struct store_queue *q) REQUIRES(q->lock)
{
	for (struct waiter *w = q->first_waiter; w != NULL; w = w->next)
		condition_broadcast(&w->woken);
	condition_broadcast(&q->released);
	condition_broadcast(&q->work);
}

/* STORE_OK: whoever is first in line, or alone, has room. */
static enum store_result
see_room_locked(const struct store_queue *q, bool is_first, size_t bytes)
	REQUIRES(q->lock)
{
	if (q->is_refusing)
		return STORE_CLOSED;
	if (is_first && has_room_locked(q, bytes))
		return STORE_OK;
	return q->state.is_failing ? STORE_UNAVAILABLE : STORE_TIMEOUT;
}

static void
join_line_locked(struct store_queue *q, struct waiter *self) REQUIRES(q->lock)
{
	*q->last_waiter = self;
	q->last_waiter = &self->next;
}

static void
leave_line_locked(struct store_queue *q, struct waiter *self) REQUIRES(q->lock)
{
	struct waiter **link = &q->first_waiter;

	while (*link != self)
		link = &(*link)->next;
	*link = self->next;
	if (q->last_waiter == &self->next)
		q->last_waiter = link;
}

static enum store_result
wait_for_room_locked(struct store_queue *q, size_t bytes, uint64_t deadline_ns)
	REQUIRES(q->lock)
{
	struct waiter self = {.bytes = bytes};
	enum store_result result = see_room_locked(q, q->first_waiter == NULL, bytes);
	bool in_time = true;

	if (result != STORE_TIMEOUT)
		return result;
	condition_init(&self.woken);
	join_line_locked(q, &self);
	while (result == STORE_TIMEOUT && in_time) {
		in_time = condition_wait(&self.woken, &q->lock, deadline_ns);
		result = see_room_locked(q, q->first_waiter == &self, bytes);
	}
	leave_line_locked(q, &self);
	condition_fini(&self.woken);
	return result;
}

static void
number_locked(struct store_queue *q, struct batch *batch) REQUIRES(q->lock)
{
	int64_t now_us = clock_wall_us();

	if (now_us > q->last_us)
		q->last_us = now_us;
	batch->received_us = q->last_us;
	batch->first_id = q->next_id;
	q->next_id += batch->count;
	q->numbers.queued_messages += batch->count;
}

static struct store_entry *
new_entry(struct batch *batch, const struct store_mark *mark)
{
	size_t session_max = (mark != NULL ? strlen(mark->session) : 0) + 1;
	struct store_entry *entry = malloc(sizeof *entry + session_max);

	assert(batch != NULL || mark != NULL);
	assert(session_max <= STORE_SESSION_MAX + 1);
	if (entry == NULL)
		return NULL;
	*entry = (struct store_entry){.batch = batch};
	entry->bytes = sizeof *entry + session_max;
	entry->session[0] = '\0';
	if (batch != NULL)
		entry->bytes += batch_bytes(batch);
	if (mark != NULL) {
		memcpy(entry->session, mark->session, session_max);
		entry->last = mark->last;
	}
	return entry;
}

enum store_result
store_queue_admit(struct store_queue *q, struct batch *batch,
	const struct store_mark *mark, uint64_t deadline_ns, struct store_entry **out)
{
	struct store_entry *entry = new_entry(batch, mark);
	enum store_result result;

	if (entry == NULL)
		return STORE_NO_MEMORY;
	lock_acquire(&q->lock);
	result = wait_for_room_locked(q, entry->bytes, deadline_ns);
	if (result == STORE_OK)
		q->numbers.queued_bytes += entry->bytes;
	wake_first_locked(q);
	lock_release(&q->lock);
	if (result != STORE_OK) {
		free(entry);
		entry = NULL;
	}
	*out = entry;
	return result;
}

uint64_t
store_queue_append(struct store_queue *q, struct store_entry *entry)
{
	uint64_t ticket;

	lock_acquire(&q->lock);
	if (entry->batch != NULL)
		number_locked(q, entry->batch);
	ticket = entry->ticket = q->next_ticket++;
	if (q->first == NULL)
		condition_broadcast(&q->work);
	*q->last = entry;
	q->last = &entry->next;
	lock_release(&q->lock);
	return ticket;
}

enum store_result
store_queue_wait(struct store_queue *q, uint64_t ticket, uint64_t deadline_ns)
{
	enum store_result result = STORE_OK;
	bool in_time = true;

	lock_acquire(&q->lock);
	assert(ticket < q->next_ticket);
	while (q->released_ticket < ticket && !q->state.is_failing && in_time)
		in_time = condition_wait(&q->released, &q->lock, deadline_ns);
	if (q->released_ticket < ticket)
		result = q->state.is_failing ? STORE_UNAVAILABLE : STORE_TIMEOUT;
	lock_release(&q->lock);
	return result;
}

void
store_queue_refuse(struct store_queue *q)
{
	lock_acquire(&q->lock);
	q->is_refusing = true;
	wake_all_locked(q);
	lock_release(&q->lock);
}

void
store_queue_state(struct store_queue *q, struct store_state *out)
{
	lock_acquire(&q->lock);
	*out = q->state;
	lock_release(&q->lock);
}

void
store_queue_numbers(struct store_queue *q, struct store_numbers *out)
{
	lock_acquire(&q->lock);
	*out = q->numbers;
	lock_release(&q->lock);
}

uint64_t
store_queue_forward_mark(struct store_queue *q)
{
	uint64_t mark;

	lock_acquire(&q->lock);
	mark = q->forward_mark;
	lock_release(&q->lock);
	return mark;
}

void
store_queue_set_forward_mark(struct store_queue *q, uint64_t id)
{
	lock_acquire(&q->lock);
	q->forward_mark = id;
	lock_release(&q->lock);
}

uint64_t
store_queue_last_ticket(struct store_queue *q)
{
	uint64_t ticket;

	lock_acquire(&q->lock);
	ticket = q->next_ticket - 1;
	lock_release(&q->lock);
	return ticket;
}

void
store_queue_hurry(struct store_queue *q, uint64_t deadline_ns)
{
	lock_acquire(&q->lock);
	q->hurry_ns = deadline_ns;
	wake_all_locked(q);
	lock_release(&q->lock);
}

/* Cuts off the front of the list, as much as a transaction is to have. */
static void
take_locked(struct store_queue *q, struct store_work *out) REQUIRES(q->lock)
{
	struct store_entry **end = &q->first;

	out->entries = q->first;
	while (*end != NULL) {
		struct store_entry *entry = *end;

		if (out->bytes > 0 && out->bytes + entry->bytes > TRANSACTION_BYTES)
			break;
		out->bytes += entry->bytes;
		out->messages += entry->batch != NULL ? entry->batch->count : 0;
		out->ticket = entry->ticket;
		end = &entry->next;
	}
	q->first = *end;
	*end = NULL;
	if (q->first == NULL)
		q->last = &q->first;
}

void
store_queue_take(struct store_queue *q, uint64_t deadline_ns, struct store_work *out)
{
	bool in_time = true;

	*out = (struct store_work){.forward_mark = STORE_NO_MARK};
	lock_acquire(&q->lock);
	while (q->first == NULL && !q->is_refusing && in_time)
		in_time = condition_wait(&q->work, &q->lock, deadline_ns);
	take_locked(q, out);
	out->forward_mark = q->forward_mark;
	out->is_last = q->is_refusing && q->first == NULL;
	lock_release(&q->lock);
}

struct batch *
store_queue_unwrap(struct store_work *work)
{
	struct batch *batches = NULL, **link = &batches;

	while (work->entries != NULL) {
		struct store_entry *entry = work->entries;

		work->entries = entry->next;
		if (entry->batch != NULL) {
			entry->batch->next = NULL;
			*link = entry->batch;
			link = &entry->batch->next;
		}
		free(entry);
	}
	return batches;
}

void
store_queue_release(struct store_queue *q, const struct store_work *work,
	const struct store_progress *progress)
{
	lock_acquire(&q->lock);
	q->numbers.extent = progress->extent;
	q->numbers.evicted = progress->evicted;
	if (work->ticket > 0) {
		q->numbers.queued_messages -= work->messages;
		q->numbers.queued_bytes -= work->bytes;
		histogram_add(&q->numbers.commit_us, progress->commit_us);
		q->released_ticket = work->ticket;
		condition_broadcast(&q->released);
	}
	wake_first_locked(q);
	lock_release(&q->lock);
}

bool
store_queue_fail(struct store_queue *q, const char *error)
{
	bool begins;

	lock_acquire(&q->lock);
	begins = !q->state.is_failing;
	if (begins)
		q->state.since_us = clock_wall_us();
	q->state.is_failing = true;
	(void)snprintf(q->state.text, sizeof q->state.text, "%s", error);
	if (begins)
		wake_all_locked(q);
	lock_release(&q->lock);
	return begins;
}

bool
store_queue_recover(struct store_queue *q)
{
	bool was_failing;

	lock_acquire(&q->lock);
	was_failing = q->state.is_failing;
	q->state = (struct store_state){0};
	lock_release(&q->lock);
	return was_failing;
}

bool
store_queue_pause(struct store_queue *q, uint64_t pause_ms)
{
	uint64_t pause_until_ns = clock_deadline_ns(pause_ms), hurry_ns;
	bool in_time = true;

	lock_acquire(&q->lock);
	hurry_ns = q->hurry_ns;
	while (in_time && q->hurry_ns == hurry_ns && hurry_ns > clock_mono_ns())
		in_time = condition_wait(&q->work, &q->lock,
			pause_until_ns < hurry_ns ? pause_until_ns : hurry_ns);
	in_time = q->hurry_ns > clock_mono_ns();
	lock_release(&q->lock);
	return in_time;
}
