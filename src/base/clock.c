/*
 * clock: reading clocks, writing and reading times.  No state of its own; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/clock.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

uint64_t
clock_mono_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t
clock_wall_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * CLOCK_US_PER_S + now.tv_nsec / 1000;
}

uint64_t
clock_deadline_ns(uint64_t timeout_ms)
{
	if (timeout_ms >= CLOCK_NEVER / CLOCK_NS_PER_MS / 2)
		return CLOCK_NEVER;
	return clock_mono_ns() + timeout_ms * CLOCK_NS_PER_MS;
}

int
clock_left_ms(uint64_t deadline_ns)
{
	uint64_t now_ns, left_ms;

	if (deadline_ns == CLOCK_NEVER)
		return -1;
	now_ns = clock_mono_ns();
	if (now_ns >= deadline_ns)
		return 0;
	left_ms = (deadline_ns - now_ns + CLOCK_NS_PER_MS - 1) / CLOCK_NS_PER_MS;
	return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

void
clock_format_utc(int64_t wall_us, char out[CLOCK_TEXT_MAX])
{
	int64_t us = wall_us % CLOCK_US_PER_S;
	time_t seconds = (time_t)(wall_us / CLOCK_US_PER_S);
	struct tm tm;
	size_t len;

	if (us < 0) {
		us += CLOCK_US_PER_S;
		seconds--;
	}
	(void)gmtime_r(&seconds, &tm);
	len = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + len, CLOCK_TEXT_MAX - len, ".%06dZ", (int)us);
}

/* Reads exactly `digits` digits at *p within min..max and steps over them. */
static bool
read_number(const char **p, int digits, int min, int max, int *out)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (!isdigit((unsigned char)**p))
			return false;
		value = value * 10 + (*(*p)++ - '0');
	}
	*out = value;
	return value >= min && value <= max;
}

static bool
read_char(const char **p, const char *accepted)
{
	if (**p == '\0' || strchr(accepted, **p) == NULL)
		return false;
	(*p)++;
	return true;
}

/* "Z", "+02:00" or "-00:30", as seconds to subtract. */
static bool
read_offset(const char **p, int *out_seconds)
{
	int hours, minutes, sign;

	*out_seconds = 0;
	if (read_char(p, "Zz"))
		return true;
	sign = **p == '-' ? -1 : 1;
	if (!read_char(p, "+-") || !read_number(p, 2, 0, 23, &hours) ||
		!read_char(p, ":") || !read_number(p, 2, 0, 59, &minutes))
		return false;
	*out_seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

/* The optional decimals of a second, as microseconds. */
static bool
read_fraction(const char **p, int64_t *out_us)
{
	int64_t unit_us = CLOCK_US_PER_S / 10;

	*out_us = 0;
	if (!read_char(p, "."))
		return true;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++) {
		*out_us += (**p - '0') * unit_us;
		unit_us /= 10;
	}
	return true;
}

int
clock_parse_rfc3339(const char *text, int64_t *out_wall_us)
{
	struct tm tm = {0}, normal;
	const char *p = text;
	int64_t fraction_us;
	int offset_seconds;
	time_t seconds;

	if (!read_number(&p, 4, 0, 9999, &tm.tm_year) || !read_char(&p, "-") ||
		!read_number(&p, 2, 1, 12, &tm.tm_mon) || !read_char(&p, "-") ||
		!read_number(&p, 2, 1, 31, &tm.tm_mday) || !read_char(&p, "Tt ") ||
		!read_number(&p, 2, 0, 23, &tm.tm_hour) || !read_char(&p, ":") ||
		!read_number(&p, 2, 0, 59, &tm.tm_min) || !read_char(&p, ":") ||
		!read_number(&p, 2, 0, 60, &tm.tm_sec) ||
		!read_fraction(&p, &fraction_us) || !read_offset(&p, &offset_seconds) ||
		*p != '\0')
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	/* timegm turns 30 February into 1 March, and a leap second into the next day. */
	normal = tm;
	normal.tm_sec = 0;
	seconds = timegm(&normal) + tm.tm_sec - offset_seconds;
	if (normal.tm_mday != tm.tm_mday)
		return -1;
	if (tm.tm_sec == 60 && seconds % SECONDS_PER_DAY != 0)
		return -1;
	*out_wall_us = (int64_t)seconds * CLOCK_US_PER_S + fraction_us;
	return 0;
}
