/*
 * differential_fuzz: the same text before three strict parsers.
 *
 * The input is the text.  What this project accepts, jansson and yajl must accept too,
 * and what it refuses they must refuse.  Where they are known to differ, a row of the
 * table below says how, and its function takes from the text exactly what the row is
 * about: then all must agree.  Whatever the rows do not explain is a finding.
 *
 * SPDX-License-Identifier: MIT
 */
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "fuzz.h"
#include "wire/frame.h"

#define JANSSON_FLAGS (JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL)

const char fuzz_name[] = "differential";

struct text {
	uint8_t bytes[FUZZ_INPUT_MAX + 1]; /* a NUL is behind them */
	size_t len;
};

static bool
we_accept(const uint8_t *text, size_t len)
{
	struct frame_item item;

	return frame_judge(text, len, SCAN_DEPTH_MAX, &item) == FRAME_MESSAGE;
}

static bool
jansson_accepts(const uint8_t *text, size_t len)
{
	json_error_t error;
	json_t *tree = json_loadb((const char *)text, len, JANSSON_FLAGS, &error);

	json_decref(tree);
	return tree != NULL;
}

static bool
yajl_accepts(const uint8_t *text, size_t len)
{
	yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
	bool accepted;

	if (parser == NULL)
		abort();
	accepted = yajl_parse(parser, text, len) == yajl_status_ok &&
		   yajl_complete_parse(parser) == yajl_status_ok;
	yajl_free(parser);
	return accepted;
}

/* Behind the string that begins at `at`; beyond the text: it has no end. */
static size_t
closed_end(const struct text *t, size_t at)
{
	for (at++; at < t->len && t->bytes[at] != '"'; at++)
		at += t->bytes[at] == '\\';
	return at < t->len ? at + 1 : t->len + 1;
}

/* The same, or the end of the text. */
static size_t
string_end(const struct text *t, size_t at)
{
	size_t end = closed_end(t, at);

	return end <= t->len ? end : t->len;
}

/* The next string from `*at` on, as [*begin, *at); false: there is none. */
static bool
next_string(const struct text *t, size_t *begin, size_t *at)
{
	const uint8_t *quote = memchr(t->bytes + *at, '"', t->len - *at);

	if (quote == NULL)
		return false;
	*begin = (size_t)(quote - t->bytes);
	*at = string_end(t, *begin);
	return true;
}

/* The code of the \uXXXX at `at`, or -1 where none is. */
static long
escaped_code(const struct text *t, size_t at, size_t end)
{
	char digits[5] = "";

	if (at + 6 > end || t->bytes[at] != '\\' || t->bytes[at + 1] != 'u')
		return -1;
	memcpy(digits, t->bytes + at + 2, 4);
	if (digits[strspn(digits, "0123456789abcdefABCDEF")] != '\0')
		return -1;
	return strtol(digits, NULL, 16);
}

static void
become_letter(struct text *t, size_t at)
{
	memcpy(t->bytes + at, "\\u0041", 6);
}

/* The next escape of a string from `at` on, or its end. */
static size_t
next_escape(const struct text *t, size_t at, size_t end)
{
	while (at < end && t->bytes[at] != '\\')
		at++;
	return at;
}

static bool
repair_surrogates(struct text *t)
{
	bool changed = false;

	for (size_t at, end = 0; next_string(t, &at, &end);) {
		while ((at = next_escape(t, at, end)) < end) {
			long code = escaped_code(t, at, end);
			long next = escaped_code(t, at + 6, end);

			if (code >= 0xd800 && code <= 0xdbff && next >= 0xdc00 &&
				next <= 0xdfff) {
				at += 6;
			} else if (code >= 0xd800 && code <= 0xdfff) {
				become_letter(t, at);
				changed = true;
			}
			at += 2;
		}
	}
	return changed;
}

