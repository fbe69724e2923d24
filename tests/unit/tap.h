/*
 * tap: a harness that speaks TAP, the Test Anything Protocol, for tests written in C.
 *
 * A point is one line of the output.  TAP_RUN makes a case, a function, one point; a case
 * that walks a table calls tap_begin and tap_end itself, for a point a row.  A check that
 * fails is noted and the point goes on, unless the case looks at what the check answers.
 * The notes are written behind the point's line, as TAP wants it.
 *
 * One thread only: a test with threads checks after it has joined them.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_UNIT_TAP_H
#define BIO_UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

#define TAP_TEXT_MAX 512
#define TAP_NOTES_MAX 8192

struct tap {
	unsigned points, failed_points;
	unsigned failures; /* of the point that runs */
	char name[TAP_TEXT_MAX];
	char context[TAP_TEXT_MAX]; /* where within the point, for the notes */
	char notes[TAP_NOTES_MAX];
	size_t notes_len;
};

static struct tap tap;

#define TAP_RUN(function)                   \
	do {                                \
		tap_begin("%s", #function); \
		function();                 \
		tap_end();                  \
	} while (0)

/* Each answers whether the check held; arguments are evaluated once. */
#define EXPECT(condition) tap_check((condition), __FILE__, __LINE__, #condition)
#define EXPECT_INT(expected, got) \
	tap_check_int((int64_t)(expected), (int64_t)(got), __FILE__, __LINE__)
#define EXPECT_TEXT(expected, got) tap_check_text((expected), (got), __FILE__, __LINE__)
#define EXPECT_BYTES(expected, expected_len, got, got_len) \
	tap_check_bytes((expected), (expected_len), (got), (got_len), __FILE__, __LINE__)

/* A line for the reader of the output. */
static inline void PRINTF_LIKE(1, 2) tap_comment(const char *format, ...)
{
	va_list arguments;

	(void)printf("# ");
	va_start(arguments, format);
	(void)vprintf(format, arguments);
	va_end(arguments);
	(void)printf("\n");
}

static inline void PRINTF_LIKE(1, 2) tap_begin(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(tap.name, sizeof tap.name, format, arguments);
	va_end(arguments);
	for (char *p = tap.name; *p != '\0'; p++)
		if (*p == '_')
			*p = ' ';
	tap.failures = 0;
	tap.notes_len = 0;
	tap.context[0] = '\0';
}

/* Says where within the point the next checks are; part of the notes of those that fail.
 */
static inline void PRINTF_LIKE(1, 2) tap_context(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(tap.context, sizeof tap.context, format, arguments);
	va_end(arguments);
}

static inline void
tap_end(void)
{
	bool ok = tap.failures == 0;

	tap.points++;
	tap.failed_points += !ok;
	(void)printf("%s %u - %s\n", ok ? "ok" : "not ok", tap.points, tap.name);
	(void)fwrite(tap.notes, 1, tap.notes_len, stdout);
	(void)fflush(stdout);
}

/* The plan, and what main returns. */
static inline int
tap_finish(void)
{
	(void)printf("1..%u\n", tap.points);
	return tap.failed_points == 0 && tap.points > 0 ? 0 : 1;
}

/* Notes a failure; those that no longer fit are counted and not kept. */
static inline void PRINTF_LIKE(3, 4)
	tap_fail(const char *file, int line, const char *format, ...)
{
	char text[TAP_TEXT_MAX * 3];
	size_t room = sizeof tap.notes - tap.notes_len;
	va_list arguments;
	int len;

	tap.failures++;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	len = snprintf(tap.notes + tap.notes_len, room, "# %s:%d: %s%s%s%s\n", file, line,
		text, tap.context[0] != '\0' ? " (" : "", tap.context,
		tap.context[0] != '\0' ? ")" : "");
	if (len > 0 && (size_t)len < room)
		tap.notes_len += (size_t)len;
}

static inline bool
tap_check(bool holds, const char *file, int line, const char *condition)
{
	if (!holds)
		tap_fail(file, line, "expected %s, got false", condition);
	return holds;
}

static inline bool
tap_check_int(int64_t expected, int64_t got, const char *file, int line)
{
	if (expected != got)
		tap_fail(file, line, "expected %lld, got %lld", (long long)expected,
			(long long)got);
	return expected == got;
}

/* Bytes as they would stand in a C string, so that a note stays one line of ASCII. */
static inline const char *
tap_quote(const void *bytes, size_t len, char out[TAP_TEXT_MAX])
{
	const uint8_t *p = bytes, *end = p + len;
	size_t n = 0;

	for (; p < end && n < TAP_TEXT_MAX - 8; p++) {
		if (*p == '\n')
			n += (size_t)snprintf(out + n, TAP_TEXT_MAX - n, "\\n");
		else if (*p < 0x20 || *p >= 0x7f)
			n += (size_t)snprintf(out + n, TAP_TEXT_MAX - n, "\\x%02x", *p);
		else
			out[n++] = (char)*p;
	}
	(void)snprintf(out + n, TAP_TEXT_MAX - n, "%s", p < end ? "..." : "");
	return out;
}

static inline bool
tap_check_bytes(const void *expected, size_t expected_len, const void *got,
	size_t got_len, const char *file, int line)
{
	const char *a = expected, *b = got;
	char expected_text[TAP_TEXT_MAX], got_text[TAP_TEXT_MAX];
	size_t same = 0, from;

	while (same < expected_len && same < got_len && a[same] == b[same])
		same++;
	if (same == expected_len && same == got_len)
		return true;
	from = same > 60 ? same - 60 : 0;
	tap_fail(file, line, "expected \"%s\", got \"%s\", shown from byte %zu",
		tap_quote(a + from, expected_len - from, expected_text),
		tap_quote(b + from, got_len - from, got_text), from);
	return false;
}

static inline bool
tap_check_text(const char *expected, const char *got, const char *file, int line)
{
	if (got == NULL || expected == NULL) {
		if (got != expected)
			tap_fail(file, line, "expected %s, got %s",
				expected != NULL ? expected : "no text",
				got != NULL ? got : "no text");
		return got == expected;
	}
	return tap_check_bytes(expected, strlen(expected), got, strlen(got), file, line);
}

#endif
