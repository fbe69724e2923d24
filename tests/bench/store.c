/*
 * store: the store against a bare loop of SQLite with the same rows.
 *
 * Both insert batches of 256 KiB of the classic message, four a transaction, and sync
 * each transaction; the bare loop does nothing else.  A round is bare, store, bare.  The
 * arguments are a folder on the disk to be measured and how many batches (1000).
 *
 * SPDX-License-Identifier: MIT
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "messages/store.h"

#define ROUNDS 5
#define BATCH_BYTES ((size_t)256 * 1024)
#define BATCHES_A_TRANSACTION 4

static uint8_t message[] = "{\"send_user\": \"Lyon\", \"send_time\": \"2026-01-01 "
			   "00:00:00\", \"send_msg\": \"BIO test...\"}";
static const char *const files[] = {
	"bench.db", "bench.db-wal", "bench.db-shm", "bench.db.lock"};

static void
fail(const char *what)
{
	(void)fprintf(stderr, "store: %s\n", what);
	exit(EXIT_FAILURE);
}

static void
remove_files(void)
{
	for (size_t i = 0; i < COUNT_OF(files); i++)
		(void)unlink(files[i]);
}

static struct batch *
make_batch(void)
{
	const struct origin origin = {.connection = 1, .peer = "127.0.0.1:40000"};
	struct batch_builder builder = {0};
	struct batch *batch;

	for (size_t bytes = 0; bytes < BATCH_BYTES; bytes += sizeof message)
		if (batch_append(&builder, message, sizeof message - 1, BATCH_BYTES) != 0)
			fail("out of memory");
	batch = batch_finish(&builder, &origin);
	if (batch == NULL)
		fail("out of memory");
	return batch;
}

static void
run_sql(sqlite3 *db, const char *statements)
{
	if (sqlite3_exec(db, statements, NULL, NULL, NULL) != SQLITE_OK)
		fail(sqlite3_errmsg(db));
}

static void
insert(sqlite3_stmt *statement, const struct batch *batch, uint64_t id)
{
	(void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)id);
	(void)sqlite3_bind_int64(statement, 2, (sqlite3_int64)batch->count);
	(void)sqlite3_bind_int64(statement, 3, clock_wall_us());
	(void)sqlite3_bind_int64(statement, 4, 1);
	(void)sqlite3_bind_text(statement, 5, batch->origin.peer, -1, SQLITE_STATIC);
	(void)sqlite3_bind_text(statement, 7, "stream", -1, SQLITE_STATIC);
	(void)sqlite3_bind_text64(
		statement, 8, batch->body, batch->body_len, SQLITE_STATIC, SQLITE_UTF8);
	if (sqlite3_step(statement) != SQLITE_DONE)
		fail("no insert");
	(void)sqlite3_reset(statement);
}

/* Messages a second. */
static double
measure_bare(const struct batch *batch, unsigned batches)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	uint64_t begin_ns, taken_ns;

	remove_files();
	if (sqlite3_open(files[0], &db) != SQLITE_OK)
		fail("no file");
	run_sql(db,
		"PRAGMA page_size=16384; PRAGMA journal_mode=WAL;"
		"PRAGMA synchronous=FULL; CREATE TABLE batch(first_id INTEGER PRIMARY"
		" KEY, count, received_us, connection, peer, name, framing, body TEXT)");
	if (sqlite3_prepare_v2(db, "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		    -1, &statement, NULL) != SQLITE_OK)
		fail(sqlite3_errmsg(db));
	begin_ns = clock_mono_ns();
	for (unsigned i = 0; i < batches; i++) {
		if (i % BATCHES_A_TRANSACTION == 0)
			run_sql(db, "BEGIN");
		insert(statement, batch, (uint64_t)i * batch->count + 1);
		if (i % BATCHES_A_TRANSACTION == BATCHES_A_TRANSACTION - 1)
			run_sql(db, "COMMIT");
	}
	taken_ns = clock_mono_ns() - begin_ns;
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	remove_files();
	return (double)batches * batch->count / ((double)taken_ns / CLOCK_NS_PER_S);
}

static void
append_all(struct store *s, struct batch *batches)
{
	uint64_t ticket = 0;

	while (batches != NULL) {
		struct batch *next = batches->next;
		struct store_entry *entry;

		if (store_admit(s, batches, NULL, CLOCK_NEVER, &entry) != STORE_OK)
			fail("the store takes no more");
		ticket = store_append(s, entry);
		batches = next;
	}
	if (store_wait(s, ticket, CLOCK_NEVER) != STORE_OK)
		fail("the store does not commit");
}

static double
measure_store(unsigned batches, struct histogram *commit_us)
{
	/* Room for four batches is what makes transactions of four. */
	const struct store_options options = {.path = files[0],
		.queue_bytes = BATCHES_A_TRANSACTION * (BATCH_BYTES + BATCH_BYTES / 10)};
	uint64_t begin_ns, taken_ns, messages = 0;
	struct store_numbers numbers;
	struct batch *chain = NULL;
	struct store *s;

	remove_files();
	for (unsigned i = 0; i < batches; i++) {
		struct batch *batch = make_batch();

		messages += batch->count;
		batch->next = chain;
		chain = batch;
	}
	s = store_open(&options);
	if (s == NULL)
		fail("no store");
	begin_ns = clock_mono_ns();
	append_all(s, chain);
	taken_ns = clock_mono_ns() - begin_ns;
	store_numbers(s, &numbers);
	*commit_us = numbers.commit_us;
	if (store_close(s, CLOCK_NEVER) != 0 || numbers.extent.messages != messages)
		fail("messages were lost");
	remove_files();
	return (double)messages / ((double)taken_ns / CLOCK_NS_PER_S);
}

int
main(int argc, char *argv[])
{
	unsigned batches = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000;
	struct batch *batch = make_batch();

	if (argc < 2 || batches == 0 || chdir(argv[1]) != 0)
		fail("usage: store FOLDER [BATCHES]");
	for (int round = 1; round <= ROUNDS; round++) {
		double before = measure_bare(batch, batches), own, after;
		struct histogram commit_us;

		own = measure_store(batches, &commit_us);
		after = measure_bare(batch, batches);
		(void)printf(
			"round %d: ratio %.2f, noise %.2f, %.0f messages/s in %" PRIu64
			" transactions, p50 %.0f us, p99 %.0f us\n",
			round, own / ((before + after) / 2), after / before, own,
			commit_us.count, histogram_quantile(&commit_us, 0.5),
			histogram_quantile(&commit_us, 0.99));
		(void)fflush(stdout);
	}
	batch_release(batch);
	return EXIT_SUCCESS;
}
