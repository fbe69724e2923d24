/*
 * rejections_test: the ring, where an excerpt is cut, and what is masked in it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rejections.h"

#include <stdio.h>

#include "tap.h"

#define X10 "xxxxxxxxxx"
#define X40 X10 X10 X10 X10
#define EURO "\xe2\x82\xac"
#define SMILE "\xf0\x9f\x98\x80"
#define FOUR(text) text text text text
#define FORTY(text) FOUR(text text text text text text text text text text)

static struct rejections rejections;
static struct rejection_note items[REJECTIONS_KEPT];
static const struct origin origin = {.connection = 17,
	.framing = FRAMING_lines,
	.peer = "192.0.2.1:5555",
	.name = "pump-7"};

static struct rejection_note
note_of(const char *text, size_t offset)
{
	return (struct rejection_note){.reason = REJECT_syntax,
		.error = "wrong",
		.offset = offset,
		.begin = (const uint8_t *)text,
		.end = (const uint8_t *)text + strlen(text)};
}

/* The newest one that is kept. */
static struct rejection
newest(void)
{
	struct rejection rejection = {0};
	struct rejections_view view;

	if (!EXPECT_INT(0, rejections_view_open(&rejections, 1, &view)))
		return rejection;
	if (EXPECT_INT(1, view.count))
		rejection = view.items[0];
	rejections_view_close(&view);
	return rejection;
}

static void
expect_parts(const char *before, const char *at, const char *after)
{
	struct rejection rejection = newest();
	struct rejection_excerpt excerpt;

	rejections_excerpt(&rejection, &excerpt);
	EXPECT_BYTES(before, strlen(before), excerpt.before, excerpt.before_len);
	EXPECT_BYTES(at, strlen(at), excerpt.at, excerpt.at_len);
	EXPECT_BYTES(after, strlen(after), excerpt.after, excerpt.after_len);
}

static void
check_note(const struct rejection_note *note, const char *before, const char *at,
	const char *after)
{
	struct rejection_notes notes = {.items = items};

	tap_context("%.60s", note->begin != NULL ? (const char *)note->begin : "NULL");
	rejections_note(&notes, note);
	rejections_add(&rejections, &origin, &notes);
	EXPECT_INT(0, notes.count);
	expect_parts(before, at, after);
}

/* The offending byte stands behind `before` in the text. */
static void
check_cut(const char *text, size_t offset, const char *before, const char *at,
	const char *after)
{
	struct rejection_note note = note_of(text, offset);

	check_note(&note, before, at, after);
}

static void
an_excerpt_has_forty_characters_on_each_side(void)
{
	rejections_init(&rejections);
	check_cut("[1,]", 3, "[1,", "]", "");
	check_cut("x", 0, "", "x", "");
	check_cut(X40 "!" X40, 40, X40, "!", X40);
	check_cut("-" X40 "!" X40 "-", 41, X40, "!", X40);
	check_cut(FORTY(EURO) "!" FORTY(SMILE), 120, FORTY(EURO), "!", FORTY(SMILE));
	check_cut("a" FORTY(SMILE) EURO FORTY(EURO) "b", 161, FORTY(SMILE), EURO,
		FORTY(EURO));
	check_cut("a" FORTY(SMILE) SMILE FORTY(SMILE) "b", 161, FORTY(SMILE), SMILE,
		FORTY(SMILE));
	rejections_fini(&rejections);
}

static void
characters_are_never_cut(void)
{
	rejections_init(&rejections);
	/* A limit that falls within one. */
	check_cut("[\"" EURO "\"]", 3, "[\"", EURO, "\"]");
	check_cut("[\"" SMILE "\"]", 5, "[\"", SMILE, "\"]");
	/* What had come ended within one. */
	check_cut("!" EURO "\xe2\x82", 0, "", "!", EURO);
	/* A byte that is no character counts as one. */
	check_cut("[\"\xc3(\"]", 3, "[\"\xc3", "(", "\"]");
	check_cut("\xff\xfe!\x80\xc1", 2, "\xff\xfe", "!", "\x80\xc1");
	check_cut(FORTY("\xff") "!" FORTY("\xff"), 40, FORTY("\xff"), "!", FORTY("\xff"));
	check_cut("\xed\xa0\x80", 1, "\xed", "\xa0", "\x80");
	rejections_fini(&rejections);
}

