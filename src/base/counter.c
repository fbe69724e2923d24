/*
 * counter: an array of totals behind one lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/counter.h"

#include <string.h>

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

void
counter_apply(struct counters *c, const struct counter_change changes[], size_t count)
{
	lock_acquire(&c->lock);
	for (size_t i = 0; i < count; i++)
		c->now.values[changes[i].counter] += changes[i].by;
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
