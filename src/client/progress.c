/*
 * progress: a carriage return and "erase to the end of the line" (ECMA-48, EL).
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

/* No longer than the narrowest usual terminal, where a longer line would wrap. */
enum { LINE_MAX_BYTES = 80, INTERVAL_MS = 100 };

void
progress_init(struct progress *p, bool is_wanted)
{
	*p = (struct progress){.is_on = is_wanted && isatty(STDERR_FILENO)};
}

bool
progress_is_due(struct progress *p)
{
	uint64_t now_ns;

	if (!p->is_on)
		return false;
	now_ns = clock_mono_ns();
	if (now_ns < p->next_ns)
		return false;
	p->next_ns = now_ns + INTERVAL_MS * CLOCK_NS_PER_MS;
	return true;
}

void
progress_show(struct progress *p, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;

	if (!p->is_on)
		return;
	va_start(arguments, format);
	(void)vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	(void)fprintf(stderr, "%s\033[K\r", line);
	p->is_shown = true;
}

void
progress_clear(struct progress *p)
{
	if (p->is_shown)
		(void)fprintf(stderr, "\033[K");
	p->is_shown = false;
}
