/*
 * scan_proof: proves that blocks of 64 bytes are JSON, without a step for each token.
 *
 * A bit stands for a byte, a mask for the bytes of one kind, and a quad for the masks of
 * four blocks.  What the grammar says of neighbours (a comma wants a value behind it) is
 * then arithmetic on whole quads: what is first behind a comma is found by adding, since
 * a sum carries through a run of ones.  Only brackets are walked, to know which commas
 * and colons stand in an object, and literals.
 *
 * There are two answers: the blocks are clean, or they are not known to be.  Where
 * something is wrong, or the value ends, they are left to the loop, which also knows
 * where and why.  Until then hardly a branch depends on how tokens follow one another,
 * and that is what makes it quick: on dense text the loop waits mostly for wrong guesses.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_SCAN_PROOF_H
#define BIO_WIRE_SCAN_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/scan_block.h"

#ifdef __x86_64__

#define SCAN_TARGET_PROOF __attribute__((target("avx2,bmi,bmi2,pclmul,popcnt")))

#define PROOF_BLOCKS 4
#define PROOF_BYTES ((size_t)PROOF_BLOCKS * SCAN_BLOCK_BYTES)
/* A literal is looked at whole, and may go on behind the blocks. */
#define PROOF_BYTES_AHEAD 8

/* A proof has all its levels in one word, beside its two highest bits. */
#define PROOF_LEVELS_MAX 61
/* The stack with no level, which a clean block leaves nowhere. */
#define PROOF_STACK_EMPTY 3

typedef uint64_t quad __attribute__((vector_size(32)));

/* Plane n has the bit n of each byte; four blocks of every sixteen make its quads. */
#define PROOF_PLANE_BLOCKS ((size_t)16)

struct proof_planes {
	uint64_t words[8][PROOF_PLANE_BLOCKS];
} __attribute__((aligned(32)));

/* A search for what is first behind some bits, which goes on in the next blocks. */
struct proof_search {
	quad last;
	unsigned carry;
};

/* What four blocks leave to the next four; a quad is one of their own masks. */
struct proof {
	bool in_string, is_plain; /* plain: in a string, and without an escape */
	struct proof_search behind_any, behind_separator, behind_key;
	struct proof_search behind_fraction, behind_exponent;
	unsigned even_backslashes, odd_backslashes;
	quad backslashes, u;
	quad two_bytes, three_bytes, four_bytes, from_a0, to_9f, from_90, to_8f;
	quad scalars, literals, digits, first, signs, e, zero;
	uint64_t literal_left;
	/* Below the two highest bits: a bit a level, 1 for an object, the innermost
	 * lowest. */
	uint64_t stack, stacks_seen, stacks_max;
};

/* Where the proof stands behind clean blocks. */
struct proof_place {
	uint64_t stack, u;
	bool is_in_string, is_plain, is_escaped, is_in_scalar;
	bool is_behind_any, is_behind_separator, is_behind_key;
};

/* Which bytes are of which kind, whether in a string or not. */
struct proof_kinds {
	quad planes[8];
	quad high; /* those of multi-byte characters */
	quad quotes, backslashes, controls, white;
	quad openings, closings, braces, commas, colons;
	quad digits, zero, minus, plus, point, e, letters;
};

/* What was found out about the blocks. */
struct proof_tokens {
	quad strings, string_starts;
	quad openings, closings, braces, commas, colons;
	quad scalars, scalar_starts;
	quad white; /* between the others */
};

SCAN_TARGET_PROOF static NO_INLINE void
proof_find_planes(struct proof_planes *planes, const uint8_t *bytes, size_t blocks)
{
	for (size_t i = 0; i < blocks; i++, bytes += SCAN_BLOCK_BYTES) {
		__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
		__m256i high =
			_mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));

		/* Takes the highest bit of each byte and moves the next one up. */
#pragma GCC unroll 8
		for (unsigned n = 8; n-- > 0;) {
			planes->words[n][i] =
				(uint64_t)(unsigned)_mm256_movemask_epi8(low) |
				(uint64_t)(unsigned)_mm256_movemask_epi8(high) << 32;
			low = _mm256_add_epi8(low, low);
			high = _mm256_add_epi8(high, high);
		}
	}
}

/* How many blocks of so many bytes are looked at together. */
static inline size_t
proof_block_count(size_t len)
{
	size_t blocks = (len - PROOF_BYTES_AHEAD) / PROOF_BYTES * PROOF_BLOCKS;

	return blocks < PROOF_PLANE_BLOCKS ? blocks : PROOF_PLANE_BLOCKS;
}

