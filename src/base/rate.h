/*
 * rate: how many a second, over the last complete seconds.
 *
 * A ring of one bucket a second, so neither a thread nor a timer is needed.  The caller's
 * lock guards it.  Times are whole seconds of the monotonic clock and may not go back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_RATE_H
#define BIO_BASE_RATE_H

#include <stdint.h>

#define RATE_WINDOW_MAX_S 60

struct rate {
	uint64_t buckets[RATE_WINDOW_MAX_S + 1]; /* by second, modulo their number */
	uint64_t newest_s;
};

/* A rate of all zeros is ready for use. */
void rate_add(struct rate *r, uint64_t now_s, uint64_t n);

/* The mean over the `window_s` (1 to RATE_WINDOW_MAX_S) seconds before `now_s`. */
double rate_read(const struct rate *r, uint64_t now_s, unsigned window_s);

#endif
