/*
 * archive: what /messages and the paths below it answer.
 *
 * Any thread may call.  An answer may wait a few seconds for its turn to be built.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ARCHIVE_H
#define BIO_SERVER_ARCHIVE_H

#include "server/exchange.h"
#include "server/history.h"
#include "server/turn.h"

/* Nothing of it is its own. */
struct archive {
	struct history *history;
	struct turns *turns;
};

/*
 * /messages, by its parameters; their texts must outlive the reply's stream, as the
 * archive must.
 */
void archive_get_messages(const struct archive *a, const struct exchange_request *request,
	struct exchange_reply *reply);

/* What stands behind /messages/, such as "17/raw". */
void archive_get_message(const struct archive *a, const char *rest,
	const struct exchange_request *request, struct exchange_reply *reply);

#endif
