/*
 * store_reader: reads what is committed, on connections of its own.
 *
 * A few connections are shared by all who read; each read borrows one, steps a statement
 * to what fits, resets it, and gives the connection back, so nothing is open between two
 * reads.  While the gate is closed no read begins: the writer closes it, waits for those
 * at work, and then nobody pins the write-ahead log.
 *
 * Any thread may read; the gate belongs to the writer.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_STORE_READER_H
#define BIO_MESSAGES_STORE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "messages/batch.h"
#include "messages/store_sql.h"

enum store_order { STORE_ASCENDING, STORE_DESCENDING };

enum store_read_result {
	STORE_READ_OK,
	STORE_READ_FAILED, /* logged */
	STORE_READ_NO_MEMORY
};

struct store_readers;

/* Returns owned; NULL: `error` says why. */
struct store_readers *store_readers_open(
	const char *path, char error[STORE_ERROR_MAX]) MUST_USE;
void store_readers_close(struct store_readers *r);

/* Waits until nobody reads, and lets nobody begin. */
void store_readers_hold(struct store_readers *r);
void store_readers_resume(struct store_readers *r);

/* What store.h says of store_read, store_find_time and store_session_find. */
enum store_read_result store_readers_read(struct store_readers *r, uint64_t id,
	enum store_order order, size_t max_bytes, struct batch **out) MUST_USE;
enum store_read_result store_readers_find_time(
	struct store_readers *r, int64_t received_us, uint64_t *out_id) MUST_USE;
enum store_read_result store_readers_find_session(
	struct store_readers *r, const char *session, uint64_t *out_last) MUST_USE;

#endif
