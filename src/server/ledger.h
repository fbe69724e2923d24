/*
 * ledger: the numbers behind a hello, and what the peer has to be told of them.
 *
 * Every line, record or frame is a number (src/PROTOCOL.md); here stands which one was
 * finished last, which of those are rejected and not told yet, and how far the store's
 * mark of the session has come.  Before a hello nothing is numbered.
 *
 * Belongs to the session's thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_LEDGER_H
#define BIO_SERVER_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "messages/store.h"
#include "wire/frame.h"
#include "wire/hello.h"
#include "wire/stream.h"

/* All zeros is one before a hello. */
struct ledger {
	bool is_open;
	bool wants_acks;
	char session[HELLO_SESSION_MAX + 1]; /* empty: none */
	uint64_t finished;                   /* the last number that is */
	uint64_t marked, acknowledged;
	struct text naks;
};

/* `finished` is where the session has come to; 0 in a new one. */
void ledger_open(struct ledger *l, const struct hello *hello, uint64_t finished);
void ledger_free(struct ledger *l);

/* A message was accepted or, by the item, rejected. */
void ledger_accept(struct ledger *l);
void ledger_reject(struct ledger *l, const struct frame_item *item);

/* More naks wait than should, and it is time to tell the peer. */
bool ledger_is_full(const struct ledger *l);

/* False: the store has no mark to keep; else it must be kept, `mark` borrows. */
bool ledger_take_mark(struct ledger *l, struct store_mark *mark) MUST_USE;

/* True: the peer waits to hear of something. */
bool ledger_owes(const struct ledger *l);

/*
 * Tells the peer what it is owed, in one send.  What is accepted must be committed by
 * then.  0, or -1 and errno: ETIMEDOUT, where it does not read; ENOMEM.
 */
int ledger_tell(struct ledger *l, struct stream *stream, uint64_t deadline_ns) MUST_USE;

#endif
