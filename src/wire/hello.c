/*
 * hello: strict first, then a tree.
 *
 * Our own scanner judges the line, since cJSON accepts more than JSON; then cJSON makes
 * the tree.  A text ends for cJSON at an escaped NUL, also the name of a member, and it
 * takes no lone surrogates, and before 1.7.19 no number of more than NUMBER_MAX bytes, so
 * a hello with one of these anywhere is refused before: what fails then is for want of
 * memory.  Members are compared by their exact names: cJSON's
 * own look-up ignores case and knows no duplicates.
 *
 * The token lives in the caller's bytes, in the tree and in the struct; the latter two
 * are wiped here, but for what cJSON itself gives back where memory ends.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/hello.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"
#include "wire/scan.h"

#define PREFIX "BIO/1"
/* Enough for members to come, and little for cJSON, which recurses. */
#define DEPTH_MAX 32
#define NUMBER_MAX 63

#define TEXT_OF(x) #x
#define NUMERAL(x) TEXT_OF(x)

static bool
is_number_of_messages(double value)
{
	return value >= 1 && value <= (double)HELLO_NUMBER_MAX &&
	       value == (double)(uint64_t)value;
}

/* A text of 1 to `max` printable ASCII characters; `out` has room for one more. */
static bool
take_text(const cJSON *value, char *out, size_t max)
{
	const char *text = cJSON_GetStringValue(value);
	size_t len = text != NULL ? strlen(text) : 0;

	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	memcpy(out, text, len + 1);
	return true;
}

static bool
take_token(const cJSON *value, struct hello *hello)
{
	return take_text(value, hello->token, HELLO_TOKEN_MAX);
}

static bool
take_name(const cJSON *value, struct hello *hello)
{
	return take_text(value, hello->name, HELLO_NAME_MAX);
}

static bool
take_session(const cJSON *value, struct hello *hello)
{
	return take_text(value, hello->session, HELLO_SESSION_MAX);
}

static bool
take_next(const cJSON *value, struct hello *hello)
{
	if (!cJSON_IsNumber(value) || !is_number_of_messages(value->valuedouble))
		return false;
	hello->next = (uint64_t)value->valuedouble;
	return true;
}

static bool
take_ack(const cJSON *value, struct hello *hello)
{
	const char *text = cJSON_GetStringValue(value);

	hello->wants_acks = text != NULL && strcmp(text, "store") == 0;
	return hello->wants_acks;
}

static bool
take_framing(const cJSON *value, struct hello *hello)
{
	static const enum framing framings[] = {
		FRAMING_lines, FRAMING_rs, FRAMING_length};
	const char *text = cJSON_GetStringValue(value);

	for (size_t i = 0; text != NULL && i < COUNT_OF(framings); i++)
		if (strcmp(text, reason_framing_name(framings[i])) == 0) {
			hello->framing = framings[i];
			return true;
		}
	return false;
}

static const struct member {
	const char *name;
	bool (*take)(const cJSON *value, struct hello *hello);
	const char *wrong, *twice;
} members[] = {
#define MEMBER(name, rule)                                                           \
	{                                                                            \
#name, take_##name, #name ": expected " rule, #name ": stands twice" \
	}
	MEMBER(token, "1 to " NUMERAL(HELLO_TOKEN_MAX) " printable ASCII characters"),
	MEMBER(name, "1 to " NUMERAL(HELLO_NAME_MAX) " printable ASCII characters"),
	MEMBER(session, "1 to " NUMERAL(HELLO_SESSION_MAX) " printable ASCII characters"),
	MEMBER(next, "an integer from 1 to 2^53-1"),
	MEMBER(ack, "'store'"),
	MEMBER(framing, "'lines', 'rs' or 'length'"),
};

static enum hello_result
fail(struct hello *hello, enum hello_result result, const char *error)
{
	explicit_bzero(hello, sizeof *hello);
	hello->error = error;
	return result;
}

