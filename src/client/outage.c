/*
 * outage: two deadlines and a backoff.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/outage.h"

#include "base/clock.h"

void
outage_init(struct outage *o, uint64_t retry_timeout_ms)
{
	*o = (struct outage){.retry_timeout_ms = retry_timeout_ms,
		.give_up_ns = CLOCK_NEVER,
		.limit_ns = CLOCK_NEVER};
	backoff_init(&o->backoff);
}

/* Far more than there ever is time for, and small enough to count with. */
static uint64_t
bounded_s(uint64_t retry_after_s)
{
	const uint64_t year_s = (uint64_t)365 * 86400;

	return retry_after_s < year_s ? retry_after_s : year_s;
}

enum outage_verdict
outage_fail(struct outage *o, uint64_t now_ns, uint64_t retry_after_s)
{
	uint64_t pause_ms =
		backoff_next_ms(&o->backoff) + bounded_s(retry_after_s) * 1000;
	bool begins = o->give_up_ns == CLOCK_NEVER;
	uint64_t until_ns;

	if (begins)
		o->give_up_ns = now_ns + o->retry_timeout_ms * CLOCK_NS_PER_MS;
	until_ns = o->give_up_ns < o->limit_ns ? o->give_up_ns : o->limit_ns;
	o->next_ns = now_ns + pause_ms * CLOCK_NS_PER_MS;
	if (now_ns >= until_ns || (retry_after_s > 0 && o->next_ns > until_ns))
		return OUTAGE_IS_TOO_LONG;
	if (o->next_ns > until_ns)
		o->next_ns = until_ns;
	return begins ? OUTAGE_BEGINS : OUTAGE_GOES_ON;
}

void
outage_postpone(struct outage *o, uint64_t now_ns, uint64_t retry_after_s)
{
	uint64_t pause_ms = bounded_s(retry_after_s) * 1000;

	if (pause_ms > o->retry_timeout_ms)
		pause_ms = o->retry_timeout_ms;
	o->next_ns = now_ns + pause_ms * CLOCK_NS_PER_MS;
}

void
outage_end(struct outage *o)
{
	o->give_up_ns = CLOCK_NEVER;
	backoff_reset(&o->backoff);
}
