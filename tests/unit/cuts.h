/*
 * cuts: every way in which the tests cut an input into reads, and their random numbers.
 *
 * A way is a number below cut_ways(len): 0 leaves the input whole, 1 cuts it into single
 * bytes, then come the cuts into two parts, one for each place (the first and the last of
 * them make an empty read), then random ones.  The same way always cuts the same.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_UNIT_CUTS_H
#define BIO_UNIT_CUTS_H

#include <stddef.h>
#include <stdint.h>

#define CUT_WHOLE 0
#define CUT_BYTES 1
#define CUT_IN_TWO(at) ((size_t)2 + (at))
#define CUT_RANDOM_WAYS 50

struct cut {
	size_t way, len;
	uint64_t random;
};

/* splitmix64: any seed will do. */
static inline uint64_t
random_next(uint64_t *random)
{
	uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline size_t
random_below(uint64_t *random, size_t n)
{
	return (size_t)(random_next(random) % n);
}

static inline size_t
cut_ways(size_t len)
{
	return CUT_IN_TWO(len) + 1 + CUT_RANDOM_WAYS;
}

static inline struct cut
cut_begin(size_t way, size_t len)
{
	return (struct cut){.way = way, .len = len, .random = way};
}

/* How many of the `left` last bytes the next read gives. */
static inline size_t
cut_next(struct cut *c, size_t left)
{
	size_t part = left;

	if (c->way == CUT_BYTES) {
		part = 1;
	} else if (c->way > CUT_IN_TWO(c->len)) {
		part = random_below(
			&c->random, random_below(&c->random, 4) == 0 ? 60 : 6);
	} else if (c->way >= CUT_IN_TWO(0)) {
		part = c->way - CUT_IN_TWO(0);
		c->way = CUT_WHOLE; /* the second part is all that is left */
	}
	return part < left ? part : left;
}

#endif
