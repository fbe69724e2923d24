/*
 * ingest: counts, hands over, shows, prints.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ingest.h"

#include "base/clock.h"

void
ingest_init(struct ingest *i, struct counters *counters, struct recent *recent,
	struct print *print)
{
	*i = (struct ingest){.counters = counters, .recent = recent, .print = print};
	lock_init(&i->lock);
}

void
ingest_fini(struct ingest *i)
{
	lock_fini(&i->lock);
}

void
ingest_tell(struct ingest *i, void (*shown)(void *argument), void *argument)
{
	i->shown = shown;
	i->argument = argument;
}

static void
count(struct ingest *i, const struct ingest_read *read)
{
	struct counter_change changes[3 + REJECT_COUNT];
	uint64_t rejected = 0;
	size_t n = 0;

	changes[n++] = (struct counter_change){COUNTER_bytes_received, read->bytes};
	for (int reason = 0; reason < REJECT_COUNT; reason++) {
		if (read->rejected[reason] == 0)
			continue;
		rejected += read->rejected[reason];
		changes[n++] = (struct counter_change){
			(enum counter)(COUNTER_rejected_by_reason + reason),
			read->rejected[reason]};
	}
	if (rejected > 0)
		changes[n++] =
			(struct counter_change){COUNTER_messages_rejected, rejected};
	if (read->batch == NULL) {
		counter_apply(i->counters, changes, n);
		return;
	}
	changes[n++] =
		(struct counter_change){(enum counter)(COUNTER_received_by_framing +
						       (int)read->batch->origin.framing),
			read->batch->count};
	counter_apply_received(i->counters, changes, n, &read->sizes);
}

static uint64_t
now_s(void)
{
	return clock_mono_ns() / CLOCK_NS_PER_S;
}

static void
show(struct ingest *i, struct batch *batch)
{
	uint32_t messages = batch->count;

	/* It may leave `recent` before it is printed. */
	batch_hold(batch);
	recent_append(i->recent, batch);
	counter_add(i->counters, COUNTER_messages_stored, messages);
	if (i->shown != NULL)
		i->shown(i->argument);
	print_batch(i->print, batch);
	batch_release(batch);
}

void
ingest_show(void *ingest, struct batch *batches)
{
	while (batches != NULL) {
		struct batch *next = batches->next;

		show(ingest, batches);
		batches = next;
	}
}

static void
count_accepted(struct ingest *i, uint32_t messages)
{
	lock_acquire(&i->lock);
	rate_add(&i->rate, now_s(), messages);
	lock_release(&i->lock);
}

static enum store_result
hand_to_store(struct ingest *i, struct ingest_read *read, const struct store_mark *mark,
	uint64_t *ticket)
{
	uint32_t messages = read->batch != NULL ? read->batch->count : 0;
	struct store_entry *entry;
	enum store_result result =
		store_admit(i->store, read->batch, mark, CLOCK_NEVER, &entry);

	if (result != STORE_OK) {
		if (read->batch != NULL)
			batch_release(read->batch);
		read->batch = NULL;
		count(i, read);
		return result;
	}
	count(i, read);
	if (messages > 0)
		count_accepted(i, messages);
	*ticket = store_append(i->store, entry);
	return STORE_OK;
}

enum store_result
ingest_hand_over(struct ingest *i, struct ingest_read *read,
	const struct store_mark *mark, uint64_t *ticket)
{
	*ticket = 0;
	if (i->store != NULL && (read->batch != NULL || mark != NULL))
		return hand_to_store(i, read, mark, ticket);
	count(i, read);
	if (read->batch != NULL) {
		count_accepted(i, read->batch->count);
		show(i, read->batch);
	}
	return STORE_OK;
}

static struct batch *
reverse(struct batch *batches)
{
	struct batch *reversed = NULL;

	while (batches != NULL) {
		struct batch *next = batches->next;

		batches->next = reversed;
		reversed = batches;
		batches = next;
	}
	return reversed;
}

int
ingest_use_store(struct ingest *i, struct store *store, size_t max_bytes)
{
	struct batch *newest;

	if (store_read(store, UINT64_MAX, STORE_DESCENDING, max_bytes, &newest) !=
		STORE_OK)
		return -1;
	newest = reverse(newest);
	while (newest != NULL) {
		struct batch *next = newest->next;

		recent_append(i->recent, newest);
		newest = next;
	}
	i->store = store;
	return 0;
}

void
ingest_read_rates(struct ingest *i, struct ingest_rates *out)
{
	struct rate rate;

	lock_acquire(&i->lock);
	rate = i->rate;
	lock_release(&i->lock);
	out->last_1s = rate_read(&rate, now_s(), 1);
	out->last_10s = rate_read(&rate, now_s(), 10);
	out->last_60s = rate_read(&rate, now_s(), 60);
}
