/*
 * scan_proof_lanes: the proof, as text: a file for each kind of machine includes it once.
 *
 * A bit stands for a byte, a mask for the bytes of one kind within a block of 64, and
 * lanes for the masks of the blocks that are proved at once.  What the grammar says of
 * neighbours (a comma wants a value behind it) is then arithmetic on all lanes: what is
 * first behind a comma is found by adding, since a sum carries through a run of ones.
 * Only brackets are walked, to know which commas and colons stand in an object.
 *
 * The file that includes this defines
 *
 *   PROOF_FUNCTION      the function's name
 *   PROOF_TARGET        the attribute that lets a function use the machine's instructions
 *   PROOF_LANES         how many, of which the first has the first bytes
 *   PROOF_PLANE_BLOCKS  of how many blocks the planes are found together
 *   lanes               a vector of so many words
 *   lanes_find_planes   plane n has the bit n of each byte, a word a block
 *   lanes_tops          the highest bit of each lane
 *   lanes_full          which lanes are all ones
 *   lanes_are_zero      whether all are
 *   lanes_increment     adds 1 to some
 *   lanes_invert        turns all bits of some
 *   lanes_shift         moves bits to the bytes so many behind; `last` were before `v`
 *
 * SPDX-License-Identifier: MIT
 */

#define PROOF_BYTES ((size_t)PROOF_LANES * 64)

struct proof_planes {
	uint64_t words[8][PROOF_PLANE_BLOCKS];
} __attribute__((aligned(8 * PROOF_LANES)));

/* A search for what is first behind some bits, which goes on in the next blocks. */
struct proof_search {
	lanes last;
	unsigned carry;
};

/* What blocks leave to the next ones; lanes are their own masks. */
struct proof {
	bool in_string, is_plain; /* plain: in a string, and without an escape */
	bool in_object;           /* behind the last byte */
	struct proof_search behind_any, behind_separator, behind_key;
	struct proof_search behind_fraction, behind_exponent;
	unsigned even_backslashes, odd_backslashes;
	lanes backslashes, u;
	lanes two_bytes, three_bytes, four_bytes, from_a0, to_9f, from_90, to_8f;
	lanes scalars, literals, t, f, n, digits, first, signs, e, zero, objects;
	/* As struct scan_proof_place has it. */
	uint64_t stack, stacks_seen, stacks_max;
};

/* Which bytes are of which kind, whether in a string or not. */
struct proof_kinds {
	lanes planes[8];
	lanes high; /* those of multi-byte characters */
	lanes quotes, backslashes, controls, white;
	lanes openings, closings, braces, commas, colons;
	lanes digits, zero, minus, plus, point, e, letters;
};

/* What was found out about the blocks. */
struct proof_tokens {
	lanes strings, string_starts;
	lanes openings, closings, braces, commas, colons;
	lanes scalars, scalar_starts;
	lanes white; /* between the others */
};

/* How many blocks of so many bytes are looked at together. */
static inline size_t
proof_block_count(size_t len)
{
	size_t blocks = len / PROOF_BYTES * PROOF_LANES;

	return blocks < PROOF_PLANE_BLOCKS ? blocks : PROOF_PLANE_BLOCKS;
}

/* The bits one place behind; those of the blocks before are in `last`. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_behind(lanes mask, lanes *last)
{
	lanes behind = lanes_shift(mask, *last, 1);

	*last = mask;
	return behind;
}

/*
 * The first bits that are not in `filler`, from each of `from` on.  What is added to a
 * run of ones carries through it; a carry out of one block goes on into the next, and
 * through those that are filler alone.
 */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_first_from(lanes from, lanes filler, unsigned *carry)
{
	lanes sum = from + filler;
	unsigned carries = lanes_tops((from & filler) | ((from | filler) & ~sum));
	unsigned full = lanes_full(sum);

	carries = ((carries << 1 | *carry) + full) ^ full;
	*carry = carries >> PROOF_LANES;
	return lanes_increment(sum, carries) & ~filler;
}

