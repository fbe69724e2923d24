/*
 * fuzz: what every fuzz target offers, and what it is offered.
 *
 * A target is one file, NAME_fuzz.c.  libFuzzer calls it with inputs of its own making,
 * and replay.c with those that are kept under corpus/NAME/.  A check that fails says so
 * and aborts: there is nothing to be tidied up after a finding.
 *
 * One thread only.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_FUZZ_FUZZ_H
#define BIO_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/cuts.h"

/* Longer inputs are not looked at. */
#define FUZZ_INPUT_MAX 8192

/* The name, which is also that of the folder under corpus/. */
extern const char fuzz_name[];

/* The entry; the name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What no input has shown yet, so that a corpus which says nothing is seen; or NULL. */
const char *fuzz_missing(void);

#define FUZZ_CHECK(condition)                                                   \
	do {                                                                    \
		if (!(condition)) {                                             \
			(void)fprintf(stderr, "%s:%d: expected %s\n", __FILE__, \
				__LINE__, #condition);                          \
			abort();                                                \
		}                                                               \
	} while (0)

/* A seed that depends on every byte, so that each input brings its own cuts (FNV-1a). */
static inline uint64_t
fuzz_seed(const uint8_t *data, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* How many of the `left` last bytes are given next: few, or about a vector, or many. */
static inline size_t
fuzz_cut(uint64_t *random, size_t left)
{
	static const size_t most[] = {3, 9, 40, 140, 600};
	size_t part = random_below(random, most[random_below(random, 5)]);

	return part < left ? part : left;
}

#endif
