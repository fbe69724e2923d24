/*
 * store: the messages of all times, durable in one SQLite file.
 *
 * Sessions append batches to a queue, which gives them their ids and their time under one
 * lock, so that the order of the queue, of the ids and of the commits is one.  One writer
 * thread takes what waits, commits it in one transaction, shows it to `committed` and
 * then releases the tickets.  A commit that fails is tried again with the same batches
 * and never skipped; until it succeeds the store is failing, and says so.
 *
 * The bytes that queue are bounded: an append waits for room, so a slow disk slows the
 * senders.  Readers have connections of their own and hold up neither the writer nor
 * anybody else; nothing is left open between two calls.
 *
 * Any thread may call anything but open and close, which belong to one.  No lock is held
 * while SQLite, `committed` or the log is called.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_STORE_H
#define BIO_MESSAGES_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "messages/batch.h"
#include "messages/store_queue.h"
#include "messages/store_reader.h"
#include "messages/store_writer.h"

struct store;

/* 0 in a limit or a time: none. */
struct store_options {
	const char *path;
	enum store_sync sync;
	size_t queue_bytes; /* that batches may take from append to commit */
	struct store_limits retain;
	uint64_t session_ttl_s;
	uint64_t wal_bytes; /* of write-ahead log, where it is emptied; 0: 16 MiB */
	uint64_t retry_ms;  /* the first pause after a failure, doubled up to ten times
			       as much; 0: 100 */
	uint64_t busy_ms;   /* how long another program's lock is waited for before the
			       store is failing; 0: 2000 */
	/*
	 * Called by the writer with what has just been committed, in the order of the
	 * ids, linked by `next`, before anybody who waits for it hears of it.  Takes each
	 * batch.  NULL: they are released.
	 */
	void (*committed)(void *argument, struct batch *batches);
	void *argument;
};

/*
 * Opens or makes the file, and starts the writer.  Blocks on the disk.  Returns owned;
 * NULL: it is logged why.
 */
struct store *store_open(const struct store_options *options) MUST_USE;

/*
 * From now on nothing is appended: those who wait for room get STORE_CLOSED.  What is
 * queued is still committed.
 */
void store_refuse(struct store *s);

/*
 * Refuses, commits what is queued, trying until the deadline (clock_mono_ns) if the store
 * is failing, and frees.  Nobody may be in a call any more, nor wait.  How many messages
 * were lost, which is logged.  A disk, or a `committed`, that does not return holds it
 * up.
 */
uint64_t store_close(struct store *s, uint64_t deadline_ns);

/*
 * Makes room for a batch (NULL: there is only a mark) and a mark (NULL: none), which is
 * kept in the transaction of the batch, and of all before it.  Waits until the deadline,
 * or until the store fails or refuses.  Room is given in the order of asking; a batch
 * larger than the queue has it when it is alone.  While the store is failing and there is
 * room, batches are still taken.
 *
 * STORE_OK: takes the batch, and `*out` must be given to store_append at once; in between
 * its owner may count what from then on cannot fail.
 */
enum store_result store_admit(struct store *s, struct batch *batch,
	const struct store_mark *mark, uint64_t deadline_ns,
	struct store_entry **out) MUST_USE;

/*
 * Queues what was admitted; the batch gets its ids and its time here.  Returns the ticket
 * that store_wait then wants.
 */
uint64_t store_append(struct store *s, struct store_entry *entry);

/*
 * Waits until what the ticket stands for is committed: STORE_OK.  STORE_UNAVAILABLE comes
 * as soon as the store is failing: it may then be committed later, or never.
 */
enum store_result store_wait(
	struct store *s, uint64_t ticket, uint64_t deadline_ns) MUST_USE;

/*
 * How far a session has come, 0 for one that is not known.  Waits first for everything
 * that is queued at this moment, so that marks under way are seen.
 */
enum store_result store_session_find(struct store *s, const char *session,
	uint64_t deadline_ns, uint64_t *out_last) MUST_USE;

void store_state(struct store *s, struct store_state *out);
void store_numbers(struct store *s, struct store_numbers *out);

/*
 * 36 characters that name this file for ever, and no other one but for its copies: those
 * have the same until it is deleted in them, and then made anew.
 */
const char *store_instance(const struct store *s);

/* The file's full name. */
const char *store_path(const struct store *s);

/*
 * Reads batches that are committed: from the one that holds `id` on, or the nearest one
 * in the direction where none does; in the order of the direction, linked by `next`.  As
 * many as fit into `max_bytes`, but always one if there is one; NULL behind the last.
 * The chain is returned owned, each batch held once.  STORE_OK, STORE_NO_MEMORY, or
 * STORE_UNAVAILABLE: the file cannot be read, which is logged.  A batch whose row is
 * damaged is left out and logged.
 *
 * Blocks on the disk, and while the writer makes the write-ahead log shorter.
 */
enum store_result store_read(struct store *s, uint64_t id, enum store_order order,
	size_t max_bytes, struct batch **out) MUST_USE;

/*
 * The first id of the first batch that came at or after a time; behind the newest where
 * there is none.  Answers and blocks as store_read does.
 */
enum store_result store_find_time(
	struct store *s, int64_t received_us, uint64_t *out_id) MUST_USE;

/*
 * The mark of forwarding: while there is one, no batch above it leaves the file.  Setting
 * it takes effect at once and is written with the next transaction, at latest a second
 * later; STORE_NO_MARK, which is also what there is without one, removes it.
 */
uint64_t store_forward_mark(struct store *s);
void store_set_forward_mark(struct store *s, uint64_t id);

#endif