static enum hello_result
read_members(const cJSON *tree, struct hello *hello)
{
	bool seen[COUNT_OF(members)] = {false};
	const cJSON *value;

	if (!cJSON_IsObject(tree))
		return fail(hello, HELLO_BAD, "expected an object behind " PREFIX);
	cJSON_ArrayForEach(value, tree)
	{
		for (size_t i = 0; i < COUNT_OF(members); i++) {
			if (strcmp(value->string, members[i].name) != 0)
				continue;
			if (seen[i])
				return fail(hello, HELLO_BAD, members[i].twice);
			if (!members[i].take(value, hello))
				return fail(hello, HELLO_BAD, members[i].wrong);
			seen[i] = true;
		}
	}
	return HELLO_OK;
}

/* The code unit of the \u escape that begins here, in a valid text; or UNIT_NONE. */
#define UNIT_NONE 0x10000u
static unsigned
code_unit(const uint8_t *text, const uint8_t *end)
{
	char digits[5] = {0};

	if (end - text < 6 || text[0] != '\\' || text[1] != 'u')
		return UNIT_NONE;
	memcpy(digits, text + 2, 4);
	return (unsigned)strtoul(digits, NULL, 16);
}

/* In a valid JSON text, where backslashes stand in strings alone; NULL: none. */
static const char *
find_bad_escape(const uint8_t *text, size_t len)
{
	const uint8_t *end = text + len;

	while ((text = memchr(text, '\\', (size_t)(end - text))) != NULL) {
		unsigned unit = code_unit(text, end);
		bool is_surrogate = unit >= 0xd800 && unit <= 0xdfff;

		text += unit == UNIT_NONE ? 2 : 6;
		if (unit == 0)
			return "an escaped NUL has no place in a hello";
		if (!is_surrogate)
			continue;
		if (unit >= 0xdc00 || code_unit(text, end) - 0xdc00 >= 0x400)
			return "a lone surrogate has no place in a hello";
		text += 6;
	}
	return NULL;
}

