/*
 * frame: finds the messages in the bytes of one connection.
 *
 * The first bytes decide how the rest is framed: as a stream of JSON texts, as text
 * sequences (RFC 7464), or each message behind its length; src/PROTOCOL.md has the rules,
 * those for going on behind a rejected message among them.  Messages are found in place:
 * nothing is copied, nothing is allocated, and how the bytes were cut into reads never
 * changes the outcome.
 *
 * Behind a hello, which says itself how the rest is framed, each line, record or frame is
 * one number, good or bad: it has exactly one outcome, and that comes with its end.
 *
 * The caller keeps the unconsumed bytes together.  It calls frame_next until that answers
 * FRAME_MORE, each time dropping `used` bytes from the front; then it appends what it
 * read next.  When no more will come it calls frame_finish and then frame_next as before.
 *
 * A frame belongs to its caller and never blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_FRAME_H
#define BIO_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/reason.h"
#include "wire/scan.h"

/* A length in front of a message has 4 bytes, of which the first is 0. */
#define FRAME_MESSAGE_MAX ((size_t)16 * 1024 * 1024 - 1)
#define FRAME_LENGTH_BYTES 4
/* The longest literal: so what is too large and does not tell its own end is a number. */
#define FRAME_MESSAGE_MIN 5
#define FRAME_RECORD_SEPARATOR 0x1e

/*
 * The caller never has to keep more unconsumed bytes than the longest message and this:
 * a length, or white space behind the value of a record or line.
 */
#define FRAME_SLACK_BYTES 4096

enum frame_event {
	FRAME_MORE,    /* the bytes hold no further outcome */
	FRAME_MESSAGE, /* `text` and `len`: an accepted message, without white space
			  around */
	FRAME_REJECT,  /* `reason`, `offset` and `error`; the search for the next goes on
			*/
	FRAME_FATAL,   /* the same, and no next can be found */
	FRAME_FOREIGN, /* the peer speaks `protocol`; nothing behind it is looked at */
};

enum frame_protocol {
	FRAME_PROTOCOL_BIO, /* a hello of this program's own protocol */
	FRAME_PROTOCOL_HTTP,
	FRAME_PROTOCOL_TLS,
};

struct frame_item {
	size_t used;
	const uint8_t *text;
	size_t len;
	enum reject_reason reason;
	int64_t begin; /* of the rejected message, in the bytes given; below 0: before */
	uint64_t offset; /* of the offending byte, from the message's first byte */
	const char *error;
	bool finishes_number; /* only behind a hello, and not what is incomplete */
	enum frame_protocol protocol;
};

/* What is wrong with a line, record or frame whose end has not come. */
struct frame_fault {
	enum reject_reason reason;
	const char *error;
	uint64_t offset;
};

struct frame {
	size_t max_message;
	unsigned max_depth;
	enum framing framing; /* once the first bytes have decided */
	uint8_t phase;        /* enum phase in frame.c */
	bool is_numbered;     /* behind a hello */
	bool has_ended, is_orderly;
	bool after_newline; /* the byte dropped last was a line feed */
	bool is_within;
	size_t scanned;   /* of the unfinished message in front */
	size_t value_len; /* of the last whole value */
	uint64_t dropped; /* of the bytes of a message whose fault waits for its end */
	struct frame_fault fault;
	uint64_t left; /* of a message that is skipped: bytes, or open brackets */
	uint8_t skim;  /* enum skim in frame.c */
	struct scan scan;
};

/* `max_message` is FRAME_MESSAGE_MIN to FRAME_MESSAGE_MAX bytes, `max_depth` 1 to
 * SCAN_DEPTH_MAX. */
void frame_init(struct frame *f, size_t max_message, unsigned max_depth);

/*
 * Between FRAME_FOREIGN and the next frame_next, when the caller has taken the hello's
 * own bytes: what follows is numbered, and framed as `lines`, `rs` or `length`.
 */
void frame_begin_after_hello(struct frame *f, enum framing framing);

enum frame_event frame_next(struct frame *f, const uint8_t *bytes, size_t len,
	struct frame_item *item) MUST_USE;

/*
 * No more bytes will come.  Orderly: the peer said so itself, and a number in last place
 * is whole; otherwise the connection broke or was cut, and it is incomplete.
 */
void frame_finish(struct frame *f, bool orderly);

/* After FRAME_MORE: a message has begun and not ended (it may be one that is skipped). */
bool frame_is_within(const struct frame *f);

/* After FRAME_MORE: bytes came, and do not decide yet. */
bool frame_is_undecided(const struct frame *f);

/*
 * Judges one whole text with white space around it: FRAME_MESSAGE or FRAME_REJECT, with
 * the offset counted from the value's first byte.
 */
enum frame_event frame_judge(const uint8_t *bytes, size_t len, unsigned max_depth,
	struct frame_item *item) MUST_USE;

#endif
