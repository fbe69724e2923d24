/*
 * counter: an array of totals behind one lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/counter.h"

#include <assert.h>
#include <string.h>

const struct counter_row counter_rows[COUNTER_ROW_COUNT] = {
#define COUNTER(name, stats, metric, help) \
	{stats, metric, help, NULL, REASON_REJECT, COUNTER_##name},
#define COUNTER_BY(name, list, stats, metric, label, help) \
	{stats, metric, help, label, REASON_##list, COUNTER_##name},
#include "base/counters.def"
};

void
counter_init(struct counters *c)
{
	memset(c, 0, sizeof *c);
	lock_init(&c->lock);
}

void
counter_fini(struct counters *c)
{
	lock_fini(&c->lock);
}

void
counter_add(struct counters *c, enum counter counter, uint64_t by)
{
	counter_apply(c, &(struct counter_change){counter, by}, 1);
}

static void
apply_locked(struct counters *c, const struct counter_change changes[], size_t count)
	REQUIRES(c->lock)
{
	for (size_t i = 0; i < count; i++)
		c->now.values[changes[i].counter] += changes[i].by;
}

void
counter_apply(struct counters *c, const struct counter_change changes[], size_t count)
{
	lock_acquire(&c->lock);
	apply_locked(c, changes, count);
	lock_release(&c->lock);
}

void
counter_apply_received(struct counters *c, const struct counter_change changes[],
	size_t count, const struct histogram_tally *sizes)
{
	lock_acquire(&c->lock);
	apply_locked(c, changes, count);
	c->now.values[COUNTER_messages_received] +=
		histogram_add_tally(&c->now.message_bytes, sizes);
	lock_release(&c->lock);
}

void
counter_add_request(struct counters *c, unsigned path, unsigned code)
{
	assert(path < COUNTER_PATHS_MAX && code < COUNTER_CODES_MAX);
	lock_acquire(&c->lock);
	c->now.values[COUNTER_http_requests]++;
	c->now.requests[path][code]++;
	lock_release(&c->lock);
}

bool
counter_open_connection(struct counters *c, uint64_t limit)
{
	uint64_t open;

	lock_acquire(&c->lock);
	open = c->now.values[COUNTER_connections_accepted] -
	       c->now.values[COUNTER_connections_closed] + 1;
	if (open <= limit)
		c->now.values[COUNTER_connections_accepted]++;
	if (open <= limit && open > c->now.connections_peak)
		c->now.connections_peak = open;
	lock_release(&c->lock);
	return open <= limit;
}

void
counter_close_connection(struct counters *c, enum close_reason reason)
{
	const struct counter_change changes[] = {
		{COUNTER_connections_closed, 1},
		{(enum counter)(COUNTER_closed_by_reason + (int)reason), 1},
	};

	counter_apply(c, changes, COUNT_OF(changes));
}

void
counter_refuse_connection(struct counters *c, enum close_reason reason)
{
	const struct counter_change changes[] = {
		{COUNTER_connections_accepted, 1},
		{COUNTER_connections_closed, 1},
		{(enum counter)(COUNTER_closed_by_reason + (int)reason), 1},
	};

	counter_apply(c, changes, COUNT_OF(changes));
}

void
counter_read(struct counters *c, struct counter_snapshot *out)
{
	lock_acquire(&c->lock);
	*out = c->now;
	lock_release(&c->lock);
}