/* The first bits behind those of `mask` that are not in `filler`; none is in both. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_first_behind(lanes mask, lanes filler, struct proof_search *s)
{
	return proof_first_from(proof_behind(mask, &s->last), filler, &s->carry);
}

/* From each bit, inclusive, to the next one, exclusive. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_between(lanes bits, bool *is_within)
{
	unsigned turns, within = *is_within;

	bits ^= bits << 1;
	bits ^= bits << 2;
	bits ^= bits << 4;
	bits ^= bits << 8;
	bits ^= bits << 16;
	bits ^= bits << 32;
	turns = lanes_tops(bits);
	turns ^= turns << 1;
	turns ^= turns << 2;
	turns ^= turns << 4;
	*is_within = (turns >> (PROOF_LANES - 1) & 1) ^ within;
	return lanes_invert(bits, turns << 1 ^ -within);
}

/* Tells the bytes by their bits: the upper half chooses a row of ASCII's table. */
PROOF_TARGET static ALWAYS_INLINE void
proof_find_kinds(struct proof_kinds *k, const struct proof_planes *planes, size_t at)
{
	lanes b[8], row_2, row_3, rows_4_6, rows_5_7, row_5, from_8, from_c, x0, x1, x2,
		x3;

#pragma GCC unroll 8
	for (unsigned i = 0; i < 8; i++)
		b[i] = k->planes[i] =
			*(const lanes *)(const void *)(planes->words[i] + at);
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
PROOF_TARGET static ALWAYS_INLINE lanes
proof_utf8_faults(const struct proof_kinds *k, struct proof *next)
{
	const lanes *b = k->planes;
	lanes first = b[7] & b[6], going_on = b[7] & ~b[6];
	lanes two = first & ~b[5], three = first & b[5] & ~b[4];
	lanes four = first & b[5] & b[4];
	lanes lowest = ~(b[3] | b[2] | b[1] | b[0]);
	lanes e0 = three & lowest, ed = three & b[3] & b[2] & ~b[1] & b[0];
	lanes f0 = four & lowest, f4 = four & b[2];
	lanes wanted = lanes_shift(three, next->three_bytes, 2) |
		       lanes_shift(four, next->four_bytes, 2) |
		       lanes_shift(four, next->four_bytes, 3);

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
PROOF_TARGET static ALWAYS_INLINE lanes
proof_escaped(lanes backslashes, struct proof *next)
{
	const lanes even = (lanes){0} + UINT64_C(0x5555555555555555);
	lanes starts = backslashes & ~proof_behind(backslashes, &next->backslashes);
	lanes even_ends =
		proof_first_from(starts & even, backslashes, &next->even_backslashes);
	lanes odd_ends =
		proof_first_from(starts & ~even, backslashes, &next->odd_backslashes);

	return (even_ends & ~even) | (odd_ends & even);
}

/* Not 0: an escape is wrong. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_escape_faults(const struct proof_kinds *k, lanes escaped, struct proof *next)
{
	const lanes *b = k->planes;
	lanes small = ~b[7] & b[6] & b[5], row_6 = small & ~b[4], row_7 = small & b[4];
	lanes slash = ~(b[7] | b[6] | b[4]) & b[5] & b[3] & b[2] & b[1] & b[0];
	/* b, f, n; r; t, u */
	lanes known = (row_6 & b[1] & ~b[0] & (b[2] | ~b[3])) |
		      (row_7 & ~b[3] & ~b[2] & b[1] & ~b[0]) |
		      (row_7 & ~b[3] & b[2] & ~b[1]);
	lanes u = escaped & row_7 & b[0], last = next->u;
	lanes a_to_f = ~(b[7] | b[4] | b[3]) & b[6] & (b[2] | b[1] | b[0]) &
		       ~(b[2] & b[1] & b[0]);
	lanes digits = proof_behind(u, &next->u) | lanes_shift(u, last, 2) |
		       lanes_shift(u, last, 3) | lanes_shift(u, last, 4);

	return (escaped & ~(known | slash | k->quotes)) |
	       (digits & ~(k->digits | a_to_f));
}

/*
 * The bytes of true, false and null, one of which must begin at each of `starts`: each
 * letter is where the first one asks for it.
 */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_find_literals(
	const struct proof_kinds *k, lanes starts, struct proof *next, lanes *faults)
{
	const lanes *b = k->planes;
	lanes small = ~b[7] & b[6] & b[5], row_6 = small & ~b[4], row_7 = small & b[4];
	lanes from_0 = ~(b[3] | b[2]), from_4 = ~b[3] & b[2], from_c = b[3] & b[2];
	lanes x0 = ~(b[1] | b[0]), x1 = ~b[1] & b[0], x2 = b[1] & ~b[0];
	lanes t = starts & row_7 & from_4 & x0, last_t = next->t;
	lanes f = starts & row_6 & from_4 & x2, last_f = next->f;
	lanes n = starts & row_6 & from_c & x2, last_n = next->n;
	lanes r = proof_behind(t, &next->t), a = proof_behind(f, &next->f);
	lanes u = lanes_shift(t, last_t, 2) | proof_behind(n, &next->n);
	lanes l = lanes_shift(f, last_f, 2) | lanes_shift(n, last_n, 2) |
		  lanes_shift(n, last_n, 3);
	lanes s = lanes_shift(f, last_f, 3);
	lanes e = lanes_shift(t, last_t, 3) | lanes_shift(f, last_f, 4);

	*faults |= (starts & ~(t | f | n)) | (r & ~(row_7 & from_0 & x2)) |
		   (a & ~(row_6 & from_0 & x1)) | (u & ~(row_7 & from_4 & x1)) |
		   (l & ~(row_6 & from_c & x0)) | (s & ~(row_7 & from_0 & b[1] & b[0])) |
		   (e & ~(row_6 & k->e));
	return t | f | n | r | a | u | l | s | e;
}

/* Not 0: a number is wrong. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_number_faults(
	const struct proof_kinds *k, lanes numbers, lanes starts, struct proof *next)
{
	lanes digits = numbers & k->digits, minus = numbers & k->minus;
	lanes first = minus & starts, point = numbers & k->point, e = numbers & k->e;
	lanes signs = minus | (numbers & k->plus), part = digits | signs;
	lanes behind_e = proof_behind(e, &next->e);
	lanes zero = numbers & k->zero & (starts | proof_behind(first, &next->first));

	return (numbers & ~(part | point | e)) | (signs & ~(first | behind_e)) |
	       ((point | e) & ~proof_behind(digits, &next->digits)) |
	       (proof_behind(signs | point, &next->signs) & ~digits) |
	       (behind_e & ~part) | (proof_behind(zero, &next->zero) & digits) |
	       (proof_first_behind(point, part, &next->behind_fraction) & point) |
	       (proof_first_behind(e, part, &next->behind_exponent) & (point | e));
}

/* Not 0: a value stands where none may, or does not stand where one must. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_order_faults(const struct proof_tokens *t, struct proof *next, lanes *in_object,
	lanes *in_array)
{
	lanes values = t->scalar_starts | t->string_starts | t->openings;
	lanes separators = t->commas | t->colons, ends = t->closings & t->braces;
	lanes behind_separator =
		proof_first_behind(separators, t->white, &next->behind_separator);
	lanes behind_any =
		proof_first_behind(separators | t->openings, t->white, &next->behind_any);
	/* Behind a key that stands there, or at once where none does. */
	lanes behind_key = proof_first_behind((t->openings & t->braces) | t->commas,
		t->white | t->strings, &next->behind_key);

	*in_object = (behind_key & t->colons) | ends;
	*in_array = (behind_key & ~t->colons & ~(ends & behind_any)) |
		    (t->closings & ~t->braces);
	return (values & ~behind_any) | (behind_any & separators) |
	       (behind_separator & t->closings) | (t->colons & ~behind_key);
}

