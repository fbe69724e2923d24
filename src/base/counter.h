/*
 * counter: what the server has counted since it started.
 *
 * The names stand in `counters.def` and `reasons.def`, and counter_rows says of each
 * where it is shown, so that who shows them knows none by name.  Changes that belong
 * together are applied together and a snapshot is taken in one piece, so no reader ever
 * sees more closed than accepted or a total without its reason.  Any thread may call; a
 * call costs an uncontended lock, which is why sessions pay it once a read and not once a
 * message.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_COUNTER_H
#define BIO_BASE_COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/lock.h"
#include "base/reason.h"

enum counter {
#define COUNTER(name, stats, metric, help) COUNTER_##name,
#define COUNTER_BY(name, list, stats, metric, label, help) \
	COUNTER_##name, COUNTER_##name##_last = COUNTER_##name + list##_COUNT - 1,
#include "base/counters.def"
	COUNTER_COUNT
};

enum counter_row_number {
#define COUNTER(name, stats, metric, help) COUNTER_ROW_##name,
#define COUNTER_BY(name, list, stats, metric, label, help) COUNTER_ROW_##name,
#include "base/counters.def"
	COUNTER_ROW_COUNT
};

/* A line of counters.def. */
struct counter_row {
	const char *stats, *metric; /* "": it is not there */
	const char *help;
	const char *label; /* NULL: it is one counter, and not one for each reason */
	enum reason_list list;
	enum counter first;
};

extern const struct counter_row counter_rows[COUNTER_ROW_COUNT];

/* Room for what requests are counted by. */
#define COUNTER_PATHS_MAX 32
#define COUNTER_CODES_MAX 16

struct counter_change {
	enum counter counter;
	uint64_t by;
};

struct counter_snapshot {
	uint64_t values[COUNTER_COUNT];
	uint64_t connections_peak;
	struct histogram message_bytes; /* of those accepted; without the largest */
	uint64_t requests[COUNTER_PATHS_MAX][COUNTER_CODES_MAX];
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
 * The same, and counts as received the messages of these sizes, which one of the changes
 * counts by framing.
 */
void counter_apply_received(struct counters *c, const struct counter_change changes[],
	size_t count, const struct histogram_tally *sizes);

/* A request that was answered: the numbers of its path and of the answer's code. */
void counter_add_request(struct counters *c, unsigned path, unsigned code);

/*
 * Counts a connection that opened, unless `limit` are open already (false, and nothing is
 * counted); one that closed; one that was refused, which is closed at once.
 */
bool counter_open_connection(struct counters *c, uint64_t limit) MUST_USE;
void counter_close_connection(struct counters *c, enum close_reason reason);
void counter_refuse_connection(struct counters *c, enum close_reason reason);

void counter_read(struct counters *c, struct counter_snapshot *out);

#endif
