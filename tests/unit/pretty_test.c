/*
 * pretty_test: how messages are set out, and that a terminal gets nothing to obey.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/pretty.h"

#include <stdlib.h>

#include "cuts.h"
#include "tap.h"
#include "wire/scan.h"

#define HEAD                                                            \
	"{\"id\":7,\"received_at\":\"2026-01-31T12:00:00.000001Z\","    \
	"\"connection\":1,\"peer\":\"[::1]:5555\",\"name\":\"a\\\"b\"," \
	"\"framing\":\"stream\",\"size_bytes\":9,\"data\":"
#define SHOWN "#7 2026-01-31T12:00:00.000001Z [::1]:5555 a\\\"b\n"

static struct text
show(const char *object, size_t len, bool has_colors)
{
	struct text out = {0};
	struct page_item item;

	if (EXPECT_INT(0, page_take_apart(object, len, &item)))
		pretty_append_message(&out, &item, has_colors);
	text_append(&out, "", 1);
	out.len--;
	return out;
}

static void
expect_shown(const char *data, const char *lines)
{
	struct text object = {0}, expected = {0}, out;

	text_printf(&object, HEAD "%s}", data);
	text_printf(&expected, SHOWN "%s\n", lines);
	out = show(object.bytes, object.len, false);
	EXPECT_BYTES(expected.bytes, expected.len, out.bytes, out.len);
	text_free(&object);
	text_free(&expected);
	text_free(&out);
}

struct row {
	const char *name, *data, *lines;
};

static const struct row rows[] = {
	{"a number stays as it was written", "-1.50e+05", "-1.50e+05"},
	{"a long number", "123456789012345678901234567890.10",
		"123456789012345678901234567890.10"},
	{"a string with its own escapes", "\"\\u0041\\/\\ud800\\n \\\" \\\\\"",
		"\"\\u0041\\/\\ud800\\n \\\" \\\\\""},
	{"a literal", "null", "null"},
	{"empty ones stay on their line", "[ {\t} , [\n] ]", "[\n  {},\n  []\n]"},
	{"members in their order, twice too", "{\"b\":1,\"a\":[true],\"b\":\"x\"}",
		"{\n  \"b\": 1,\n  \"a\": [\n    true\n  ],\n  \"b\": \"x\"\n}"},
	{"white space between tokens alone is made anew",
		"{\"a b\" : \"c  d\\t\" ,\r\n\"e\":[ 1 , 2 ] }",
		"{\n  \"a b\": \"c  d\\t\",\n  \"e\": [\n    1,\n    2\n  ]\n}"},
	{"brackets within strings", "[\"{[,:\",\"]}\"]", "[\n  \"{[,:\",\n  \"]}\"\n]"},
	{"UTF-8", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xc2\xa0\"",
		"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xc2\xa0\""},
	{"DEL and C1 become escapes",
		"\"\x7f\xc2\x80\xc2\x9b"
		"31m\xc2\x9f\"",
		"\"\\u007f\\u0080\\u009b31m\\u009f\""},
	{"so does what reorders a line",
		"{\"\xe2\x80\xae\":\"\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\xa9\"}",
		"{\n  \"\\u202e\": \"\\u202a\\u2066\\u2069\xe2\x80\xa9\"\n}"},
};

static void
a_message(const struct row *row)
{
	tap_begin("%s", row->name);
	expect_shown(row->data, row->lines);
	tap_end();
}

static void
a_sender_without_a_name(void)
{
	static const char object[] = "{\"id\":8,\"received_at\":\"T\",\"peer\":\"p\","
				     "\"name\":null,\"data\":{}}";
	struct text out = show(object, sizeof object - 1, false);

	EXPECT_TEXT("#8 T p\n{}\n", out.bytes);
	text_free(&out);
}

/* The head is not proven by anybody: whatever stands there is made harmless. */
static void
a_head_with_escape_sequences(void)
{
	static const char object[] =
		"{\"id\":8,\"received_at\":\"\033[31m\",\"peer\":\"\x9b\xff\n\","
		"\"name\":\"\xc0\x9b\xed\xa0\x80\",\"data\":1}";
	struct text out = show(object, sizeof object - 1, false);

	EXPECT_TEXT("#8 \\u001b[31m \\ufffd\\ufffd\\u000a "
		    "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\n1\n",
		out.bytes);
	text_free(&out);
}

