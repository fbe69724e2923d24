/*
 * greeting: answers a hello.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_GREETING_H
#define BIO_SERVER_GREETING_H

#include "base/attr.h"
#include "messages/batch.h"
#include "server/claim.h"
#include "server/ledger.h"
#include "server/options.h"
#include "wire/hello.h"
#include "wire/stream.h"

/* What a greeting works on. */
struct greeting {
	const struct options *options;
	struct store *store; /* NULL: none */
	struct claims *claims;
	struct stream *stream;
	struct origin *origin; /* gets the name */
	struct claim *claim;   /* gets the session */
	struct ledger *ledger; /* is opened */
};

/*
 * Welcomes the peer, whose messages may then come.  -1: it was refused, is gone, or does
 * not read, and `*reason` says which; the connection has to be closed.  Blocks while
 * another connection lets go of the session, and until what was queued of it is stored.
 */
int greeting_welcome(const struct greeting *g, const struct hello *hello,
	enum close_reason *reason) MUST_USE;

/* For a hello that hello_parse did not take. */
enum close_reason greeting_refuse(
	struct stream *stream, enum hello_result result, const struct hello *hello);

#endif
