/*
 * cors: which web pages of other origins may read the status side.
 *
 * None, unless the operator names them (the CORS protocol of the Fetch standard): the
 * browser then shows them what we answer.  It is no protection of the server; who is no
 * browser reads anyway.
 *
 * Pure; any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_CORS_H
#define BIO_SERVER_CORS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/option.h"

/* What a preflight is told; it may keep it for so long. */
#define CORS_METHODS "GET, HEAD"
#define CORS_HEADERS "Last-Event-ID"
#define CORS_MAX_AGE_S "3600"

/*
 * What Access-Control-Allow-Origin has to say to a request of this origin (NULL: none
 * was given); NULL: nothing.  Points into either argument.
 */
const char *cors_allow(const struct option_list *origins, const char *origin) MUST_USE;

/* True: the answer depends on the origin, which caches have to know. */
bool cors_varies(const struct option_list *origins);

/* True: "*", or an origin as browsers write it: a scheme, a host, and a port where it is
 * not the one of the scheme. */
bool cors_is_origin(const char *text);

#endif
