/*
 * tool: memory, the clock, waits and numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tool.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void *
tool_allocate(size_t bytes)
{
	void *memory = malloc(bytes);

	if (memory == NULL)
		err(EXIT_FAILURE, "malloc");
	return memory;
}

double
tool_now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void
tool_sleep_until_s(double when_s)
{
	struct timespec when = {.tv_sec = (time_t)when_s};

	when.tv_nsec = (long)((when_s - (double)when.tv_sec) * 1e9);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
		continue;
}

static int
compare_waits(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* The shortest wait that `percent` of all do not exceed. */
static double
percentile_ms(const double *sorted_s, size_t count, size_t percent)
{
	return sorted_s[(count * percent + 99) / 100 - 1] * 1e3;
}

void
tool_print_waits(double *waits_s, size_t count)
{
	qsort(waits_s, count, sizeof waits_s[0], compare_waits);
	(void)printf("\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f",
		percentile_ms(waits_s, count, 50), percentile_ms(waits_s, count, 99),
		percentile_ms(waits_s, count, 100));
}

double
tool_parse_number(const char *name, const char *text, double min, double max)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number >= min && number <= max))
		errx(EXIT_FAILURE, "--%s: expected a number from %g to %g", name, min,
			max);
	return number;
}
