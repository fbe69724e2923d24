/*
 * window: the numbered messages that the server has not finished yet, framed as they go
 * onto the wire.
 *
 * They lie behind one another, so what has not been written is one piece of memory.  The
 * numbers are consecutive; the server finishes them in their order, and they leave at the
 * front.  After a connection broke, all that is left is written again.
 *
 * Pure: no clock, no descriptor.  A window belongs to one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_WINDOW_H
#define BIO_CLIENT_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "client/framed.h"

/* One message. */
struct window_entry {
	uint64_t line; /* of the input, where it begins; 0: the input has no lines */
	uint32_t text_len;
	uint8_t head_len, tail_len;
	bool may_end_early; /* as of struct framed */
	bool is_refused;    /* the server has said so; its owner's to set */
};

struct window {
	uint64_t first; /* the number of the entry in front, or of the next one */
	size_t max_bytes;

	struct window_entry *entries; /* in use: [entry_begin..entry_end) */
	size_t entry_begin, entry_end, entry_capacity;

	uint8_t *bytes; /* in use: [byte_begin..byte_end) */
	size_t byte_begin, byte_end, byte_capacity;
	size_t written;  /* where the next write goes on */
	size_t furthest; /* of all that was written on whichever connection */
	size_t sent;     /* entries in front that a server may have finished */
	size_t sent_end; /* the byte behind the last of them */
};

/*
 * `max_bytes` bounds the framed messages and what is kept beside them; the last one may
 * go beyond it.  Allocates nothing yet.
 */
void window_init(struct window *w, size_t max_bytes);
void window_fini(struct window *w);

/* The number of the next message; for an empty window. */
void window_begin(struct window *w, uint64_t number);

size_t window_count(const struct window *w);

/* The number behind the last one. */
uint64_t window_end(const struct window *w);

/* The number behind the last one that was written so far that it may be finished. */
uint64_t window_sent_end(const struct window *w);

/* Of the messages from that number on. */
size_t window_unsent_bytes(const struct window *w);

/* One more message may be appended. */
bool window_has_room(const struct window *w);

/* Copies the message behind the others.  -1: out of memory. */
int window_append(struct window *w, const struct framed *message, uint64_t line) MUST_USE;

/* How much has not been written on this connection, and where it lies. */
size_t window_unwritten(const struct window *w, const uint8_t **bytes);
void window_note_written(struct window *w, size_t len);

/*
 * How much of the message in front the other side cannot have: what has not been written
 * on this connection, or is among the `unsent` bytes that were written last.  0 where
 * there is no message.
 */
size_t window_front_rest(const struct window *w, size_t unsent);

/* A new connection: nothing has been written on it. */
void window_rewind(struct window *w);

/* NULL: the number is not in the window. */
struct window_entry *window_find(struct window *w, uint64_t number);

/* The text of the message in front, `entry->text_len` bytes. */
const uint8_t *window_front_text(const struct window *w);

/*
 * Drops every message up to the number `last`; fewer than none is none.  -1: one of them
 * was never written, so nobody can have finished it; nothing is dropped then.  Of one
 * that ended early the rest is not written any more.
 */
int window_finish(struct window *w, uint64_t last) MUST_USE;

#endif