/* Up to 64 brackets one behind another: a bit for each. */
struct proof_brackets {
	uint64_t braces; /* opening ones */
	uint64_t closings;
	unsigned count;
};

/* Walks them, and answers behind which ones the kind of what is around turns. */
static ALWAYS_INLINE uint64_t
proof_walk(const struct proof_brackets *brackets, struct proof *next)
{
	uint64_t braces = brackets->braces, closings = brackets->closings;
	uint64_t stack = next->stack, before = stack & 1, kinds = 0;

	for (unsigned i = brackets->count; i > 0; i--) {
		/* Up one level, and two down from there where it closes. */
		stack = (stack * 2 + (braces & 1)) >> (closings & 1) * 2;
		next->stacks_seen |= stack - SCAN_PROOF_STACK_EMPTY - 1;
		kinds = kinds >> 1 | stack << 63;
		braces >>= 1;
		closings >>= 1;
	}
	next->stack = stack;
	kinds >>= -brackets->count & 63;
	return kinds ^ (kinds << 1 | before);
}

/* The brackets of all blocks, a mask each. */
struct proof_masks {
	uint64_t all[PROOF_LANES], closings[PROOF_LANES], braces[PROOF_LANES];
};

/* More than 64: block by block. */
PROOF_TARGET static NO_INLINE lanes
proof_find_many_turns(const struct proof_masks *masks, struct proof *next)
{
	lanes turns = {0};

	for (size_t i = 0; i < PROOF_LANES; i++) {
		const struct proof_brackets brackets = {
			.braces = _pext_u64(masks->braces[i], masks->all[i]),
			.closings = _pext_u64(masks->closings[i], masks->all[i]),
			.count = (unsigned)__builtin_popcountll(masks->all[i])};

		if (brackets.count > 0)
			turns[i] = _pdep_u64(proof_walk(&brackets, next), masks->all[i]);
	}
	return turns;
}

