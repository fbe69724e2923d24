/*
 * reply: what the server writes to a sender, which is nothing unless it refuses.
 *
 * The first bytes are kept, since the reason comes first.  A refusal is a line that
 * `answer` knows as one, or the beginning of an HTTP answer.  Whatever else a server says
 * is none.
 *
 * A reply belongs to one thread and never blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_REPLY_H
#define BIO_CLIENT_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/lock.h"

enum { REPLY_MAX_BYTES = 4096 };

/* A reply of all zeros is empty and ready for use. */
struct reply {
	size_t len;
	char bytes[REPLY_MAX_BYTES];
};

/* Reads what has come and does not wait; answers as recv(2) does. */
ssize_t reply_receive(struct reply *r, int fd) MUST_USE;

/*
 * True: the server refuses, and `why` is what it does: "refused: CODE: MESSAGE".  The
 * lock is answer_parse's.
 */
bool reply_find_refusal(const struct reply *r, struct lock *parser_lock, char *why,
	size_t why_size) MUST_USE;

#endif
