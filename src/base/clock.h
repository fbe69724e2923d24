/*
 * clock: the two clocks of the program and RFC 3339 times.
 *
 * The unit and the clock are in the name: `mono` never goes back and is for durations and
 * deadlines; `wall` is what people read.  No state; any thread; nothing blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_CLOCK_H
#define BIO_BASE_CLOCK_H

#include <stdint.h>

#include "base/attr.h"

#define CLOCK_NS_PER_S UINT64_C(1000000000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_US_PER_S INT64_C(1000000)

/* A deadline that never comes. */
#define CLOCK_NEVER UINT64_MAX

/* "2026-01-31T23:59:59.123456Z" and its NUL. */
#define CLOCK_TEXT_MAX 28

uint64_t clock_mono_ns(void);
int64_t clock_wall_us(void);

/* The monotonic time `timeout_ms` from now; CLOCK_NEVER for UINT64_MAX. */
uint64_t clock_deadline_ns(uint64_t timeout_ms);

/* Milliseconds left until the deadline, rounded up, for poll(2): 0 past it, -1 for never.
 */
int clock_left_ms(uint64_t deadline_ns);

/* Writes microseconds since 1970 as RFC 3339 in UTC, with all six decimals. */
void clock_format_utc(int64_t wall_us, char out[CLOCK_TEXT_MAX]);

/*
 * Reads an RFC 3339 date-time (section 5.6), with any number of decimals (what is finer
 * than a microsecond is cut off) and any offset.  A leap second, which only the end of a
 * day in UTC can have, is the second behind it.  -1: it is not one.
 */
int clock_parse_rfc3339(const char *text, int64_t *out_wall_us) MUST_USE;

#endif
