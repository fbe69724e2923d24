/*
 * route: what each path of the status side answers; it knows no HTTP library.
 *
 * Any thread may call.  An answer may wait a few seconds for its turn to be built.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ROUTE_H
#define BIO_SERVER_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/lock.h"
#include "base/text.h"
#include "server/history.h"
#include "server/report.h"

#define ROUTE_PARAMETERS_MAX 32
#define ROUTE_STREAM_BLOCK_BYTES ((size_t)64 * 1024)

/* RFC 9110, section 15. */
enum route_status {
	ROUTE_OK = 200,
	ROUTE_BAD_REQUEST = 400,
	ROUTE_NOT_FOUND = 404,
	ROUTE_METHOD_NOT_ALLOWED = 405,
	ROUTE_INTERNAL_ERROR = 500,
	ROUTE_UNAVAILABLE = 503,
};

struct turn;

/* What all answers share. */
struct route_site {
	const struct report *report;
	struct history *history;
	struct lock lock; /* guards everything below */
	struct condition line_moved;
	struct turn *first_turn, **last_turn; /* who waits to build a page */
	unsigned builders, streams;
	size_t unsent_bytes;
};

struct route_parameter {
	const char *name, *value; /* the value is "" where there is none */
};

struct route_request {
	bool is_get; /* or HEAD */
	const char *path;
	struct route_parameter parameters[ROUTE_PARAMETERS_MAX];
	size_t parameter_count;
	const char *mistake; /* in the parameters, found while they were read; or NULL */
};

struct route_stream;

struct route_reply {
	enum route_status status;
	const char *type;
	struct text body; /* the caller's to free */
	struct route_stream
		*stream; /* instead of a body, where it is not NULL; likewise */
};

/* The report and the history stay the caller's. */
void route_site_init(
	struct route_site *site, const struct report *report, struct history *history);
void route_site_fini(struct route_site *site);

/* Fills a reply of all zeros.  The parameters' texts must outlive the reply's stream. */
void route_answer(struct route_site *site, const struct route_request *request,
	struct route_reply *reply);

/* The next bytes; 0 at the end, -1 where it cannot go on. */
ssize_t route_stream_read(
	struct route_stream *stream, char *out, size_t capacity) MUST_USE;
void route_stream_free(struct route_stream *stream);

/* Bodies on their way to a reader count against a limit. */
void route_account_unsent(
	struct route_site *site, size_t added_bytes, size_t removed_bytes);

#endif
