/*
 * clock_test: RFC 3339 times both ways, and deadlines.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/clock.h"

#include <limits.h>

#include "cuts.h"
#include "tap.h"

#define S CLOCK_US_PER_S
#define DAY (86400 * S)

/* 2024-02-29T12:34:56Z, counted in days. */
#define LEAP_DAY (19782 * DAY + 45296 * S)

static void
good_times_are_read(void)
{
	static const struct {
		const char *text;
		int64_t wall_us;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:01Z", S},
		{"1969-12-31T23:59:59Z", -S},
		{"1969-12-31T23:59:59.999999Z", -1},
		{"2024-02-29T12:34:56Z", LEAP_DAY},
		{"2000-02-29T00:00:00Z", 11016 * DAY},
		{"2100-02-28T00:00:00Z", 47540 * DAY},
		{"2100-03-01T00:00:00Z", 47541 * DAY},
		{"0000-01-01T00:00:00Z", -719528 * DAY},
		{"9999-12-31T23:59:59.999999Z", 2932897 * DAY - 1},
		{"2038-01-19T03:14:08Z", INT64_C(2147483648) * S},

		{"2024-02-29t12:34:56z", LEAP_DAY},
		{"2024-02-29 12:34:56Z", LEAP_DAY},

		{"2024-02-29T12:34:56+00:00", LEAP_DAY},
		{"2024-02-29T12:34:56-00:00", LEAP_DAY},
		{"2024-02-29T14:34:56+02:00", LEAP_DAY},
		{"2024-02-29T07:04:56-05:30", LEAP_DAY},
		{"2024-02-29T18:19:56+05:45", LEAP_DAY},
		{"2024-03-01T12:33:56+23:59", LEAP_DAY},
		{"2024-02-28T12:35:56-23:59", LEAP_DAY},

		{"2024-02-29T12:34:56.5Z", LEAP_DAY + 500000},
		{"2024-02-29T12:34:56.05Z", LEAP_DAY + 50000},
		{"2024-02-29T12:34:56.000001Z", LEAP_DAY + 1},
		{"2024-02-29T12:34:56.123456Z", LEAP_DAY + 123456},
		{"2024-02-29T12:34:56.1234569Z", LEAP_DAY + 123456},
		{"2024-02-29T12:34:56.0000009Z", LEAP_DAY},
		{"2024-02-29T12:34:56.99999999999999999999999999999Z", LEAP_DAY + 999999},
		{"2024-02-29T14:34:56.25+02:00", LEAP_DAY + 250000},

		{"2016-12-31T23:59:60Z", 17167 * DAY},
		{"2017-01-01T00:59:60+01:00", 17167 * DAY},
		{"2016-12-31T23:59:60.5Z", 17167 * DAY + 500000},
		{"2016-12-31T18:29:60-05:30", 17167 * DAY},
		{"1969-06-30T23:59:60Z", -184 * DAY},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t wall_us = INT64_MIN;

		tap_context("%s", rows[i].text);
		EXPECT_INT(0, clock_parse_rfc3339(rows[i].text, &wall_us));
		EXPECT_INT(rows[i].wall_us, wall_us);
	}
}

static void
bad_times_are_refused(void)
{
	static const char *const rows[] = {
		"",
		"Z",
		"now",
		"1709210096",
		"2024-02-29",
		"12:34:56Z",
		"2024-02-29T12:34:56",
		"2024-02-29T12:34Z",
		"2024-02-29T12Z",
		"2024-02-29 12:34:56 Z",
		" 2024-02-29T12:34:56Z",
		"2024-02-29T12:34:56Z ",
		"2024-02-29T12:34:56ZZ",
		"2024-02-29T12:34:56Z\n",
		"2024-02-29_12:34:56Z",
		"2024-02-29T12:34:56X",
		"2024/02/29T12:34:56Z",
		"2024-02-29T12.34.56Z",
		"20240229T123456Z",
		"24-02-29T12:34:56Z",
		"02024-02-29T12:34:56Z",
		"-024-02-29T12:34:56Z",
		"+2024-02-29T12:34:56Z",
		"2024-2-29T12:34:56Z",
		"2024-02-9T12:34:56Z",
		"2024-02-29T2:34:56Z",
		"2024-02-29T12:34:6Z",
		"2024- 2-29T12:34:56Z",

		"2024-00-29T12:34:56Z",
		"2024-13-29T12:34:56Z",
		"2024-02-00T12:34:56Z",
		"2024-01-32T12:34:56Z",
		"2024-02-30T12:34:56Z",
		"2024-02-31T12:34:56Z",
		"2024-04-31T12:34:56Z",
		"2023-02-29T12:34:56Z",
		"2100-02-29T12:34:56Z",
		"1900-02-29T12:34:56Z",
		"2024-02-29T24:00:00Z",
		"2024-02-29T12:60:56Z",
		"2024-02-29T12:34:61Z",
		"2024-02-29T12:34:60Z",
		"2024-02-29T00:00:60Z",
		"2024-02-29T23:58:60Z",
		"2024-02-29T23:59:60+01:00",
		"1969-12-31T23:58:60Z",

		"2024-02-29T12:34:56.Z",
		"2024-02-29T12:34:56,5Z",
		"2024-02-29T12:34:56.5",
		"2024-02-29T12:34:56.-5Z",
		"2024-02-29T12:34:56.5.5Z",

		"2024-02-29T12:34:56+",
		"2024-02-29T12:34:56+02",
		"2024-02-29T12:34:56+0200",
		"2024-02-29T12:34:56+2:00",
		"2024-02-29T12:34:56+02:0",
		"2024-02-29T12:34:56+02:000",
		"2024-02-29T12:34:56+24:00",
		"2024-02-29T12:34:56+02:60",
		"2024-02-29T12:34:56+02:00Z",
		"2024-02-29T12:34:56Z+02:00",
		"2024-02-29T12:34:56 +02:00",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t wall_us;

		tap_context("%s", rows[i]);
		EXPECT_INT(-1, clock_parse_rfc3339(rows[i], &wall_us));
	}
}