/* The highest bit of each. */
SCAN_TARGET_PROOF static ALWAYS_INLINE unsigned
quad_tops(quad q)
{
	return (unsigned)_mm256_movemask_pd((__m256d)q);
}

/* A bit to each. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
quad_spread(unsigned bits)
{
	return ((quad){bits, bits, bits, bits} >> (quad){0, 1, 2, 3}) & 1;
}

SCAN_TARGET_PROOF static ALWAYS_INLINE bool
quad_is_zero(quad q)
{
	return _mm256_testz_si256((__m256i)q, (__m256i)q);
}

/* The bits `n` places behind those of `mask`; those of the blocks before are in `last`.
 */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_far_behind(quad mask, quad last, unsigned n)
{
	quad before = __builtin_shufflevector(last, mask, 3, 4, 5, 6);

	return mask << n | before >> (64 - n);
}

SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_behind(quad mask, quad *last)
{
	quad behind = proof_far_behind(mask, *last, 1);

	*last = mask;
	return behind;
}

/*
 * The first bits that are not in `filler`, from each of `from` on.  What is added to a
 * run of ones carries through it; a carry out of one block goes on into the next, and
 * through those that are filler alone.
 */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_first_from(quad from, quad filler, unsigned *carry)
{
	quad sum = from + filler;
	unsigned carries = quad_tops((from & filler) | ((from | filler) & ~sum));
	unsigned full = quad_tops((quad)(sum == ~(quad){0}));

	carries = ((carries << 1 | *carry) + full) ^ full;
	*carry = carries >> PROOF_BLOCKS;
	return (sum + quad_spread(carries)) & ~filler;
}

/* The first bits behind those of `mask` that are not in `filler`; none is in both. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_first_behind(quad mask, quad filler, struct proof_search *s)
{
	return proof_first_from(proof_behind(mask, &s->last), filler, &s->carry);
}

/* From each bit, inclusive, to the next one, exclusive. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_between(quad bits, bool *is_within)
{
	unsigned turns, within = *is_within;

	bits ^= bits << 1;
	bits ^= bits << 2;
	bits ^= bits << 4;
	bits ^= bits << 8;
	bits ^= bits << 16;
	bits ^= bits << 32;
	turns = quad_tops(bits);
	turns ^= turns << 1;
	turns ^= turns << 2;
	*is_within = (turns >> (PROOF_BLOCKS - 1) & 1) ^ within;
	return bits ^ -quad_spread(turns << 1 ^ -within);
}

/* Tells the bytes by their bits: the upper half chooses a row of ASCII's table. */
SCAN_TARGET_PROOF static ALWAYS_INLINE void
proof_find_kinds(struct proof_kinds *k, const struct proof_planes *planes, size_t at)
{
	quad b[8], row_2, row_3, rows_4_6, rows_5_7, row_5, from_8, from_c, x0, x1, x2,
		x3;

#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++)
		b[i] = k->planes[i] = (quad)_mm256_load_si256(
			(const __m256i *)(const void *)(planes->words[i] + at));
	k->high = b[7];
	k->controls = ~(b[7] | b[6] | b[5]);
	row_2 = ~(b[7] | b[6] | b[4]) & b[5];
	row_3 = ~(b[7] | b[6]) & b[5] & b[4];
	rows_4_6 = ~(b[7] | b[4]) & b[6];
	rows_5_7 = ~b[7] & b[6] & b[4];
	row_5 = rows_5_7 & ~b[5];
	from_8 = b[3] & ~b[2];
	from_c = b[3] & b[2];
	x0 = ~(b[1] | b[0]);
	x1 = ~b[1] & b[0];
	x2 = b[1] & ~b[0];
	x3 = b[1] & b[0];
	k->quotes = row_2 & ~b[3] & ~b[2] & x2;
	k->backslashes = row_5 & from_c & x0;
	k->zero = row_3 & ~b[3] & ~b[2] & x0;
	k->white = (row_2 & ~b[3] & ~b[2] & x0) |
		   (k->controls & ~b[4] & ((from_8 & (x1 | x2)) | (from_c & x1)));
	k->openings = rows_5_7 & from_8 & x3;
	k->closings = rows_5_7 & from_c & x1;
	k->braces = b[5];
	k->commas = row_2 & from_c & x0;
	k->colons = row_3 & from_8 & x2;
	k->digits = row_3 & ~(b[3] & (b[2] | b[1]));
	k->minus = row_2 & from_c & x1;
	k->plus = row_2 & from_8 & x3;
	k->point = row_2 & from_c & x2;
	k->e = rows_4_6 & ~b[3] & b[2] & x1;
	k->letters = b[6];
}

