/*
 * page_test: messages are found as they are, and nothing else passes for a page.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/page.h"

#include "tap.h"

#define HEAD(id)                                                             \
	"{\"id\":" #id                                                       \
	",\"received_at\":\"2026-01-31T12:00:00.000000Z\",\"connection\":1," \
	"\"peer\":\"127.0.0.1:1\",\"name\":null,\"framing\":\"stream\",\"size_bytes\":9"

static void
messages_are_found_byte_for_byte(void)
{
	static const char text[] =
		"{\"messages\":[" HEAD(7) ",\"data\":{\"data\":\n[1,\"}\"] }}," HEAD(
			8) ",\"data\":-1.50e+05},"
			   "{\"id\":9,\"name\":\"a\\\",\\\"data\\\":17\",\"data\":"
			   "\"\\ud800\"}"
			   "],\"next_after\":9}\n";
	struct page_item item;
	struct page page;

	page_begin(&page, text, sizeof text - 1);
	EXPECT_INT(PAGE_MESSAGE, page_next(&page, &item));
	EXPECT_INT(7, item.id);
	EXPECT_BYTES("{\"data\":\n[1,\"}\"] }", 18, item.data, item.data_len);
	EXPECT_BYTES(HEAD(7) ",\"data\":{\"data\":\n[1,\"}\"] }}",
		sizeof HEAD(7) - 1 + 27, item.object, item.object_len);
	EXPECT_INT(PAGE_MESSAGE, page_next(&page, &item));
	EXPECT_INT(8, item.id);
	EXPECT_BYTES("-1.50e+05", 9, item.data, item.data_len);
	EXPECT_INT(PAGE_MESSAGE, page_next(&page, &item));
	EXPECT_INT(9, item.id);
	EXPECT_BYTES("\"\\ud800\"", 8, item.data, item.data_len);
	EXPECT_INT(PAGE_END, page_next(&page, &item));
	EXPECT_INT(9, page.next);
}

static void
an_empty_page_and_the_last_one(void)
{
	static const char empty[] = "{\"messages\":[],\"next_before\":null}\n";
	static const char on[] = "{\"messages\":[],\"next_before\":12}\n";
	struct page_item item;
	struct page page;

	page_begin(&page, empty, sizeof empty - 1);
	EXPECT_INT(PAGE_END, page_next(&page, &item));
	EXPECT_INT(0, page.next);
	page_begin(&page, on, sizeof on - 1);
	EXPECT_INT(PAGE_END, page_next(&page, &item));
	EXPECT_INT(12, page.next);
}

/* The event that ends the page. */
static enum page_event
walk(const char *text, size_t len)
{
	enum page_event event;
	struct page_item item;
	struct page page;

	page_begin(&page, text, len);
	while ((event = page_next(&page, &item)) == PAGE_MESSAGE)
		;
	return event;
}

static void
what_is_cut_or_something_else_is_bad(void)
{
	static const char whole[] = "{\"messages\":[" HEAD(7) ",\"data\":[1]}," HEAD(
		8) ",\"data\":2}],\"next_after\":null}";
	static const char *const others[] = {"", "x", "{}", "{\"messages\":[1]}",
		"{\"messages\":[],\"next_after\":0}",
		"{\"messages\":[],\"next_after\":x}",
		"{\"messages\":[{\"id\":0,\"data\":1}],\"next_after\":null}",
		"{\"messages\":[{\"id\":1,\"data\":01}],\"next_after\":null}",
		"{\"messages\":[{\"id\":1,\"data\":1}{}],\"next_after\":null}"};

	EXPECT_INT(PAGE_END, walk(whole, sizeof whole - 1));
	for (size_t len = 0; len < sizeof whole - 1; len++) {
		tap_context("%zu bytes", len);
		EXPECT_INT(PAGE_BAD, walk(whole, len));
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		tap_context("%s", others[i]);
		EXPECT_INT(PAGE_BAD, walk(others[i], strlen(others[i])));
	}
}

static void
a_message_by_itself(void)
{
	static const char text[] = HEAD(7) ",\"data\":[1, \"}\"]}";
	struct page_item item;

	EXPECT_INT(0, page_take_apart(text, sizeof text - 1, &item));
	EXPECT_INT(7, item.id);
	EXPECT_BYTES("[1, \"}\"]", 8, item.data, item.data_len);
	EXPECT_BYTES(text, sizeof text - 1, item.object, item.object_len);
	for (size_t len = 0; len < sizeof text - 1; len++) {
		tap_context("%zu bytes", len);
		EXPECT_INT(-1, page_take_apart(text, len, &item));
	}
	/* The NUL behind it is not part of it. */
	EXPECT_INT(-1, page_take_apart(text, sizeof text, &item));
}

int
main(void)
{
	TAP_RUN(messages_are_found_byte_for_byte);
	TAP_RUN(an_empty_page_and_the_last_one);
	TAP_RUN(a_message_by_itself);
	TAP_RUN(what_is_cut_or_something_else_is_bad);
	return tap_finish();
}
