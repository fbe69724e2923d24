/*
 * text_test: growing, formatting, one line.
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
	t.has_failed = true;
	text_append_string(&t, "b");
	text_printf(&t, "%d", 1);
	EXPECT(text_failed(&t));
	EXPECT_BYTES("a", 1, t.bytes, t.len);
	text_free(&t);
	EXPECT(!text_failed(&t));
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

int
main(void)
{
	TAP_RUN(appends_grow_and_keep_what_is_there);
	TAP_RUN(a_failure_is_remembered_and_stops_the_rest);
	TAP_RUN(one_line_turns_line_ends_into_spaces);
	return tap_finish();
}
