/*
 * histogram: adding and reading off.  No state of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/histogram.h"

uint64_t
histogram_bound(unsigned i)
{
	return UINT64_C(1) << i;
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	h->count++;
	h->sum += value;
	if (value > h->max)
		h->max = value;
	h->buckets[histogram_bucket(value)]++;
}

uint64_t
histogram_add_tally(struct histogram *h, const struct histogram_tally *tally)
{
	uint64_t count = 0;

	for (unsigned i = 0; i < HISTOGRAM_TALLY_BUCKETS; i++) {
		h->buckets[i] += tally->buckets[i];
		count += tally->buckets[i];
	}
	h->count += count;
	h->sum += tally->sum;
	return count;
}

uint64_t
histogram_count_up_to(const struct histogram *h, unsigned i)
{
	uint64_t count = 0;

	for (unsigned n = 0; n <= i; n++)
		count += h->buckets[n];
	return count;
}

double
histogram_quantile(const struct histogram *h, double part)
{
	double wanted = part * (double)h->count, seen = 0, low, value;
	unsigned i = 0;

	if (h->count == 0)
		return 0;
	while (i < HISTOGRAM_BUCKETS - 1 && seen + (double)h->buckets[i] < wanted)
		seen += (double)h->buckets[i++];
	low = i == 0 ? 0 : (double)histogram_bound(i - 1);
	value = low;
	if (h->buckets[i] > 0)
		value += ((double)histogram_bound(i) - low) * (wanted - seen) /
			 (double)h->buckets[i];
	return value < (double)h->max ? value : (double)h->max;
}
