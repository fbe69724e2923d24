/*
 * store_writer: the statements of the one connection that writes.
 *
 * What the file holds is known here without asking it again: `now` is as of the last
 * commit, `next` what the running transaction would make of it; an error drops `next`.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store_writer.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"

/* Before each page in the log (https://www.sqlite.org/fileformat2.html, section 4.2). */
#define WAL_FRAME_HEADER_BYTES 24
/* What retention may take of a transaction, however short that is. */
#define EVICT_NS (5 * CLOCK_NS_PER_MS)
/* How long it rests when the oldest batches cannot be deleted. */
#define EVICT_REST_NS (60 * CLOCK_NS_PER_S)
#define FORGET_INTERVAL_NS (3600 * CLOCK_NS_PER_S)
#define BUSY_POLL_NS (2 * (long)CLOCK_NS_PER_MS)

enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	INSERT_BATCH,
	SET_SESSION,
	FORGET_SESSIONS,
	SET_FORWARD_MARK,
	DELETE_FORWARD_MARK,
	FIND_OLDEST,
	FIND_NEWEST,
	DELETE_BATCH,
	COUNT_PAGES,
	COUNT_FREE_PAGES,
	STATEMENT_COUNT
};

#define FIND_ROW "SELECT first_id, count, received_us FROM batch ORDER BY first_id "

static const char *const statement_texts[STATEMENT_COUNT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[INSERT_BATCH] = "INSERT INTO batch VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SET_SESSION] = "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3)",
	[FORGET_SESSIONS] = "DELETE FROM session WHERE updated_us < ?1",
	[SET_FORWARD_MARK] = "INSERT OR REPLACE INTO meta VALUES ('forward_mark', ?1)",
	[DELETE_FORWARD_MARK] = "DELETE FROM meta WHERE key = 'forward_mark'",
	[FIND_OLDEST] = (FIND_ROW "LIMIT 1"),
	[FIND_NEWEST] = (FIND_ROW "DESC LIMIT 1"),
	[DELETE_BATCH] = "DELETE FROM batch WHERE first_id = ?1",
	[COUNT_PAGES] = "PRAGMA page_count",
	[COUNT_FREE_PAGES] = "PRAGMA freelist_count",
};

/* A row of batch; its count is 0 where there is none. */
struct row {
	uint64_t first_id, count;
	int64_t received_us;
};

struct contents {
	struct row oldest, newest;
	uint64_t evicted;
	uint64_t forward_mark;
	uint64_t pages, free_pages;
};

struct store_writer {
	struct store_file *file;
	struct sqlite3 *db; /* the file's */
	struct store_writer_options options;
	struct sqlite3_stmt *statements[STATEMENT_COUNT];
	struct contents now, next;
	struct store_extent extent; /* of `now` */
	bool is_behind;
	uint64_t page_bytes;
	uint64_t wal_bytes, checkpoint_at_bytes;
	uint64_t forget_at_ns;
	/* The batch that could not leave at the last try, which is logged; 0: none. */
	uint64_t stuck_id;
	uint64_t evict_at_ns; /* until then it is not tried again */
	uint64_t busy_until_ns;
	bool is_patient; /* waits for other programs' locks */
	atomic_uint_fast64_t hurry_ns;
};

static int
on_commit(void *argument, sqlite3 *db, const char *schema, int pages)
{
	struct store_writer *w = argument;
	uint64_t before = w->wal_bytes;

	(void)db;
	(void)schema;
	w->wal_bytes = (uint64_t)pages * (w->page_bytes + WAL_FRAME_HEADER_BYTES);
	/* It began anew, perhaps because another program emptied it. */
	if (w->wal_bytes < before)
		w->checkpoint_at_bytes = w->options.wal_bytes;
	return SQLITE_OK;
}

