/*
 * ingest: what happens to what a session has read.  The only place that says so.
 *
 * With a store: room is made, the read is counted, its batch is queued, and once it is
 * committed the store's writer shows it and counts it as stored.  Without one it is
 * numbered and shown at once.  Either way no reader of the counters ever sees more stored
 * than received, and nobody sees a message that a crash could take back.
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
#include "messages/store.h"
#include "server/print.h"

struct ingest {
	struct counters *counters;
	struct recent *recent;
	struct print *print;
	struct store *store; /* NULL: none */
	void (*shown)(void *argument);
	void *argument;
	struct lock lock; /* guards the rate */
	struct rate rate;
};

/* The outcome of one read. */
struct ingest_read {
	uint64_t bytes;
	uint64_t rejected[REJECT_COUNT];
	struct histogram_tally sizes; /* of the messages of the batch */
	struct batch *batch;          /* NULL: no message was accepted */
};

struct ingest_rates {
	double last_1s, last_10s, last_60s; /* accepted messages a second */
};

void ingest_init(struct ingest *i, struct counters *counters, struct recent *recent,
	struct print *print);
void ingest_fini(struct ingest *i);

/*
 * From now on, before anything is handed over, `shown` is called whenever messages have
 * become visible, by the threads that make them so; it must not hold them up.
 */
void ingest_tell(struct ingest *i, void (*shown)(void *argument), void *argument);

/*
 * Takes the batch, and the mark (NULL: none) of the sender's session.  Waits while the
 * store has no room.  `*ticket` is what store_wait wants, 0 where there is nothing to
 * wait for.  Unless the answer is STORE_OK, the messages were not taken and are not
 * counted.
 */
enum store_result ingest_hand_over(struct ingest *i, struct ingest_read *read,
	const struct store_mark *mark, uint64_t *ticket) MUST_USE;

/* For the store's options: what is to happen to batches that are committed. */
void ingest_show(void *ingest, struct batch *batches);

/*
 * From now on batches go to the store, whose newest are shown first, as many as there is
 * room for.  Before anything is handed over.  -1: they cannot be read, which is logged.
 */
int ingest_use_store(struct ingest *i, struct store *store, size_t max_bytes) MUST_USE;

void ingest_read_rates(struct ingest *i, struct ingest_rates *out);

#endif
