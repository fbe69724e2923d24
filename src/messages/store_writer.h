/*
 * store_writer: transactions.  Inserts batches and marks, lets the oldest batches leave,
 * keeps the write-ahead log short.
 *
 * A transaction is all or nothing: after an error nothing of it is in the file, and the
 * same entries may be tried again.  Retention works inside the transactions that insert,
 * for at most as long as they took, so it costs no sync of its own and holds up nobody.
 * Where it fails, what it was to delete stays, which is logged, and the rest is stored.
 *
 * Belongs to the store's writer thread, but for store_writer_hurry.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_STORE_WRITER_H
#define BIO_MESSAGES_STORE_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "messages/batch.h"
#include "messages/store_file.h"

#define STORE_SESSION_MAX 192
#define STORE_NO_MARK UINT64_MAX

/* What one append brought: a batch, a mark, or both. */
struct store_entry {
	struct store_entry *next;
	struct batch *batch; /* NULL: only a mark */
	uint64_t ticket;
	size_t bytes;   /* of the queue's room */
	uint64_t last;  /* the mark's number */
	char session[]; /* the mark's session; empty: no mark */
};

/* What is kept: at least so many messages, as much as takes so many bytes of the file,
 * what is no older.  0: no limit.  The newest batch always stays. */
struct store_limits {
	uint64_t messages, bytes, age_s;
};

/* What the file holds.  Ids have no gaps, so messages are counted by them. */
struct store_extent {
	uint64_t oldest_id, newest_id; /* 0 where there is none */
	uint64_t messages;
	uint64_t size_bytes;
};

struct store_writer_options {
	struct store_limits retain;
	uint64_t session_ttl_s;
	uint64_t wal_bytes;
	uint64_t busy_ms;
};

struct store_writer;

/* Returns owned; NULL: `error` says why.  Borrows the file, which outlives it. */
struct store_writer *store_writer_open(struct store_file *file,
	const struct store_writer_options *options, char error[STORE_ERROR_MAX]) MUST_USE;
void store_writer_close(struct store_writer *w);

/* The newest row's time, for those after it. */
int64_t store_writer_newest_us(const struct store_writer *w);
const struct store_extent *store_writer_extent(const struct store_writer *w);
uint64_t store_writer_evicted(const struct store_writer *w);
uint64_t store_writer_forward_mark(const struct store_writer *w);

/*
 * Commits the entries (NULL: none) in one transaction, and in it the mark of forwarding
 * if it is another one, and some of what retention and forgetting have to do; without
 * any of that it does nothing.  0, or -1: `error` says why.
 */
int store_writer_commit(struct store_writer *w, const struct store_entry *entries,
	uint64_t forward_mark, char error[STORE_ERROR_MAX]) MUST_USE;

/* Retention has more to do than fitted into the last transaction. */
bool store_writer_is_behind(const struct store_writer *w);

/* The write-ahead log is long enough to be emptied. */
bool store_writer_wants_checkpoint(const struct store_writer *w);

/*
 * Copies the log into the file, and with `is_alone`, when no reader of ours is at work,
 * lets the log begin anew.  That another program reads is no error, the log goes on
 * growing then.  0, or -1: `error` says why.
 */
int store_writer_checkpoint(
	struct store_writer *w, bool is_alone, char error[STORE_ERROR_MAX]) MUST_USE;

/* Another program's lock is waited for no longer than until then.  Any thread. */
void store_writer_hurry(struct store_writer *w, uint64_t deadline_ns);

#endif
