/*
 * tool: memory, the clock and numbers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "tool.h"

#include <err.h>
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
