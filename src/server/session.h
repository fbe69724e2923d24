/*
 * session: one connection, from its first byte to its last.
 *
 * session_run is a connection's whole life, on the thread that calls it: it reads, has
 * the bytes framed, hands every read over as one batch, and leaves the descriptor open
 * for its owner to close.  It blocks as long as the connection lasts; to end it early,
 * set `is_draining` and shut the socket's reading side down: what has arrived by then is
 * still framed and counted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_SESSION_H
#define BIO_SERVER_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/counter.h"
#include "messages/batch.h"
#include "server/claim.h"
#include "server/ingest.h"
#include "server/options.h"
#include "server/print.h"
#include "server/rejections.h"
#include "server/roster.h"
#include "wire/stream.h"

/* What all sessions share; nothing of it is theirs. */
struct session_shared {
	const struct options *options;
	struct buffer_pool *pool;
	struct counters *counters;
	struct ingest *ingest;
	struct print *print;
	struct roster *roster;
	struct rejections *rejections;
	struct claims claims;
	char status_address[ADDRESS_TEXT_MAX]; /* for those who knock at the wrong port */
	atomic_bool is_draining;
	atomic_bool lacks_threads; /* none could be started for the next connection */
};

/* The part of the budget that the pool keeps for one session at a time. */
size_t session_reserve_bytes(const struct options *options);

/*
 * Serves the connection, whose entry is in the roster; what was sent to the peer has been
 * counted when it returns.
 */
enum close_reason session_run(
	struct session_shared *shared, struct stream *stream, struct roster_entry *entry);

/* Tells a peer that it cannot be served, in one line, and waits a little for it to read.
 */
void session_refuse(struct session_shared *shared, struct stream *stream,
	enum close_reason reason, const char *message);

#endif
