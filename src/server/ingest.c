/*
 * ingest: counts, numbers, shows, prints.
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
	if (read->batch != NULL)
		changes[n++] = (struct counter_change){
			COUNTER_messages_received, read->batch->count};
	counter_apply(i->counters, changes, n);
}

static uint64_t
now_s(void)
{
	return clock_mono_ns() / CLOCK_NS_PER_S;
}

void
ingest_hand_over(struct ingest *i, struct ingest_read *read)
{
	struct batch *batch = read->batch;
	uint32_t messages;

	count(i, read);
	if (batch == NULL)
		return;
	messages = batch->count;
	lock_acquire(&i->lock);
	rate_add(&i->rate, now_s(), messages);
	lock_release(&i->lock);
	/* It may leave `recent` before it is printed. */
	batch_hold(batch);
	recent_append(i->recent, batch);
	counter_add(i->counters, COUNTER_messages_stored, messages);
	print_batch(i->print, batch);
	batch_release(batch);
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
