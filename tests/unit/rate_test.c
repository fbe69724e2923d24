/*
 * rate_test: means over windows of whole seconds.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/rate.h"

#include "cuts.h"
#include "tap.h"

#define SECONDS 1000

/* A mean is a sum over a window: compared as the sum, so that no rounding enters. */
#define EXPECT_SUM(expected, r, now_s, window_s) \
	EXPECT_INT(expected, rate_read((r), (now_s), (window_s)) * (window_s) + 0.5)

static void
nothing_added_is_zero(void)
{
	struct rate r = {0};

	EXPECT_SUM(0, &r, 0, 1);
	EXPECT_SUM(0, &r, 0, RATE_WINDOW_MAX_S);
	EXPECT_SUM(0, &r, 12345, RATE_WINDOW_MAX_S);
}

static void
the_running_second_does_not_count(void)
{
	struct rate r = {0};

	rate_add(&r, 100, 5);
	rate_add(&r, 100, 7);
	EXPECT_SUM(0, &r, 100, 1);
	EXPECT_SUM(0, &r, 100, 60);
	EXPECT_SUM(12, &r, 101, 1);
	rate_add(&r, 101, 1000);
	EXPECT_SUM(12, &r, 101, 1);
}

static void
a_mean_is_over_the_whole_window(void)
{
	struct rate r = {0};

	rate_add(&r, 100, 30);
	EXPECT(rate_read(&r, 101, 1) == 30.0);
	EXPECT(rate_read(&r, 101, 10) == 3.0);
	EXPECT(rate_read(&r, 101, 60) == 0.5);
}

static void
seconds_leave_the_window(void)
{
	struct rate r = {0};

	rate_add(&r, 100, 1);
	rate_add(&r, 101, 10);
	rate_add(&r, 105, 100);
	EXPECT_SUM(100, &r, 106, 1);
	EXPECT_SUM(100, &r, 106, 4);
	EXPECT_SUM(110, &r, 106, 5);
	EXPECT_SUM(111, &r, 106, 6);
	EXPECT_SUM(111, &r, 160, 60);
	EXPECT_SUM(110, &r, 161, 60);
	EXPECT_SUM(100, &r, 162, 60);
	EXPECT_SUM(100, &r, 165, 60);
	EXPECT_SUM(0, &r, 166, 60);
	EXPECT_SUM(0, &r, 100000, 60);
}

/* What came a full turn of the ring earlier is forgotten, however long the silence was.
 */
static void
silence_empties_the_ring(void)
{
	for (uint64_t silence_s = 1; silence_s <= 200; silence_s++) {
		struct rate r = {0};

		for (uint64_t s = 100; s < 200; s++)
			rate_add(&r, s, 1);
		rate_add(&r, 199 + silence_s, 1000);
		tap_context("%d s of silence", (int)silence_s);
		EXPECT_SUM(1000 + (silence_s < 60 ? 60 - silence_s : 0), &r,
			200 + silence_s, 60);
	}
}

static void
the_first_seconds_of_the_clock(void)
{
	struct rate r = {0};

	rate_add(&r, 0, 3);
	rate_add(&r, 1, 4);
	EXPECT_SUM(3, &r, 1, 60);
	EXPECT_SUM(7, &r, 2, 60);
	EXPECT_SUM(4, &r, 2, 1);
}

/* Random seconds, against a plain array that forgets nothing. */
static void
any_pattern_is_summed(void)
{
	uint64_t random = 1, added[SECONDS] = {0};
	struct rate r = {0};

	for (uint64_t s = 0; s < SECONDS; s++) {
		unsigned window_s =
			1 + (unsigned)random_below(&random, RATE_WINDOW_MAX_S);
		uint64_t sum = 0;

		if (random_below(&random, 40) == 0)
			s += random_below(&random, 100);
		if (s >= SECONDS)
			break;
		for (size_t n = random_below(&random, 3); n > 0; n--) {
			uint64_t by = random_below(&random, 1000);

			rate_add(&r, s, by);
			added[s] += by;
		}
		for (uint64_t age_s = 1; age_s <= window_s && age_s <= s; age_s++)
			sum += added[s - age_s];
		tap_context("second %d, window %u", (int)s, window_s);
		EXPECT_SUM(sum, &r, s, window_s);
	}
}

int
main(void)
{
	TAP_RUN(nothing_added_is_zero);
	TAP_RUN(the_running_second_does_not_count);
	TAP_RUN(a_mean_is_over_the_whole_window);
	TAP_RUN(seconds_leave_the_window);
	TAP_RUN(silence_empties_the_ring);
	TAP_RUN(the_first_seconds_of_the_clock);
	TAP_RUN(any_pattern_is_summed);
	return tap_finish();
}