/* Another program has the lock, for the n-th time: 1 tries again. */
static int
on_busy(void *argument, int n)
{
	const struct timespec pause = {.tv_nsec = BUSY_POLL_NS};
	struct store_writer *w = argument;
	uint64_t now_ns = clock_mono_ns();

	if (n == 0)
		w->busy_until_ns = now_ns + w->options.busy_ms * CLOCK_NS_PER_MS;
	if (!w->is_patient || now_ns >= w->busy_until_ns ||
		now_ns >= atomic_load(&w->hurry_ns))
		return 0;
	(void)nanosleep(&pause, NULL);
	return 1;
}

void
store_writer_hurry(struct store_writer *w, uint64_t deadline_ns)
{
	atomic_store(&w->hurry_ns, deadline_ns);
}

static int
run(struct store_writer *w, enum statement statement)
{
	return store_sql_step_once(w->statements[statement]);
}

static int
find_row(struct store_writer *w, enum statement statement, struct row *out)
{
	sqlite3_stmt *find = w->statements[statement];
	int result = sqlite3_step(find);

	*out = (struct row){0};
	if (result == SQLITE_ROW) {
		out->first_id = (uint64_t)sqlite3_column_int64(find, 0);
		out->count = (uint64_t)sqlite3_column_int64(find, 1);
		out->received_us = sqlite3_column_int64(find, 2);
		result = SQLITE_DONE;
	}
	(void)sqlite3_reset(find);
	return result == SQLITE_DONE ? 0 : -1;
}

static int
count_pages(struct store_writer *w, struct contents *c)
{
	int64_t pages, free_pages;

	if (store_sql_fetch_integer(w->statements[COUNT_PAGES], &pages) != 0 ||
		store_sql_fetch_integer(w->statements[COUNT_FREE_PAGES], &free_pages) !=
			0)
		return -1;
	c->pages = (uint64_t)pages;
	c->free_pages = (uint64_t)free_pages;
	return 0;
}

static void
accept_contents(struct store_writer *w)
{
	const struct contents *c = &w->next;

	w->now = *c;
	w->extent = (struct store_extent){.size_bytes = c->pages * w->page_bytes};
	if (c->oldest.count == 0)
		return;
	w->extent.oldest_id = c->oldest.first_id;
	w->extent.newest_id = c->newest.first_id + c->newest.count - 1;
	w->extent.messages = w->extent.newest_id - w->extent.oldest_id + 1;
}

static int
read_contents(struct store_writer *w)
{
	int64_t mark, page_bytes, has_mark;

	if (store_sql_query_integer(w->db, "PRAGMA page_size", &page_bytes) != 0 ||
		store_sql_query_integer(w->db,
			"SELECT value FROM meta WHERE key = 'forward_mark'",
			&mark) != 0 ||
		store_sql_query_integer(w->db,
			"SELECT count(*) FROM meta WHERE key = 'forward_mark'",
			&has_mark) != 0)
		return -1;
	w->page_bytes = (uint64_t)page_bytes;
	w->next.forward_mark = has_mark ? (uint64_t)mark : STORE_NO_MARK;
	if (find_row(w, FIND_OLDEST, &w->next.oldest) != 0 ||
		find_row(w, FIND_NEWEST, &w->next.newest) != 0 ||
		count_pages(w, &w->next) != 0)
		return -1;
	accept_contents(w);
	return 0;
}

struct store_writer *
store_writer_open(struct store_file *file, const struct store_writer_options *options,
	char error[STORE_ERROR_MAX])
{
	struct store_writer *w = calloc(1, sizeof *w);

	if (w == NULL) {
		(void)snprintf(error, STORE_ERROR_MAX, "%s: out of memory", file->path);
		return NULL;
	}
	w->file = file;
	w->db = file->db;
	w->options = *options;
	w->is_patient = true;
	w->checkpoint_at_bytes = options->wal_bytes;
	atomic_init(&w->hurry_ns, CLOCK_NEVER);
	for (int i = 0; i < STATEMENT_COUNT; i++) {
		w->statements[i] = store_sql_prepare(w->db, statement_texts[i]);
		if (w->statements[i] == NULL)
			goto close;
	}
	if (read_contents(w) != 0)
		goto close;
	(void)sqlite3_busy_handler(w->db, on_busy, w);
	/* Instead of SQLite's own checkpoints, which it would set this hook for. */
	(void)sqlite3_wal_hook(w->db, on_commit, w);
	return w;
close:
	store_sql_explain(w->db, error);
	store_writer_close(w);
	return NULL;
}

