/*
 * hello_fuzz: the hello, and the lines with which the server answers one.
 *
 * The input is a connection's first bytes, "BIO/" among them.  The answer is "more" for
 * every beginning until it is known, and from then on the same; texts keep to their
 * limits; and what was accepted is said again in two other ways, which must mean the
 * same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/hello.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <string.h>

#include "../unit/guard.h"
#include "fuzz.h"
#include "reference.h"

#define BEGINNING "BIO/"
#define VERSION "BIO/1"

const char fuzz_name[] = "hello";

static struct {
	unsigned results[4], framings[FRAMING_COUNT];
	unsigned tokens, names, sessions, numbers, acks;
} seen;

struct answer {
	enum hello_result result;
	size_t used;
	struct hello hello;
};

/* The bytes end where their memory ends, and nothing was in the struct before. */
static struct answer
ask(const uint8_t *bytes, size_t len)
{
	static struct guard guard;
	struct answer a = {.used = SIZE_MAX};

	if (guard.begin == NULL)
		guard = guard_new(FUZZ_INPUT_MAX);
	memset(&a.hello, 0xa5, sizeof a.hello);
	a.result =
		hello_parse(guard_place_last(&guard, bytes, len), len, &a.used, &a.hello);
	return a;
}

static void
check_text(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);

	FUZZ_CHECK(len <= max);
	for (size_t i = 0; i < len; i++)
		FUZZ_CHECK(text[i] >= ' ' && text[i] <= '~');
}

static void
check_same(const struct hello *a, const struct hello *b)
{
	FUZZ_CHECK(strcmp(a->token, b->token) == 0);
	FUZZ_CHECK(strcmp(a->name, b->name) == 0);
	FUZZ_CHECK(strcmp(a->session, b->session) == 0);
	FUZZ_CHECK(a->next == b->next);
	FUZZ_CHECK(a->wants_acks == b->wants_acks);
	FUZZ_CHECK(a->framing == b->framing);
}

/* Of the members that are known none stands twice. */
static void
check_members(const uint8_t *object, size_t len)
{
	static const char *const names[] = {
		"token", "name", "session", "next", "ack", "framing"};
	cJSON *tree = cJSON_ParseWithLength((const char *)object, len);
	unsigned counts[COUNT_OF(names)] = {0};

	FUZZ_CHECK(cJSON_IsObject(tree));
	for (const cJSON *member = tree->child; member != NULL; member = member->next)
		for (size_t i = 0; i < COUNT_OF(names); i++)
			counts[i] += strcmp(member->string, names[i]) == 0;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		FUZZ_CHECK(counts[i] <= 1);
	cJSON_Delete(tree);
}

/* Within its limits, from one line that holds one object and nothing else. */
static void
check_accepted(const struct answer *a, const uint8_t *bytes, size_t len)
{
	const size_t begin = strlen(VERSION);
	struct reference r;

	FUZZ_CHECK(a->used > begin && a->used <= len && a->used <= HELLO_MAX_BYTES);
	FUZZ_CHECK(memcmp(bytes, VERSION, begin) == 0);
	FUZZ_CHECK(memchr(bytes, '\n', a->used) == bytes + a->used - 1);
	r = reference_scan(bytes + begin, a->used - begin, SCAN_DEPTH_MAX);
	FUZZ_CHECK(r.result == SCAN_DONE && bytes[begin + r.used - 1] == '}');
	for (size_t i = begin + r.used; i < a->used; i++)
		FUZZ_CHECK(scan_is_white(bytes[i]));
	check_members(bytes + begin, r.used);
	check_text(a->hello.token, HELLO_TOKEN_MAX);
	check_text(a->hello.name, HELLO_NAME_MAX);
	check_text(a->hello.session, HELLO_SESSION_MAX);
	FUZZ_CHECK(a->hello.next <= HELLO_NUMBER_MAX);
	FUZZ_CHECK(a->hello.framing > FRAMING_stream && a->hello.framing < FRAMING_COUNT);
}

static void
check_refused(const struct answer *a, const uint8_t *bytes, size_t len)
{
	static const struct hello nothing;
	const size_t begin = strlen(VERSION);
	bool is_ours = memcmp(bytes, VERSION, len < begin ? len : begin) == 0 &&
		       (len <= begin || scan_is_white(bytes[begin]));

	FUZZ_CHECK(a->used == 0);
	FUZZ_CHECK(memcmp(a->hello.token, nothing.token, sizeof nothing.token) == 0);
	FUZZ_CHECK(memcmp(a->hello.name, nothing.name, sizeof nothing.name) == 0);
	FUZZ_CHECK(
		memcmp(a->hello.session, nothing.session, sizeof nothing.session) == 0);
	if (a->result == HELLO_MORE) {
		FUZZ_CHECK(is_ours && len < HELLO_MAX_BYTES);
		FUZZ_CHECK(len <= begin || memchr(bytes, '\n', len) == NULL);
	} else {
		FUZZ_CHECK(a->result == HELLO_BAD || !is_ours);
		FUZZ_CHECK(a->hello.error != NULL);
		FUZZ_CHECK(strlen(a->hello.error) < HELLO_ERROR_MAX);
	}
}

