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

int
main(void)
{
	TAP_RUN(each_value_is_in_its_bucket);
	TAP_RUN(quantiles_lie_between_the_bounds);
	TAP_RUN(a_quantile_is_never_above_the_largest);
	return tap_finish();
}
