/*
 * scan: the grammar as a state machine on two levels.
 *
 * The upper level, scan_loop.h, knows what may come next between tokens (enum expect),
 * with a bit stack that tells objects from arrays, and takes every token that lies whole
 * within the bytes.  Here, below it, one function a token (number, literal, and what is
 * special within a string) keeps its own place in `part`, so that it can stop after any
 * byte and go on later; these also say what is wrong with a token that is.
 *
 * The loop is there once for each kind of machine, and the first scan chooses.  On some
 * kinds it has help with dense text, from scan_proof.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/scan.h"

#include <stdatomic.h>
#include <string.h>

#include "wire/scan_block.h"
#include "wire/scan_proof.h"

enum expect {
	EXPECT_VALUE,
	EXPECT_FIRST_ELEMENT, /* or the end of the array */
	EXPECT_FIRST_KEY,     /* or the end of the object */
	EXPECT_KEY,
	EXPECT_COLON,
	EXPECT_NEXT, /* a comma or the end of the object or array */
	WITHIN_KEY,
	WITHIN_STRING,
	WITHIN_NUMBER,
	WITHIN_LITERAL,
};

enum part {
	PART_PLAIN, /* of a string: no escape and no multi-byte character has begun */
	PART_ESCAPE,
	PART_HEX,
	PART_CONTINUATION,
	PART_MINUS, /* of a number: what has been read of it */
	PART_ZERO,
	PART_INTEGER,
	PART_POINT,
	PART_FRACTION,
	PART_E,
	PART_EXPONENT_SIGN,
	PART_EXPONENT,
};

/*
 * Where a proof is begun.  A value that ends within the first blocks of one has it in
 * vain: it begins late where the value is not expected to have PROVE_LEN bytes.  Nor is
 * it begun soon after another one, which has found long strings, or something that it
 * cannot take.
 */
#define PROVE_LEN 800
#define PROVE_BYTES 256
#define PROVE_LATE_BYTES 1024
#define PROVE_AGAIN_BYTES 2048

/* What a token's function says of the bytes it was given. */
enum step { STEP_MORE, STEP_DONE, STEP_BAD };

void
scan_begin(struct scan *s, unsigned max_depth, size_t expected_len)
{
	s->expect = EXPECT_VALUE;
	s->part = PART_PLAIN;
	s->depth = 0;
	s->kinds = 0;
	s->max_depth = (uint16_t)max_depth;
	s->prove_behind = expected_len < PROVE_LEN ? PROVE_LATE_BYTES : PROVE_BYTES;
}

bool
scan_may_end(const struct scan *s)
{
	return s->depth == 0 && s->expect == WITHIN_NUMBER &&
	       (s->part == PART_ZERO || s->part == PART_INTEGER ||
		       s->part == PART_FRACTION || s->part == PART_EXPONENT);
}

static inline bool
is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') <= 9;
}

static enum step
fail(struct scan *s, enum reject_reason reason, const char *error)
{
	s->reason = reason;
	s->error = error;
	return STEP_BAD;
}

/* The first byte of a multi-byte character (RFC 3629, section 4). */
static bool
begin_multibyte(struct scan *s, uint8_t c)
{
	s->part = PART_CONTINUATION;
	s->low = 0x80;
	s->high = 0xbf;
	if (c >= 0xc2 && c <= 0xdf) {
		s->pending = 1;
		return true;
	}
	if (c >= 0xe0 && c <= 0xef) {
		s->pending = 2;
		if (c == 0xe0)
			s->low = 0xa0; /* below: overlong */
		if (c == 0xed)
			s->high = 0x9f; /* above: surrogates */
		return true;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		s->pending = 3;
		if (c == 0xf0)
			s->low = 0x90; /* below: overlong */
		if (c == 0xf4)
			s->high = 0x8f; /* above: beyond U+10FFFF */
		return true;
	}
	return false;
}

static inline bool
is_hex(uint8_t c)
{
	return is_digit(c) || (uint8_t)((c | 0x20) - 'a') <= 5;
}

/* What may stand behind a backslash, but for u. */
static inline bool
is_escaped(uint8_t c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return true;
	default:
		return false;
	}
}

/* The byte that no plain one can be. */
static enum step
begin_special(struct scan *s, uint8_t c)
{
	if (c == '\\')
		s->part = PART_ESCAPE;
	else if (c < ' ')
		return fail(s, REJECT_syntax, "a control character in a string");
	else if (!begin_multibyte(s, c))
		return fail(s, REJECT_utf8, "a character that is not valid UTF-8");
	return STEP_DONE;
}

