/*
 * scan_proof: proves that whole blocks of a text are JSON, without a step for each token.
 *
 * There are two answers: the bytes are clean, or they are not known to be.  Where
 * something is wrong, or the value ends, they are left to the loop of scan.c, which also
 * knows where and why.  Until then hardly a branch depends on how tokens follow one
 * another, and that is what makes it quick: on dense text the loop waits mostly for wrong
 * guesses.
 *
 * One function for each kind of machine that has the instructions, all with the same
 * contract; how it is done stands in scan_proof_lanes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_SCAN_PROOF_H
#define BIO_WIRE_SCAN_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A proof has all its levels in one word, beside its two highest bits. */
#define SCAN_PROOF_LEVELS_MAX 61
/* The stack with no level, which a clean block leaves nowhere. */
#define SCAN_PROOF_STACK_EMPTY 3

/* Where a proof stands. */
struct scan_proof_place {
	/* Behind its highest two bits a bit a level, 1 for an object, the innermost
	 * lowest. */
	uint64_t stack;
	uint64_t u; /* a bit for each of the last 64 bytes: the u of an escape */
	bool is_in_string;
	bool is_plain; /* in a string that has no escape so far: a proof ends there */
	bool is_escaped, is_in_scalar;
	bool is_behind_any, is_behind_separator, is_behind_key;
};

/*
 * How many of the bytes, which begin behind a comma, are proved clean; `place` says where
 * that is, and what it says before is its stack alone.  At most `levels_max` (1 to
 * SCAN_PROOF_LEVELS_MAX) objects and arrays are nested in what is proved.  Nothing behind
 * the bytes is read.  0: none are, and `place` stays as it was.
 */
typedef size_t scan_proof_function(struct scan_proof_place *place, unsigned levels_max,
	const uint8_t *bytes, size_t len);

scan_proof_function scan_proof_avx2, scan_proof_avx512;

#endif