static void
colors(void)
{
	static const char object[] =
		"{\"id\":8,\"received_at\":\"T\",\"peer\":\"p\","
		"\"name\":\"n\",\"data\":{\"k\" :\"s\",\"l\":[1,null]}}";
	struct text out = show(object, sizeof object - 1, true);

	EXPECT_TEXT("\033[1m#8\033[0m \033[2mT\033[0m \033[2mp\033[0m \033[2mn\033[0m\n"
		    "{\n  \033[34m\"k\"\033[0m: \033[32m\"s\"\033[0m,\n"
		    "  \033[34m\"l\"\033[0m: [\n    \033[36m1\033[0m,\n"
		    "    \033[35mnull\033[0m\n  ]\n}\n",
		out.bytes);
	text_free(&out);
}

/* 900 levels and many elements within: its lines must not be 900 levels wide. */
static void
a_deep_message_stays_small(void)
{
	enum { ELEMENTS = 10000 };
	struct text object = {0}, out;

	text_append_string(&object, HEAD);
	for (size_t i = 0; i < SCAN_DEPTH_MAX; i++)
		text_append(&object, "[", 1);
	text_append(&object, "1", 1);
	for (size_t i = 1; i < ELEMENTS; i++)
		text_append(&object, ",1", 2);
	for (size_t i = 0; i < SCAN_DEPTH_MAX; i++)
		text_append(&object, "]", 1);
	text_append(&object, "}", 1);
	out = show(object.bytes, object.len, false);
	EXPECT(out.len < object.len * 20);
	EXPECT(out.len > (size_t)ELEMENTS * 35);
	text_free(&object);
	text_free(&out);
}

static void
a_line_for_a_terminal(void)
{
	static const char line[] = "{\"a\":\t\"\x1b]0;\xc2\x9d\x7f\xc3\xa4\"}\n";
	struct text out = {0};

	pretty_append_harmless(&out, line, sizeof line - 1);
	text_append(&out, "", 1);
	EXPECT_TEXT("{\"a\":\t\"\\u001b]0;\\u009d\\u007f\xc3\xa4\"}\\u000a", out.bytes);
	text_free(&out);
}

/* The bytes of `text` that a terminal could obey, tabs and line feeds left out. */
static size_t
count_controls(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		count += (p[i] < ' ' && p[i] != '\t' && p[i] != '\n') || p[i] == 0x7f;
		/* As a character of its own; a lone byte would not be UTF-8 here. */
		count += i > 0 && p[i - 1] == 0xc2 && p[i] < 0xa0;
	}
	return count;
}

static void
whatever_comes_nothing_is_obeyed(void)
{
	uint64_t random = 1;
	struct text out = {0};

	for (unsigned round = 0; round < 20000; round++) {
		char bytes[24];

		for (size_t i = 0; i < sizeof bytes; i++)
			bytes[i] = (char)(random_next(&random) & 0xff);
		/* Many of what begins the characters in question. */
		for (size_t i = 0; i + 1 < sizeof bytes; i += 3)
			bytes[i] = (char)0xc2;
		out.len = 0;
		pretty_append_harmless(&out, bytes, random_below(&random, sizeof bytes));
		text_append(&out, "|", 1);
		if (!EXPECT_INT(0, count_controls(out.bytes, out.len)))
			break;
	}
	text_free(&out);
}

int
main(void)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		a_message(&rows[i]);
	TAP_RUN(a_sender_without_a_name);
	TAP_RUN(a_head_with_escape_sequences);
	TAP_RUN(colors);
	TAP_RUN(a_deep_message_stays_small);
	TAP_RUN(a_line_for_a_terminal);
	TAP_RUN(whatever_comes_nothing_is_obeyed);
	return tap_finish();
}