/* In a valid JSON text.  No literal has a digit. */
static bool
has_long_number(const uint8_t *text, size_t len)
{
	bool is_in_string = false;
	size_t number_len = 0;

	for (size_t i = 0; i < len; i++) {
		if (is_in_string && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			is_in_string = !is_in_string;
		if (is_in_string || strchr("+-.0123456789Ee", text[i]) == NULL)
			number_len = 0;
		else if (++number_len > NUMBER_MAX)
			return true;
	}
	return false;
}

/* Every text: the token may stand where it does not belong. */
static void
wipe_texts(cJSON *tree)
{
	cJSON *value;

	cJSON_ArrayForEach(value, tree)
	{
		if (value->string != NULL)
			explicit_bzero(value->string, strlen(value->string));
		if (cJSON_IsString(value))
			explicit_bzero(value->valuestring, strlen(value->valuestring));
		wipe_texts(value);
	}
}

static enum hello_result
read_text(const uint8_t *text, size_t len, struct hello *hello)
{
	struct frame_item item;
	enum hello_result result;
	const char *error;
	cJSON *tree;

	if (frame_judge(text, len, DEPTH_MAX, &item) != FRAME_MESSAGE)
		return fail(hello, HELLO_BAD, item.error);
	error = find_bad_escape(item.text, item.len);
	if (error != NULL)
		return fail(hello, HELLO_BAD, error);
	if (has_long_number(item.text, item.len))
		return fail(hello, HELLO_BAD,
			"a number of more than 63 characters has no place in a hello");
	tree = cJSON_ParseWithLength((const char *)item.text, item.len);
	if (tree == NULL)
		return fail(hello, HELLO_NO_MEMORY, "no memory for the hello");
	result = read_members(tree, hello);
	wipe_texts(tree);
	cJSON_Delete(tree);
	return result;
}

/* The version is known before the line ends: the line of another may never do so. */
static enum hello_result
read_version(const uint8_t *bytes, size_t len, struct hello *hello)
{
	static const char other[] = "this server speaks " PREFIX;
	const size_t prefix_len = strlen(PREFIX);

	if (memcmp(bytes, PREFIX, len < prefix_len ? len : prefix_len) != 0)
		return fail(hello, HELLO_VERSION, other);
	if (len <= prefix_len)
		return HELLO_MORE;
	if (bytes[prefix_len] == '{')
		return fail(hello, HELLO_BAD, "expected a space behind " PREFIX);
	if (!scan_is_white(bytes[prefix_len]))
		return fail(hello, HELLO_VERSION, other);
	return HELLO_OK;
}

enum hello_result
hello_parse(const uint8_t *bytes, size_t len, size_t *used, struct hello *hello)
{
	size_t most = len < HELLO_MAX_BYTES ? len : HELLO_MAX_BYTES;
	const uint8_t *text, *line_end;
	enum hello_result result;

	*used = 0;
	*hello = (struct hello){.framing = FRAMING_lines};
	result = read_version(bytes, len, hello);
	if (result != HELLO_OK)
		return result;
	text = bytes + strlen(PREFIX);
	line_end = memchr(bytes, '\n', most);
	if (line_end == NULL && len >= HELLO_MAX_BYTES)
		return fail(hello, HELLO_BAD,
			"longer than " NUMERAL(HELLO_MAX_BYTES) " bytes");
	if (line_end == NULL)
		return HELLO_MORE;
	result = read_text(text, (size_t)(line_end - text), hello);
	if (result == HELLO_OK)
		*used = (size_t)(line_end + 1 - bytes);
	return result;
}

void
hello_fini(struct hello *hello)
{
	explicit_bzero(hello->token, sizeof hello->token);
}

/* A line in the making. */
struct line {
	char *bytes;
	size_t len;
};

static void PRINTF_LIKE(2, 3) put(struct line *l, const char *format, ...)
{
	size_t room = HELLO_LINE_MAX - l->len;
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(l->bytes + l->len, room, format, arguments);
	va_end(arguments);
	assert(len >= 0 && (size_t)len < room);
	l->len += (size_t)len;
}

/* In quotes.  Our own texts have no control characters. */
static void
put_text(struct line *l, const char *text)
{
	assert(strlen(text) < HELLO_ERROR_MAX);
	put(l, "\"");
	for (; *text != '\0'; text++)
		put(l, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	put(l, "\"");
}

static void
put_refusal(struct line *l, const char *code, const char *error)
{
	put(l, PREFIX " {\"ok\":false,\"code\":");
	put_text(l, code);
	put(l, ",\"error\":");
	put_text(l, error);
}

size_t
hello_format_welcome(char *out, const struct hello_welcome *welcome)
{
	struct line l = {.bytes = out};

	put(&l,
		PREFIX " {\"ok\":true,\"connection\":%" PRIu64 ",\"next\":%" PRIu64
		       ",\"max_message_bytes\":%zu,\"max_depth\":%u}\n",
		welcome->connection, welcome->next, welcome->max_message,
		welcome->max_depth);
	return l.len;
}

size_t
hello_format_refusal(char *out, const char *code, const char *error)
{
	struct line l = {.bytes = out};

	put_refusal(&l, code, error);
	put(&l, "}\n");
	return l.len;
}

size_t
hello_format_unsupported(char *out, const char *error)
{
	struct line l = {.bytes = out};

	put_refusal(&l, "unsupported_version", error);
	put(&l, ",\"versions\":[1]}\n");
	return l.len;
}

size_t
hello_format_nak(
	char *out, uint64_t number, const char *code, uint64_t offset, const char *error)
{
	struct line l = {.bytes = out};

	put(&l, "{\"nak\":%" PRIu64 ",\"code\":", number);
	put_text(&l, code);
	put(&l, ",\"offset\":%" PRIu64 ",\"error\":", offset);
	put_text(&l, error);
	put(&l, "}\n");
	return l.len;
}

size_t
hello_format_ack(char *out, uint64_t number)
{
	struct line l = {.bytes = out};

	put(&l, "{\"ack\":%" PRIu64 "}\n", number);
	return l.len;
}

size_t
hello_format_bye(char *out, const char *code, uint64_t ack, unsigned retry_after_seconds)
{
	struct line l = {.bytes = out};

	put(&l, "{\"bye\":");
	put_text(&l, code);
	if (ack > 0)
		put(&l, ",\"ack\":%" PRIu64, ack);
	if (retry_after_seconds > 0)
		put(&l, ",\"retry_after\":%u", retry_after_seconds);
	put(&l, "}\n");
	return l.len;
}
