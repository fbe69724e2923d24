/*
 * store_reader: a few connections, and a gate before them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store_reader.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"

#define CONNECTIONS 4

enum statement { READ_ASCENDING, READ_DESCENDING, FIND_FROM, FIND_BEFORE, FIND_SESSION };
#define STATEMENT_COUNT (FIND_SESSION + 1)

/* The nearest at or above an id, and at or below it. */
#define FROM "FROM batch WHERE first_id >= ?1 ORDER BY first_id"
#define BEFORE "FROM batch WHERE first_id <= ?1 ORDER BY first_id DESC"
#define PLACE "first_id, count, received_us "
#define COLUMNS "first_id, count, received_us, connection, peer, name, framing, body "

static const char *const statement_texts[STATEMENT_COUNT] = {
	[READ_ASCENDING] = "SELECT " COLUMNS FROM,
	[READ_DESCENDING] = "SELECT " COLUMNS BEFORE,
	[FIND_FROM] = "SELECT " PLACE FROM " LIMIT 1",
	[FIND_BEFORE] = "SELECT " PLACE BEFORE " LIMIT 1",
	[FIND_SESSION] = "SELECT last FROM session WHERE id = ?1",
};

struct reader {
	struct sqlite3 *db;
	struct sqlite3_stmt *statements[STATEMENT_COUNT];
};

struct store_readers {
	struct reader readers[CONNECTIONS];
	struct lock lock; /* guards everything below */
	struct condition changed;
	bool is_held;
	struct reader *idle[CONNECTIONS];
	unsigned idle_count;
};

static int
open_reader(struct reader *r, const char *path, char error[STORE_ERROR_MAX])
{
	r->db = store_sql_open(path, STORE_ROLE_READER, error);
	if (r->db == NULL)
		return -1;
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		r->statements[i] = store_sql_prepare(r->db, statement_texts[i]);
		if (r->statements[i] == NULL) {
			store_sql_explain(r->db, error);
			return -1;
		}
	}
	return 0;
}

