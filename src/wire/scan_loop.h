/*
 * scan_loop: the scanner's hot loop, as text: scan.c includes it once for each kind of
 * machine, with these defined:
 *
 *   SCAN_PATH    sse2, say: what the names end in
 *   SCAN_TARGET  the attribute that lets a function use the machine's instructions
 *   SCAN_PROOF   the function that can prove whole blocks, or not defined
 *
 * The loop holds what may come next in its place in the code: it jumps from label to
 * label, and `expect` is written only when the bytes run out.  A token that lies whole
 * within the bytes is taken here; one that is cut, or wrong, is left to the resumable
 * functions of scan.c, which go on where this one stopped.
 *
 * Within strings 64 bytes at a time become a window, a bit for each byte that is special
 * there.  Where the next one stands is a shift and a count away, so that one string's end
 * need not be loaded and compared before the next one's can be.
 *
 * Behind a comma in a longer text the loop may hand over to a proof (scan_proof.h) and
 * goes on where that ends, as it does with the next bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#define SCAN_JOIN_(name, path) name##_##path
#define SCAN_JOIN(name, path) SCAN_JOIN_(name, path)
#define SCAN_NAME(name) SCAN_JOIN(name, SCAN_PATH)

/* The last bytes, of which there are fewer than a block's. */
SCAN_TARGET static NO_INLINE struct scan_block
SCAN_NAME(look_at_few)(const uint8_t *bytes, size_t len)
{
	uint8_t copy[SCAN_BLOCK_BYTES];

	memset(copy, ' ', sizeof copy);
	memcpy(copy, bytes, len);
	return SCAN_NAME(scan_block)(copy, true);
}

/* Looks at the bytes from `p` on, which is before the end. */
SCAN_TARGET static ALWAYS_INLINE void
SCAN_NAME(move_window)(struct window *w, const uint8_t *p)
{
	if (LIKELY(w->end - p >= SCAN_BLOCK_BYTES)) {
		w->base = p;
		w->block = SCAN_NAME(scan_block)(p, false);
	} else if (w->end - w->begin >= SCAN_BLOCK_BYTES) {
		w->base = w->end - SCAN_BLOCK_BYTES;
		w->block = SCAN_NAME(scan_block)(w->base, true);
	} else {
		w->base = p;
		w->block = SCAN_NAME(look_at_few)(p, (size_t)(w->end - p));
		w->block.known = (unsigned)(w->end - p);
	}
	w->limit = w->base + w->block.known;
}

/*
 * The rest of a string, from `p` on: its closing quote; or, where the bytes end before
 * it, the end; or the special byte that has to be taken one by one.
 */
SCAN_TARGET static ALWAYS_INLINE const uint8_t *
SCAN_NAME(skip_string)(struct window *w, const uint8_t *p)
{
	for (;;) {
		const uint8_t *special;
		uint64_t ahead;

		if (UNLIKELY(p >= w->limit)) {
			if (p == w->end)
				return p;
			SCAN_NAME(move_window)(w, p);
		}
		ahead = w->block.special >> (p - w->base);
		if (UNLIKELY(ahead == 0)) {
			p = w->limit;
			continue;
		}
		special = p + __builtin_ctzll(ahead);
		if (LIKELY(*special == '"'))
			return special;
		p = skip_special(special, w->end);
		if (p == special)
			return p;
	}
}

/*
 * A number up to the byte that ends it; NULL: only take_number can tell.  The digits are
 * told from the others all at once, so that the length of a run costs nothing.
 */
SCAN_TARGET static ALWAYS_INLINE const uint8_t *
SCAN_NAME(skip_number)(const uint8_t *p, const uint8_t *end)
{
	uint32_t others;
	unsigned at;

	if (UNLIKELY(end - p < 1 + SCAN_DIGITS_BYTES))
		return NULL;
	if (*p == '-')
		p++;
	others = SCAN_NAME(scan_others)(p);
	if (UNLIKELY(others == 0))
		return NULL;
	at = (unsigned)__builtin_ctz(others);
	if (at == 0 || (at > 1 && *p == '0'))
		return NULL;
	if (p[at] == '.') {
		unsigned point = at;

		others &= others - 1;
		if (UNLIKELY(others == 0))
			return NULL;
		at = (unsigned)__builtin_ctz(others);
		if (at == point + 1)
			return NULL;
	}
	if ((p[at] | 0x20) == 'e') {
		unsigned before = at;

		others &= others - 1;
		at = others != 0 ? (unsigned)__builtin_ctz(others) : 0;
		if (at == before + 1 && (p[at] == '+' || p[at] == '-')) {
			before = at;
			others &= others - 1;
		}
		if (others == 0)
			return NULL;
		at = (unsigned)__builtin_ctz(others);
		if (at == before + 1)
			return NULL;
	}
	return p + at;
}

/*
 * Goes on behind white space, of which there is mostly none or one; where the bytes end,
 * the scan stops before what was expected.
 */
#define NEXT_BYTE(what)                                \
	do {                                           \
		if (p < end && *p == ' ')              \
			p++;                           \
		if (UNLIKELY(p == end || *p <= ' ')) { \
			p = skip_white(p, end);        \
			if (p == end) {                \
				s->expect = (what);    \
				goto more;             \
			}                              \
		}                                      \
	} while (0)

