/*
 * window_test: numbers in and out, against a model; what is written, and written again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/window.h"

#include "tap.h"

static void
append(struct window *w, enum wire_framing framing, const char *text)
{
	struct framed framed = framed_make(framing, (const uint8_t *)text, strlen(text));

	EXPECT_INT(0, window_append(w, &framed, 7));
}

/* Everything that is not written is now, as far as `max` goes. */
static void
expect_unwritten(struct window *w, const char *expected, size_t expected_len)
{
	const uint8_t *bytes;
	size_t len = window_unwritten(w, &bytes);

	EXPECT_BYTES(expected, expected_len, bytes, len);
	window_note_written(w, len);
}

static void
each_framing_is_written_as_the_server_reads_it(void)
{
	struct window w;

	window_init(&w, 1000);
	append(&w, WIRE_FRAMING_LINES, "{\r\n\"a\":1}");
	append(&w, WIRE_FRAMING_RS, "[1,\n2]");
	append(&w, WIRE_FRAMING_LENGTH, "[1,\n2]");
	expect_unwritten(&w,
		"{  \"a\":1}\n"
		"\x1e[1,\n2]\n"
		"\0\0\0\6[1,\n2]",
		10 + 8 + 10);
	EXPECT_BYTES("{  \"a\":1}", 9, window_front_text(&w), 9);
	EXPECT_INT(0, window_finish(&w, 2));
	EXPECT_BYTES("[1,\n2]", 6, window_front_text(&w), window_find(&w, 3)->text_len);
	window_fini(&w);
}

static void
numbers_begin_where_they_are_told_to(void)
{
	struct window w;

	window_init(&w, 1000);
	window_begin(&w, 1042);
	append(&w, WIRE_FRAMING_LINES, "1");
	append(&w, WIRE_FRAMING_LINES, "2");
	EXPECT_INT(2, window_count(&w));
	EXPECT_INT(1044, window_end(&w));
	EXPECT(window_find(&w, 1041) == NULL);
	EXPECT(window_find(&w, 1044) == NULL);
	EXPECT_INT(7, window_find(&w, 1043)->line);
	expect_unwritten(&w, "1\n2\n", 4);
	EXPECT_INT(0, window_finish(&w, 1041));
	EXPECT_INT(2, window_count(&w));
	EXPECT_INT(0, window_finish(&w, 1042));
	EXPECT_INT(1043, w.first);
	EXPECT_INT(0, window_finish(&w, 1043));
	EXPECT_INT(0, window_count(&w));
	EXPECT_INT(1044, w.first);
	window_fini(&w);
}

static void
what_was_never_written_cannot_be_finished(void)
{
	const uint8_t *bytes;
	struct window w;

	window_init(&w, 1000);
	append(&w, WIRE_FRAMING_LINES, "1");
	append(&w, WIRE_FRAMING_LINES, "2");
	EXPECT_INT(-1, window_finish(&w, 1));
	window_note_written(&w, 3);
	EXPECT_INT(-1, window_finish(&w, 2));
	EXPECT_INT(-1, window_finish(&w, 3));
	EXPECT_INT(2, window_count(&w));
	EXPECT_INT(0, window_finish(&w, 1));
	EXPECT_INT(1, window_unwritten(&w, &bytes));
	window_fini(&w);
}

static void
a_record_may_be_finished_before_its_end(void)
{
	struct window w;

	window_init(&w, 1000);
	append(&w, WIRE_FRAMING_RS, "[1,\n2]");
	append(&w, WIRE_FRAMING_RS, "3");
	append(&w, WIRE_FRAMING_LENGTH, "45");
	window_note_written(&w, 1);
	EXPECT_INT(1, window_sent_end(&w));
	EXPECT_INT(-1, window_finish(&w, 1));
	window_note_written(&w, 1);
	EXPECT_INT(2, window_sent_end(&w));
	EXPECT_INT(-1, window_finish(&w, 2));
	EXPECT_INT(0, window_finish(&w, 1));
	/* The rest of it would be nothing to anybody. */
	expect_unwritten(&w,
		"\x1e"
		"3\n\0\0\0\2"
		"45",
		9);
	EXPECT_INT(4, window_sent_end(&w));
	window_rewind(&w);
	EXPECT_INT(0, window_finish(&w, 3));
	append(&w, WIRE_FRAMING_LENGTH, "6");
	window_note_written(&w, 4);
	EXPECT_INT(-1, window_finish(&w, 4));
	window_fini(&w);
}

static void
a_new_connection_begins_at_the_front(void)
{
	struct window w;

	window_init(&w, 1000);
	append(&w, WIRE_FRAMING_LINES, "1");
	append(&w, WIRE_FRAMING_LINES, "2");
	append(&w, WIRE_FRAMING_LINES, "3");
	expect_unwritten(&w, "1\n2\n3\n", 6);
	EXPECT_INT(0, window_finish(&w, 1));
	window_rewind(&w);
	/* The last connection may have brought it there. */
	EXPECT_INT(0, window_finish(&w, 2));
	expect_unwritten(&w, "3\n", 2);
	EXPECT_INT(0, window_finish(&w, 3));
	window_fini(&w);
}

