/*
 * progress: one line on the terminal that is written over and over.
 *
 * It stands on standard error, and only where that is a terminal.  The cursor is left in
 * front of it, so that whatever is said next takes its place; options_complain wipes what
 * would be left of it.  One thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_PROGRESS_H
#define BIO_CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct progress {
	bool is_on, is_shown;
	uint64_t next_ns;
};

/* Not wanted: nothing is ever shown. */
void progress_init(struct progress *p, bool is_wanted);

/* True ten times a second, where progress_show would show something. */
bool progress_is_due(struct progress *p);

void progress_show(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);

/* Wipes the line. */
void progress_clear(struct progress *p);

#endif
