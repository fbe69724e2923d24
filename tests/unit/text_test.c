/*
 * text_test: growing, formatting, one line, quotes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/text.h"

#include "tap.h"

static void
appends_grow_and_keep_what_is_there(void)
{
	struct text t = {0};

	for (int i = 0; i < 5000; i++)
		text_printf(&t, "%d,", i % 10);
	EXPECT(!text_failed(&t));
	EXPECT_INT(10000, t.len);
	EXPECT_BYTES("0,1,2,", 6, t.bytes, 6);
	EXPECT_BYTES("8,9,", 4, t.bytes + t.len - 4, 4);
	text_append(&t, "", 0);
	text_append_string(&t, "end");
	EXPECT_BYTES("9,end", 5, t.bytes + t.len - 5, 5);
	text_free(&t);
	EXPECT(t.bytes == NULL && t.len == 0);
}

static void
a_failure_is_remembered_and_stops_the_rest(void)
{
	struct text t = {0};

	text_append_string(&t, "a");
	text_fail(&t);
	text_append_string(&t, "b");
	text_append_number(&t, 1);
	text_printf(&t, "%d", 1);
	EXPECT(text_failed(&t));
	EXPECT_BYTES("a", 1, t.bytes, t.len);
	text_free(&t);
	EXPECT(!text_failed(&t));
}

static void
numbers_are_written_as_printf_does(void)
{
	static const uint64_t numbers[] = {0, 9, 10, 1234567890, UINT64_MAX};

	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		struct text t = {0};
		char expected[24];
		int len = snprintf(expected, sizeof expected, "%llu",
			(unsigned long long)numbers[i]);

		text_append_number(&t, numbers[i]);
		EXPECT_BYTES(expected, (size_t)len, t.bytes, t.len);
		text_free(&t);
	}
}

static void
what_is_not_used_is_given_back(void)
{
	struct text t = {0};

	text_fit(&t);
	EXPECT_INT(0, t.capacity);
	text_append_string(&t, "text");
	text_fit(&t);
	EXPECT_INT(4, t.capacity);
	text_append_string(&t, "s");
	EXPECT_BYTES("texts", 5, t.bytes, t.len);
	text_free(&t);
}

static void
one_line_turns_line_ends_into_spaces(void)
{
	struct text t = {0};

	text_append_string(&t, "\n");
	text_append_one_line(&t, "{\r\n\"a\":1}", 9);
	EXPECT_BYTES("\n{  \"a\":1}", 10, t.bytes, t.len);
	text_free(&t);
}

static void
check_quoted(const char *string, const char *expected)
{
	struct text t = {0};

	text_append_string(&t, "x:");
	text_append_quoted(&t, string);
	EXPECT(!text_failed(&t));
	EXPECT_BYTES("x:", 2, t.bytes, 2);
	EXPECT_BYTES(expected, strlen(expected), t.bytes + 2, t.len - 2);
	text_free(&t);
}

static void
quoted_is_a_json_string(void)
{
	check_quoted("", "\"\"");
	check_quoted("pump-7", "\"pump-7\"");
	check_quoted("\"", "\"\\\"\"");
	check_quoted("a\\b\\", "\"a\\\\b\\\\\"");
	check_quoted("</script>'&", "\"</script>'&\"");
	check_quoted(
		"\x7f \xc3\xa9\xf0\x9f\x98\x80", "\"\x7f \xc3\xa9\xf0\x9f\x98\x80\"");
}

static void
quoted_escapes_every_control_character(void)
{
	for (int c = 1; c < 0x20; c++) {
		char string[] = {'a', (char)c, '1', '\0'},
		     expected[sizeof "\"a\\u00001\""];

		(void)snprintf(expected, sizeof expected, "\"a\\u%04x1\"", (unsigned)c);
		tap_context("character %d", c);
		check_quoted(string, expected);
	}
}

static void
quoted_bytes_become_utf8(void)
{
	struct text t = {0};

	text_append_quoted_bytes(&t, "a\0\"\xc3(\xed\xa0\x80\xe2\x82\xac\xe2\x82", 13);
	text_append_quoted_bytes(&t, "\xe2\x82\xac", 2);
	EXPECT_TEXT("\"a\\u0000\\\"\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
		    "\xe2\x82\xac\xef\xbf\xbd\xef\xbf\xbd\"\"\xef\xbf\xbd\xef\xbf\xbd\"",
		(text_append(&t, "", 1), t.bytes));
	text_free(&t);
}

static void
quoted_in_full_or_failed(void)
{
	struct text t = {.has_failed = true};

	text_append_quoted(&t, "a\n");
	EXPECT(text_failed(&t));
	EXPECT_INT(0, t.len);
	text_free(&t);
}

int
main(void)
{
	TAP_RUN(appends_grow_and_keep_what_is_there);
	TAP_RUN(a_failure_is_remembered_and_stops_the_rest);
	TAP_RUN(numbers_are_written_as_printf_does);
	TAP_RUN(what_is_not_used_is_given_back);
	TAP_RUN(one_line_turns_line_ends_into_spaces);
	TAP_RUN(quoted_is_a_json_string);
	TAP_RUN(quoted_escapes_every_control_character);
	TAP_RUN(quoted_bytes_become_utf8);
	TAP_RUN(quoted_in_full_or_failed);
	return tap_finish();
}
