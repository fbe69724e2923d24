/*
 * rate: a ring of buckets, emptied as its seconds come round again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/rate.h"

#include <string.h>

#define BUCKETS (RATE_WINDOW_MAX_S + 1)

void
rate_add(struct rate *r, uint64_t now_s, uint64_t n)
{
	if (now_s - r->newest_s >= BUCKETS)
		memset(r->buckets, 0, sizeof r->buckets);
	else
		for (uint64_t s = r->newest_s + 1; s <= now_s; s++)
			r->buckets[s % BUCKETS] = 0;
	r->newest_s = now_s;
	r->buckets[now_s % BUCKETS] += n;
}

double
rate_read(const struct rate *r, uint64_t now_s, unsigned window_s)
{
	uint64_t sum = 0;

	for (uint64_t age_s = 1; age_s <= window_s && age_s <= now_s; age_s++) {
		uint64_t s = now_s - age_s;

		if (s <= r->newest_s && r->newest_s - s < BUCKETS)
			sum += r->buckets[s % BUCKETS];
	}
	return (double)sum / window_s;
}
