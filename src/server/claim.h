/*
 * claim: which connection goes on with which sender's session.
 *
 * A session belongs to one connection at a time.  Another that says hello with it is the
 * same sender come back, before the server has seen that the old connection is gone: the
 * old one is told to end, and waited for.  Of several that wait, the peers of all but the
 * newest may be gone as well; so whoever gets it first, the newest ends up with it.
 *
 * Any thread; a claim belongs to the thread of its connection.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_CLAIM_H
#define BIO_SERVER_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/lock.h"
#include "wire/hello.h"

/* All zeros claims nothing. */
struct claim {
	char session[HELLO_SESSION_MAX + 1];
	int fd;
	uint64_t turn; /* in the order of asking */
	bool is_taken; /* guarded by the claims' lock */
	struct claim *next;
};

struct claims {
	struct lock lock; /* guards the list, is_taken of all in it, and the turns */
	struct condition released;
	struct claim *first;
	uint64_t last_turn;
};

void claim_init(struct claims *claims);
void claim_fini(struct claims *claims);

/*
 * Claims the session for the connection.  One that asked earlier and has it gets its
 * reading side shut down and claim_is_taken answers true there; one that asked later is
 * only waited for.  False: it has not let go by the deadline.
 */
bool claim_take(struct claims *claims, struct claim *claim, const char *session, int fd,
	uint64_t deadline_ns) MUST_USE;

/* True: another connection waits for this one to end. */
bool claim_is_taken(struct claims *claims, const struct claim *claim);

/* Before the descriptor is closed; does nothing where nothing is claimed. */
void claim_release(struct claims *claims, struct claim *claim);

#endif
