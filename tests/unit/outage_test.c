/*
 * outage_test: when an attempt is made, and when no more.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/outage.h"

#include "base/clock.h"
#include "tap.h"

#define MS CLOCK_NS_PER_MS

static void
attempts_go_on_until_the_time_is_over(void)
{
	enum outage_verdict verdict;
	uint64_t now_ns = 1000 * MS;
	struct outage o;
	int attempts = 0;

	outage_init(&o, 30000);
	verdict = outage_fail(&o, now_ns, 0);
	EXPECT_INT(OUTAGE_BEGINS, verdict);
	while (verdict != OUTAGE_IS_TOO_LONG && attempts++ < 1000) {
		EXPECT(o.next_ns > now_ns && o.next_ns <= 31000 * MS);
		now_ns = o.next_ns;
		verdict = outage_fail(&o, now_ns, 0);
	}
	/* The last attempt is made when the time is over, not before. */
	EXPECT_INT(31000 * MS, now_ns);
	EXPECT(attempts > 8 && attempts < 30);
}

static void
progress_ends_it(void)
{
	struct outage o;

	outage_init(&o, 1000);
	EXPECT_INT(OUTAGE_BEGINS, outage_fail(&o, 1000 * MS, 0));
	EXPECT_INT(OUTAGE_GOES_ON, outage_fail(&o, 1500 * MS, 0));
	outage_end(&o);
	EXPECT_INT(OUTAGE_BEGINS, outage_fail(&o, 9000 * MS, 0));
	EXPECT(o.next_ns <= 9100 * MS);
	EXPECT_INT(OUTAGE_IS_TOO_LONG, outage_fail(&o, 10000 * MS, 0));
}

static void
no_time_is_no_attempt(void)
{
	struct outage o;

	outage_init(&o, 0);
	EXPECT_INT(OUTAGE_IS_TOO_LONG, outage_fail(&o, 1000 * MS, 0));
}

static void
the_server_says_when_to_come_back(void)
{
	struct outage o;

	outage_init(&o, 10000);
	EXPECT_INT(OUTAGE_BEGINS, outage_fail(&o, 1000 * MS, 5));
	EXPECT(o.next_ns >= 6000 * MS && o.next_ns <= 6200 * MS);
	outage_end(&o);
	EXPECT_INT(OUTAGE_IS_TOO_LONG, outage_fail(&o, 1000 * MS, 11));
	outage_end(&o);
	/* In nanoseconds it would be 1024, as far as 64 bits go. */
	EXPECT_INT(OUTAGE_IS_TOO_LONG, outage_fail(&o, 1000 * MS, 4394217352542426));
}

static void
a_limit_bounds_every_outage(void)
{
	struct outage o;

	outage_init(&o, 10000);
	o.limit_ns = 1010 * MS;
	EXPECT_INT(OUTAGE_BEGINS, outage_fail(&o, 1000 * MS, 0));
	EXPECT_INT(1010 * MS, o.next_ns);
	EXPECT_INT(OUTAGE_IS_TOO_LONG, outage_fail(&o, 1010 * MS, 0));
}

int
main(void)
{
	TAP_RUN(attempts_go_on_until_the_time_is_over);
	TAP_RUN(progress_ends_it);
	TAP_RUN(no_time_is_no_attempt);
	TAP_RUN(the_server_says_when_to_come_back);
	TAP_RUN(a_limit_bounds_every_outage);
	return tap_finish();
}
