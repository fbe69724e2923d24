/*
 * ingest: what happens to what a session has read.  The only place that says so.
 *
 * A read is counted, its batch is numbered and shown, and then counted as stored, so no
 * reader of the counters ever sees more stored than received.
 *
 * Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_INGEST_H
#define BIO_SERVER_INGEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/lock.h"
#include "base/rate.h"
#include "messages/batch.h"
#include "messages/recent.h"
#include "server/print.h"

struct ingest {
	struct counters *counters;
	struct recent *recent;
	struct print *print;
	struct lock lock; /* guards the rate */
	struct rate rate;
};

/* The outcome of one read. */
struct ingest_read {
	uint64_t bytes;
	uint64_t rejected[REJECT_COUNT];
	struct batch *batch; /* NULL: no message was accepted */
};

struct ingest_rates {
	double last_1s, last_10s, last_60s; /* accepted messages a second */
};

void ingest_init(struct ingest *i, struct counters *counters, struct recent *recent,
	struct print *print);
void ingest_fini(struct ingest *i);

/* Takes the batch. */
void ingest_hand_over(struct ingest *i, struct ingest_read *read);

void ingest_read_rates(struct ingest *i, struct ingest_rates *out);

#endif