static void
of_the_message_in_front_there_is_a_rest_until_all_of_it_is_sent(void)
{
	struct window w;

	window_init(&w, 1000);
	EXPECT_INT(0, window_front_rest(&w, 0));
	append(&w, WIRE_FRAMING_RS, "1");
	append(&w, WIRE_FRAMING_RS, "22");
	EXPECT_INT(3, window_front_rest(&w, 0));
	EXPECT_INT(3, window_front_rest(&w, 50));
	window_note_written(&w, 2);
	EXPECT_INT(1, window_front_rest(&w, 0));
	EXPECT_INT(2, window_front_rest(&w, 1));
	window_note_written(&w, 1);
	EXPECT_INT(0, window_front_rest(&w, 0));
	EXPECT_INT(3, window_front_rest(&w, 3));
	window_note_written(&w, 3);
	EXPECT_INT(0, window_front_rest(&w, 3));
	EXPECT_INT(1, window_front_rest(&w, 4));
	EXPECT_INT(3, window_front_rest(&w, 7));
	EXPECT_INT(0, window_finish(&w, 1));
	EXPECT_INT(1, window_front_rest(&w, 0));
	EXPECT_INT(4, window_front_rest(&w, 4));
	window_note_written(&w, 1);
	EXPECT_INT(0, window_front_rest(&w, 0));
	window_rewind(&w);
	EXPECT_INT(4, window_front_rest(&w, 0));
	EXPECT_INT(0, window_finish(&w, 2));
	EXPECT_INT(0, window_front_rest(&w, 0));
	window_fini(&w);
}

static void
room_is_bounded_and_one_message_always_fits(void)
{
	struct window w;

	window_init(&w, 1);
	EXPECT(window_has_room(&w));
	append(&w, WIRE_FRAMING_LINES, "\"longer than the window\"");
	EXPECT(!window_has_room(&w));
	window_note_written(&w, 25);
	EXPECT_INT(0, window_finish(&w, 1));
	EXPECT(window_has_room(&w));
	window_fini(&w);

	window_init(&w, 10 * (2 + sizeof(struct window_entry)));
	while (window_has_room(&w))
		append(&w, WIRE_FRAMING_LINES, "1");
	EXPECT_INT(10, window_count(&w));
	window_fini(&w);
}

/* A model as plain as it can be: all the bytes there ever were, in one array. */
enum { STEPS = 20000, MODEL_BYTES = STEPS * 48 };

/* The same numbers in each run (xorshift64). */
static unsigned
chance(unsigned count)
{
	static uint64_t state = 1;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % count);
}

static void
any_order_of_steps_is_what_the_model_says(void)
{
	static uint8_t model[MODEL_BYTES];
	static size_t ends[STEPS + 1];
	size_t count = 0, finished = 0, written = 0, largest = 0;
	struct window w;

	window_init(&w, 4096);
	for (int step = 0; step < STEPS; step++) {
		const uint8_t *bytes;
		char text[48];

		tap_context("step %d", step);
		if (chance(2) == 0 && window_has_room(&w)) {
			int len = snprintf(
				text, sizeof text, "\"%0*d\"", 1 + (int)chance(30), step);

			append(&w, WIRE_FRAMING_LINES, text);
			memcpy(model + ends[count], text, (size_t)len);
			model[ends[count] + (size_t)len] = '\n';
			ends[count + 1] = ends[count] + (size_t)len + 1;
			count++;
		}
		if (written < ends[finished])
			written = ends[finished];
		if (!EXPECT_INT(ends[count] - written, window_unwritten(&w, &bytes)))
			break;
		if (!EXPECT_BYTES(model + written, ends[count] - written, bytes,
			    ends[count] - written))
			break;
		if (chance(3) == 0 && ends[count] > written) {
			size_t n = chance((unsigned)(ends[count] - written)) + 1;

			window_note_written(&w, n);
			written += n;
		}
		if (chance(3) == 0 && finished < count && ends[finished + 1] <= written)
			EXPECT_INT(0, window_finish(&w, ++finished));
		if (chance(50) == 0) {
			window_rewind(&w);
			written = ends[finished];
		}
		if (largest < w.byte_capacity)
			largest = w.byte_capacity;
	}
	EXPECT(count > 1000 && finished > 1000);
	EXPECT(largest <= 32768);
	window_fini(&w);
}

int
main(void)
{
	TAP_RUN(each_framing_is_written_as_the_server_reads_it);
	TAP_RUN(numbers_begin_where_they_are_told_to);
	TAP_RUN(what_was_never_written_cannot_be_finished);
	TAP_RUN(a_record_may_be_finished_before_its_end);
	TAP_RUN(a_new_connection_begins_at_the_front);
	TAP_RUN(of_the_message_in_front_there_is_a_rest_until_all_of_it_is_sent);
	TAP_RUN(room_is_bounded_and_one_message_always_fits);
	TAP_RUN(any_order_of_steps_is_what_the_model_says);
	return tap_finish();
}
