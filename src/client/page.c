/*
 * page: the head of a message is what the server writes, its id first and without any
 * white space; a text in it has its quotes escaped, so the first ,"data": is the member
 * of that name.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/page.h"

#include <stdbool.h>
#include <string.h>

#include "wire/scan.h"

enum { ID_DIGITS_MAX = 19 };

static bool
take_string(struct page *page, const char *string)
{
	size_t len = strlen(string);

	if (page->len - page->position < len ||
		memcmp(page->bytes + page->position, string, len) != 0)
		return false;
	page->position += len;
	return true;
}

void
page_begin(struct page *page, const char *bytes, size_t len)
{
	*page = (struct page){.bytes = bytes, .len = len};
}

/* 0: there is none. */
static uint64_t
take_number(struct page *page)
{
	uint64_t value = 0;

	for (int digits = 0; page->position < page->len && digits < ID_DIGITS_MAX;
		digits++) {
		char c = page->bytes[page->position];

		if (c < '0' || c > '9')
			break;
		value = value * 10 + (uint64_t)(c - '0');
		page->position++;
	}
	return value;
}

static bool
take_message(struct page *page, struct page_item *out)
{
	static const char data_key[] = ",\"data\":";
	const size_t key_len = sizeof data_key - 1;
	const char *begin = page->bytes + page->position, *key;
	struct scan scan;

	if (!take_string(page, "{\"id\":"))
		return false;
	out->id = take_number(page);
	key = memmem(page->bytes + page->position, page->len - page->position, data_key,
		key_len);
	if (out->id == 0 || key == NULL)
		return false;
	out->object = begin;
	out->data = key + key_len;
	page->position = (size_t)(out->data - page->bytes);
	scan_begin(&scan, SCAN_DEPTH_MAX, 0);
	if (scan_feed(&scan, (const uint8_t *)out->data, page->len - page->position,
		    &out->data_len) != SCAN_DONE)
		return false;
	page->position += out->data_len;
	if (!take_string(page, "}"))
		return false;
	out->object_len = (size_t)(page->bytes + page->position - begin);
	return true;
}

static bool
take_end(struct page *page)
{
	if (!take_string(page, ",\"next_after\":") &&
		!take_string(page, ",\"next_before\":"))
		return false;
	if (!take_string(page, "null")) {
		page->next = take_number(page);
		if (page->next == 0)
			return false;
	}
	return take_string(page, "}");
}

enum page_event
page_next(struct page *page, struct page_item *out)
{
	bool is_first = page->position == 0;

	if (is_first && !take_string(page, "{\"messages\":["))
		return PAGE_BAD;
	if (take_string(page, "]"))
		return take_end(page) ? PAGE_END : PAGE_BAD;
	if (!is_first && !take_string(page, ","))
		return PAGE_BAD;
	return take_message(page, out) ? PAGE_MESSAGE : PAGE_BAD;
}

int
page_take_apart(const char *object, size_t len, struct page_item *out)
{
	struct page page;

	page_begin(&page, object, len);
	return take_message(&page, out) && page.position == len ? 0 : -1;
}
