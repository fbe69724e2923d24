/*
 * hello_test: what a hello may say, and what the server answers.
 *
 * A row is a line and what comes of it, written as one text.  Every line is also given in
 * each of its beginnings, as a reader that reads on would: the answer is "more" until it
 * is known, and from then on always the same.  Memory ends with the bytes given.
 *
 * The tree's memory is counted and looked at when it is given back: no token in it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/hello.h"

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdlib.h>

#include "tap.h"

#define TOKEN "s3cret"
#define HELLO(json) "BIO/1 " json "\n"
#define PRINTABLE "expected 1 to 64 printable ASCII characters"
#define TOKEN_RULE "bad: token: expected 1 to 256 printable ASCII characters"
#define NEXT_RULE "bad: next: expected an integer from 1 to 2^53-1"
#define ACK_RULE "bad: ack: expected 'store'"
#define FRAMING_RULE "bad: framing: expected 'lines', 'rs' or 'length'"
#define NUL_RULE "bad: an escaped NUL has no place in a hello"
#define SURROGATE_RULE "bad: a lone surrogate has no place in a hello"
#define OTHER_VERSION "version: this server speaks BIO/1"
#define CHARS_16 "0123456789abcdef"
#define CHARS_64 CHARS_16 CHARS_16 CHARS_16 CHARS_16
#define CHARS_256 CHARS_64 CHARS_64 CHARS_64 CHARS_64

struct row {
	const char *name;
	const char *input;
	size_t len;
	const char *outcome;
};

#define ROW(name, input, outcome)                        \
	{                                                \
		name, input, sizeof(input) - 1, outcome, \
	}

static const struct row accepted[] = {
	ROW("nothing said", HELLO("{}"), "ok next=0 lines"),
	ROW("all said",
		HELLO("{\"token\":\"" TOKEN "\",\"name\":\"pump-7\",\"session\":\"uuid\","
		      "\"next\":1001,\"ack\":\"store\",\"framing\":\"lines\"}"),
		"ok token=" TOKEN " name=pump-7 session=uuid next=1001 acks lines"),
	ROW("CR LF", "BIO/1 {}\r\n", "ok next=0 lines"),
	ROW("white space around", "BIO/1\t {  }\t \r \n", "ok next=0 lines"),
	ROW("CR behind the version", "BIO/1\r{}\n", "ok next=0 lines"),
	ROW("more behind it", HELLO("{\"name\":\"a\"}") "{\"i\":1}\nBIO/2",
		"ok name=a next=0 lines"),
	ROW("rs", HELLO("{\"framing\":\"rs\"}"), "ok next=0 rs"),
	ROW("length", HELLO("{\"framing\":\"length\"}"), "ok next=0 length"),
	ROW("least next", HELLO("{\"next\":1}"), "ok next=1 lines"),
	ROW("greatest next", HELLO("{\"next\":9007199254740991}"),
		"ok next=9007199254740991 lines"),
	ROW("an integer in other words", HELLO("{\"next\":1.5e1}"), "ok next=15 lines"),
	ROW("escapes", HELLO("{\"na\\u006de\":\"\\u0061\\/\\\"\\\\u0000\"}"),
		"ok name=a/\"\\u0000 next=0 lines"),
	ROW("longest name and session",
		HELLO("{\"name\":\"" CHARS_64 "\",\"session\":\"" CHARS_64 "\"}"),
		"ok name=" CHARS_64 " session=" CHARS_64 " next=0 lines"),
	ROW("all that is printable", HELLO("{\"session\":\" ~!'()<>&#\"}"),
		"ok session= ~!'()<>&# next=0 lines"),
	ROW("unknown members",
		HELLO("{\"x\":[{\"y\":null}],\"\":1,\"x\":\"\\u00e9\xc3\xa9\"}"),
		"ok next=0 lines"),
	ROW("names in another case are unknown",
		HELLO("{\"Name\":1,\"NEXT\":\"a\",\"Framing\":\"zip\",\"name\":\"a\"}"),
		"ok name=a next=0 lines"),
	ROW("known names further down are unknown",
		HELLO("{\"x\":{\"name\":1,\"next\":\"a\"},\"y\":[{\"ack\":1}]}"),
		"ok next=0 lines"),
	ROW("a number of many digits",
		HELLO("{\"x\":-1234567890123456789012345678901234567890"
		      "1234567890123456789.5}"),
		"ok next=0 lines"),
	ROW("many digits in a text",
		HELLO("{\"x\":\"\\\"1234567890123456789012345678901234567890"
		      "123456789012345678901234567890\"}"),
		"ok next=0 lines"),
	ROW("surrogates in pairs",
		HELLO("{\"x\":\"\\ud83d\\ude00\\uD800\\uDC00\\\\ud800\\udbff\\udfff\"}"),
		"ok next=0 lines"),
	ROW("longer and shorter names are unknown",
		HELLO("{\"names\":1,\"nam\":1,\"ack \":1}"), "ok next=0 lines"),
};

static const struct row refused[] = {
	ROW("no object behind the version", "BIO/1\n", "bad: the text ends too early"),
	ROW("no space", "BIO/1{}\n", "bad: expected a space behind BIO/1"),
	ROW("an array", HELLO("[]"), "bad: expected an object behind BIO/1"),
	ROW("a string", HELLO("\"name\""), "bad: expected an object behind BIO/1"),
	ROW("a number", HELLO("1"), "bad: expected an object behind BIO/1"),
	ROW("null", HELLO("null"), "bad: expected an object behind BIO/1"),
	ROW("unfinished", HELLO("{\"name\":\"a\""), "bad: the text ends too early"),
	ROW("over two lines", "BIO/1 {\n}\n", "bad: the text ends too early"),
	ROW("two values", HELLO("{} {}"), "bad: something follows the value"),
	ROW("a comma too many", HELLO("{\"token\":\"" TOKEN "\",}"),
		"bad: expected a key in quotes"),
	ROW("single quotes", HELLO("{'token':'" TOKEN "'}"),
		"bad: expected a key in quotes"),
	ROW("a leading zero, which cJSON takes", HELLO("{\"next\":01}"),
		"bad: a digit behind a leading zero"),
	ROW("a control character, which cJSON takes", HELLO("{\"name\":\"a\tb\"}"),
		"bad: a control character in a string"),
	ROW("bad UTF-8, which cJSON takes", HELLO("{\"x\":\"\xff\"}"),
		"bad: a character that is not valid UTF-8"),
	ROW("NUL", "BIO/1 {}\0\n", "bad: something follows the value"),
	ROW("NUL in a string", HELLO("{\"session\":\"a\0b\"}"),
		"bad: a control character in a string"),
	ROW("byte order mark", "BIO/1 \xef\xbb\xbf{}\n", "bad: expected a value"),
	ROW("too deep", HELLO("{\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["),
		"bad: nested too deep"),
	ROW("escaped NUL in session", HELLO("{\"session\":\"a\\u0000b\"}"), NUL_RULE),
	ROW("escaped NUL in name", HELLO("{\"name\":\"a\\u0000\"}"), NUL_RULE),
	ROW("escaped NUL in token", HELLO("{\"token\":\"" TOKEN "\\u0000\"}"), NUL_RULE),
	ROW("escaped NUL in a member's name", HELLO("{\"next\\u0000\":1}"), NUL_RULE),
	ROW("escaped NUL behind an escaped backslash", HELLO("{\"x\":\"\\\\\\u0000\"}"),
		NUL_RULE),
	ROW("a number of too many digits",
		HELLO("{\"x\":[1234567890123456789012345678901234567890"
		      "1234567890123456789012.5]}"),
		"bad: a number of more than 63 characters has no place in a hello"),
	ROW("lone surrogate", HELLO("{\"token\":\"" TOKEN "\\ud800\"}"), SURROGATE_RULE),
	ROW("lone low surrogate", HELLO("{\"x\":\"\\udc00\"}"), SURROGATE_RULE),
	ROW("surrogates in the wrong order", HELLO("{\"x\":\"\\uDC00\\uD800\"}"),
		SURROGATE_RULE),
	ROW("two high surrogates", HELLO("{\"x\":\"\\uD83D\\uDBFF\"}"), SURROGATE_RULE),
	ROW("a surrogate and an escape", HELLO("{\"x\":\"\\uD83D\\n\\uDE00\"}"),
		SURROGATE_RULE),
	ROW("a surrogate in a member's name", HELLO("{\"\\udbff\":1}"), SURROGATE_RULE),

	ROW("token: empty", HELLO("{\"token\":\"\"}"), TOKEN_RULE),
	ROW("token: null", HELLO("{\"token\":null}"), TOKEN_RULE),
	ROW("token: a number", HELLO("{\"token\":1}"), TOKEN_RULE),
	ROW("token: beyond ASCII", HELLO("{\"token\":\"" TOKEN "\xc3\xa9\"}"),
		TOKEN_RULE),
	ROW("token: too long", HELLO("{\"token\":\"" CHARS_256 "x\"}"), TOKEN_RULE),
	ROW("token: twice", HELLO("{\"token\":\"" TOKEN "\",\"token\":\"" TOKEN "\"}"),
		"bad: token: stands twice"),
	ROW("name: empty", HELLO("{\"name\":\"\"}"), "bad: name: " PRINTABLE),
	ROW("name: an array", HELLO("{\"name\":[\"a\"]}"), "bad: name: " PRINTABLE),
	ROW("name: too long", HELLO("{\"name\":\"" CHARS_64 "x\"}"),
		"bad: name: " PRINTABLE),
	ROW("name: line feed", HELLO("{\"name\":\"a\\nb\"}"), "bad: name: " PRINTABLE),
	ROW("name: DEL", HELLO("{\"name\":\"a\x7f\"}"), "bad: name: " PRINTABLE),
	ROW("name: beyond ASCII", HELLO("{\"name\":\"\xe4\xbd\xa0\"}"),
		"bad: name: " PRINTABLE),
	ROW("name: escaped beyond ASCII", HELLO("{\"name\":\"\\u202e\"}"),
		"bad: name: " PRINTABLE),
	ROW("name: twice, by an escape", HELLO("{\"name\":\"a\",\"\\u006eame\":\"a\"}"),
		"bad: name: stands twice"),
	ROW("session: empty", HELLO("{\"session\":\"\"}"), "bad: session: " PRINTABLE),
	ROW("session: true", HELLO("{\"session\":true}"), "bad: session: " PRINTABLE),
	ROW("session: too long", HELLO("{\"session\":\"" CHARS_64 "x\"}"),
		"bad: session: " PRINTABLE),
	ROW("session: beyond ASCII", HELLO("{\"session\":\"\xc3\xa9\"}"),
		"bad: session: " PRINTABLE),
	ROW("session: tab", HELLO("{\"session\":\"\\t\"}"), "bad: session: " PRINTABLE),
	ROW("session: twice", HELLO("{\"session\":\"a\",\"session\":1}"),
		"bad: session: stands twice"),
	ROW("next: 0", HELLO("{\"next\":0}"), NEXT_RULE),
	ROW("next: below 0", HELLO("{\"next\":-1}"), NEXT_RULE),
	ROW("next: 2^53", HELLO("{\"next\":9007199254740992}"), NEXT_RULE),
	ROW("next: 2^53 + 1", HELLO("{\"next\":9007199254740993}"), NEXT_RULE),
	ROW("next: beyond any double", HELLO("{\"next\":1e999}"), NEXT_RULE),
	ROW("next: beyond 64 bits", HELLO("{\"next\":1e30}"), NEXT_RULE),
	ROW("next: a fraction", HELLO("{\"next\":1.5}"), NEXT_RULE),
	ROW("next: a string", HELLO("{\"next\":\"1\"}"), NEXT_RULE),
	ROW("next: true", HELLO("{\"next\":true}"), NEXT_RULE),
	ROW("next: twice", HELLO("{\"next\":1,\"next\":1}"), "bad: next: stands twice"),
	ROW("ack: another", HELLO("{\"ack\":\"all\"}"), ACK_RULE),
	ROW("ack: in another case", HELLO("{\"ack\":\"Store\"}"), ACK_RULE),
	ROW("ack: true", HELLO("{\"ack\":true}"), ACK_RULE),
	ROW("ack: twice", HELLO("{\"ack\":\"store\",\"ack\":\"store\"}"),
		"bad: ack: stands twice"),
	ROW("framing: stream", HELLO("{\"framing\":\"stream\"}"), FRAMING_RULE),
	ROW("framing: another", HELLO("{\"framing\":\"zip\"}"), FRAMING_RULE),
	ROW("framing: longer", HELLO("{\"framing\":\"rs \"}"), FRAMING_RULE),
	ROW("framing: null", HELLO("{\"framing\":null}"), FRAMING_RULE),
	ROW("framing: twice", HELLO("{\"framing\":\"rs\",\"framing\":\"rs\"}"),
		"bad: framing: stands twice"),
};

static const struct row versions[] = {
	ROW("2", "BIO/2 {}\n", OTHER_VERSION),
	ROW("0", "BIO/0 {}\n", OTHER_VERSION),
	ROW("10", "BIO/10 {}\n", OTHER_VERSION),
	ROW("1.1", "BIO/1.1 {}\n", OTHER_VERSION),
	ROW("a letter", "BIO/x", OTHER_VERSION),
	ROW("none", "BIO/\n", OTHER_VERSION),
	ROW("a space", "BIO/ 1 {}\n", OTHER_VERSION),
	ROW("NUL", "BIO/1\0{}\n", OTHER_VERSION),
	ROW("undecided", "BIO/1", "more"),
	ROW("no line feed yet", "BIO/1 {}", "more"),
	ROW("nothing behind the slash", "BIO/", "more"),
};

/* The tree's memory: how much of it is out, and how much came back with the token in it.
 */