/* Not 0: a character is no UTF-8 (RFC 3629, section 4). */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_utf8_faults(const struct proof_kinds *k, struct proof *next)
{
	const quad *b = k->planes;
	quad first = b[7] & b[6], going_on = b[7] & ~b[6];
	quad two = first & ~b[5], three = first & b[5] & ~b[4];
	quad four = first & b[5] & b[4];
	quad lowest = ~(b[3] | b[2] | b[1] | b[0]);
	quad e0 = three & lowest, ed = three & b[3] & b[2] & ~b[1] & b[0];
	quad f0 = four & lowest, f4 = four & b[2];
	quad wanted = proof_far_behind(three, next->three_bytes, 2) |
		      proof_far_behind(four, next->four_bytes, 2) |
		      proof_far_behind(four, next->four_bytes, 3);

	wanted |= proof_behind(two, &next->two_bytes) |
		  proof_behind(three, &next->three_bytes) |
		  proof_behind(four, &next->four_bytes);
	return (wanted ^ going_on) | (two & ~(b[4] | b[3] | b[2] | b[1])) |
	       (four & (b[3] | (b[2] & (b[1] | b[0])))) |
	       (proof_behind(e0, &next->from_a0) & ~b[5]) |
	       (proof_behind(ed, &next->to_9f) & b[5]) |
	       (proof_behind(f0, &next->from_90) & ~(b[5] | b[4])) |
	       (proof_behind(f4, &next->to_8f) & (b[5] | b[4]));
}

/* What is escaped, but for backslashes: the byte behind an odd number of them. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_escaped(quad backslashes, struct proof *next)
{
	const quad even = (quad){0} + UINT64_C(0x5555555555555555);
	quad starts = backslashes & ~proof_behind(backslashes, &next->backslashes);
	quad even_ends =
		proof_first_from(starts & even, backslashes, &next->even_backslashes);
	quad odd_ends =
		proof_first_from(starts & ~even, backslashes, &next->odd_backslashes);

	return (even_ends & ~even) | (odd_ends & even);
}

/* Not 0: an escape is wrong. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_escape_faults(const struct proof_kinds *k, quad escaped, struct proof *next)
{
	const quad *b = k->planes;
	quad small = ~b[7] & b[6] & b[5], row_6 = small & ~b[4], row_7 = small & b[4];
	quad slash = ~(b[7] | b[6] | b[4]) & b[5] & b[3] & b[2] & b[1] & b[0];
	/* b, f, n; r; t, u */
	quad known = (row_6 & b[1] & ~b[0] & (b[2] | ~b[3])) |
		     (row_7 & ~b[3] & ~b[2] & b[1] & ~b[0]) |
		     (row_7 & ~b[3] & b[2] & ~b[1]);
	quad u = escaped & row_7 & b[0], last = next->u;
	quad a_to_f = ~(b[7] | b[4] | b[3]) & b[6] & (b[2] | b[1] | b[0]) &
		      ~(b[2] & b[1] & b[0]);
	quad digits = proof_behind(u, &next->u) | proof_far_behind(u, last, 2) |
		      proof_far_behind(u, last, 3) | proof_far_behind(u, last, 4);

	return (escaped & ~(known | slash | k->quotes)) |
	       (digits & ~(k->digits | a_to_f));
}

/* A literal of four or five letters as scan_load_8 has it. */
#define PROOF_WORD(text)                                                              \
	((uint64_t)(text)[0] | (uint64_t)(text)[1] << 8 | (uint64_t)(text)[2] << 16 | \
		(uint64_t)(text)[3] << 24 | (uint64_t)(text)[4] << 32)

/* The bytes of true, false and null, one of which must begin at each of `starts`. */
static ALWAYS_INLINE uint64_t
proof_block_literals(
	const uint8_t *bytes, uint64_t starts, uint64_t *left, uint64_t *faults)
{
	uint64_t literals = *left;

	*left = 0;
	for (; starts != 0; starts &= starts - 1) {
		unsigned at = (unsigned)__builtin_ctzll(starts);
		uint64_t v = scan_load_8(bytes + at);
		uint64_t is_false = (v & UINT64_C(0xffffffffff)) == PROOF_WORD("false");
		uint64_t mask = 0xf | is_false << 4;

		*faults |= !(is_false | ((uint32_t)v == PROOF_WORD("true")) |
			     ((uint32_t)v == PROOF_WORD("null")));
		literals |= mask << at;
		*left |= mask >> (63 - at) >> 1;
	}
	return literals;
}

SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_literals(struct proof *next, const uint8_t *bytes, quad starts, quad *faults)
{
	uint64_t found[PROOF_BLOCKS], wrong = 0;

	if (quad_is_zero(starts) && next->literal_left == 0)
		return (quad){0};
#pragma GCC unroll 4
	for (size_t i = 0; i < PROOF_BLOCKS; i++)
		found[i] = proof_block_literals(bytes + i * SCAN_BLOCK_BYTES, starts[i],
			&next->literal_left, &wrong);
	*faults |= (quad){wrong};
	return (quad){found[0], found[1], found[2], found[3]};
}

/* Not 0: a number is wrong. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_number_faults(
	const struct proof_kinds *k, quad numbers, quad starts, struct proof *next)
{
	quad digits = numbers & k->digits, minus = numbers & k->minus;
	quad first = minus & starts, point = numbers & k->point, e = numbers & k->e;
	quad signs = minus | (numbers & k->plus), part = digits | signs;
	quad behind_e = proof_behind(e, &next->e);
	quad zero = numbers & k->zero & (starts | proof_behind(first, &next->first));

	return (numbers & ~(part | point | e)) | (signs & ~(first | behind_e)) |
	       ((point | e) & ~proof_behind(digits, &next->digits)) |
	       (proof_behind(signs | point, &next->signs) & ~digits) |
	       (behind_e & ~part) | (proof_behind(zero, &next->zero) & digits) |
	       (proof_first_behind(point, part, &next->behind_fraction) & point) |
	       (proof_first_behind(e, part, &next->behind_exponent) & (point | e));
}

/* Not 0: a value stands where none may, or does not stand where one must. */
SCAN_TARGET_PROOF static ALWAYS_INLINE quad
proof_order_faults(
	const struct proof_tokens *t, struct proof *next, quad *in_object, quad *in_array)
{
	quad values = t->scalar_starts | t->string_starts | t->openings;
	quad separators = t->commas | t->colons, ends = t->closings & t->braces;
	quad behind_separator =
		proof_first_behind(separators, t->white, &next->behind_separator);
	quad behind_any =
		proof_first_behind(separators | t->openings, t->white, &next->behind_any);
	/* Behind a key that stands there, or at once where none does. */
	quad behind_key = proof_first_behind((t->openings & t->braces) | t->commas,
		t->white | t->strings, &next->behind_key);

	*in_object = (behind_key & t->colons) | ends;
	*in_array = (behind_key & ~t->colons & ~(ends & behind_any)) |
		    (t->closings & ~t->braces);
	return (values & ~behind_any) | (behind_any & separators) |
	       (behind_separator & t->closings) | (t->colons & ~behind_key);
}

/*
 * Walks the brackets of a block, and answers which bytes stand in an object; a bracket
 * itself stands in what is around it.
 */
SCAN_TARGET_PROOF static ALWAYS_INLINE uint64_t
proof_objects(uint64_t openings, uint64_t closings, uint64_t braces, struct proof *next)
{
	uint64_t brackets = openings | closings, stack = next->stack;
	uint64_t kinds = 0, before = stack & 1, turns;
	unsigned count = (unsigned)__builtin_popcountll(brackets);

	braces = _pext_u64(braces & openings, brackets);
	closings = _pext_u64(closings, brackets);
	for (unsigned i = count; i > 0; i--) {
		/* Up one level, and two down from there where it closes. */
		stack = (stack * 2 + (braces & 1)) >> (closings & 1) * 2;
		next->stacks_seen |= stack - PROOF_STACK_EMPTY - 1;
		kinds = kinds >> 1 | stack << 63;
		braces >>= 1;
		closings >>= 1;
	}
	kinds >>= -count & 63;
	next->stack = stack;
	/* Where the kind turns, it is another one behind the bracket. */
	turns = _pdep_u64(kinds ^ (kinds << 1 | before), brackets);
	turns = (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(
		_mm_cvtsi64_si128((int64_t)turns), _mm_set1_epi8((char)0xff), 0));
	return turns << 1 ^ -before;
}