static void
where_the_message_ends_the_excerpt_ends(void)
{
	struct rejection_note note = note_of("[1,]\n{\"next\":1}", 3);

	rejections_init(&rejections);
	note.end = note.begin + 5;
	check_note(&note, "[1,", "]", "");
	/* The input ended there. */
	check_cut("{\"a\":", 5, "{\"a\":", "", "");
	/* The offending byte was skipped, or has not come. */
	check_cut("abc", 1000, "abc", "", "");
	/* It begins the next message. */
	note = note_of("[1\n{\"a\":2}", 3);
	note.end = note.begin + 10;
	note.has_offending = false;
	check_note(&note, "[1\n", "{", "\"a\":2}");
	/* The beginning is not there any more. */
	note = note_of("abc", 1);
	note.begin = NULL;
	check_note(&note, "", "", "");
	EXPECT_INT(1, newest().offset);
	rejections_fini(&rejections);
}

static void
the_next_outcome_ends_what_was_noted_last(void)
{
	static const char text[] = "!bad\n{\"a\":1}\n[1\n{\"b\":2}";
	struct rejection_notes notes = {.items = items};
	struct rejection_note note = note_of(text, 0);

	rejections_init(&rejections);
	rejections_end_last(&notes, note.begin);
	rejections_note(&notes, &note);
	rejections_end_last(&notes, note.begin + 5);
	rejections_end_last(&notes, note.begin + 13);
	rejections_add(&rejections, &origin, &notes);
	expect_parts("", "!", "bad");

	note = note_of(text + 13, 3);
	rejections_note(&notes, &note);
	rejections_end_last(&notes, note.begin + 3);
	rejections_add(&rejections, &origin, &notes);
	expect_parts("[1\n", "{", "");

	/* Another rejection does so as well. */
	note = note_of(text, 0);
	rejections_note(&notes, &note);
	note = note_of(text + 13, 3);
	rejections_note(&notes, &note);
	rejections_add(&rejections, &origin, &notes);
	EXPECT_INT(4, rejections.total);
	EXPECT_INT(13, rejections.last[2].len);
	rejections_fini(&rejections);
}

/* The array that is made of accepted messages may put a comma there. */
static void
the_offending_byte_is_the_one_that_was_noted(void)
{
	char text[] = "\x1e{\"n\":2}";
	struct rejection_notes notes = {.items = items};
	struct rejection_note note = note_of(text, 0);

	rejections_init(&rejections);
	rejections_note(&notes, &note);
	rejections_end_last(&notes, note.begin + 1);
	text[0] = ',';
	rejections_add(&rejections, &origin, &notes);
	expect_parts("", "\x1e", "");
	rejections_fini(&rejections);
}

/* Stars, and what is left. */
static void
check_masked(const char *text, const char *expected)
{
	struct rejection_note note = note_of(text, 0);
	struct rejection_notes notes = {.items = items};
	struct rejection rejection;

	tap_context("%s", text);
	rejections_note(&notes, &note);
	rejections_add(&rejections, &origin, &notes);
	rejection = newest();
	EXPECT_BYTES(expected, strlen(expected), rejection.bytes, rejection.len);
}

static void
what_stands_behind_token_is_masked(void)
{
	rejections_init(&rejections);
	check_masked("BIO1 {\"token\":\"s3cret\"}", "BIO1 {\"token\":\"******\"}");
	check_masked("bio/1 {\"name\":\"x\",\"token\" : \"s3,}t\",\"ack\":\"store\"}",
		"bio/1 {\"name\":\"x\",\"token\" : \"*****\",\"ack\":\"store\"}");
	check_masked("{\"Token\":\"a\\\"b\",", "{\"Token\":\"****\",");
	check_masked("{'token':'abc', 'n':1", "{'token':'***', 'n':1");
	check_masked("{token: abc, n: 1}", "{token: ***, n: 1}");
	check_masked("{\"token\":17,\"n\":1", "{\"token\":**,\"n\":1");
	check_masked("token=abc&n=1", "token=***&n=1");
	check_masked("{\"access_token\":\"abc\"]", "{\"access_token\":\"***\"]");
	check_masked("{\"token_of\":\"abc\"]", "{\"token_of\":\"***\"]");
	check_masked("{\\\"token\\\":\\\"abc", "{\\\"token\\\":\\\"***");
	check_masked("{\"token\" \"abc\"", "{\"token\" \"***\"");
	check_masked("{\"token\":\n\t\"abc\"", "{\"token\":\n\t\"***\"");
	/* A quote within it ends nothing. */
	check_masked("{\"token\":\"ab\"cd\",\"n\":1", "{\"token\":\"*****\",\"n\":1");
	check_masked("{\"token\":\"a\" b\" }", "{\"token\":\"****\" }");
	/* Without an end, and in what is no token at all, everything is. */
	check_masked("{\"token\":\"abc, 1, 2", "{\"token\":\"*********");
	check_masked("{\"token\":{\"a\":\"abc\"}", "{\"token\":***********");
	check_masked(
		"x \"token\":\"a\" \"TOKEN\":\"b\"", "x \"token\":\"*\" \"TOKEN\":\"*\"");
	/* Nothing stands behind it. */
	check_masked("{\"token\":\"\"}", "{\"token\":\"\"*");
	check_masked("{\"token\":", "{\"token\":");
	check_masked("{\"token", "{\"token");
	check_masked("toke", "toke");
	check_masked("the token was lost: 1", "the token was lost: 1");
	rejections_fini(&rejections);
}