static struct {
	size_t out, told;
	size_t left; /* allocations that succeed */
} memory = {.left = SIZE_MAX};

/* In front of a block stands its length. */
#define HEAD_BYTES sizeof(max_align_t)

static void *
take_block(size_t len)
{
	char *block;

	if (memory.left == 0)
		return NULL;
	memory.left--;
	block = calloc(1, HEAD_BYTES + len);
	if (block == NULL)
		abort();
	memcpy(block, &len, sizeof len);
	memory.out++;
	return block + HEAD_BYTES;
}

static void
give_block(void *bytes)
{
	char *block = bytes;
	size_t len;

	if (block == NULL)
		return;
	block -= HEAD_BYTES;
	memcpy(&len, block, sizeof len);
	memory.out--;
	memory.told += memmem(bytes, len, TOKEN, strlen(TOKEN)) != NULL;
	free(block);
}

static void
write_text(FILE *out, const char *label, const char *text)
{
	if (text[0] != '\0')
		(void)fprintf(out, " %s=%s", label, text);
}

/* The answer as one text; the bytes end where their memory does. */
static void
parse(const char *input, size_t len, char outcome[TAP_TEXT_MAX])
{
	static const char *const kinds[] = {[HELLO_BAD] = "bad",
		[HELLO_VERSION] = "version",
		[HELLO_NO_MEMORY] = "no memory"};
	uint8_t *bytes = malloc(len);
	FILE *out = fmemopen(outcome, TAP_TEXT_MAX, "w");
	size_t used = SIZE_MAX;
	struct hello hello;
	enum hello_result result;

	if (bytes == NULL || out == NULL)
		abort();
	memcpy(bytes, input, len);
	memset(&hello, 0x5a, sizeof hello);
	result = hello_parse(bytes, len, &used, &hello);
	if (result == HELLO_OK) {
		const char *line_end = memchr(input, '\n', len);

		(void)fputs("ok", out);
		write_text(out, "token", hello.token);
		write_text(out, "name", hello.name);
		write_text(out, "session", hello.session);
		(void)fprintf(out, " next=%llu%s %s", (unsigned long long)hello.next,
			hello.wants_acks ? " acks" : "",
			reason_framing_name(hello.framing));
		EXPECT_INT(line_end + 1 - input, used);
		hello_fini(&hello);
	} else {
		EXPECT_INT(0, used);
	}
	if (result == HELLO_MORE)
		(void)fputs("more", out);
	if (result >= HELLO_BAD)
		(void)fprintf(out, "%s: %s", kinds[result], hello.error);
	EXPECT(memmem(&hello, sizeof hello, TOKEN, strlen(TOKEN)) == NULL);
	EXPECT_INT(0, memory.out);
	(void)fclose(out);
	free(bytes);
}

