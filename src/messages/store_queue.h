/*
 * store_queue: what is appended and not yet committed, and who waits for it.
 *
 * Gives batches their ids and times in the order in which they come, lets appends wait
 * for room in the order of asking, and keeps for everybody what the writer says of
 * itself: how far it has committed, whether it is failing.  Knows no file.
 *
 * Any thread may append, wait and look; one thread, the writer, takes and reports.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_STORE_QUEUE_H
#define BIO_MESSAGES_STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/histogram.h"
#include "messages/batch.h"
#include "messages/store_sql.h"
#include "messages/store_writer.h"

enum store_result {
	STORE_OK,
	STORE_TIMEOUT,     /* the deadline passed; the batch still waits */
	STORE_UNAVAILABLE, /* the store is failing; what waits is tried again */
	STORE_CLOSED,      /* or closing */
	STORE_NO_MEMORY
};

/* How far a session has come: its last finished number. */
struct store_mark {
	const char *session; /* 1 to STORE_SESSION_MAX bytes of UTF-8 */
	uint64_t last;
};

struct store_state {
	bool is_failing;
	int64_t since_us; /* wall clock; of the first failure in a row */
	char text[STORE_ERROR_MAX];
};

struct store_numbers {
	struct store_extent extent; /* as of the last commit */
	uint64_t evicted;           /* messages, by this process */
	uint64_t queued_messages, queued_bytes;
	struct histogram commit_us; /* how long transactions took */
};

/* What the writer does next. */
struct store_work {
	struct store_entry *entries; /* NULL: none */
	uint64_t ticket;             /* of the last of them */
	uint64_t messages, bytes;
	uint64_t forward_mark;
	bool is_last; /* nothing will come any more */
};

/* How the writer has come on. */
struct store_progress {
	struct store_extent extent;
	uint64_t evicted;
	uint64_t commit_us; /* 0: there was no commit */
};

struct store_queue;

/* Numbers go on from what the file has.  Returns owned; NULL: out of memory. */
struct store_queue *store_queue_new(size_t max_bytes, const struct store_extent *extent,
	int64_t newest_us, uint64_t forward_mark) MUST_USE;

/* Releases what is still in it. */
void store_queue_free(struct store_queue *q);

/* What store.h says of the functions of the same names. */
enum store_result store_queue_admit(struct store_queue *q, struct batch *batch,
	const struct store_mark *mark, uint64_t deadline_ns,
	struct store_entry **out) MUST_USE;
uint64_t store_queue_append(struct store_queue *q, struct store_entry *entry);
enum store_result store_queue_wait(
	struct store_queue *q, uint64_t ticket, uint64_t deadline_ns) MUST_USE;
void store_queue_refuse(struct store_queue *q);
void store_queue_state(struct store_queue *q, struct store_state *out);
void store_queue_numbers(struct store_queue *q, struct store_numbers *out);
uint64_t store_queue_forward_mark(struct store_queue *q);
void store_queue_set_forward_mark(struct store_queue *q, uint64_t id);

/* The ticket of what was appended last. */
uint64_t store_queue_last_ticket(struct store_queue *q);

/* From now on pauses end at the deadline; one that runs ends at once. */
void store_queue_hurry(struct store_queue *q, uint64_t deadline_ns);

/*
 * For the writer.  Takes what fits into one transaction; where nothing waits, waits for
 * it until the deadline.  Returns the entries owned; they count as queued until they are
 * released.
 */
void store_queue_take(
	struct store_queue *q, uint64_t deadline_ns, struct store_work *out);

/* Frees the entries.  Returns their batches owned, in order. */
struct batch *store_queue_unwrap(struct store_work *work) MUST_USE;

/* What was taken is committed: makes room, and wakes those who wait for it. */
void store_queue_release(struct store_queue *q, const struct store_work *work,
	const struct store_progress *progress);

/* True: the writer has begun to fail, and not failed before. */
bool store_queue_fail(struct store_queue *q, const char *error) MUST_USE;

/* True: it had been failing. */
bool store_queue_recover(struct store_queue *q) MUST_USE;

/* Waits between two tries.  False: the deadline of store_queue_hurry has passed. */
bool store_queue_pause(struct store_queue *q, uint64_t pause_ms) MUST_USE;

#endif
