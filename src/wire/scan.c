/*
 * scan: the grammar as a state machine on two levels.
 *
 * scan_feed is the upper level: what may come next between tokens (enum expect), with a
 * bit stack that tells objects from arrays.  Below it one function a token (string,
 * number, literal) keeps its own place in `part`, so that it can stop after any byte and
 * go on later.  While bytes last, the upper level jumps from label to label and touches
 * the struct only for the stack; `expect` is written when the bytes run out.
 *
 * Long runs of plain string bytes are skipped 16 at a time with SSE2, which every x86-64
 * has, elsewhere 8 at a time with plain arithmetic (SCAN_PORTABLE forces that).
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/scan.h"

#include <string.h>

#if defined(__SSE2__) && !defined(SCAN_PORTABLE)
#include <emmintrin.h>
#endif

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

/* What a token's function says of the bytes it was given. */
enum step { STEP_MORE, STEP_DONE, STEP_BAD };

void
scan_begin(struct scan *s, unsigned max_depth)
{
	s->expect = EXPECT_VALUE;
	s->part = PART_PLAIN;
	s->depth = 0;
	s->max_depth = (uint16_t)max_depth;
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

static inline bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#if defined(__SSE2__) && !defined(SCAN_PORTABLE)

/*
 * A bit for each of 16 bytes that is not plain.  A signed comparison finds control
 * characters and bytes from 0x80 in one step.
 */
static inline unsigned
special_bytes(const uint8_t *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	__m128i below_space = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));

	return (unsigned)_mm_movemask_epi8(
		_mm_or_si128(below_space, _mm_or_si128(quote, backslash)));
}

static inline const uint8_t *
skip_plain_blocks(const uint8_t *p, const uint8_t *end)
{
	for (; end - p >= 16; p += 16) {
		unsigned special = special_bytes(p);

		if (special != 0)
			return p + __builtin_ctz(special);
	}
	return p;
}

#else

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/*
 * The high bit of each byte below `n` (up to 128), for bytes below 128; a borrow can also
 * set it in a byte above a true one, so only "none" may be concluded from it.
 */
static inline uint64_t
maybe_below(uint64_t v, uint8_t n)
{
	return (v - EACH_BYTE(n)) & ~v & EACH_BYTE(0x80);
}

static inline const uint8_t *
skip_plain_blocks(const uint8_t *p, const uint8_t *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t v;

		memcpy(&v, p, sizeof v);
		if (((v & EACH_BYTE(0x80)) | maybe_below(v, 0x20) |
			    maybe_below(v ^ EACH_BYTE('"'), 1) |
			    maybe_below(v ^ EACH_BYTE('\\'), 1)) != 0)
			break;
	}
	return p;
}

#endif

