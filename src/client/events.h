/*
 * events: a stream of Server-Sent Events, taken apart as it comes.
 *
 * Follows the WHATWG HTML standard, section 9.2.6 "Interpreting an event stream": a byte
 * order mark in front, lines that end in CR LF, LF or CR, comments, several data lines an
 * event, an id that stays until another one comes.  The bytes may come in any cuts.  What
 * the connection's end leaves unfinished is no event.
 *
 * `retry` is passed over, since the reader's own backoff says when to come back; UTF-8 is
 * not proven here.  Pure; belongs to one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_EVENTS_H
#define BIO_CLIENT_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/text.h"

/* Of one event; the longest message is well below. */
#define EVENTS_BYTES_MAX ((size_t)64 * 1024 * 1024)

enum events_result {
	EVENTS_MORE,      /* every byte was taken, and the event has not ended */
	EVENTS_EVENT,     /* `out` is one; bytes may be left */
	EVENTS_TOO_LARGE, /* after this and the next there is no going on */
	EVENTS_NO_MEMORY,
};

struct events {
	struct text line, type, data, id;
	bool is_behind_cr;   /* a LF that comes now belongs to it */
	bool is_behind_line; /* a byte order mark has no place any more */
	bool is_event_over;  /* type and data are of the event before */
};

struct events_piece {
	const char *bytes;
	size_t len;
};

/* Borrows from the events until the next call. */
struct events_item {
	struct events_piece type; /* "message" where the stream says none */
	struct events_piece data;
	struct events_piece id; /* the last one that came; empty: none */
};

/* Events of all zeros are ready for a stream; freed ones are again. */
void events_free(struct events *e);

/* Goes on with the next bytes, up to the end of an event; `*used` were taken. */
enum events_result events_feed(struct events *e, const char *bytes, size_t len,
	size_t *used, struct events_item *out) MUST_USE;

bool events_is(const struct events_piece *piece, const char *text);

#endif