static bool
is_key(const struct text *t, size_t end)
{
	while (end < t->len && scan_is_white(t->bytes[end]))
		end++;
	return end < t->len && t->bytes[end] == ':';
}

static bool
repair_keys_with_nul(struct text *t)
{
	bool changed = false;

	for (size_t at, end = 0; next_string(t, &at, &end);) {
		for (; is_key(t, end) && (at = next_escape(t, at, end)) < end; at += 2) {
			if (escaped_code(t, at, end) == 0) {
				become_letter(t, at);
				changed = true;
			}
		}
	}
	return changed;
}

static bool
repair_swallowed_nul(struct text *t)
{
	bool changed = false;

	for (size_t at = 0; at + 1 < t->len; at++) {
		if (t->bytes[at] == '"') {
			at = string_end(t, at) - 1;
		} else if (isalnum(t->bytes[at]) && t->bytes[at + 1] == '\0') {
			t->bytes[at + 1] = ' ';
			changed = true;
		}
	}
	return changed;
}

/* A zero in the place of `len` bytes; white space takes up the rest. */
static void
become_zero(struct text *t, size_t at, size_t len)
{
	memset(t->bytes + at, ' ', len);
	t->bytes[at] = '0';
}

static bool
repair_huge_numbers(struct text *t)
{
	bool changed = false;

	for (size_t at = 0; at < t->len; at++) {
		const char *number = (const char *)t->bytes + at;
		size_t len = strspn(number, "0123456789+-.eE");

		if (t->bytes[at] == '"') {
			at = string_end(t, at) - 1;
		} else if (strchr("-0123456789", t->bytes[at]) != NULL && len > 0) {
			/* The text ends with a NUL, and so a number ends within it. */
			if (isinf(strtod(number, NULL))) {
				become_zero(t, at, len);
				changed = true;
			}
			at += len - 1;
		}
	}
	return changed;
}

/* Behind the object or array that begins at `at`; 0: it does not end. */
static size_t
container_end(const struct text *t, size_t at)
{
	size_t depth = 0;

	while (at < t->len) {
		uint8_t c = t->bytes[at];

		at = c == '"' ? string_end(t, at) : at + 1;
		depth += c == '{' || c == '[';
		if ((c == '}' || c == ']') && --depth == 0)
			return at;
	}
	return 0;
}

static bool
repair_depth(struct text *t)
{
	size_t depth = 0, end;
	bool changed = false;

	for (size_t at = 0; at < t->len; at++) {
		uint8_t c = t->bytes[at];

		if (c == '"')
			at = string_end(t, at) - 1;
		else if (c == '}' || c == ']')
			depth -= depth > 0;
		else if ((c == '{' || c == '[') && depth < SCAN_DEPTH_MAX)
			depth++;
		else if (c == '{' || c == '[') {
			end = container_end(t, at);
			if (end == 0)
				return changed;
			become_zero(t, at, end - at);
			changed = true;
			at = end - 1;
		}
	}
	return changed;
}

static bool
repair_white_space(struct text *t)
{
	bool changed = false;

	for (size_t at = 0; at < t->len; at++) {
		if (t->bytes[at] == '"') {
			at = string_end(t, at) - 1;
		} else if (t->bytes[at] == '\v' || t->bytes[at] == '\f') {
			t->bytes[at] = ' ';
			changed = true;
		}
	}
	return changed;
}

/* Bytes that have the form of a character; 0: none does. */
static size_t
form_len(const uint8_t *bytes, size_t len)
{
	size_t n = bytes[0] >> 5 == 0x6    ? 2
		   : bytes[0] >> 4 == 0xe  ? 3
		   : bytes[0] >> 3 == 0x1e ? 4
					   : 0;

	if (n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if (bytes[i] >> 6 != 2)
			return 0;
	return n;
}

/* Whether what has the form is one: neither overlong, nor a surrogate, nor beyond. */
static bool
is_character(const uint8_t *bytes, size_t n)
{
	static const uint32_t least[] = {[2] = 0x80, [3] = 0x800, [4] = 0x10000};
	uint32_t code = bytes[0] & (0x7fu >> n);

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (bytes[i] & 0x3fu);
	return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static bool
repair_characters(struct text *t)
{
	bool changed = false;

	for (size_t begin, end = 0; next_string(t, &begin, &end);) {
		for (size_t at = begin; at < end; at++) {
			size_t n = form_len(t->bytes + at, end - at);

			if (n == 0)
				continue;
			if (!is_character(t->bytes + at, n)) {
				memset(t->bytes + at, 'a', n);
				changed = true;
			}
			at += n - 1;
		}
	}
	return changed;
}

/* A string that has no end; any other token that is cut short yajl sees. */
static bool
repair_open_string(struct text *t)
{
	size_t begin, end = 0;

	while (next_string(t, &begin, &end))
		if (closed_end(t, begin) > t->len) {
			memset(t->bytes + begin, ' ', end - begin);
			return true;
		}
	return false;
}

static const struct parser {
	const char *name;
	bool (*accepts)(const uint8_t *text, size_t len);
} jansson = {"jansson", jansson_accepts}, yajl = {"yajl", yajl_accepts};

/* The known differences; README.md explains each, and the corpus has a file for each. */
static const struct difference {
	const char *name;
	const struct parser *parser;
	bool (*repair)(struct text *t); /* true: there was something to change */
} differences[] = {
	{"jansson refuses an escaped lone surrogate", &jansson, repair_surrogates},
	{"jansson refuses an escaped NUL in a key", &jansson, repair_keys_with_nul},
	{"jansson refuses a number beyond a double", &jansson, repair_huge_numbers},
	{"jansson swallows a NUL behind a number or literal", &jansson,
		repair_swallowed_nul},
	{"jansson goes deeper", &jansson, repair_depth},
	{"yajl goes deeper", &yajl, repair_depth},
	{"yajl takes VT and FF for white space", &yajl, repair_white_space},
	{"yajl overlooks an open string behind the value", &yajl, repair_open_string},
	{"yajl takes whatever has the form of UTF-8", &yajl, repair_characters},
};

static bool was_shown[COUNT_OF(differences)];

static bool
agrees(const struct parser *parser, const uint8_t *text, size_t len)
{
	return parser->accepts(text, len) == we_accept(text, len);
}

/* Whether one row explains all, or all rows of this parser together do. */
static bool
is_explained(const struct parser *parser, const uint8_t *text, size_t len)
{
	static struct text one, all;

	memcpy(all.bytes, text, len);
	all.bytes[len] = '\0';
	all.len = len;
	for (size_t i = 0; i < COUNT_OF(differences); i++) {
		const struct difference *d = &differences[i];

		if (d->parser != parser)
			continue;
		memcpy(one.bytes, text, len);
		one.bytes[len] = '\0';
		one.len = len;
		if (d->repair(&one) && agrees(parser, one.bytes, len)) {
			was_shown[i] = true;
			return true;
		}
		(void)d->repair(&all);
	}
	return agrees(parser, all.bytes, len);
}

static void
check_parser(const struct parser *parser, const uint8_t *text, size_t len)
{
	if (agrees(parser, text, len) || is_explained(parser, text, len))
		return;
	(void)fprintf(stderr, "%s %s and we do not:\n", parser->name,
		parser->accepts(text, len) ? "accepts" : "refuses");
	(void)fwrite(text, 1, len, stderr);
	abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > FUZZ_INPUT_MAX)
		return 0;
	check_parser(&jansson, data, size);
	check_parser(&yajl, data, size);
	return 0;
}

const char *
fuzz_missing(void)
{
	for (size_t i = 0; i < COUNT_OF(differences); i++)
		if (!was_shown[i])
			return differences[i].name;
	return NULL;
}
