/*
 * query: the parameters of /messages, each checked.
 *
 * Pure; a query belongs to one request.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_QUERY_H
#define BIO_SERVER_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "messages/filter.h"

#define QUERY_LIMIT_MAX 1000
#define QUERY_LIMIT_DEFAULT 50

struct query {
	struct filter filter;
	unsigned limit; /* 0: all, for the streaming format */
	bool is_ascending;
	bool is_ndjson;
	unsigned seen; /* bit mask: which parameters have been given */
};

/* Reads a whole number without sign, up to 2^63 - 1.  False: it is none. */
bool query_read_whole(const char *text, uint64_t *out) MUST_USE;

void query_init(struct query *q);

/*
 * Takes one parameter; name and value stay the caller's and must outlive the query. NULL,
 * or a sentence that says what is wrong with it.
 */
const char *query_set(struct query *q, const char *name, const char *value) MUST_USE;

/* To be called once behind the last parameter. */
void query_finish(struct query *q);

#endif
