/*
 * http: the status side, read-only; the sole user of libmicrohttpd.
 *
 * Every HTTP connection has a thread of the library's.  Handlers read snapshots and never
 * hold up a session.  Errors are answered as application/problem+json (RFC 9457).
 *
 * http_start and http_stop are called by main.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_HTTP_H
#define BIO_SERVER_HTTP_H

#include "base/attr.h"
#include "base/counter.h"
#include "server/endpoint.h"
#include "server/route.h"

struct http;

/*
 * Serves on the endpoints, which it takes, with room for so many readers of events beside
 * all others.  The site and the counters stay the caller's.  Returns owned; NULL: the
 * reason has been logged and the endpoints are closed.
 */
struct http *http_start(const struct route_site *site, struct counters *counters,
	unsigned event_readers, const struct endpoints *endpoints) MUST_USE;

/* Ends the streams of events, cuts the connections, waits for their threads and frees
 * all. */
void http_stop(struct http *h);

#endif