static void
close_reader(struct reader *r)
{
	for (int i = 0; i < STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(r->statements[i]);
	store_sql_close(r->db);
}

struct store_readers *
store_readers_open(const char *path, char error[STORE_ERROR_MAX])
{
	struct store_readers *r = calloc(1, sizeof *r);

	if (r == NULL) {
		(void)snprintf(error, STORE_ERROR_MAX, "%s: out of memory", path);
		return NULL;
	}
	lock_init(&r->lock);
	condition_init(&r->changed);
	for (int i = 0; i < CONNECTIONS; i++) {
		if (open_reader(&r->readers[i], path, error) != 0) {
			store_readers_close(r);
			return NULL;
		}
		r->idle[r->idle_count++] = &r->readers[i];
	}
	return r;
}

void
store_readers_close(struct store_readers *r)
{
	if (r == NULL)
		return;
	for (int i = 0; i < CONNECTIONS; i++)
		close_reader(&r->readers[i]);
	condition_fini(&r->changed);
	lock_fini(&r->lock);
	free(r);
}

void
store_readers_hold(struct store_readers *r)
{
	lock_acquire(&r->lock);
	r->is_held = true;
	while (r->idle_count < CONNECTIONS)
		(void)condition_wait(&r->changed, &r->lock, CLOCK_NEVER);
	lock_release(&r->lock);
}

void
store_readers_resume(struct store_readers *r)
{
	lock_acquire(&r->lock);
	r->is_held = false;
	condition_broadcast(&r->changed);
	lock_release(&r->lock);
}

static struct reader *
borrow(struct store_readers *r)
{
	struct reader *reader;

	lock_acquire(&r->lock);
	while (r->is_held || r->idle_count == 0)
		(void)condition_wait(&r->changed, &r->lock, CLOCK_NEVER);
	reader = r->idle[--r->idle_count];
	lock_release(&r->lock);
	return reader;
}

static void
give_back(struct store_readers *r, struct reader *reader)
{
	lock_acquire(&r->lock);
	r->idle[r->idle_count++] = reader;
	condition_broadcast(&r->changed);
	lock_release(&r->lock);
}

static enum store_read_result
fail(const struct reader *reader)
{
	char error[STORE_ERROR_MAX];

	store_sql_explain(reader->db, error);
	log_error("reading: %s", error);
	return STORE_READ_FAILED;
}

static void
copy_column(char *out, size_t out_max, sqlite3_stmt *row, int column)
{
	const unsigned char *text = sqlite3_column_text(row, column);

	(void)snprintf(out, out_max, "%s", text != NULL ? (const char *)text : "");
}

static void
read_origin(sqlite3_stmt *row, struct origin *out)
{
	char framing[16];

	*out = (struct origin){.connection = (uint64_t)sqlite3_column_int64(row, 3)};
	copy_column(out->peer, sizeof out->peer, row, 4);
	copy_column(out->name, sizeof out->name, row, 5);
	copy_column(framing, sizeof framing, row, 6);
	for (int i = 0; i < FRAMING_COUNT; i++)
		if (strcmp(framing, reason_framing_name((enum framing)i)) == 0)
			out->framing = (enum framing)i;
}

/* Returns owned.  NULL with errno, as batch_restore. */
static struct batch *
read_row(sqlite3_stmt *row)
{
	int64_t first_id = sqlite3_column_int64(row, 0);
	int64_t count = sqlite3_column_int64(row, 1);
	const void *body = sqlite3_column_blob(row, 7);
	struct origin origin;
	struct batch *batch;

	errno = EINVAL;
	if (body == NULL) {
		/* Nothing, or no memory for it. */
		if (sqlite3_errcode(sqlite3_db_handle(row)) == SQLITE_NOMEM)
			errno = ENOMEM;
		return NULL;
	}
	if (first_id < 1 || count < 1 || count > UINT32_MAX)
		return NULL;
	read_origin(row, &origin);
	batch = batch_restore(
		body, (size_t)sqlite3_column_bytes(row, 7), (uint32_t)count, &origin);
	if (batch == NULL)
		return NULL;
	batch->first_id = (uint64_t)first_id;
	batch->received_us = sqlite3_column_int64(row, 2);
	return batch;
}

static int64_t
clamp_id(uint64_t id)
{
	return id > INT64_MAX ? INT64_MAX : (int64_t)id;
}

/* A batch, but for what is in it; a count of 0 where there is none. */
struct place {
	int64_t first_id, count, received_us;
};

static struct place
read_place(sqlite3_stmt *row)
{
	return (struct place){sqlite3_column_int64(row, 0), sqlite3_column_int64(row, 1),
		sqlite3_column_int64(row, 2)};
}

/* With FIND_FROM or FIND_BEFORE. */
static int
find_place(const struct reader *reader, enum statement statement, int64_t id,
	struct place *out)
{
	sqlite3_stmt *find = reader->statements[statement];
	int result;

	*out = (struct place){0};
	(void)sqlite3_bind_int64(find, 1, id);
	result = sqlite3_step(find);
	if (result == SQLITE_ROW) {
		*out = read_place(find);
		result = SQLITE_DONE;
	}
	(void)sqlite3_reset(find);
	return result == SQLITE_DONE ? 0 : -1;
}

/* What is read: rows from one on, in their order. */
struct walk {
	const struct reader *reader;
	sqlite3_stmt *rows;
	bool ascends;
	int64_t at; /* no row before it is still to come */
};

static void
start_walk(struct walk *walk, int64_t at)
{
	(void)sqlite3_reset(walk->rows);
	walk->at = at;
	(void)sqlite3_bind_int64(walk->rows, 1, at);
}

static int64_t
behind(const struct walk *walk, int64_t first_id)
{
	uint64_t id = (uint64_t)first_id;

	return (int64_t)(walk->ascends ? id + 1 : id - 1);
}

static void
log_damage(int64_t first_id)
{
	log_error("batch %lld of the store is damaged and left out", (long long)first_id);
}

/*
 * Goes on behind a row whose body stands on pages that are broken; its place is in a page
 * before them.  False: it cannot be found either.
 */
static bool
skip_broken(struct walk *walk)
{
	struct place broken;
	int result = find_place(
		walk->reader, walk->ascends ? FIND_FROM : FIND_BEFORE, walk->at, &broken);

	/* A broken id, too, must not lead back. */
	if (result != 0 || broken.first_id < 1 || broken.first_id == INT64_MAX) {
		/* The error is the connection's last one again. */
		(void)sqlite3_reset(walk->rows);
		return false;
	}
	log_damage(broken.first_id);
	start_walk(walk, behind(walk, broken.first_id));
	return true;
}

static int
step_walk(struct walk *walk)
{
	int result;

	do
		result = sqlite3_step(walk->rows);
	while ((result & 0xff) == SQLITE_CORRUPT && skip_broken(walk));
	if (result == SQLITE_ROW)
		walk->at = behind(walk, sqlite3_column_int64(walk->rows, 0));
	return result;
}

/* Where ids have a gap, the nearest below an id ends before it. */
static bool
ends_before(const struct place *place, uint64_t id)
{
	return (uint64_t)place->first_id + (uint64_t)place->count <= id;
}

/* Rows to batches until `max_bytes` are full, linked in the order of the rows. */
static enum store_read_result
read_rows(struct walk *walk, uint64_t min_id, size_t max_bytes, struct batch **out)
{
	size_t bytes = 0;
	int result;

	while ((result = step_walk(walk)) == SQLITE_ROW) {
		struct place place = read_place(walk->rows);
		size_t row_bytes = sizeof(struct batch) +
				   (size_t)sqlite3_column_bytes(walk->rows, 7);
		struct batch *batch;

		if (ends_before(&place, min_id))
			continue;
		if (bytes > 0 && bytes + row_bytes > max_bytes)
			return STORE_READ_OK;
		batch = read_row(walk->rows);
		if (batch == NULL && errno == ENOMEM)
			return STORE_READ_NO_MEMORY;
		if (batch == NULL) {
			log_damage(place.first_id);
			continue;
		}
		bytes += row_bytes;
		*out = batch;
		out = &batch->next;
	}
	return result == SQLITE_DONE ? STORE_READ_OK : fail(walk->reader);
}

/* Upwards it begins with the batch that holds `id`, which is the nearest below. */
static enum store_read_result
read_page(const struct reader *reader, uint64_t id, enum store_order order,
	size_t max_bytes, struct batch **out)
{
	struct walk walk = {.reader = reader, .ascends = order == STORE_ASCENDING};
	struct place place = {.first_id = clamp_id(id)};
	enum store_read_result result;

	walk.rows = reader->statements[walk.ascends ? READ_ASCENDING : READ_DESCENDING];
	if (walk.ascends && find_place(reader, FIND_BEFORE, clamp_id(id), &place) != 0)
		return fail(reader);
	start_walk(&walk, place.first_id);
	result = read_rows(&walk, walk.ascends ? id : 0, max_bytes, out);
	(void)sqlite3_reset(walk.rows);
	return result;
}

enum store_read_result
store_readers_read(struct store_readers *r, uint64_t id, enum store_order order,
	size_t max_bytes, struct batch **out)
{
	struct reader *reader = borrow(r);
	enum store_read_result result;

	*out = NULL;
	result = read_page(reader, id, order, max_bytes, out);
	give_back(r, reader);
	if (result != STORE_READ_OK) {
		batch_release_chain(*out);
		*out = NULL;
	}
	return result;
}

/*
 * Times never fall with ids, so that halving finds the place: whatever starts below
 * `low` came before the time, and whatever starts at `high` or above did not.
 */
static int
find_time(const struct reader *reader, int64_t received_us, uint64_t *out_id)
{
	struct place place;
	uint64_t low = 0, high;

	if (find_place(reader, FIND_BEFORE, INT64_MAX, &place) != 0)
		return -1;
	high = place.count > 0 ? (uint64_t)place.first_id + (uint64_t)place.count : 1;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (find_place(reader, FIND_BEFORE, clamp_id(middle), &place) != 0)
			return -1;
		if (place.count == 0 || place.received_us < received_us)
			low = middle + 1;
		else
			high = (uint64_t)place.first_id;
	}
	*out_id = high;
	return 0;
}

enum store_read_result
store_readers_find_time(struct store_readers *r, int64_t received_us, uint64_t *out_id)
{
	struct reader *reader = borrow(r);
	enum store_read_result result = STORE_READ_OK;

	if (find_time(reader, received_us, out_id) != 0)
		result = fail(reader);
	give_back(r, reader);
	return result;
}

enum store_read_result
store_readers_find_session(
	struct store_readers *r, const char *session, uint64_t *out_last)
{
	struct reader *reader = borrow(r);
	sqlite3_stmt *find = reader->statements[FIND_SESSION];
	enum store_read_result result = STORE_READ_OK;
	int64_t last = 0;

	if (sqlite3_bind_text(find, 1, session, -1, SQLITE_STATIC) != SQLITE_OK ||
		store_sql_fetch_integer(find, &last) != 0)
		result = fail(reader);
	*out_last = (uint64_t)last;
	give_back(r, reader);
	return result;
}
