/*
 * outage: how long somebody tries to get on with a server that went away, and when.
 *
 * An outage begins with a failure and ends with progress, which is its owner's to say.
 * Within it each attempt waits longer than the one before, and the time that all of them
 * have is bounded.
 *
 * Pure but for outage_init: the time is given.  One thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_OUTAGE_H
#define BIO_CLIENT_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "client/backoff.h"

enum outage_verdict {
	OUTAGE_BEGINS, /* try again at `next_ns`, and it is the first time */
	OUTAGE_GOES_ON,
	OUTAGE_IS_TOO_LONG, /* give up */
};

struct outage {
	struct backoff backoff;
	uint64_t retry_timeout_ms;
	uint64_t give_up_ns; /* CLOCK_NEVER: there is no outage */
	uint64_t next_ns;    /* no attempt before this time */
	uint64_t limit_ns;   /* of everything, its owner's to set; CLOCK_NEVER: none */
};

void outage_init(struct outage *o, uint64_t retry_timeout_ms);

/*
 * Something failed.  Coming back before the server asks for it (`retry_after_s`; 0: it
 * did not) would be in vain, so where there is no time for that the verdict is given at
 * once; otherwise the last attempt is when the time is over.
 */
enum outage_verdict outage_fail(
	struct outage *o, uint64_t now_ns, uint64_t retry_after_s) MUST_USE;

/*
 * The server asks for time while nothing is wanted of it, which is no outage.  It gets no
 * more than there is in one; whether that was enough it says itself.
 */
void outage_postpone(struct outage *o, uint64_t now_ns, uint64_t retry_after_s);

/* There was progress. */
void outage_end(struct outage *o);

#endif
