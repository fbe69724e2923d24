/*
 * page: the messages in an answer of /messages, as the exact bytes that they are.
 *
 * A tree would lose them, so the page is taken apart in place: the head of each message,
 * {"id":...,"data":, is read, and what follows is one JSON value, whose end the scanner
 * finds.
 *
 * Pure; a page belongs to one thread and borrows the bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_PAGE_H
#define BIO_CLIENT_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum page_event {
	PAGE_MESSAGE,
	PAGE_END, /* `next` says where to go on; 0: there is nothing more */
	PAGE_BAD, /* this is no page of messages */
};

struct page {
	const char *bytes;
	size_t len, position;
	uint64_t next;
};

struct page_item {
	uint64_t id;
	const char *object; /* the message with all that is known of it */
	size_t object_len;
	const char *data; /* what was sent */
	size_t data_len;
};

void page_begin(struct page *page, const char *bytes, size_t len);

enum page_event page_next(struct page *page, struct page_item *out) MUST_USE;

/* The same of one message by itself.  -1: it is none. */
int page_take_apart(const char *object, size_t len, struct page_item *out) MUST_USE;

#endif
