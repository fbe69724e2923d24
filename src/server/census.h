/*
 * census: what /connections and /rejected answer.
 *
 * Each takes a copy of what was asked for and writes it out, so what it needs of time and
 * memory is bounded by the limit, however many connections there are.  That is little, so
 * nobody waits for a turn: who is connected is shown also while others read too much. Any
 * thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_CENSUS_H
#define BIO_SERVER_CENSUS_H

#include "server/exchange.h"
#include "server/rejections.h"
#include "server/roster.h"

/* Nothing of it is its own. */
struct census {
	struct roster *roster;
	struct rejections *rejections;
};

void census_get_connections(const struct census *c,
	const struct exchange_request *request, struct exchange_reply *reply);
void census_get_rejected(const struct census *c, const struct exchange_request *request,
	struct exchange_reply *reply);

#endif
