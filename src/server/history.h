/*
 * history: pages through the messages that were accepted.
 *
 * The newest are in memory, and with a store the others are read from there; a page shows
 * no seam between them, since both have the same batches in the order of their ids.
 *
 * A page is bounded in messages, bytes and time of searching, so a reader never holds
 * anything for long; where it goes on is part of the answer.  Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_HISTORY_H
#define BIO_SERVER_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "messages/recent.h"
#include "messages/store.h"
#include "server/query.h"

struct history {
	struct recent *recent;
	struct store *store; /* NULL: none */
};

enum history_result {
	HISTORY_FOUND,
	HISTORY_MISSING, /* no message of this id is kept */
	HISTORY_NO_MEMORY,
	HISTORY_UNREADABLE, /* the store's file; logged */
};

struct history_page {
	unsigned count; /* messages on the page */
	bool has_more;
	uint64_t next; /* where it has: the next page is before this id, or after it */
};

struct history_bounds {
	unsigned messages;
	size_t bytes; /* no further message is begun beyond it */
};

/*
 * Appends the next page of `q`: objects with commas between them, or a line each in the
 * ndjson format.  It ends at the bounds, or when searching has taken too long.  An empty
 * page is HISTORY_FOUND as well.
 */
enum history_result history_append_page(struct history *h, const struct query *q,
	const struct history_bounds *bounds, struct text *out,
	struct history_page *page) MUST_USE;

/*
 * Appends the messages behind `after`, up to `last`, as events in the order of their ids,
 * and an event for each gap among them: what is not kept any more.  It ends at the bounds
 * as well; `page->next` is the last id that it stands for, in any case.
 */
enum history_result history_append_events(struct history *h, uint64_t after,
	uint64_t last, const struct history_bounds *bounds, struct text *out,
	struct history_page *page) MUST_USE;

/*
 * Appends the message `id`, or the newest one where `id` is 0: as an object or, where
 * `raw`, its exact text.
 */
enum history_result history_append_one(
	struct history *h, uint64_t id, bool raw, struct text *out) MUST_USE;

#endif
