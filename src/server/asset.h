/*
 * asset: the files of the page, which are part of the program (make embeds them from
 * server/page/).
 *
 * Constant; any thread may call.  A browser keeps them and asks whether they are still
 * the same (RFC 9110, section 13.1.2): they change with the program alone.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ASSET_H
#define BIO_SERVER_ASSET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "server/exchange.h"

struct asset {
	const char *path, *type;
	const char *bytes;
	const size_t *len;
	const char *etag; /* strong, in its quotes; made by make from the bytes */
};

/* NULL where there is none of this path. */
const struct asset *asset_find(const char *path) MUST_USE;

/* Does an If-None-Match, which may be NULL, name this entity tag? */
bool asset_is_known(const char *if_none_match, const char *etag) MUST_USE;

void asset_get(const struct asset *a, const struct exchange_request *request,
	struct exchange_reply *reply);

#endif
