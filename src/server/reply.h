/*
 * reply: last words to a peer.
 *
 * Each is sent, and the peer gets a second to read it: closing with unread input would
 * make the kernel drop it.  A peer that does not read loses only the words.
 *
 * Called by the thread that owns the stream; blocks for two seconds at most.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_REPLY_H
#define BIO_SERVER_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "wire/stream.h"

void reply_last(struct stream *stream, const void *bytes, size_t len);

/* {"error":{"code","message","offset"}}; the texts have no quotes and no backslashes. */
void reply_error(
	struct stream *stream, const char *code, const char *message, uint64_t offset);

/* A 400 that says where the status pages are. */
void reply_http(struct stream *stream, const char *status_address);

/* A fatal alert, protocol_version (RFC 8446, section 6). */
void reply_tls(struct stream *stream);

#endif