static void
a_token_is_masked_whose_key_is_out_of_the_excerpt(void)
{
	static char text[4600];
	struct rejection rejection;
	struct rejection_note note;
	struct rejection_notes notes = {.items = items};

	rejections_init(&rejections);
	(void)snprintf(text, sizeof text, "{\"token\":\"%04000d\x01%0200d\"}", 0, 0);
	note = note_of(text, 4010);
	rejections_note(&notes, &note);
	rejections_add(&rejections, &origin, &notes);
	rejection = newest();
	EXPECT_INT(REJECTION_BYTES, rejection.len);
	for (size_t i = 0; i < rejection.len; i++)
		if (!EXPECT_INT('*', rejection.bytes[i]))
			break;
	/* An excerpt may begin within the key. */
	(void)snprintf(
		text, sizeof text, "{\"n\":\"%0100d\",\"token\":\"abc\",%0149d!", 0, 0);
	note = note_of(text, strlen(text) - 1);
	rejections_note(&notes, &note);
	rejections_add(&rejections, &origin, &notes);
	rejection = newest();
	EXPECT_BYTES("ken\":\"***\",00", 13, rejection.bytes, 13);
	rejections_fini(&rejections);
}

static void
the_last_hundred_are_kept_newest_first(void)
{
	struct rejection_notes notes = {.items = items};
	struct rejections_view view;

	rejections_init(&rejections);
	if (!EXPECT_INT(0, rejections_view_open(&rejections, 100, &view)))
		return;
	EXPECT_INT(0, view.count);
	EXPECT_INT(0, view.total);
	rejections_view_close(&view);
	/* Reads of 1, 2, ... up to more than are kept. */
	for (uint64_t total = 0, size = 1; size < 130; size++) {
		for (uint64_t i = 0; i < size; i++) {
			struct rejection_note note = note_of("x", ++total);

			rejections_note(&notes, &note);
		}
		rejections_add(&rejections, &origin, &notes);
		if (!EXPECT_INT(0, rejections_view_open(&rejections, 100, &view)))
			return;
		tap_context("%llu in all", (unsigned long long)total);
		EXPECT_INT(total, view.total);
		EXPECT_INT(total < 100 ? total : 100, view.count);
		for (size_t i = 0; i < view.count; i++)
			if (!EXPECT_INT(total - i, view.items[i].offset))
				break;
		rejections_view_close(&view);
	}
	rejections_fini(&rejections);
}

static void
a_rejection_says_who_and_why(void)
{
	struct rejection_note note = note_of("{", 1);
	struct rejection_notes notes = {.items = items};
	struct rejection rejection;

	rejections_init(&rejections);
	note.reason = REJECT_incomplete;
	rejections_note(&notes, &note);
	rejections_add(&rejections, &origin, &notes);
	rejection = newest();
	EXPECT_INT(17, rejection.origin.connection);
	EXPECT_TEXT("192.0.2.1:5555", rejection.origin.peer);
	EXPECT_TEXT("pump-7", rejection.origin.name);
	EXPECT_INT(FRAMING_lines, rejection.origin.framing);
	EXPECT_INT(REJECT_incomplete, rejection.reason);
	EXPECT_TEXT("wrong", rejection.error);
	EXPECT(rejection.rejected_us > 0);
	rejections_fini(&rejections);
}

int
main(void)
{
	TAP_RUN(an_excerpt_has_forty_characters_on_each_side);
	TAP_RUN(characters_are_never_cut);
	TAP_RUN(where_the_message_ends_the_excerpt_ends);
	TAP_RUN(the_next_outcome_ends_what_was_noted_last);
	TAP_RUN(the_offending_byte_is_the_one_that_was_noted);
	TAP_RUN(what_stands_behind_token_is_masked);
	TAP_RUN(a_token_is_masked_whose_key_is_out_of_the_excerpt);
	TAP_RUN(the_last_hundred_are_kept_newest_first);
	TAP_RUN(a_rejection_says_who_and_why);
	return tap_finish();
}