/* One byte more of an escape or a multi-byte character. */
static enum step
take_special_byte(struct scan *s, uint8_t c)
{
	switch (s->part) {
	case PART_ESCAPE:
		if (c == 'u') {
			s->part = PART_HEX;
			s->pending = 4;
			return STEP_DONE;
		}
		if (!is_escaped(c))
			return fail(s, REJECT_syntax, "unknown escape in a string");
		s->part = PART_PLAIN;
		return STEP_DONE;
	case PART_HEX:
		if (!is_hex(c))
			return fail(s, REJECT_syntax,
				"expected four hexadecimal digits behind \\u");
		break;
	default:
		if (c < s->low || c > s->high)
			return fail(
				s, REJECT_utf8, "a character that is not valid UTF-8");
		s->low = 0x80;
		s->high = 0xbf;
		break;
	}
	if (--s->pending == 0)
		s->part = PART_PLAIN;
	return STEP_DONE;
}

/* One escape or multi-byte character within a string, from where its reading stands. */
static enum step
take_special(struct scan *s, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	enum step step = STEP_DONE;

	if (s->part == PART_PLAIN) {
		step = begin_special(s, *p);
		p += step != STEP_BAD;
	}
	while (step != STEP_BAD && s->part != PART_PLAIN && p < end) {
		step = take_special_byte(s, *p);
		p += step != STEP_BAD;
	}
	*at = p;
	return step != STEP_BAD && s->part != PART_PLAIN ? STEP_MORE : step;
}

/* Where a number goes from `part` by the byte `c`; the same part where it cannot go on.
 */
static enum part
number_part(enum part part, uint8_t c)
{
	bool digit = is_digit(c), exponent = c == 'e' || c == 'E';

	switch (part) {
	case PART_MINUS:
		return c == '0' ? PART_ZERO : digit ? PART_INTEGER : part;
	case PART_ZERO:
	case PART_INTEGER:
		return c == '.' ? PART_POINT : exponent ? PART_E : part;
	case PART_POINT:
		return digit ? PART_FRACTION : part;
	case PART_FRACTION:
		return exponent ? PART_E : part;
	case PART_E:
		return c == '+' || c == '-' ? PART_EXPONENT_SIGN
		       : digit              ? PART_EXPONENT
					    : part;
	case PART_EXPONENT_SIGN:
		return digit ? PART_EXPONENT : part;
	default:
		return part;
	}
}

static void
begin_number(struct scan *s, uint8_t c)
{
	s->part = c == '-' ? PART_MINUS : c == '0' ? PART_ZERO : PART_INTEGER;
}

/* What is left of a number; STEP_DONE stands before the byte that ended it. */
static enum step
take_number(struct scan *s, const uint8_t **at, const uint8_t *end)
{
	enum part part = s->part, next;
	const uint8_t *p = *at;
	enum step step = STEP_MORE;

	for (;;) {
		if (part == PART_INTEGER || part == PART_FRACTION ||
			part == PART_EXPONENT)
			while (p < end && is_digit(*p))
				p++;
		if (p == end)
			break;
		next = number_part(part, *p);
		if (next == part) {
			step = STEP_DONE;
			break;
		}
		part = next;
		p++;
	}
	if (step == STEP_DONE) {
		if (part == PART_ZERO && is_digit(*p))
			step = fail(s, REJECT_syntax, "a digit behind a leading zero");
		else if (part == PART_MINUS || part == PART_POINT || part == PART_E ||
			 part == PART_EXPONENT_SIGN)
			step = fail(s, REJECT_syntax, "expected a digit");
	}
	s->part = (uint8_t)part;
	*at = p;
	return step;
}

static void
begin_literal(struct scan *s, uint8_t c)
{
	s->literal = c == 't' ? "true" : c == 'f' ? "false" : "null";
}

/* What is left of true, false or null. */
static enum step
take_literal(struct scan *s, const uint8_t **at, const uint8_t *end)
{
	for (; *at < end && *s->literal != '\0'; s->literal++, (*at)++)
		if (**at != (uint8_t)*s->literal)
			return fail(s, REJECT_syntax, "expected true, false or null");
	return *s->literal == '\0' ? STEP_DONE : STEP_MORE;
}

/* Where the value stands among its objects and arrays; in registers while bytes last. */
struct nest {
	uint64_t kinds;
	unsigned depth;
};

static inline bool
in_object(const struct nest *nest)
{
	return (nest->kinds & 1) != 0;
}

/* Opens an object or array; false: nested too deep. */
static inline bool
push(struct scan *s, struct nest *nest, bool object)
{
	if (UNLIKELY(nest->depth == s->max_depth)) {
		(void)fail(s, REJECT_too_deep, "nested too deep");
		return false;
	}
	nest->kinds = nest->kinds << 1 | object;
	nest->depth++;
	if (UNLIKELY(nest->depth % 64 == 0))
		s->outer_kinds[nest->depth / 64 - 1] = nest->kinds;
	return true;
}