void
store_writer_close(struct store_writer *w)
{
	if (w == NULL)
		return;
	for (int i = 0; i < STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(w->statements[i]);
	(void)sqlite3_busy_handler(w->db, NULL, NULL);
	(void)sqlite3_wal_hook(w->db, NULL, NULL);
	free(w);
}

int64_t
store_writer_newest_us(const struct store_writer *w)
{
	return w->now.newest.received_us;
}

const struct store_extent *
store_writer_extent(const struct store_writer *w)
{
	return &w->extent;
}

uint64_t
store_writer_evicted(const struct store_writer *w)
{
	return w->now.evicted;
}

uint64_t
store_writer_forward_mark(const struct store_writer *w)
{
	return w->now.forward_mark;
}

bool
store_writer_is_behind(const struct store_writer *w)
{
	return w->is_behind;
}

static int
insert_batch(struct store_writer *w, const struct batch *batch)
{
	sqlite3_stmt *insert = w->statements[INSERT_BATCH];
	const struct origin *origin = &batch->origin;
	const struct row row = {batch->first_id, batch->count, batch->received_us};

	/* They live longer than the step; a bind of a number or of NULL cannot fail. */
	(void)sqlite3_bind_int64(insert, 1, (sqlite3_int64)batch->first_id);
	(void)sqlite3_bind_int64(insert, 2, (sqlite3_int64)batch->count);
	(void)sqlite3_bind_int64(insert, 3, batch->received_us);
	(void)sqlite3_bind_int64(insert, 4, (sqlite3_int64)origin->connection);
	if (sqlite3_bind_text(insert, 5, origin->peer, -1, SQLITE_STATIC) != SQLITE_OK ||
		(origin->name[0] != '\0' && sqlite3_bind_text(insert, 6, origin->name, -1,
						    SQLITE_STATIC) != SQLITE_OK) ||
		sqlite3_bind_text(insert, 7, reason_framing_name(origin->framing), -1,
			SQLITE_STATIC) != SQLITE_OK ||
		sqlite3_bind_text64(insert, 8, batch->body, batch->body_len,
			SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK ||
		store_sql_step_once(insert) != 0)
		return -1;
	if (w->next.oldest.count == 0)
		w->next.oldest = row;
	w->next.newest = row;
	return 0;
}

static int
set_session(struct store_writer *w, const struct store_entry *entry)
{
	sqlite3_stmt *set = w->statements[SET_SESSION];

	if (sqlite3_bind_text(set, 1, entry->session, -1, SQLITE_STATIC) != SQLITE_OK)
		return -1;
	(void)sqlite3_bind_int64(set, 2, (sqlite3_int64)entry->last);
	(void)sqlite3_bind_int64(set, 3, clock_wall_us());
	return store_sql_step_once(set);
}

static int
insert_entries(struct store_writer *w, const struct store_entry *entries)
{
	for (const struct store_entry *e = entries; e != NULL; e = e->next) {
		if (e->batch != NULL && insert_batch(w, e->batch) != 0)
			return -1;
		if (e->session[0] != '\0' && set_session(w, e) != 0)
			return -1;
	}
	return 0;
}

static int
set_forward_mark(struct store_writer *w, uint64_t mark)
{
	enum statement statement =
		mark == STORE_NO_MARK ? DELETE_FORWARD_MARK : SET_FORWARD_MARK;

	if (mark == w->now.forward_mark)
		return 0;
	if (mark != STORE_NO_MARK)
		(void)sqlite3_bind_int64(
			w->statements[statement], 1, (sqlite3_int64)mark);
	w->next.forward_mark = mark;
	return run(w, statement);
}

static bool
forgetting_is_due(const struct store_writer *w)
{
	return w->options.session_ttl_s > 0 && clock_mono_ns() >= w->forget_at_ns;
}

static int
forget_sessions(struct store_writer *w)
{
	int64_t ttl_us = (int64_t)w->options.session_ttl_s * CLOCK_US_PER_S;

	if (!forgetting_is_due(w))
		return 0;
	(void)sqlite3_bind_int64(
		w->statements[FORGET_SESSIONS], 1, clock_wall_us() - ttl_us);
	return run(w, FORGET_SESSIONS);
}

/* The oldest batch has to leave, and may. */
static bool
is_over(const struct store_writer *w, const struct contents *c)
{
	const struct store_limits *retain = &w->options.retain;
	uint64_t behind_oldest = c->oldest.first_id + c->oldest.count;
	uint64_t messages = c->newest.first_id + c->newest.count - behind_oldest;

	if (c->oldest.first_id == c->newest.first_id)
		return false;
	if (c->oldest.first_id == w->stuck_id && clock_mono_ns() < w->evict_at_ns)
		return false;
	if (c->forward_mark != STORE_NO_MARK && behind_oldest - 1 > c->forward_mark)
		return false;
	return (retain->messages > 0 && messages >= retain->messages) ||
	       (retain->bytes > 0 &&
		       (c->pages - c->free_pages) * w->page_bytes > retain->bytes) ||
	       (retain->age_s > 0 &&
		       c->oldest.received_us <
			       clock_wall_us() - (int64_t)retain->age_s * CLOCK_US_PER_S);
}

/* Of a transaction. */
enum outcome { DONE, CANNOT_EVICT, FAILED };

/*
 * An old row that is damaged, or that the disk no longer gives, is no reason to refuse
 * new ones.  Some errors end the whole transaction, which is why it is run once more;
 * then what is older than that row leaves.
 */
static void
rest_from_evicting(struct store_writer *w, const char *error)
{
	uint64_t id = w->next.oldest.first_id;

	if (w->stuck_id != id)
		log_error("message %llu cannot leave, so it and what is newer stay: %s",
			(unsigned long long)id, error);
	w->stuck_id = id;
	w->evict_at_ns = clock_mono_ns() + EVICT_REST_NS;
}

static void
note_evicting(struct store_writer *w)
{
	if (w->stuck_id == 0 || w->next.oldest.first_id <= w->stuck_id)
		return;
	w->stuck_id = 0;
	log_info("the oldest messages leave again: %s", w->file->path);
}

/* A disk that is full, say, passes: then all is tried again. */
static enum outcome
judge_evicting(struct store_writer *w)
{
	int code = sqlite3_extended_errcode(w->db);

	return (code & 0xff) == SQLITE_CORRUPT || code == SQLITE_IOERR_READ ||
			       code == SQLITE_IOERR_SHORT_READ
		       ? CANNOT_EVICT
		       : FAILED;
}

/* Row by row until nothing is over its limit, or the time is up. */
static enum outcome
evict(struct store_writer *w, uint64_t deadline_ns)
{
	struct contents *c = &w->next;

	while (is_over(w, c)) {
		sqlite3_stmt *delete = w->statements[DELETE_BATCH];

		if (clock_mono_ns() >= deadline_ns)
			break;
		(void)sqlite3_bind_int64(delete, 1, (sqlite3_int64)c->oldest.first_id);
		if (store_sql_step_once(delete) != 0)
			return judge_evicting(w);
		c->evicted += c->oldest.count;
		if (find_row(w, FIND_OLDEST, &c->oldest) != 0 || count_pages(w, c) != 0)
			return FAILED;
	}
	return DONE;
}

static int
begin(struct store_writer *w, char error[STORE_ERROR_MAX])
{
	/* An earlier rollback may have failed as well. */
	if (sqlite3_get_autocommit(w->db) == 0 && run(w, ROLLBACK) != 0)
		goto explain;
	if (store_file_check(w->file, error) != 0)
		return -1;
	if (run(w, BEGIN) == 0)
		return 0;
explain:
	store_sql_explain(w->db, error);
	return -1;
}

static enum outcome
fill_transaction(
	struct store_writer *w, const struct store_entry *entries, uint64_t forward_mark)
{
	uint64_t begin_ns = clock_mono_ns(), end_ns;

	if (insert_entries(w, entries) != 0 || set_forward_mark(w, forward_mark) != 0 ||
		forget_sessions(w) != 0 || count_pages(w, &w->next) != 0)
		return FAILED;
	/* As long again as the rest took: it gets half of the time, and so keeps up. */
	end_ns = clock_mono_ns();
	return evict(w, end_ns + (end_ns - begin_ns) + EVICT_NS);
}

static enum outcome
run_transaction(struct store_writer *w, const struct store_entry *entries,
	uint64_t forward_mark, char error[STORE_ERROR_MAX])
{
	enum outcome outcome;

	w->next = w->now;
	if (begin(w, error) != 0)
		return FAILED;
	outcome = fill_transaction(w, entries, forward_mark);
	if (outcome == DONE && run(w, COMMIT) != 0)
		outcome = FAILED;
	if (outcome == DONE)
		return DONE;
	store_sql_explain(w->db, error);
	/* SQLite has done that itself after some errors, and not after others. */
	if (sqlite3_get_autocommit(w->db) == 0)
		(void)run(w, ROLLBACK);
	return outcome;
}

static bool
has_work(const struct store_writer *w, uint64_t forward_mark)
{
	return forward_mark != w->now.forward_mark || is_over(w, &w->now) ||
	       forgetting_is_due(w);
}

int
store_writer_commit(struct store_writer *w, const struct store_entry *entries,
	uint64_t forward_mark, char error[STORE_ERROR_MAX])
{
	bool forgets = forgetting_is_due(w);
	enum outcome outcome;

	if (entries == NULL && !has_work(w, forward_mark)) {
		w->is_behind = false;
		return 0;
	}
	outcome = run_transaction(w, entries, forward_mark, error);
	if (outcome == CANNOT_EVICT) {
		rest_from_evicting(w, error);
		outcome = run_transaction(w, entries, forward_mark, error);
	}
	if (outcome != DONE)
		return -1;
	note_evicting(w);
	accept_contents(w);
	w->is_behind = is_over(w, &w->now);
	if (forgets)
		w->forget_at_ns = clock_mono_ns() + FORGET_INTERVAL_NS;
	return 0;
}

bool
store_writer_wants_checkpoint(const struct store_writer *w)
{
	return w->wal_bytes >= w->checkpoint_at_bytes;
}

/*
 * The log begins anew with the next transaction, if all of it has been copied and nobody
 * reads it.  It is not cut to nothing: to overwrite a file is quicker than to let it
 * grow.
 */
int
store_writer_checkpoint(
	struct store_writer *w, bool is_alone, char error[STORE_ERROR_MAX])
{
	int mode = is_alone ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
	int result;

	w->is_patient = false;
	result = sqlite3_wal_checkpoint_v2(w->db, "main", mode, NULL, NULL);
	w->is_patient = true;
	if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) {
		store_sql_explain(w->db, error);
		return -1;
	}
	if (is_alone && result == SQLITE_OK) {
		w->wal_bytes = 0;
		w->checkpoint_at_bytes = w->options.wal_bytes;
	} else if (is_alone) {
		/* Not after every transaction while another program reads. */
		w->checkpoint_at_bytes = w->wal_bytes + w->options.wal_bytes;
	}
	return 0;
}
