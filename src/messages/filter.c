/*
 * filter: matching of one message's text.  No state of its own; any thread.
 *
 * A path is followed through the text itself, with the scanner to pass over what is not
 * on it, and escapes are undone a character at a time, so a search takes no memory
 * however large the messages are, and cannot fail.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "wire/scan.h"

/* So many decimal digits survive a double and back. */
#define EXACT_DIGITS 15

/* A part of a valid JSON text; no text: there is none. */
struct piece {
	const char *text;
	size_t len;
};

void
filter_init(struct filter *f)
{
	*f = (struct filter){
		.before = UINT64_MAX, .since_us = INT64_MIN, .until_us = INT64_MAX};
}

bool
filter_is_path(const char *path)
{
	if (path[0] != '.')
		return false;
	for (const char *p = path; *p != '\0'; p++)
		if (p[0] == '.' && (p[1] == '.' || p[1] == '\0'))
			return false;
	return true;
}

/* Steps over white space, and over one comma or colon with what is around it. */
static size_t
skip_between(struct piece within, size_t at)
{
	while (at < within.len &&
		(scan_is_white((uint8_t)within.text[at]) || within.text[at] == ',' ||
			within.text[at] == ':'))
		at++;
	return at;
}

/* The value that begins at `at`, and all that follows it; none at a closing bracket. */
static struct piece
rest_at(struct piece within, size_t at)
{
	at = skip_between(within, at);
	if (at == within.len || within.text[at] == '}' || within.text[at] == ']')
		return (struct piece){0};
	return (struct piece){within.text + at, within.len - at};
}

/* The value alone; `at` is moved behind it. */
static struct piece
take_value(struct piece within, size_t *at)
{
	struct piece value = rest_at(within, *at);
	struct scan scan;

	if (value.text == NULL)
		return value;
	scan_begin(&scan, SCAN_DEPTH_MAX, 0);
	(void)!scan_feed(&scan, (const uint8_t *)value.text, value.len, &value.len);
	*at = (size_t)(value.text - within.text) + value.len;
	return value;
}

/* UTF-8 (RFC 3629, section 3); half of a surrogate pair becomes bytes that no text has.
 */
static size_t
encode(unsigned code, char out[4])
{
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char firsts[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = len; i-- > 1; code >>= 6)
		out[i] = (char)(0x80 | (code & 0x3f));
	out[0] = (char)(firsts[len] | code);
	return len;
}

static unsigned
read_hex(const char *digits)
{
	char copy[5] = {digits[0], digits[1], digits[2], digits[3], '\0'};

	return (unsigned)strtoul(copy, NULL, 16);
}

/* What the escape at `*at` stands for; moves behind it.  The string is valid. */
static size_t
decode(const char **at, const char *end, char out[4])
{
	static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
	const char *p = *at + 1, *letter = strchr(letters, *p);
	unsigned code, low;

	*at = p + 1;
	if (*p != 'u') {
		out[0] = letter != NULL ? controls[letter - letters] : *p;
		return 1;
	}
	code = read_hex(p + 1);
	*at = p += 5;
	if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
		p[1] == 'u' && (low = read_hex(p + 2)) >= 0xdc00 && low < 0xe000) {
		code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
		*at = p + 6;
	}
	return encode(code, out);
}

/* A string in quotes against a text of known length. */
static bool
string_equals(struct piece string, const char *text, size_t len)
{
	const char *p = string.text + 1, *end = string.text + string.len - 1;

	if (memchr(p, '\\', (size_t)(end - p)) == NULL)
		return (size_t)(end - p) == len && memcmp(p, text, len) == 0;
	while (p < end) {
		char decoded[4] = {*p};
		size_t bytes = 1;

		if (*p == '\\')
			bytes = decode(&p, end, decoded);
		else
			p++;
		if (bytes > len || memcmp(decoded, text, bytes) != 0)
			return false;
		text += bytes;
		len -= bytes;
	}
	return len == 0;
}

