/*
 * host: which Host a request to the status side may name.
 *
 * A page of a stranger can give its own name our address and then read what we answer, as
 * of one origin with it (DNS rebinding).  The browser still sends that name as the Host,
 * so we answer only to what a stranger cannot have: an IP address, `localhost`, a name
 * without a dot, which no public name is, and the names that the operator gives.
 *
 * Pure; any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_HOST_H
#define BIO_SERVER_HOST_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/option.h"

enum host_verdict {
	HOST_OURS,
	HOST_FOREIGN, /* a name that may be anybody's */
	HOST_BAD,     /* not what RFC 9110, section 7.2, has there */
};

/*
 * Of the field's value, such as "localhost:8889", "[::1]" or "bio.example.org".  Which
 * port it names does not matter: ports are published under other numbers.  Letters are
 * the same in both cases, and a dot at the end of a name is not looked at.
 */
enum host_verdict host_judge(const char *host, const struct option_list *names) MUST_USE;

/* True: a name that a Host can have, without a port. */
bool host_is_name(const char *text);

#endif
