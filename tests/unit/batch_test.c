/*
 * batch_test: building, indexing and sharing of batches.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/batch.h"

#include <stdlib.h>

#include "tap.h"

static const struct origin origin = {
	.connection = 7, .framing = FRAMING_stream, .peer = "192.0.2.1:1234"};

/* The messages stand one after another, `gap` bytes apart. */
static struct batch *
build_apart(const char *const messages[], size_t count, size_t expected, size_t gap)
{
	struct batch_builder builder = {0};
	struct batch *batch;
	size_t total = 0, at = 0;
	uint8_t *bytes;

	for (size_t i = 0; i < count; i++)
		total += strlen(messages[i]) + gap;
	bytes = malloc(total);
	EXPECT(bytes != NULL);
	memset(bytes, '\n', total);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(messages[i]);

		memcpy(bytes + at, messages[i], len);
		EXPECT_INT(0, batch_append(&builder, bytes + at, len, expected));
		at += len + gap;
	}
	batch = batch_finish(&builder, &origin);
	free(bytes);
	return batch;
}

static struct batch *
build(const char *const messages[], size_t count, size_t expected)
{
	return build_apart(messages, count, expected, 1);
}

static void
nothing_appended_is_no_batch(void)
{
	struct batch_builder builder = {0};

	EXPECT(batch_finish(&builder, &origin) == NULL);
}

static void
the_body_is_an_array_of_the_exact_texts(void)
{
	static const char *const messages[] = {
		"{\"a\": 1.0e5,\n\"a\":2}", "42", "\"],[\"", "[]", "null"};
	static const char body[] = "[{\"a\": 1.0e5,\n\"a\":2},42,\"],[\",[],null]";
	size_t expected[] = {0, 1, 30, 1000};

	for (size_t i = 0; i < 3 * COUNT_OF(expected); i++) {
		struct batch *batch =
			build_apart(messages, COUNT_OF(messages), expected[i / 3], i % 3);

		EXPECT_BYTES(body, sizeof body - 1, batch->body, batch->body_len);
		EXPECT_INT(COUNT_OF(messages), batch->count);
		EXPECT_INT(7, batch->origin.connection);
		EXPECT_INT(sizeof *batch + sizeof body - 1, batch_bytes(batch));
		batch_release(batch);
	}
}

static void
the_index_finds_every_message(void)
{
	static const char *const messages[] = {
		"1", "[1,[2,\"]\"]]", "{}", "\"\\\\\"", "-0.5e-3", "true"};
	struct batch *batch = build(messages, COUNT_OF(messages), 0);
	uint32_t *index = batch_index(batch);

	for (uint32_t i = 0; i < COUNT_OF(messages); i++) {
		struct batch_message message = batch_message(batch, index, i);

		EXPECT_BYTES(messages[i], strlen(messages[i]), message.text, message.len);
	}
	free(index);
	batch_release(batch);
}

static void
a_held_batch_outlives_its_first_holder(void)
{
	static const char *const messages[] = {"1"};
	struct batch *batch = build(messages, 1, 0);

	batch_hold(batch);
	batch_release(batch);
	EXPECT_BYTES("[1]", 3, batch->body, batch->body_len);
	batch_release(batch);
}

int
main(void)
{
	TAP_RUN(nothing_appended_is_no_batch);
	TAP_RUN(the_body_is_an_array_of_the_exact_texts);
	TAP_RUN(the_index_finds_every_message);
	TAP_RUN(a_held_batch_outlives_its_first_holder);
	return tap_finish();
}
