/*
 * tally: what has become of each message of a run with acknowledgements.
 *
 * Owns the window of those that wait, counts the others, and says of each refused one
 * where in the input it stands.  One thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_TALLY_H
#define BIO_CLIENT_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "client/answer.h"
#include "client/window.h"

struct tally {
	struct window window;
	const char *input_name; /* where the lines are; "": nowhere */
	/* What the server refuses, as the last welcome told; 0: not told. */
	uint64_t max_message_bytes, max_depth;
	uint64_t skipped;      /* finished by an earlier run */
	uint64_t taken, bytes; /* into the window, ever; not all of it may be sent */
	uint64_t acknowledged; /* out of it */
	uint64_t refused;      /* those as well, or soon */
	uint64_t connections;
};

void tally_init(struct tally *l, size_t window_bytes, const char *input_name);
void tally_fini(struct tally *l);

/* One more message.  -1: out of memory. */
int tally_add(struct tally *l, const struct framed *message, uint64_t line) MUST_USE;

/* How many messages were sent, on whichever connection. */
uint64_t tally_sent(const struct tally *l);

/* The server refuses a message, which is told.  -1: it was never sent, or is finished. */
int tally_refuse(struct tally *l, const struct answer *nak) MUST_USE;

/* All up to this number is finished.  -1: one of them was never sent. */
int tally_finish(struct tally *l, uint64_t last) MUST_USE;

/*
 * All below `next` is finished, and what the server said of it may have gone down with
 * the connection.  -1 as above.
 */
int tally_finish_unheard(struct tally *l, uint64_t next) MUST_USE;

/* Says which messages wait, if any do, and `hint` behind it. */
void tally_complain_of_rest(struct tally *l, const char *hint);

void tally_print_summary(const struct tally *l);

#endif