/* The first byte that is no plain string byte, or the end. */
static inline const uint8_t *
skip_plain(const uint8_t *p, const uint8_t *end)
{
	p = skip_plain_blocks(p, end);
	while (p < end && is_plain(*p))
		p++;
	return p;
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

/* One byte of an escape or a multi-byte character. */
static enum step
take_special(struct scan *s, uint8_t c)
{
	switch (s->part) {
	case PART_ESCAPE:
		if (c == 'u') {
			s->part = PART_HEX;
			s->pending = 4;
			return STEP_MORE;
		}
		if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL)
			return fail(s, REJECT_syntax, "unknown escape in a string");
		s->part = PART_PLAIN;
		return STEP_MORE;
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
	return STEP_MORE;
}

/* The inside of a string and its closing quote. */
static enum step
take_string(struct scan *s, const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = *at;
	enum step step = STEP_MORE;

	for (;;) {
		while (s->part != PART_PLAIN && p < end) {
			step = take_special(s, *p);
			if (step == STEP_BAD)
				goto out;
			p++;
		}
		p = skip_plain(p, end);
		if (p == end)
			goto out;
		if (LIKELY(*p == '"')) {
			p++;
			step = STEP_DONE;
			goto out;
		}
		if (*p == '\\') {
			s->part = PART_ESCAPE;
		} else if (*p < 0x20) {
			step = fail(s, REJECT_syntax, "a control character in a string");
			goto out;
		} else if (!begin_multibyte(s, *p)) {
			step = fail(
				s, REJECT_utf8, "a character that is not valid UTF-8");
			goto out;
		}
		p++;
	}
out:
	*at = p;
	return step;
}

/*
 * The common string, plain and all there, without a call; any other is left to
 * take_string from its first byte.
 */
static inline bool
take_plain_string(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *p = skip_plain_blocks(*at, end);

	if (p == end || *p != '"')
		return false;
	*at = p + 1;
	return true;
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

/* What is left of true, false or null. */
static enum step
take_literal(struct scan *s, const uint8_t **at, const uint8_t *end)
{
	for (; *at < end && *s->literal != '\0'; s->literal++, (*at)++)
		if (**at != (uint8_t)*s->literal)
			return fail(s, REJECT_syntax, "expected true, false or null");
	return *s->literal == '\0' ? STEP_DONE : STEP_MORE;
}

static inline bool
in_object(const struct scan *s)
{
	return (s->is_object[(s->depth - 1) / 64] >> ((s->depth - 1) % 64)) & 1;
}

/* Opens an object or array; false: nested too deep. */
static inline bool
push(struct scan *s, bool object)
{
	uint64_t bit = UINT64_C(1) << (s->depth % 64);
	uint64_t *word = &s->is_object[s->depth / 64];

	if (UNLIKELY(s->depth == s->max_depth)) {
		(void)fail(s, REJECT_too_deep, "nested too deep");
		return false;
	}
	*word = object ? *word | bit : *word & ~bit;
	s->depth++;
	return true;
}

/* White space is skipped; where the bytes end, the scan stops before what was expected.
 */
#define NEXT_BYTE(what)                              \
	do {                                         \
		while (p < end && scan_is_white(*p)) \
			p++;                         \
		if (p == end) {                      \
			s->expect = (what);          \
			goto more;                   \
		}                                    \
	} while (0)

/* Lets a token's function run; goes on behind it when the token is whole. */
#define TAKE(what, take)                            \
	do {                                        \
		enum step step_ = take(s, &p, end); \
		if (UNLIKELY(step_ != STEP_DONE)) { \
			s->expect = (what);         \
			if (step_ == STEP_BAD)      \
				goto bad;           \
			goto more;                  \
		}                                   \
	} while (0)

enum scan_result
scan_feed(struct scan *s, const uint8_t *bytes, size_t len, size_t *used)
{
	const uint8_t *p = bytes, *end = bytes + len;
	enum scan_result result;

	switch ((enum expect)s->expect) {
	case EXPECT_VALUE:
		goto value;
	case EXPECT_FIRST_ELEMENT:
		goto first_element;
	case EXPECT_FIRST_KEY:
		goto first_key;
	case EXPECT_KEY:
		goto key;
	case EXPECT_COLON:
		goto colon;
	case EXPECT_NEXT:
		goto next;
	case WITHIN_KEY:
		goto within_key;
	case WITHIN_STRING:
		goto within_string;
	case WITHIN_NUMBER:
		goto within_number;
	case WITHIN_LITERAL:
		goto within_literal;
	}

first_element:
	NEXT_BYTE(EXPECT_FIRST_ELEMENT);
	if (*p == ']')
		goto close;
value:
	NEXT_BYTE(EXPECT_VALUE);
	switch (*p) {
	case '"':
		p++;
		if (LIKELY(take_plain_string(&p, end)))
			goto next;
		goto within_string;
	case '{':
		if (!push(s, true))
			goto bad;
		p++;
		goto first_key;
	case '[':
		if (!push(s, false))
			goto bad;
		p++;
		goto first_element;
	case 't':
		s->literal = "true";
		goto within_literal;
	case 'f':
		s->literal = "false";
		goto within_literal;
	case 'n':
		s->literal = "null";
		goto within_literal;
	case '-':
		s->part = PART_MINUS;
		break;
	case '0':
		s->part = PART_ZERO;
		break;
	default:
		if (!is_digit(*p)) {
			(void)fail(s, REJECT_syntax, "expected a value");
			goto bad;
		}
		s->part = PART_INTEGER;
		break;
	}
	p++;
within_number:
	TAKE(WITHIN_NUMBER, take_number);
	s->part = PART_PLAIN;
	goto next;
within_literal:
	TAKE(WITHIN_LITERAL, take_literal);
	goto next;
within_string:
	TAKE(WITHIN_STRING, take_string);
next:
	if (s->depth == 0)
		goto done;
	NEXT_BYTE(EXPECT_NEXT);
	if (*p == ',') {
		p++;
		if (in_object(s))
			goto key;
		goto value;
	}
	if (*p == (in_object(s) ? '}' : ']'))
		goto close;
	(void)fail(s, REJECT_syntax,
		in_object(s) ? "expected ',' or '}'" : "expected ',' or ']'");
	goto bad;
first_key:
	NEXT_BYTE(EXPECT_FIRST_KEY);
	if (*p == '}')
		goto close;
key:
	NEXT_BYTE(EXPECT_KEY);
	if (*p != '"') {
		(void)fail(s, REJECT_syntax, "expected a key in quotes");
		goto bad;
	}
	p++;
	if (LIKELY(take_plain_string(&p, end)))
		goto colon;
within_key:
	TAKE(WITHIN_KEY, take_string);
colon:
	NEXT_BYTE(EXPECT_COLON);
	if (*p != ':') {
		(void)fail(s, REJECT_syntax, "expected ':'");
		goto bad;
	}
	p++;
	goto value;
close:
	p++;
	s->depth--;
	goto next;

more:
	result = SCAN_MORE;
	goto out;
bad:
	result = SCAN_BAD;
	goto out;
done:
	result = SCAN_DONE;
out:
	*used = (size_t)(p - bytes);
	return result;
}
