/*
 * tool: what every program of the bench does before it measures.
 *
 * Whatever goes wrong ends the program with a word on standard error: half a measurement
 * is none.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BENCH_TOOL_H
#define BIO_BENCH_TOOL_H

#include <stddef.h>

#define TOOL_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Returns owned memory. */
void *tool_allocate(size_t bytes);

/* Seconds of the monotonic clock, and a sleep until it says so. */
double tool_now_s(void);
void tool_sleep_until_s(double when_s);

/* Prints the members p50_ms, p99_ms and max_ms of a JSON object; sorts the waits. */
void tool_print_waits(double *waits_s, size_t count);

/* The value of the option --NAME. */
double tool_parse_number(const char *name, const char *text, double min, double max);

#endif
