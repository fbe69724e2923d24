/*
 * histogram: how often a quantity, such as microseconds or bytes, was how large.
 *
 * A bucket for each power of two; quantiles are read off between a bucket's bounds, and
 * are never above the largest value.  No lock: its owner has one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_HISTOGRAM_H
#define BIO_BASE_HISTOGRAM_H

#include <stdint.h>

/* The last one holds all that is larger. */
#define HISTOGRAM_BUCKETS 40
/* As many are enough for values up to 16 MiB. */
#define HISTOGRAM_TALLY_BUCKETS 25

/* All zeros is an empty one. */
struct histogram {
	uint64_t count, sum, max;
	uint64_t buckets[HISTOGRAM_BUCKETS]; /* [i]: above bound(i - 1), up to bound(i) */
};

/*
 * Values that one thread collects before it adds them to a histogram that others see: in
 * less room, and in a nanosecond each.  All zeros is an empty one.
 */
struct histogram_tally {
	uint64_t sum;
	uint32_t buckets[HISTOGRAM_TALLY_BUCKETS]; /* the last: all that is larger, too */
};

/* 2 to the power of i. */
uint64_t histogram_bound(unsigned i);

/* Which bucket a value belongs to. */
static inline unsigned
histogram_bucket(uint64_t value)
{
	unsigned i = value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);

	return i < HISTOGRAM_BUCKETS ? i : HISTOGRAM_BUCKETS - 1;
}

void histogram_add(struct histogram *h, uint64_t value);

/* How many values are at most histogram_bound(i). */
uint64_t histogram_count_up_to(const struct histogram *h, unsigned i);

static inline void
histogram_tally_add(struct histogram_tally *tally, uint64_t value)
{
	unsigned i = histogram_bucket(value);

	tally->sum += value;
	tally->buckets[i < HISTOGRAM_TALLY_BUCKETS ? i : HISTOGRAM_TALLY_BUCKETS - 1]++;
}

/* Adds what was collected, but for the largest, and says how many values that were. */
uint64_t histogram_add_tally(struct histogram *h, const struct histogram_tally *tally);

/* The value that a part of 0 to 1 of all values do not exceed, about; 0 of none. */
double histogram_quantile(const struct histogram *h, double part);

#endif