/* Every beginning up to the line's end: more, until the answer is known. */
static void
check_beginnings(const struct answer *whole, const uint8_t *bytes, size_t len)
{
	const uint8_t *line_end = memchr(bytes, '\n', len);
	size_t last = line_end != NULL ? (size_t)(line_end - bytes) + 1 : len;
	bool is_known = false;

	for (size_t n = strlen(BEGINNING); n <= last; n++) {
		struct answer a = ask(bytes, n);

		FUZZ_CHECK(!is_known || a.result != HELLO_MORE);
		if (a.result == HELLO_MORE)
			continue;
		is_known = true;
		FUZZ_CHECK(a.result == whole->result && a.used == whole->used);
		FUZZ_CHECK(a.hello.error == whole->hello.error);
		check_same(&a.hello, &whole->hello);
	}
	FUZZ_CHECK(is_known || whole->result == HELLO_MORE);
}

/* A line in the making; `is_escaped`: of every character its code is said. */
struct line {
	char bytes[HELLO_MAX_BYTES];
	size_t len;
	bool is_escaped;
};

static void PRINTF_LIKE(2, 3) put(struct line *l, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(l->bytes + l->len, sizeof l->bytes - l->len, format, arguments);
	va_end(arguments);
	FUZZ_CHECK(len >= 0 && (size_t)len < sizeof l->bytes - l->len);
	l->len += (size_t)len;
}

static void
put_text(struct line *l, const char *text)
{
	put(l, "\"");
	for (; *text != '\0'; text++) {
		if (l->is_escaped)
			put(l, "\\u%04x", (unsigned)*text);
		else
			put(l, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	}
	put(l, "\"");
}

/* A member that was said, and a comma behind it. */
static void
put_member(struct line *l, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	put_text(l, name);
	put(l, ":");
	put_text(l, text);
	put(l, l->is_escaped ? "\t, " : ",");
}

static void
check_said_again(const struct hello *hello, bool is_escaped)
{
	struct line l = {.is_escaped = is_escaped};
	struct answer a;

	put(&l, VERSION " {");
	put_member(&l, "session", hello->session);
	put_member(&l, "ack", hello->wants_acks ? "store" : "");
	put_member(&l, "token", hello->token);
	if (hello->next > 0)
		put(&l, "\"next\":%llu,", (unsigned long long)hello->next);
	put_member(&l, "name", hello->name);
	put_member(&l, "framing", reason_framing_name(hello->framing));
	put(&l, "\"x\":null}\r\n");
	a = ask((const uint8_t *)l.bytes, l.len);
	FUZZ_CHECK(a.result == HELLO_OK && a.used == l.len);
	check_same(&a.hello, hello);
}

/* A line of the server's: JSON, behind the version where it answers the hello. */
static void
check_line(const char *line, size_t len, const char *before)
{
	size_t begin = strlen(before);
	struct frame_item item;

	FUZZ_CHECK(len > begin && len < HELLO_LINE_MAX);
	FUZZ_CHECK(memcmp(line, before, begin) == 0);
	FUZZ_CHECK(memchr(line, '\n', len) == line + len - 1);
	FUZZ_CHECK(frame_judge((const uint8_t *)line + begin, len - begin, 2, &item) ==
		   FRAME_MESSAGE);
	FUZZ_CHECK(item.len == len - begin - 1);
}

static void
check_lines(const struct hello *hello, uint64_t random)
{
	static const char before[] = VERSION " ";
	const char *error = hello->error != NULL ? hello->error : "";
	uint64_t number = random >> random % 64;
	struct hello_welcome welcome = {random, number, (size_t)number, (unsigned)random};
	char out[HELLO_LINE_MAX] = "";

	check_line(out, hello_format_welcome(out, &welcome), before);
	check_line(out, hello_format_refusal(out, "bad_hello", error), before);
	check_line(out, hello_format_unsupported(out, error), before);
	check_line(out, hello_format_nak(out, number, "syntax", random, error), "");
	check_line(out, hello_format_ack(out, number), "");
	check_line(out, hello_format_bye(out, "draining", number, (unsigned)random), "");
	check_line(out, hello_format_bye(out, "draining", 0, 0), "");
}

static void
note_seen(const struct answer *a)
{
	seen.results[a->result]++;
	if (a->result != HELLO_OK)
		return;
	seen.framings[a->hello.framing]++;
	seen.tokens += a->hello.token[0] != '\0';
	seen.names += a->hello.name[0] != '\0';
	seen.sessions += a->hello.session[0] != '\0';
	seen.numbers += a->hello.next > 0;
	seen.acks += a->hello.wants_acks;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer whole;

	if (size < strlen(BEGINNING) || size > FUZZ_INPUT_MAX ||
		memcmp(data, BEGINNING, strlen(BEGINNING)) != 0)
		return 0;
	whole = ask(data, size);
	if (whole.result == HELLO_OK) {
		check_accepted(&whole, data, size);
		check_said_again(&whole.hello, false);
		check_said_again(&whole.hello, true);
	} else {
		check_refused(&whole, data, size);
	}
	check_beginnings(&whole, data, size);
	if (whole.result != HELLO_MORE)
		check_lines(&whole.hello, fuzz_seed(data, size));
	note_seen(&whole);
	return 0;
}

const char *
fuzz_missing(void)
{
	for (size_t i = 0; i < COUNT_OF(seen.results); i++)
		if (seen.results[i] == 0)
			return "an answer";
	return seen.framings[FRAMING_lines] == 0    ? "lines"
	       : seen.framings[FRAMING_rs] == 0     ? "rs"
	       : seen.framings[FRAMING_length] == 0 ? "length"
	       : seen.tokens == 0                   ? "a token"
	       : seen.names == 0                    ? "a name"
	       : seen.sessions == 0                 ? "a session"
	       : seen.numbers == 0                  ? "a number"
	       : seen.acks == 0                     ? "acks"
						    : NULL;
}
