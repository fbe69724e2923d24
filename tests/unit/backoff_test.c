/*
 * backoff_test: the waits grow, are never all the same, and end at a bound.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/backoff.h"

#include "tap.h"

static void
waits_double_up_to_the_bound_and_are_cut_by_a_half_at_most(void)
{
	struct backoff b;
	uint64_t full_ms = BACKOFF_FIRST_MS;

	backoff_init(&b);
	for (int i = 0; i < 20; i++) {
		uint64_t wait_ms = backoff_next_ms(&b);

		tap_context("wait %d", i);
		EXPECT(wait_ms >= full_ms / 2 && wait_ms <= full_ms);
		full_ms = full_ms * 2 < BACKOFF_LAST_MS ? full_ms * 2 : BACKOFF_LAST_MS;
	}
	EXPECT_INT(BACKOFF_LAST_MS, full_ms);
	backoff_reset(&b);
	EXPECT(backoff_next_ms(&b) <= BACKOFF_FIRST_MS);
}

static void
two_senders_do_not_come_back_together(void)
{
	struct backoff a, b;
	int same = 0;

	backoff_init(&a);
	backoff_init(&b);
	for (int i = 0; i < 100; i++)
		same += backoff_next_ms(&a) == backoff_next_ms(&b);
	EXPECT(same < 50);
}

int
main(void)
{
	TAP_RUN(waits_double_up_to_the_bound_and_are_cut_by_a_half_at_most);
	TAP_RUN(two_senders_do_not_come_back_together);
	return tap_finish();
}