static inline void
pop(const struct scan *s, struct nest *nest)
{
	nest->depth--;
	nest->kinds >>= 1;
	if (UNLIKELY(nest->depth % 64 == 0 && nest->depth > 0))
		nest->kinds = s->outer_kinds[nest->depth / 64 - 1];
}

/* True, false or null up to what follows; NULL: it is cut, or none. */
static inline const uint8_t *
skip_literal(const uint8_t *p, const uint8_t *end)
{
	if (end - p <= 5)
		return NULL;
	if (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0)
		return p + 4;
	return memcmp(p, "false", 5) == 0 ? p + 5 : NULL;
}

/* White space between tokens, where there is more than a byte of it. */
static const uint8_t *
skip_white(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= 8 && scan_load_8(p) == SCAN_EACH_BYTE(' '))
		p += 8;
	while (p < end && scan_is_white(*p))
		p++;
	return p;
}

#define GAP_WIDE(between) \
	('"' | (uint32_t)(between) << 8 | ' ' << 16 | (uint32_t)'"' << 24)
#define IS_NARROW(gap, between) \
	(((gap)&0xffffff) == ('"' | (uint32_t)(between) << 8 | '"' << 16))

static inline uint32_t
load_gap(const uint8_t *p, const uint8_t *end)
{
	return LIKELY(end - p >= 4) ? scan_load_4(p) : 0;
}

/* Whether 4 bytes are hexadecimal digits; their high bits answer for each. */
static inline bool
are_hex(uint32_t v)
{
	const uint32_t low = UINT32_C(0x7f7f7f7f), high = UINT32_C(0x80808080);
	uint32_t value = v ^ UINT32_C(0x30303030);
	uint32_t above_9 = (value & low) + UINT32_C(0x01010101) * (0x80 - 10);
	uint32_t letter = (v | UINT32_C(0x20202020)) ^ UINT32_C(0x60606060);
	uint32_t from_a = (letter & low) + low;
	uint32_t above_f = (letter & low) + UINT32_C(0x01010101) * (0x80 - 7);

	return ((v | (above_9 & (~from_a | above_f))) & high) == 0;
}

/* How long the escape at `p` is; 0: it is cut, or none. */
static inline size_t
escape_len(const uint8_t *p, const uint8_t *end)
{
	if (end - p < 2)
		return 0;
	if (p[1] == 'u')
		return end - p >= 6 && are_hex(scan_load_4(p + 2)) ? 6 : 0;
	return is_escaped(p[1]) ? 2 : 0;
}

/*
 * How long the multi-byte character is that begins the four bytes, the first one lowest
 * (RFC 3629, section 4); 0: none does.  The bits that follow a pattern keep overlong
 * forms, surrogates and what is beyond U+10FFFF out.
 */
static inline size_t
multibyte_len(uint32_t v)
{
	if ((v & 0xc0c0f0) == 0x8080e0)
		return (v & 0x200f) != 0 && (v & 0x200f) != 0x200d ? 3 : 0;
	if ((v & 0xc0e0) == 0x80c0)
		return (v & 0x1e) != 0 ? 2 : 0;
	if ((v & 0xc0c0c0f8) == 0x808080f0)
		return (v & 0x3007) != 0 && ((v & 4) == 0 || (v & 0x3003) == 0) ? 4 : 0;
	return 0;
}

/*
 * Escapes and multi-byte characters, as many as follow one another; `p` itself where one
 * is cut or wrong, or where the byte is neither.
 */
static const uint8_t *
skip_special(const uint8_t *p, const uint8_t *end)
{
	size_t len;

	do {
		if (*p == '\\')
			len = escape_len(p, end);
		else if (*p >= 0x80 && end - p >= 4)
			len = multibyte_len(scan_load_4(p));
		else
			break;
		p += len;
	} while (len > 0 && p < end);
	return p;
}

/* What is known of the bytes from `base` up to `limit`: a bit for each special one. */
struct window {
	const uint8_t *begin, *end; /* all the bytes there are */
	const uint8_t *base, *limit;
	struct scan_block block;
};

#define SCAN_PATH portable
#define SCAN_TARGET
#include "wire/scan_loop.h"

#ifdef __x86_64__
#define SCAN_PATH sse2
#define SCAN_TARGET SCAN_TARGET_SSE2
#include "wire/scan_loop.h"

/*
 * Where the proof stands, as the loop has it.  It can stand within an escape, a character
 * or a scalar: then the loop is to go on from where that begins.
 */
