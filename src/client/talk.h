/*
 * talk: one connection on which both sides speak: our hello and what is in a window, and
 * the server's lines.
 *
 * Nothing blocks, in either direction: whoever waits does so for both, so the server may
 * write while we do.  A talk belongs to one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_TALK_H
#define BIO_CLIENT_TALK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/lock.h"
#include "client/answer.h"
#include "client/identity.h"
#include "client/window.h"

/* More than any line of the server. */
enum { TALK_IN_BYTES = 16 * 1024 };

enum talk_event {
	TALK_ANSWER,  /* a line was read */
	TALK_NOTHING, /* no whole line is held, and no more came or was to be received */
	TALK_ENDED,   /* the server has ended its side */
	TALK_BROKEN,  /* the connection broke, or is not of this protocol; errno */
};

struct talk {
	int fd;
	bool is_greeted; /* the welcome has come: messages may follow; its owner's to set
			  */
	char out[IDENTITY_HELLO_MAX];
	size_t out_begin, out_end;
	char in[TALK_IN_BYTES];
	size_t in_begin, in_end;
};

/* Takes the socket, which does not block, and the length of the hello in `out`. */
void talk_begin(struct talk *t, int fd, size_t hello_len);
void talk_close(struct talk *t);

/* There is something to write. */
bool talk_has_output(const struct talk *t, const struct window *w);

/*
 * Writes what goes out at once: the hello, and after the welcome the window.  How much,
 * or -1 with errno.
 */
ssize_t talk_write(struct talk *t, struct window *w) MUST_USE;

/*
 * The next line.  The last one may have no line feed.  `*receives` bounds how often more
 * is received, and is counted down, so that a peer who never stops cannot hold us; what
 * has been received is answered line by line all the same.  The lock is answer_parse's.
 */
enum talk_event talk_read(struct talk *t, int *receives, struct lock *parser_lock,
	struct answer *out) MUST_USE;

#endif