/* A leap second makes no day of a month that has it not. */
static void
a_leap_second_keeps_its_day(void)
{
	static const char *const rows[] = {
		"2024-02-30T23:59:60Z",
		"2023-02-29T23:59:60Z",
		"2024-04-31T23:59:60Z",
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		int64_t wall_us;

		tap_context("%s", rows[i]);
		EXPECT_INT(-1, clock_parse_rfc3339(rows[i], &wall_us));
	}
}

static void
times_are_written_with_six_decimals(void)
{
	static const struct {
		int64_t wall_us;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00.000000Z"},
		{1, "1970-01-01T00:00:00.000001Z"},
		{-1, "1969-12-31T23:59:59.999999Z"},
		{-S, "1969-12-31T23:59:59.000000Z"},
		{LEAP_DAY + 120, "2024-02-29T12:34:56.000120Z"},
		{2932897 * DAY - 1, "9999-12-31T23:59:59.999999Z"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[CLOCK_TEXT_MAX];

		clock_format_utc(rows[i].wall_us, text);
		EXPECT_TEXT(rows[i].text, text);
	}
}

static void
what_is_written_can_be_read(void)
{
	uint64_t random = 1;

	for (int i = 0; i < 10000; i++) {
		int64_t wall_us =
			(int64_t)(random_next(&random) % (2932897 * (uint64_t)DAY));
		int64_t again_us = -1;
		char text[CLOCK_TEXT_MAX];

		clock_format_utc(wall_us, text);
		tap_context("%s", text);
		if (!EXPECT_INT(0, clock_parse_rfc3339(text, &again_us)) ||
			!EXPECT_INT(wall_us, again_us))
			return;
	}
}

static void
clocks_go_forward(void)
{
	uint64_t before_ns = clock_mono_ns();
	int64_t year_2020_us = 18262 * DAY;

	for (int i = 0; i < 1000; i++) {
		uint64_t now_ns = clock_mono_ns();

		EXPECT(now_ns >= before_ns);
		before_ns = now_ns;
	}
	EXPECT(clock_wall_us() > year_2020_us);
}

static void
deadlines_lie_ahead(void)
{
	uint64_t before_ns = clock_mono_ns(), deadline_ns = clock_deadline_ns(60000);

	EXPECT(deadline_ns >= before_ns + 60 * CLOCK_NS_PER_S);
	EXPECT(deadline_ns <= clock_mono_ns() + 60 * CLOCK_NS_PER_S);
	EXPECT(clock_deadline_ns(0) <= clock_mono_ns());
	EXPECT(clock_deadline_ns(UINT64_MAX) == CLOCK_NEVER);
	EXPECT(clock_deadline_ns(UINT64_MAX - 1) == CLOCK_NEVER);
	EXPECT(clock_deadline_ns(UINT64_MAX / CLOCK_NS_PER_MS) == CLOCK_NEVER);
}

static int64_t
whole_ms(uint64_t ns)
{
	return (int64_t)((ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS);
}

static void
what_is_left_is_rounded_up(void)
{
	uint64_t before_ns = clock_mono_ns();

	for (uint64_t ns = 0; ns < 2 * CLOCK_NS_PER_MS; ns += 9973) {
		uint64_t deadline_ns = before_ns + 3600 * CLOCK_NS_PER_S + ns;
		int left_ms = clock_left_ms(deadline_ns);

		EXPECT(left_ms <= whole_ms(deadline_ns - before_ns));
		EXPECT(left_ms >= whole_ms(deadline_ns - clock_mono_ns()));
	}
	EXPECT_INT(-1, clock_left_ms(CLOCK_NEVER));
	EXPECT_INT(0, clock_left_ms(0));
	EXPECT_INT(0, clock_left_ms(before_ns));
	EXPECT_INT(INT_MAX, clock_left_ms(CLOCK_NEVER - 1));
}

int
main(void)
{
	TAP_RUN(good_times_are_read);
	TAP_RUN(bad_times_are_refused);
	TAP_RUN(a_leap_second_keeps_its_day);
	TAP_RUN(times_are_written_with_six_decimals);
	TAP_RUN(what_is_written_can_be_read);
	TAP_RUN(clocks_go_forward);
	TAP_RUN(deadlines_lie_ahead);
	TAP_RUN(what_is_left_is_rounded_up);
	return tap_finish();
}