/* The brackets behind which the kind turns. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_find_turns(const struct proof_masks *masks, struct proof *next)
{
	struct proof_brackets brackets = {0};
	unsigned begins[PROOF_LANES];
	uint64_t found, words[PROOF_LANES];
	lanes turns;

#pragma GCC unroll 8
	for (size_t i = 0; i < PROOF_LANES; i++) {
		begins[i] = brackets.count & 63;
		brackets.braces |= _pext_u64(masks->braces[i], masks->all[i])
				   << begins[i];
		brackets.closings |= _pext_u64(masks->closings[i], masks->all[i])
				     << begins[i];
		brackets.count += (unsigned)__builtin_popcountll(masks->all[i]);
	}
	if (brackets.count == 0)
		return (lanes){0};
	if (UNLIKELY(brackets.count > 64))
		return proof_find_many_turns(masks, next);
	found = proof_walk(&brackets, next);
#pragma GCC unroll 8
	for (size_t i = 0; i < PROOF_LANES; i++)
		words[i] = _pdep_u64(found >> begins[i], masks->all[i]);
	memcpy(&turns, words, sizeof turns);
	return turns;
}

/* Which bytes stand in an object; a bracket itself stands in what is around it. */
PROOF_TARGET static ALWAYS_INLINE lanes
proof_find_objects(const struct proof_tokens *t, struct proof *next)
{
	lanes all = t->openings | t->closings, braces = t->openings & t->braces;
	struct proof_masks masks;

	memcpy(masks.all, &all, sizeof all);
	memcpy(masks.closings, &t->closings, sizeof all);
	memcpy(masks.braces, &braces, sizeof all);
	return proof_behind(
		proof_between(proof_find_turns(&masks, next), &next->in_object),
		&next->objects);
}

/* The strings, with both quotes; not 0 in `faults`: something is wrong in one. */
PROOF_TARGET static ALWAYS_INLINE void
proof_find_strings(struct proof *next, struct proof_tokens *t,
	const struct proof_kinds *k, lanes *faults)
{
	lanes quotes = k->quotes, within;

	next->is_plain = next->in_string && lanes_are_zero(k->quotes | k->backslashes);
	if (!lanes_are_zero(k->backslashes | next->u) ||
		(next->even_backslashes | next->odd_backslashes) != 0) {
		lanes escaped = proof_escaped(k->backslashes, next);

		*faults |= proof_escape_faults(k, escaped, next);
		quotes &= ~escaped;
	}
	if (!lanes_are_zero(
		    k->high | next->two_bytes | next->three_bytes | next->four_bytes))
		*faults |= proof_utf8_faults(k, next);
	within = proof_between(quotes, &next->in_string);
	t->strings = within | quotes;
	t->string_starts = within & quotes;
	*faults |= k->controls & within;
}

