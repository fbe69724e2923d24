/*
 * pulse: what has been shown since the pulse before, as events, once for all readers.
 *
 * It stands for every id behind `after` up to `last`: with a message or within a gap, in
 * order, and once.  Made by one thread, it never changes then; its owner counts who holds
 * it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_PULSE_H
#define BIO_SERVER_PULSE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "messages/recent.h"
#include "server/report.h"

struct pulse {
	uint64_t after, last;
	unsigned holders; /* under the owner's lock */
	struct text text;
};

/* Of what is new, the newest are shown. */
struct pulse_bounds {
	size_t messages;
	size_t bytes; /* about; one message is shown in any case, unless it is 0 */
};

/*
 * Makes the pulse behind `after`, with the server's state at its end unless `stats` is
 * NULL.  Without anything new its `last` is `after`.  Returns owned; NULL: out of memory.
 */
struct pulse *pulse_new(struct recent *recent, uint64_t after,
	const struct pulse_bounds *bounds, const struct report *stats) MUST_USE;
void pulse_free(struct pulse *pulse);

#endif
