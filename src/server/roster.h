/*
 * roster: the connections that are open, and the last that were closed.
 *
 * An open connection's entry stands on the stack of the thread that serves it.  That
 * thread alone counts there, a read at a time and without a lock; readers always find the
 * numbers of one read, never a mixture of two.  A read is counted here after it has been
 * counted by the counters, and a connection is listed as open only while those take it
 * for open: so no reader of the roster is ahead of them.
 *
 * Any thread may call, for an entry its own thread; nothing blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ROSTER_H
#define BIO_SERVER_ROSTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/lock.h"
#include "base/reason.h"
#include "messages/batch.h"

/* Of the closed connections so many are remembered. */
#define ROSTER_CLOSED_MAX 1000

struct roster_numbers {
	uint64_t received_bytes, messages, rejected;
	enum framing framing; /* stream, until the first bytes decide */
};

struct roster_slot {
	atomic_uint_fast64_t received_bytes, messages, rejected, framing;
};

struct roster_entry {
	uint64_t connection; /* counted from 1 in each run of the server */
	char peer[ADDRESS_TEXT_MAX];
	char name[ORIGIN_NAME_MAX]; /* guarded by the roster's lock, but for its thread */
	int64_t opened_us;
	uint64_t opened_ns;
	struct roster_entry *newer, *older; /* guarded by the roster's lock */
	atomic_uint_fast64_t version;       /* which of the two slots is whole */
	struct roster_slot slots[2];
};

/* One as a reader sees it. */
struct roster_connection {
	uint64_t connection;
	char peer[ADDRESS_TEXT_MAX];
	char name[ORIGIN_NAME_MAX]; /* empty: it gave none */
	bool is_open;
	enum close_reason reason;      /* if it is closed, as the next two */
	int64_t opened_us, closed_us;  /* wall clock */
	uint64_t opened_ns, closed_ns; /* monotonic; of one that is open, now */
	struct roster_numbers numbers;
};

struct roster {
	struct lock lock; /* guards everything below */
	struct roster_entry *newest;
	size_t open;
	uint64_t connections, closed; /* since the start */
	struct roster_connection last_closed[ROSTER_CLOSED_MAX];
};

void roster_init(struct roster *r);
void roster_fini(struct roster *r);

/* Fills the entry, gives it its number and lists it until roster_close. */
void roster_open(struct roster *r, struct roster_entry *entry, const char *peer);
void roster_close(struct roster *r, struct roster_entry *entry, enum close_reason reason);

/* One that is closed as soon as it was accepted. */
void roster_refuse(struct roster *r, const char *peer, enum close_reason reason);

/* It has said what it is called. */
void roster_name(struct roster *r, struct roster_entry *entry, const char *name);

/* Adds what a read has brought; the framing is taken as it is. */
void roster_count(struct roster_entry *entry, const struct roster_numbers *read);

enum roster_states { ROSTER_OPEN = 1, ROSTER_CLOSED = 2, ROSTER_ALL = 3 };

struct roster_view {
	struct roster_connection *items;
	size_t count;
	size_t open, closed; /* that there are, whatever was asked for */
};

/*
 * Copies up to `limit` connections, the newest first: an open one counts from when it was
 * opened, a closed one from when it was closed.  -1: out of memory.
 */
int roster_view_open(struct roster *r, enum roster_states states, size_t limit,
	struct roster_view *view) MUST_USE;
void roster_view_close(struct roster_view *view);

#endif
