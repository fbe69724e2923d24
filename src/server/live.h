/*
 * live: /events, the messages as they come (HTML, section 9.2, Server-Sent Events).
 *
 * Every reader sees each id behind the one where it begins once, in order, or a gap that
 * covers it.  What is new is written once, ten times a second at most, by the first
 * reader who is due, and shared; nothing is while nobody reads.  Who stores messages only
 * leaves a word.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_LIVE_H
#define BIO_SERVER_LIVE_H

#include "base/attr.h"
#include "base/counter.h"
#include "server/exchange.h"
#include "server/history.h"
#include "server/report.h"
#include "server/turn.h"

struct live;

/* All of it outlives the live side. */
struct live_options {
	struct history *history;
	const struct report *report;
	struct turns *turns;
	struct counters *counters;
	unsigned max_readers;
};

/* Returns owned; NULL: out of memory. */
struct live *live_new(const struct live_options *options) MUST_USE;

/* All readers' streams must have been freed. */
void live_free(struct live *live);

/* Messages have become visible in `recent`.  Any thread; blocks for a moment at most. */
void live_note(void *live);

/* From now on the readers' streams end; waits a moment until they have.  Any thread. */
void live_end(struct live *live);

/*
 * /events, by its parameter and its header field.  The reply's stream waits 100 ms at
 * most before it answers that there is nothing yet.  Any thread.
 */
void live_get_events(struct live *live, const struct exchange_request *request,
	struct exchange_reply *reply);

#endif
