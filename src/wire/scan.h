/*
 * scan: a strict, resumable JSON scanner.
 *
 * Finds the end of one JSON text (RFC 8259) and proves it valid, strings as UTF-8 (RFC
 * 3629) among it, in one pass and without a tree.  The bytes may come in any cuts: each
 * is looked at once, and the cuts never change the outcome.  An escaped lone surrogate is
 * valid by the grammar and accepted; white space before the value is skipped.
 *
 * A scan belongs to its caller, allocates nothing and never blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_SCAN_H
#define BIO_WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/reason.h"

#define SCAN_DEPTH_MAX 900

enum scan_result {
	SCAN_MORE, /* every byte was taken and the value goes on */
	SCAN_DONE, /* the value ended */
	SCAN_BAD,  /* a byte that cannot stand where it stands */
};

struct scan {
	uint8_t expect;    /* what may come next: enum expect in scan.c */
	uint8_t part;      /* where within a string or a number: enum part in scan.c */
	uint8_t pending;   /* hexadecimal digits or continuation bytes still to come */
	uint8_t low, high; /* what the next continuation byte may be */
	uint16_t depth, max_depth;
	uint16_t prove_behind;     /* so many bytes, whole blocks may be proved */
	const char *literal;       /* what is left of true, false or null */
	const char *error;         /* after SCAN_BAD: what was expected */
	enum reject_reason reason; /* after SCAN_BAD: syntax, utf8 or too_deep */
	/* A bit a level, 1 for an object: the innermost lowest, and every 64 levels
	 * kept. */
	uint64_t kinds, outer_kinds[SCAN_DEPTH_MAX / 64];
};

/* White space as JSON has it. */
static inline bool
scan_is_white(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/*
 * Begins a value; `max_depth` objects and arrays (1 to SCAN_DEPTH_MAX) may be nested.
 * `expected_len`: how many bytes it will have, as far as the caller can guess, such as
 * those of the value before it, or 0.  Only the speed depends on that.
 */
void scan_begin(struct scan *s, unsigned max_depth, size_t expected_len);

/*
 * Goes on with the next bytes.  `*used` is how many belong to the value so far: all of
 * them after SCAN_MORE; after SCAN_DONE those up to its end, where the byte that ended a
 * number is not part of it; after SCAN_BAD those before the offending byte.
 */
enum scan_result scan_feed(
	struct scan *s, const uint8_t *bytes, size_t len, size_t *used) MUST_USE;

/* True where the input may end after SCAN_MORE: behind a whole top-level number. */
bool scan_may_end(const struct scan *s);

/*
 * The ways through a text, each for the machines that have its instructions; what they
 * find is the same.  The best one is taken by itself, and only tests choose.
 */
enum scan_path {
	SCAN_PATH_PORTABLE, /* every machine has it */
	SCAN_PATH_SSE2,
	SCAN_PATH_AVX2,
	SCAN_PATH_AVX512, /* with VBMI2 and GFNI */
	SCAN_PATH_COUNT
};

const char *scan_path_name(enum scan_path path);

/* False: this machine does not have it. */
bool scan_use_path(enum scan_path path) MUST_USE;

#endif
