/*
 * page: the head of a message is what the server writes, without any white space; a text
 * in it has its quotes escaped, so the first ,"data": is the member of that name.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/page.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/scan.h"

enum { HEAD_MAX_BYTES = 2048, ID_DIGITS_MAX = 19 };

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

/* The object up to its data, read as an object of its own. */
static bool
read_head(const char *head, size_t len, struct page_item *out)
{
	char text[HEAD_MAX_BYTES + 2];
	const cJSON *id;
	cJSON *root;

	if (len > HEAD_MAX_BYTES)
		return false;
	memcpy(text, head, len);
	text[len] = '}';
	root = cJSON_ParseWithLength(text, len + 1);
	id = cJSON_GetObjectItemCaseSensitive(root, "id");
	out->id = cJSON_IsNumber(id) && id->valuedouble >= 1 ? (uint64_t)id->valuedouble
							     : 0;
	cJSON_Delete(root);
	return out->id > 0;
}

static bool
take_message(struct page *page, struct page_item *out)
{
	static const char data_key[] = ",\"data\":";
	const size_t key_len = sizeof data_key - 1;
	const char *begin = page->bytes + page->position;
	const char *key = memmem(begin, page->len - page->position, data_key, key_len);
	struct scan scan;

	if (key == NULL || !read_head(begin, (size_t)(key - begin), out))
		return false;
	out->object = begin;
	out->data = key + key_len;
	page->position = (size_t)(out->data - page->bytes);
	scan_begin(&scan, SCAN_DEPTH_MAX);
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