/*
 * What these two and `find` return goes on to the end of the message: where a value ends
 * is looked for only when it is passed over, so each byte is scanned once, however deep
 * the path leads.
 */
static struct piece
element_at(struct piece array, const char *name, size_t len)
{
	size_t index = 0, at = 1;

	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9' || index > array.len)
			return (struct piece){0};
		index = index * 10 + (size_t)(name[i] - '0');
	}
	for (; index > 0; index--)
		if (take_value(array, &at).text == NULL)
			return (struct piece){0};
	return rest_at(array, at);
}

static struct piece
member_named(struct piece object, const char *name, size_t len)
{
	size_t at = 1;

	for (;;) {
		struct piece key = take_value(object, &at);

		if (key.text == NULL)
			return key;
		if (string_equals(key, name, len))
			return rest_at(object, at);
		(void)take_value(object, &at);
	}
}

static struct piece
find(struct piece value, const char *path)
{
	while (value.text != NULL && *path == '.') {
		const char *name = path + 1;
		size_t len = strcspn(name, ".");

		if (value.text[0] == '{')
			value = member_named(value, name, len);
		else if (value.text[0] == '[')
			value = element_at(value, name, len);
		else
			value = (struct piece){0};
		path = name + len;
	}
	return value;
}

static bool
is_exact(const char *number, size_t len)
{
	size_t digits = 0;

	for (size_t i = 0; i < len; i++)
		digits += number[i] >= '0' && number[i] <= '9';
	return digits > 0 && digits <= EXACT_DIGITS;
}

/* As JSON writes one (RFC 8259, section 6), with nothing around it. */
static bool
is_number(struct piece text)
{
	struct scan scan;
	size_t used = 0;

	if (text.len == 0 || strchr("-0123456789", text.text[0]) == NULL)
		return false;
	scan_begin(&scan, 1, text.len);
	return scan_feed(&scan, (const uint8_t *)text.text, text.len, &used) ==
		       SCAN_MORE &&
	       scan_may_end(&scan);
}

/*
 * The value of a number that a double can tell from all others that are as short: one
 * that is too large would be as infinite as any, one that is too small a 0 or nearly.
 */
static bool
read_exactly(struct piece number, double *out)
{
	char copy[4 * EXACT_DIGITS];

	if (!is_exact(number.text, number.len) || number.len >= sizeof copy)
		return false;
	memcpy(copy, number.text, number.len);
	copy[number.len] = '\0';
	*out = strtod(copy, NULL);
	if (fpclassify(*out) == FP_ZERO)
		return strcspn(copy, "123456789") >= strcspn(copy, "eE");
	return fpclassify(*out) == FP_NORMAL;
}

static bool
number_equals(struct piece number, const char *text)
{
	struct piece other = {text, strlen(text)};
	double wanted, found;

	if (number.len == other.len && memcmp(number.text, text, other.len) == 0)
		return true;
	return is_number(other) && read_exactly(other, &wanted) &&
	       read_exactly(number, &found) && wanted >= found && wanted <= found;
}

/* The scalar is followed by the rest of the message. */
static bool
scalar_equals(struct piece scalar, const char *text)
{
	size_t at = 0;

	if (scalar.text == NULL || scalar.text[0] == '{' || scalar.text[0] == '[')
		return false;
	scalar.len = take_value(scalar, &at).len;
	if (scalar.text[0] == '"')
		return string_equals(scalar, text, strlen(text));
	if (scalar.text[0] == '-' || (scalar.text[0] >= '0' && scalar.text[0] <= '9'))
		return number_equals(scalar, text);
	return scalar.len == strlen(text) && memcmp(scalar.text, text, scalar.len) == 0;
}

bool
filter_match_text(const struct filter *f, const char *json, size_t len)
{
	struct piece message = {json, len};

	if (f->substring != NULL &&
		memmem(json, len, f->substring, strlen(f->substring)) == NULL)
		return false;
	for (size_t i = 0; i < f->field_count; i++)
		if (!scalar_equals(find(message, f->fields[i].path), f->fields[i].value))
			return false;
	return true;
}
