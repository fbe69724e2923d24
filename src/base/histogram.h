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

/* All zeros is an empty one. */
struct histogram {
	uint64_t count, sum, max;
	uint64_t buckets[HISTOGRAM_BUCKETS]; /* [i]: above bound(i - 1), up to bound(i) */
};

/* 2 to the power of i. */
uint64_t histogram_bound(unsigned i);

void histogram_add(struct histogram *h, uint64_t value);

/* The value that a part of 0 to 1 of all values do not exceed, about; 0 of none. */
double histogram_quantile(const struct histogram *h, double part);

#endif