/* The tokens between strings; not 0 in `faults`: a number or literal is wrong. */
PROOF_TARGET static ALWAYS_INLINE void
proof_find_tokens(struct proof *next, struct proof_tokens *t, const struct proof_kinds *k,
	lanes *faults)
{
	lanes between = ~t->strings, letters, literals = {0};

	t->white = k->white & between;
	t->colons = k->colons & between;
	t->commas = k->commas & between;
	t->scalars =
		between & ~(k->white | k->openings | k->closings | k->colons | k->commas);
	t->scalar_starts = t->scalars & ~proof_behind(t->scalars, &next->scalars);
	letters = t->scalar_starts & k->letters;
	if (!lanes_are_zero(letters | next->t | next->f | next->n))
		literals = proof_find_literals(k, letters, next, faults);
	/* One that fills a block would be too far to go back. */
	if (lanes_full(t->scalars) != 0)
		*faults = t->scalars;
	*faults |= proof_behind(literals, &next->literals) & t->scalars & ~literals;
	*faults |= proof_number_faults(k, t->scalars & ~literals, t->scalar_starts, next);
}

PROOF_TARGET static ALWAYS_INLINE bool
proof_is_searching(const struct proof_search *s)
{
	return s->carry != 0 || s->last[PROOF_LANES - 1] >> 63 != 0;
}

PROOF_TARGET static ALWAYS_INLINE struct scan_proof_place
proof_get_place(const struct proof *proof)
{
	return (struct scan_proof_place){.stack = proof->stack,
		.u = proof->u[PROOF_LANES - 1],
		.is_in_string = proof->in_string,
		.is_plain = proof->is_plain,
		.is_escaped = proof->odd_backslashes != 0,
		.is_in_scalar = proof->scalars[PROOF_LANES - 1] >> 63 != 0,
		.is_behind_any = proof_is_searching(&proof->behind_any),
		.is_behind_separator = proof_is_searching(&proof->behind_separator),
		.is_behind_key = proof_is_searching(&proof->behind_key)};
}

/* False: something is wrong in the blocks from `at` on, or the value ends there. */
PROOF_TARGET static ALWAYS_INLINE bool
proof_take(struct proof *next, const struct proof_planes *planes, size_t at)
{
	lanes faults = {0}, in_object, in_array, objects;
	struct proof_kinds k;
	struct proof_tokens t;

	proof_find_kinds(&k, planes, at);
	proof_find_strings(next, &t, &k, &faults);
	t.openings = k.openings & ~t.strings;
	t.closings = k.closings & ~t.strings;
	t.braces = k.braces;
	objects = proof_find_objects(&t, next);
	proof_find_tokens(next, &t, &k, &faults);
	faults |= proof_order_faults(&t, next, &in_object, &in_array);
	faults |= (in_object & ~objects) | (in_array & objects);
	return lanes_are_zero(faults) && next->stacks_seen <= next->stacks_max;
}

/* Behind a comma. */
PROOF_TARGET static ALWAYS_INLINE void
proof_begin(struct proof *proof, uint64_t stack, unsigned levels_max)
{
	*proof = (struct proof){.behind_any.carry = 1,
		.behind_separator.carry = 1,
		.behind_key.carry = 1,
		.in_object = stack & 1,
		.stack = stack,
		.stacks_max = (UINT64_C(4) << levels_max) - 1};
	proof->objects = (lanes){0} - (stack & 1);
}

PROOF_TARGET size_t
PROOF_FUNCTION(struct scan_proof_place *place, unsigned levels_max, const uint8_t *bytes,
	size_t len)
{
	size_t at = 0, blocks = 0, proved = 0;
	struct proof_planes planes;
	struct proof proof;
	bool is_plain = false;

	proof_begin(&proof, place->stack, levels_max);
	while (len - proved >= PROOF_BYTES && !is_plain) {
		if (at == blocks) {
			blocks = proof_block_count(len - proved);
			lanes_find_planes(planes.words, bytes + proved, blocks);
			at = 0;
		}
		if (!proof_take(&proof, &planes, at))
			break;
		*place = proof_get_place(&proof);
		is_plain = place->is_plain;
		at += PROOF_LANES;
		proved += PROOF_BYTES;
	}
	return proved;
}