/* In each of its beginnings: "more" until the answer is known, which then stays. */
static void
check_input(const char *input, size_t len, const char *expected)
{
	char outcome[TAP_TEXT_MAX];
	bool is_known = false;

	parse(input, len, outcome);
	if (!EXPECT_TEXT(expected, outcome))
		return;
	for (size_t part = strlen("BIO/"); part < len; part++) {
		parse(input, part, outcome);
		tap_context("the first %zu", part);
		is_known = is_known || strcmp(outcome, "more") != 0;
		if (is_known && !EXPECT_TEXT(expected, outcome))
			return;
		if (!is_known && !EXPECT(memchr(input, '\n', part) == NULL))
			return;
	}
}

static void
check_rows(const char *topic, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		tap_begin("%s: %s", topic, rows[i].name);
		check_input(rows[i].input, rows[i].len, rows[i].outcome);
		tap_end();
	}
}

/* Longer than a row's outcome can be. */
static void
the_longest_token_fits(void)
{
	static const char input[] = HELLO("{\"token\":\"" CHARS_256 "\"}");
	struct hello hello;
	size_t used;

	EXPECT_INT(HELLO_OK,
		hello_parse((const uint8_t *)input, strlen(input), &used, &hello));
	EXPECT_TEXT(CHARS_256, hello.token);
	hello_fini(&hello);
	EXPECT_TEXT("", hello.token);
	for (size_t i = 0; i < sizeof hello.token; i++)
		EXPECT_INT(0, hello.token[i]);
}

