/*
 * reference: a recursive reader that stops at the first byte that cannot stand where it
 * stands, or where the bytes end.  No state beyond a call.
 *
 * SPDX-License-Identifier: MIT
 */
#include "reference.h"

#include <string.h>

struct reader {
	const uint8_t *bytes;
	size_t len, at;
	unsigned depth, max_depth;
	struct reference stop; /* where and why the reading stopped */
};

static bool read_value(struct reader *r);

static bool
bad(struct reader *r, enum reject_reason reason)
{
	r->stop = (struct reference){.result = SCAN_BAD, .used = r->at, .reason = reason};
	return false;
}

static bool
at_end(struct reader *r)
{
	if (r->at < r->len)
		return false;
	r->stop = (struct reference){.result = SCAN_MORE, .used = r->len};
	return true;
}

static bool
next_is(const struct reader *r, const char *set)
{
	return r->at < r->len && r->bytes[r->at] != '\0' &&
	       strchr(set, r->bytes[r->at]) != NULL;
}

/* One byte of the set, or the reading stops. */
static bool
take(struct reader *r, const char *set)
{
	if (at_end(r))
		return false;
	if (!next_is(r, set))
		return bad(r, REJECT_syntax);
	r->at++;
	return true;
}

static void
skip(struct reader *r, const char *set)
{
	while (next_is(r, set))
		r->at++;
}

/* RFC 8259, section 6: [ minus ] int [ frac ] [ exp ] */
static bool
read_number(struct reader *r)
{
	static const char digits[] = "0123456789";

	if (next_is(r, "-"))
		r->at++;
	if (next_is(r, "0")) {
		r->at++;
		if (next_is(r, digits))
			return bad(r, REJECT_syntax);
	} else {
		if (!take(r, digits))
			return false;
		skip(r, digits);
	}
	if (next_is(r, ".")) {
		r->at++;
		if (!take(r, digits))
			return false;
		skip(r, digits);
	}
	if (next_is(r, "eE")) {
		r->at++;
		if (next_is(r, "+-"))
			r->at++;
		if (!take(r, digits))
			return false;
		skip(r, digits);
	}
	if (at_end(r)) {
		r->stop.may_end = r->depth == 0;
		return false;
	}
	return true;
}

static bool
read_literal(struct reader *r, const char *literal)
{
	for (const char *p = literal; *p != '\0'; p++)
		if (!take(r, (const char[]){*p, '\0'}))
			return false;
	return true;
}

/* RFC 3629, section 4, a row a line of its grammar. */
static bool
read_character(struct reader *r)
{
	static const struct {
		uint8_t first_low, first_high, second_low, second_high, len;
	} rows[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	uint8_t first = r->bytes[r->at];
	size_t i = 0;

	while (i < COUNT_OF(rows) &&
		(first < rows[i].first_low || first > rows[i].first_high))
		i++;
	if (i == COUNT_OF(rows))
		return bad(r, REJECT_utf8);
	r->at++;
	for (size_t n = 1; n < rows[i].len; n++, r->at++) {
		uint8_t low = n == 1 ? rows[i].second_low : 0x80;
		uint8_t high = n == 1 ? rows[i].second_high : 0xbf;

		if (at_end(r))
			return false;
		if (r->bytes[r->at] < low || r->bytes[r->at] > high)
			return bad(r, REJECT_utf8);
	}
	return true;
}

static bool
read_escape(struct reader *r)
{
	r->at++;
	if (!next_is(r, "u"))
		return take(r, "\"\\/bfnrt");
	r->at++;
	for (int i = 0; i < 4; i++)
		if (!take(r, "0123456789abcdefABCDEF"))
			return false;
	return true;
}

static bool
read_string(struct reader *r)
{
	if (!take(r, "\""))
		return false;
	while (!at_end(r)) {
		uint8_t c = r->bytes[r->at];
		bool ok = true;

		if (c == '"') {
			r->at++;
			return true;
		}
		if (c == '\\')
			ok = read_escape(r);
		else if (c < 0x20)
			ok = bad(r, REJECT_syntax);
		else if (c >= 0x80)
			ok = read_character(r);
		else
			r->at++;
		if (!ok)
			return false;
	}
	return false;
}

static bool
read_element(struct reader *r, bool is_member)
{
	skip(r, " \t\r\n");
	if (is_member) {
		if (!read_string(r))
			return false;
		skip(r, " \t\r\n");
		if (!take(r, ":"))
			return false;
	}
	if (!read_value(r))
		return false;
	skip(r, " \t\r\n");
	return true;
}

static bool
read_container(struct reader *r, char open)
{
	char close = open == '{' ? '}' : ']';
	const char either[] = {',', close, '\0'};

	if (r->depth == r->max_depth)
		return bad(r, REJECT_too_deep);
	r->depth++;
	r->at++;
	skip(r, " \t\r\n");
	if (next_is(r, either + 1)) {
		r->at++;
		r->depth--;
		return true;
	}
	do {
		if (!read_element(r, open == '{') || !take(r, either))
			return false;
	} while (r->bytes[r->at - 1] == ',');
	r->depth--;
	return true;
}

static bool
read_value(struct reader *r)
{
	skip(r, " \t\r\n");
	if (at_end(r))
		return false;
	switch (r->bytes[r->at]) {
	case '{':
		return read_container(r, '{');
	case '[':
		return read_container(r, '[');
	case '"':
		return read_string(r);
	case 't':
		return read_literal(r, "true");
	case 'f':
		return read_literal(r, "false");
	case 'n':
		return read_literal(r, "null");
	default:
		if (!next_is(r, "-0123456789"))
			return bad(r, REJECT_syntax);
		return read_number(r);
	}
}

struct reference
reference_scan(const uint8_t *bytes, size_t len, unsigned max_depth)
{
	struct reader r = {.bytes = bytes, .len = len, .max_depth = max_depth};

	if (!read_value(&r))
		return r.stop;
	return (struct reference){.result = SCAN_DONE, .used = r.at};
}
