/*
 * backoff: how long to wait before the next attempt.
 *
 * The wait doubles from a tenth of a second up to five seconds, and is cut by up to a
 * half at random, so that many senders that lost one server do not come back together.
 *
 * Pure but for backoff_init, which asks the system for randomness.  One thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_BACKOFF_H
#define BIO_CLIENT_BACKOFF_H

#include <stdint.h>

enum { BACKOFF_FIRST_MS = 100, BACKOFF_LAST_MS = 5000 };

struct backoff {
	uint64_t random; /* never 0 */
	uint64_t next_ms;
};

void backoff_init(struct backoff *b);

/* The next wait, in milliseconds. */
uint64_t backoff_next_ms(struct backoff *b);

/* What was tried has worked: the next wait is a short one again. */
void backoff_reset(struct backoff *b);

#endif