/* A hello of `len` bytes, the line feed among them. */
static void
check_length(size_t len, bool has_line_feed, const char *outcome)
{
	char input[HELLO_MAX_BYTES + 10 + 1];

	(void)snprintf(input, sizeof input, "%-*s", (int)sizeof input - 1, "BIO/1 {}");
	if (has_line_feed)
		input[len - 1] = '\n';
	tap_context("%zu bytes", len);
	check_input(input, len, outcome);
}

static void
a_hello_has_at_most_4096_bytes(void)
{
	static const char too_long[] = "bad: longer than 4096 bytes";

	check_length(HELLO_MAX_BYTES, true, "ok next=0 lines");
	check_length(HELLO_MAX_BYTES + 1, true, too_long);
	check_length(HELLO_MAX_BYTES - 1, false, "more");
	check_length(HELLO_MAX_BYTES, false, too_long);
	check_length(HELLO_MAX_BYTES + 10, false, too_long);
}

/* As often as there are allocations, one more of which succeeds each time. */
static void
without_memory_a_hello_is_refused(void)
{
	const struct row *row = &accepted[1];
	char outcome[TAP_TEXT_MAX];
	size_t refusals = 0;

	for (size_t left = 0; left < 100; left++) {
		memory.left = left;
		parse(row->input, row->len, outcome);
		memory.left = SIZE_MAX;
		if (strcmp(outcome, "no memory: no memory for the hello") != 0)
			break;
		refusals++;
	}
	EXPECT_TEXT(row->outcome, outcome);
	EXPECT(refusals > 6);
}

