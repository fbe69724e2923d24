/*
 * log: formats a line and writes it whole.  The level is set before the threads start and
 * only read afterwards.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 1024

static enum log_level threshold = LOG_LEVEL_INFO;

void
log_set_level(enum log_level level)
{
	threshold = level;
}

static void write_line(enum log_level level, const char *name, const char *format,
	va_list arguments) PRINTF_LIKE(3, 0);

static void
write_line(enum log_level level, const char *name, const char *format, va_list arguments)
{
	char line[LINE_MAX_BYTES], time_text[CLOCK_TEXT_MAX];
	size_t len;

	if (level > threshold)
		return;
	clock_format_utc(clock_wall_us(), time_text);
	(void)snprintf(line, sizeof line - 1, "%s %s ", time_text, name);
	len = strlen(line);
	(void)vsnprintf(line + len, sizeof line - 1 - len, format, arguments);
	len = strlen(line);
	line[len++] = '\n';
	/* Nobody is left to tell when standard error itself fails. */
	(void)!write(STDERR_FILENO, line, len);
}

#define DEFINE_LEVEL(function, level, name)                 \
	void function(const char *format, ...)              \
	{                                                   \
		va_list arguments;                          \
                                                            \
		va_start(arguments, format);                \
		write_line(level, name, format, arguments); \
		va_end(arguments);                          \
	}

DEFINE_LEVEL(log_error, LOG_LEVEL_ERROR, "error")
DEFINE_LEVEL(log_warn, LOG_LEVEL_WARN, "warn")
DEFINE_LEVEL(log_info, LOG_LEVEL_INFO, "info")
DEFINE_LEVEL(log_debug, LOG_LEVEL_DEBUG, "debug")
