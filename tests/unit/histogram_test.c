/*
 * histogram_test: buckets, quantiles, extremes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/histogram.h"

#include "tap.h"

static void
each_value_is_in_its_bucket(void)
{
	static const struct {
		uint64_t value;
		unsigned bucket;
	} rows[] = {{0, 0}, {1, 0}, {2, 1}, {3, 2}, {4, 2}, {5, 3}, {1024, 10},
		{1025, 11}, {UINT64_MAX, HISTOGRAM_BUCKETS - 1}};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct histogram h = {0};

		tap_context("row %zu", i);
		histogram_add(&h, rows[i].value);
		EXPECT_INT(1, h.count);
		EXPECT_INT(rows[i].value, h.sum);
		EXPECT_INT(rows[i].value, h.max);
		for (unsigned n = 0; n < HISTOGRAM_BUCKETS; n++)
			EXPECT_INT(n == rows[i].bucket, h.buckets[n]);
	}
}

static void
quantiles_lie_between_the_bounds(void)
{
	struct histogram h = {0};

	EXPECT(histogram_quantile(&h, 0.5) == 0);
	for (uint64_t value = 1; value <= 1000; value++)
		histogram_add(&h, value);
	EXPECT(histogram_quantile(&h, 0.5) > 480 && histogram_quantile(&h, 0.5) < 520);
	EXPECT(histogram_quantile(&h, 0.99) > 950);
	EXPECT(histogram_quantile(&h, 0.99) <= 1000);
	EXPECT(histogram_quantile(&h, 1) == 1000);
	EXPECT(histogram_quantile(&h, 0) == 0);
}

static void
a_quantile_is_never_above_the_largest(void)
{
	struct histogram h = {0};

	histogram_add(&h, 1100);
	EXPECT(histogram_quantile(&h, 0.5) <= 1100);
	EXPECT(histogram_quantile(&h, 1) == 1100);
}

/* As if each had been added by itself, but for the largest. */
static void
a_tally_adds_what_it_has_collected(void)
{
	struct histogram_tally tally = {0};
	struct histogram by_itself = {0}, by_tally = {0};

	for (uint64_t value = 0; value <= UINT64_C(1) << 24; value = 2 * value + 1)
		for (uint64_t near = value; near <= value + 1; near++) {
			histogram_add(&by_itself, near);
			histogram_tally_add(&tally, near);
		}
	EXPECT_INT(by_itself.count, histogram_add_tally(&by_tally, &tally));
	EXPECT_INT(by_itself.count, by_tally.count);
	EXPECT_INT(by_itself.sum, by_tally.sum);
	for (unsigned n = 0; n < HISTOGRAM_BUCKETS; n++)
		EXPECT_INT(by_itself.buckets[n], by_tally.buckets[n]);
	EXPECT_INT(0, by_tally.max);
	histogram_tally_add(&tally, UINT64_MAX);
	EXPECT_INT(by_itself.buckets[HISTOGRAM_TALLY_BUCKETS - 1] + 1,
		tally.buckets[HISTOGRAM_TALLY_BUCKETS - 1]);
}

static void
counts_up_to_a_bound_are_cumulative(void)
{
	struct histogram h = {0};

	for (uint64_t value = 1; value <= 100; value++)
		histogram_add(&h, value);
	EXPECT_INT(1, histogram_count_up_to(&h, 0));
	EXPECT_INT(64, histogram_count_up_to(&h, 6));
	EXPECT_INT(100, histogram_count_up_to(&h, 7));
	EXPECT_INT(100, histogram_count_up_to(&h, HISTOGRAM_BUCKETS - 1));
}

int
main(void)
{
	TAP_RUN(each_value_is_in_its_bucket);
	TAP_RUN(quantiles_lie_between_the_bounds);
	TAP_RUN(a_quantile_is_never_above_the_largest);
	TAP_RUN(a_tally_adds_what_it_has_collected);
	TAP_RUN(counts_up_to_a_bound_are_cumulative);
	return tap_finish();
}
