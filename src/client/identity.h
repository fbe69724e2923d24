/*
 * identity: the hello that a sender says on each of its connections.
 *
 * One thread.  The token is never shown, and there is no other copy of it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_IDENTITY_H
#define BIO_CLIENT_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "client/link.h"

enum { IDENTITY_HELLO_MAX = 1024, IDENTITY_TOKEN_MAX = 256, IDENTITY_SESSION_BYTES = 16 };

struct identity {
	const struct options *options;
	const char *session; /* the user's, or one that nobody else has */
	char made_session[2 * IDENTITY_SESSION_BYTES + 1];
	char token[IDENTITY_TOKEN_MAX + 1];
};

/* Reads --token-file and makes a session if need be.  -1: reported to the group. */
int identity_init(struct identity *identity, struct link_group *group) MUST_USE;

/* Wipes the token. */
void identity_fini(struct identity *identity);

/*
 * Writes the line, with its line feed, and answers its length; `next` is the number of
 * the next message, or 0: not known.  The caller wipes it, for the token is in it.
 */
size_t identity_format(
	const struct identity *identity, uint64_t next, char out[IDENTITY_HELLO_MAX]);

#endif