/* Lets a token's function run; goes on behind it when the token is whole. */
#define TAKE(what, take)                              \
	do {                                          \
		const uint8_t *at_ = p;               \
		enum step step_ = take(s, &at_, end); \
                                                      \
		p = at_;                              \
		if (UNLIKELY(step_ != STEP_DONE)) {   \
			s->expect = (what);           \
			if (step_ == STEP_BAD)        \
				goto bad;             \
			goto more;                    \
		}                                     \
	} while (0)

/* What is left of a string, up to its closing quote. */
#define TAKE_STRING(what)                                  \
	do {                                               \
		p = SCAN_NAME(skip_string)(&w, p);         \
		while (UNLIKELY(p == end || *p != '"')) {  \
			if (p == end) {                    \
				s->expect = (what);        \
				goto more;                 \
			}                                  \
			TAKE(what, take_special);          \
			p = SCAN_NAME(skip_string)(&w, p); \
		}                                          \
	} while (0)

SCAN_TARGET static enum scan_result
SCAN_NAME(feed)(struct scan *s, const uint8_t *bytes, size_t len, size_t *used)
{
	const uint8_t *p = bytes, *const end = bytes + len, *behind;
	struct window w = {.begin = bytes, .end = end, .base = bytes, .limit = bytes};
	struct nest nest = {.kinds = s->kinds, .depth = s->depth};
	enum scan_result result;
	const uint8_t *prove_at = end; /* behind this a proof may begin */
	uint32_t gap;

#ifdef SCAN_PROOF
	if (nest.depth == 0 && len > s->prove_behind)
		prove_at = bytes + s->prove_behind;
	else if (nest.depth > 0 && len > PROVE_BYTES)
		prove_at = bytes;
resume:
#endif
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
		if (s->part != PART_PLAIN)
			TAKE(WITHIN_KEY, take_special);
		goto within_key;
	case WITHIN_STRING:
		if (s->part != PART_PLAIN)
			TAKE(WITHIN_STRING, take_special);
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
		goto within_string;
	case '{':
		if (!push(s, &nest, true))
			goto bad;
		p++;
		goto first_key;
	case '[':
		if (!push(s, &nest, false))
			goto bad;
		p++;
		goto first_element;
	case 't':
	case 'f':
	case 'n':
		behind = skip_literal(p, end);
		if (LIKELY(behind != NULL)) {
			p = behind;
			goto next;
		}
		begin_literal(s, *p);
		goto within_literal;
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		behind = SCAN_NAME(skip_number)(p, end);
		if (LIKELY(behind != NULL)) {
			p = behind;
			goto next;
		}
		begin_number(s, *p);
		p++;
		goto within_number;
	default:
		(void)fail(s, REJECT_syntax, "expected a value");
		goto bad;
	}
within_number:
	TAKE(WITHIN_NUMBER, take_number);
	s->part = PART_PLAIN;
	goto next;
within_literal:
	TAKE(WITHIN_LITERAL, take_literal);
	goto next;
within_string:
	TAKE_STRING(WITHIN_STRING);
	gap = load_gap(p, end);
	p++;
	if (nest.depth > 0 && p < prove_at) {
		if (gap == GAP_WIDE(',')) {
			p += 3;
			if (in_object(&nest))
				goto within_key;
			goto within_string;
		}
		if (IS_NARROW(gap, ',')) {
			p += 2;
			if (in_object(&nest))
				goto within_key;
			goto within_string;
		}
	}
next:
	if (nest.depth == 0)
		goto done;
	NEXT_BYTE(EXPECT_NEXT);
	if (*p == ',') {
		p++;
#ifdef SCAN_PROOF
		if (UNLIKELY(p >= prove_at)) {
			p = prove(s, &nest, p, end, SCAN_PROOF);
			prove_at =
				end - p > PROVE_AGAIN_BYTES ? p + PROVE_AGAIN_BYTES : end;
			w.limit = w.base = p;
			goto resume;
		}
#endif
		if (in_object(&nest))
			goto key;
		goto value;
	}
	if (*p == (in_object(&nest) ? '}' : ']'))
		goto close;
	(void)fail(s, REJECT_syntax,
		in_object(&nest) ? "expected ',' or '}'" : "expected ',' or ']'");
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
within_key:
	TAKE_STRING(WITHIN_KEY);
	gap = load_gap(p, end);
	p++;
	if (gap == GAP_WIDE(':')) {
		p += 3;
		goto within_string;
	}
	if (IS_NARROW(gap, ':')) {
		p += 2;
		goto within_string;
	}
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
	pop(s, &nest);
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
	s->kinds = nest.kinds;
	s->depth = (uint16_t)nest.depth;
	*used = (size_t)(p - bytes);
	return result;
}

#undef SCAN_PROOF
#undef NEXT_BYTE
#undef TAKE
#undef TAKE_STRING
#undef SCAN_NAME
#undef SCAN_JOIN
#undef SCAN_JOIN_
#undef SCAN_PATH
#undef SCAN_TARGET
