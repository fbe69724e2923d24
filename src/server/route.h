/*
 * route: what each path of the status side answers; it knows no HTTP library.
 *
 * Any thread may call.  An answer may wait a few seconds for its turn to be built.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ROUTE_H
#define BIO_SERVER_ROUTE_H

#include "base/option.h"
#include "server/archive.h"
#include "server/census.h"
#include "server/exchange.h"
#include "server/live.h"
#include "server/report.h"

/* What all answers share; nothing of it is theirs. */
struct route_site {
	const struct report *report;
	struct turns *turns;
	struct archive archive;
	struct live *live;
	struct census census;
	/* Names that we answer to, and pages that may read what we answer. */
	const struct option_list *hosts, *origins;
};

/* Fills a reply of all zeros.  The parameters' texts must outlive the reply's stream. */
void route_answer(const struct route_site *site, const struct exchange_request *request,
	struct exchange_reply *reply);

/*
 * The table's paths, one after another, and NULL behind the last; one that ends in a
 * slash stands for what is below it.
 */
const char *route_path(size_t index);

#endif