/* cJSON gives its memory back itself where it fails: that is all of what was told. */
static void
no_token_is_left_in_memory(void)
{
	static const char *const inputs[] = {
		HELLO("{\"token\":\"" TOKEN "\"}"),
		HELLO("{\"token\":\"" TOKEN "\",\"name\":1}"),
		HELLO("{\"token\":\"" TOKEN "\",\"token\":\"" TOKEN "\"}"),
		HELLO("{\"token\":\"" TOKEN "\xc3\xa9\"}"),
		HELLO("{\"token\":\"" TOKEN "\",\"x\":\"\\ud800\"}"),
		HELLO("{\"token\":[\"" TOKEN "\"]}"),
		HELLO("{\"token\":{\"value\":\"" TOKEN "\"}}"),
		HELLO("{\"Token\":\"" TOKEN "\"}"),
		HELLO("[{\"token\":\"" TOKEN "\"}]"),
		HELLO("{\"" TOKEN "\":1}"),
	};
	char outcome[TAP_TEXT_MAX];

	memory.told = 0;
	for (size_t i = 0; i < COUNT_OF(inputs); i++)
		parse(inputs[i], strlen(inputs[i]), outcome);
	EXPECT_INT(0, memory.told);
}

#define EXPECT_LINE(expected, format, ...)                                 \
	do {                                                               \
		char line_[HELLO_LINE_MAX];                                \
		size_t len_ = format(line_, __VA_ARGS__);                  \
		EXPECT_BYTES(expected, sizeof(expected) - 1, line_, len_); \
	} while (0)

