/*
 * rejections: the last rejected messages, with what stood around the fault.
 *
 * A session notes a rejection where it finds it, which costs next to nothing, and adds
 * the last of its notes when the read is handed over and counted; their bytes must be
 * there until then.  So a flood of rejections costs a read what REJECTIONS_KEPT of them
 * do.  What stands behind "token" is masked before it is kept.
 *
 * Notes belong to their session's thread; the rest any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_REJECTIONS_H
#define BIO_SERVER_REJECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/lock.h"
#include "base/reason.h"
#include "base/utf8.h"
#include "messages/batch.h"

#define REJECTIONS_KEPT 100
/* An excerpt has so many on each side of the offending one. */
#define REJECTION_CHARACTERS 40
#define REJECTION_SIDE_BYTES ((size_t)REJECTION_CHARACTERS * UTF8_BYTES_MAX)
#define REJECTION_BYTES (2 * REJECTION_SIDE_BYTES + UTF8_BYTES_MAX)

struct rejection_note {
	enum reject_reason reason;
	const char *error; /* lives as long as the program */
	uint64_t offset;   /* of the offending byte, from the message's first byte */
	const uint8_t *begin, *end; /* the message, as far as it is there; or NULL */
	bool has_offending;
	uint8_t offending; /* the byte; a comma may be written over it later */
};

/* Those of one read; `items` has room for REJECTIONS_KEPT, and keeps the last of them. */
struct rejection_notes {
	struct rejection_note *items;
	uint64_t count;
};

/* Takes a note; rejections_note fills in the offending byte. */
void rejections_note(struct rejection_notes *notes, const struct rejection_note *note);

/* The message that was noted last ends at `end`, if not before. */
void rejections_end_last(struct rejection_notes *notes, const uint8_t *end);

struct rejection {
	int64_t rejected_us;
	struct origin origin;
	enum reject_reason reason;
	const char *error;
	uint64_t offset;
	uint16_t len, at; /* of the bytes, and the offending one among them */
	uint8_t bytes[REJECTION_BYTES];
};

struct rejections {
	struct lock lock; /* guards everything below */
	uint64_t total;
	struct rejection last[REJECTIONS_KEPT];
};

void rejections_init(struct rejections *r);
void rejections_fini(struct rejections *r);

/* Takes over what is noted; the notes are none then. */
void rejections_add(
	struct rejections *r, const struct origin *origin, struct rejection_notes *notes);

/* The parts stand one behind the other; each may be empty. */
struct rejection_excerpt {
	const uint8_t *before, *at, *after;
	size_t before_len, at_len, after_len;
};

/* Cuts between characters; what is no UTF-8 counts as one for each byte. */
void rejections_excerpt(const struct rejection *rejection, struct rejection_excerpt *out);

struct rejections_view {
	struct rejection *items;
	size_t count;
	uint64_t total; /* since the start */
};

/* Copies the last `limit`, the newest first.  -1: out of memory. */
int rejections_view_open(
	struct rejections *r, size_t limit, struct rejections_view *view) MUST_USE;
void rejections_view_close(struct rejections_view *view);

#endif