static const uint8_t *
end_proof(struct scan *s, struct nest *nest, const struct scan_proof_place *place,
	const uint8_t *p)
{
	unsigned levels = 62 - (unsigned)__builtin_clzll(place->stack);
	bool at_key = place->is_behind_key && (place->stack & 1) != 0;

	nest->depth += levels - nest->depth % 64;
	nest->kinds = place->stack & ((UINT64_C(1) << levels) - 1);
	if (place->is_in_string) {
		s->expect = at_key ? WITHIN_KEY : WITHIN_STRING;
		s->part = PART_PLAIN;
		if (place->is_escaped)
			return p - 1;
		if (place->u >> 60 != 0)
			return p - 2 - __builtin_clzll(place->u);
		return p - scan_cut_bytes(p - SCAN_BLOCK_BYTES);
	}
	if (place->is_in_scalar) {
		s->expect = EXPECT_VALUE;
		while (!scan_is_white(p[-1]) && strchr("[:,", p[-1]) == NULL)
			p--;
	} else if (place->is_behind_separator) {
		s->expect = at_key ? EXPECT_KEY : EXPECT_VALUE;
	} else if (place->is_behind_any) {
		s->expect = in_object(nest) ? EXPECT_FIRST_KEY : EXPECT_FIRST_ELEMENT;
	} else {
		s->expect = at_key ? EXPECT_COLON : EXPECT_NEXT;
	}
	return p;
}

/*
 * Goes on behind a comma while whole blocks can be proved, with as many levels as a proof
 * can have, and answers where; `expect` and `nest` say what stands there.
 */
static NO_INLINE const uint8_t *
prove(struct scan *s, struct nest *nest, const uint8_t *p, const uint8_t *end,
	scan_proof_function *proof)
{
	unsigned levels = nest->depth % 64, limit = s->max_depth - (nest->depth - levels);
	struct scan_proof_place place = {0};
	size_t proved;

	s->expect = in_object(nest) ? EXPECT_KEY : EXPECT_VALUE;
	if (levels == 0 || levels > SCAN_PROOF_LEVELS_MAX)
		return p;
	if (limit > SCAN_PROOF_LEVELS_MAX)
		limit = SCAN_PROOF_LEVELS_MAX;
	place.stack = (uint64_t)SCAN_PROOF_STACK_EMPTY << levels |
		      (nest->kinds & ((UINT64_C(1) << levels) - 1));
	proved = proof(&place, limit, p, (size_t)(end - p));
	return proved == 0 ? p : end_proof(s, nest, &place, p + proved);
}

#define SCAN_PROOF scan_proof_avx2
#define SCAN_PATH avx2
#define SCAN_TARGET SCAN_TARGET_AVX2
#include "wire/scan_loop.h"

#define SCAN_PROOF scan_proof_avx512
#define SCAN_PATH avx512
#define SCAN_TARGET SCAN_TARGET_AVX512
#include "wire/scan_loop.h"

#define X86_64_FEED(feed) feed
#else
#define X86_64_FEED(feed) NULL
#endif

typedef enum scan_result feed_function(
	struct scan *s, const uint8_t *bytes, size_t len, size_t *used);

static feed_function choose_and_feed;

static _Atomic(feed_function *) feed = choose_and_feed;

static const struct {
	const char *name;
	feed_function *feed;
} paths[SCAN_PATH_COUNT] = {
	[SCAN_PATH_PORTABLE] = {"portable", feed_portable},
	[SCAN_PATH_SSE2] = {"sse2", X86_64_FEED(feed_sse2)},
	[SCAN_PATH_AVX2] = {"avx2", X86_64_FEED(feed_avx2)},
	[SCAN_PATH_AVX512] = {"avx512", X86_64_FEED(feed_avx512)},
};

#ifdef __x86_64__
static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
}

static bool
has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	       __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512vbmi") &&
	       __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("gfni");
}
#endif

static bool
has_path(enum scan_path path)
{
#ifdef __x86_64__
	if (path == SCAN_PATH_AVX2)
		return has_avx2();
	if (path == SCAN_PATH_AVX512)
		return has_avx512();
#endif
	return paths[path].feed != NULL;
}

const char *
scan_path_name(enum scan_path path)
{
	return paths[path].name;
}

bool
scan_use_path(enum scan_path path)
{
	if (!has_path(path))
		return false;
	atomic_store_explicit(&feed, paths[path].feed, memory_order_relaxed);
	return true;
}

/* The first scans find this: any of them may choose, and all choose the same. */
static enum scan_result
choose_and_feed(struct scan *s, const uint8_t *bytes, size_t len, size_t *used)
{
	enum scan_path path = SCAN_PATH_COUNT;

	while (!scan_use_path(--path))
		;
	return paths[path].feed(s, bytes, len, used);
}

enum scan_result
scan_feed(struct scan *s, const uint8_t *bytes, size_t len, size_t *used)
{
	return atomic_load_explicit(&feed, memory_order_relaxed)(s, bytes, len, used);
}