static void
the_server_answers_in_lines(void)
{
	const struct hello_welcome welcome = {17, 1042, 1048576, 512};

	EXPECT_LINE("BIO/1 {\"ok\":true,\"connection\":17,\"next\":1042,"
		    "\"max_message_bytes\":1048576,\"max_depth\":512}\n",
		hello_format_welcome, &welcome);
	EXPECT_LINE("BIO/1 {\"ok\":false,\"code\":\"auth_failed\",\"error\":\"no\"}\n",
		hello_format_refusal, "auth_failed", "no");
	EXPECT_LINE("BIO/1 {\"ok\":false,\"code\":\"unsupported_version\","
		    "\"error\":\"this server speaks BIO/1\",\"versions\":[1]}\n",
		hello_format_unsupported, "this server speaks BIO/1");
	EXPECT_LINE("{\"nak\":1042,\"code\":\"syntax\",\"offset\":57,"
		    "\"error\":\"expected ',' or '}'\"}\n",
		hello_format_nak, 1042, "syntax", 57, "expected ',' or '}'");
	EXPECT_LINE("{\"ack\":1043}\n", hello_format_ack, 1043);
	EXPECT_LINE("{\"bye\":\"draining\",\"ack\":1043,\"retry_after\":5}\n",
		hello_format_bye, "draining", 1043, 5);
	EXPECT_LINE(
		"{\"bye\":\"idle\",\"ack\":1043}\n", hello_format_bye, "idle", 1043, 0);
	EXPECT_LINE("{\"bye\":\"draining\",\"retry_after\":5}\n", hello_format_bye,
		"draining", 0, 5);
	EXPECT_LINE("{\"bye\":\"idle\"}\n", hello_format_bye, "idle", 0, 0);
}

/* Ours have backslashes, too. */
static void
error_texts_are_escaped(void)
{
	EXPECT_LINE("{\"nak\":1,\"code\":\"syntax\",\"offset\":0,"
		    "\"error\":\"four digits behind \\\\u\"}\n",
		hello_format_nak, 1, "syntax", 0, "four digits behind \\u");
	EXPECT_LINE(
		"BIO/1 {\"ok\":false,\"code\":\"bad_hello\",\"error\":\"a \\\"b\\\"\"}\n",
		hello_format_refusal, "bad_hello", "a \"b\"");
}

static void
the_longest_lines_fit(void)
{
	char error[HELLO_ERROR_MAX], line[HELLO_LINE_MAX + 1];
	const struct hello_welcome welcome = {
		UINT64_MAX, UINT64_MAX, SIZE_MAX, UINT32_MAX};

	memset(error, '"', sizeof error);
	error[sizeof error - 1] = '\0';
	line[HELLO_LINE_MAX] = 'x';
	EXPECT(hello_format_nak(line, UINT64_MAX, "too_large", UINT64_MAX, error) >
		2 * (sizeof error - 1));
	EXPECT(hello_format_refusal(line, "acks_unavailable", error) < HELLO_LINE_MAX);
	EXPECT(hello_format_unsupported(line, error) < HELLO_LINE_MAX);
	EXPECT(hello_format_welcome(line, &welcome) < HELLO_LINE_MAX);
	EXPECT(hello_format_bye(line, "store_unavailable", UINT64_MAX, UINT32_MAX) <
		HELLO_LINE_MAX);
	EXPECT_INT('x', line[HELLO_LINE_MAX]);
}

int
main(void)
{
	cJSON_Hooks hooks = {.malloc_fn = take_block, .free_fn = give_block};

	cJSON_InitHooks(&hooks);
	check_rows("accepted", accepted, COUNT_OF(accepted));
	check_rows("refused", refused, COUNT_OF(refused));
	check_rows("version", versions, COUNT_OF(versions));
	TAP_RUN(the_longest_token_fits);
	TAP_RUN(a_hello_has_at_most_4096_bytes);
	TAP_RUN(without_memory_a_hello_is_refused);
	TAP_RUN(no_token_is_left_in_memory);
	TAP_RUN(the_server_answers_in_lines);
	TAP_RUN(error_texts_are_escaped);
	TAP_RUN(the_longest_lines_fit);
	return tap_finish();
}