SCAN_TARGET_PROOF static ALWAYS_INLINE uint64_t
proof_nesting_faults(
	const struct proof_tokens *t, quad in_object, quad in_array, struct proof *next)
{
	uint64_t faults = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < PROOF_BLOCKS; i++) {
		uint64_t objects =
			proof_objects(t->openings[i], t->closings[i], t->braces[i], next);

		faults |= (in_object[i] & ~objects) | (in_array[i] & objects);
	}
	return faults;
}

/* The strings, with both quotes; not 0 in `faults`: something is wrong in one. */
SCAN_TARGET_PROOF static ALWAYS_INLINE void
proof_find_strings(struct proof *next, struct proof_tokens *t,
	const struct proof_kinds *k, quad *faults)
{
	quad quotes = k->quotes, within;

	next->is_plain = next->in_string && quad_is_zero(k->quotes | k->backslashes);
	if (!quad_is_zero(k->backslashes | next->u) ||
		(next->even_backslashes | next->odd_backslashes) != 0) {
		quad escaped = proof_escaped(k->backslashes, next);

		*faults |= proof_escape_faults(k, escaped, next);
		quotes &= ~escaped;
	}
	if (!quad_is_zero(
		    k->high | next->two_bytes | next->three_bytes | next->four_bytes))
		*faults |= proof_utf8_faults(k, next);
	within = proof_between(quotes, &next->in_string);
	t->strings = within | quotes;
	t->string_starts = within & quotes;
	*faults |= k->controls & within;
}

/* The tokens between strings; not 0 in `faults`: a number or literal is wrong. */
SCAN_TARGET_PROOF static ALWAYS_INLINE void
proof_find_tokens(struct proof *next, struct proof_tokens *t, const struct proof_kinds *k,
	const uint8_t *bytes, quad *faults)
{
	quad between = ~t->strings, literals;

	t->white = k->white & between;
	t->openings = k->openings & between;
	t->closings = k->closings & between;
	t->braces = k->braces;
	t->colons = k->colons & between;
	t->commas = k->commas & between;
	t->scalars =
		between & ~(k->white | k->openings | k->closings | k->colons | k->commas);
	t->scalar_starts = t->scalars & ~proof_behind(t->scalars, &next->scalars);
	literals = proof_literals(next, bytes, t->scalar_starts & k->letters, faults);
	/* One that fills a block would be too far to go back. */
	*faults |= (quad)(t->scalars == ~(quad){0});
	*faults |= proof_behind(literals, &next->literals) & t->scalars & ~literals;
	*faults |= proof_number_faults(k, t->scalars & ~literals, t->scalar_starts, next);
}

SCAN_TARGET_PROOF static ALWAYS_INLINE bool
proof_is_searching(const struct proof_search *s)
{
	return s->carry != 0 || s->last[PROOF_BLOCKS - 1] >> 63 != 0;
}

SCAN_TARGET_PROOF static ALWAYS_INLINE struct proof_place
proof_get_place(const struct proof *proof)
{
	return (struct proof_place){.stack = proof->stack,
		.u = proof->u[PROOF_BLOCKS - 1],
		.is_in_string = proof->in_string,
		.is_plain = proof->is_plain,
		.is_escaped = proof->odd_backslashes != 0,
		.is_in_scalar = proof->scalars[PROOF_BLOCKS - 1] >> 63 != 0,
		.is_behind_any = proof_is_searching(&proof->behind_any),
		.is_behind_separator = proof_is_searching(&proof->behind_separator),
		.is_behind_key = proof_is_searching(&proof->behind_key)};
}

/* False: something is wrong in the four blocks from `at` on, or the value ends there. */
SCAN_TARGET_PROOF static ALWAYS_INLINE bool
proof_take(struct proof *next, const struct proof_planes *planes, size_t at,
	const uint8_t *bytes)
{
	quad faults = {0}, in_object, in_array;
	struct proof_kinds k;
	struct proof_tokens t;

	proof_find_kinds(&k, planes, at);
	proof_find_strings(next, &t, &k, &faults);
	proof_find_tokens(next, &t, &k, bytes, &faults);
	faults |= proof_order_faults(&t, next, &in_object, &in_array);
	faults[0] |= proof_nesting_faults(&t, in_object, in_array, next);
	return quad_is_zero(faults) && next->stacks_seen <= next->stacks_max;
}
#endif

#endif
