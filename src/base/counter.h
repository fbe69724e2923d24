/*
 * counter: what the server has counted since it started.
 *
 * The names stand in `counters.def` and `reasons.def`.  Changes that belong together are
 * applied together and a snapshot is taken in one piece, so no reader ever sees more
 * closed than accepted or a total without its reason.  Any thread may call; a call costs
 * an uncontended lock, which is why sessions pay it once a read and not once a message.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_COUNTER_H
#define BIO_BASE_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/reason.h"

enum counter {
#define COUNTER(name, help) COUNTER_##name,
#include "base/counters.def"
	COUNTER_rejected_by_reason,
	COUNTER_closed_by_reason = COUNTER_rejected_by_reason + REJECT_COUNT,
	COUNTER_COUNT = COUNTER_closed_by_reason + CLOSE_COUNT
};

struct counter_change {
	enum counter counter;
	uint64_t by;
};

struct counter_snapshot {
	uint64_t values[COUNTER_COUNT];
	uint64_t connections_peak;
};

struct counters {
	struct lock lock; /* guards everything below */
	struct counter_snapshot now;
};

void counter_init(struct counters *c);
void counter_fini(struct counters *c);

void counter_add(struct counters *c, enum counter counter, uint64_t by);
void counter_apply(
	struct counters *c, const struct counter_change changes[], size_t count);

/*
 * Counts a connection that opened, unless `limit` are open already (false, and nothing is
 * counted); one that closed; one that was refused, which is closed at once.
 */
bool counter_open_connection(struct counters *c, uint64_t limit) MUST_USE;
void counter_close_connection(struct counters *c, enum close_reason reason);
void counter_refuse_connection(struct counters *c, enum close_reason reason);

void counter_read(struct counters *c, struct counter_snapshot *out);

#endif
