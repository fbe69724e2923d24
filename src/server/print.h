/*
 * print: connections and messages on standard output, a line each.
 *
 * A line is "THREAD PEER WHAT", where WHAT is the message's text or, behind a "#", an
 * event.  What belongs together is one write, so lines of several threads never mix.
 * A reader that is slow slows the sessions; one that went away ends the printing, not the
 * server.
 *
 * Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_PRINT_H
#define BIO_SERVER_PRINT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/lock.h"
#include "messages/batch.h"

struct print {
	atomic_bool is_on;
	struct lock lock; /* held while writing, so that output is not mixed */
};

void print_init(struct print *p, bool is_on);
void print_fini(struct print *p);

void print_batch(struct print *p, const struct batch *batch);
void print_event(struct print *p, const struct origin *origin, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif
