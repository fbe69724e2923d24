/*
 * backoff: xorshift64 is random enough to keep senders apart.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/backoff.h"

#include <sys/random.h>

#include "base/clock.h"

void
backoff_init(struct backoff *b)
{
	*b = (struct backoff){.next_ms = BACKOFF_FIRST_MS};
	/* Early at boot there may be none; then the clock has to do. */
	if (getrandom(&b->random, sizeof b->random, GRND_NONBLOCK) !=
		(ssize_t)sizeof b->random)
		b->random = clock_mono_ns();
	b->random |= 1;
}

uint64_t
backoff_next_ms(struct backoff *b)
{
	uint64_t full_ms = b->next_ms;

	b->random ^= b->random << 13;
	b->random ^= b->random >> 7;
	b->random ^= b->random << 17;
	b->next_ms = full_ms * 2 < BACKOFF_LAST_MS ? full_ms * 2 : BACKOFF_LAST_MS;
	return full_ms - b->random % (full_ms / 2 + 1);
}

void
backoff_reset(struct backoff *b)
{
	b->next_ms = BACKOFF_FIRST_MS;
}
