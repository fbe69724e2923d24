/*
 * store: a bare loop of SQLite as a yardstick, and the store's module alone beside it.
 *
 *   store bare|module FILE --batches N
 *
 * Both insert the same rows into a new file, batches of 256 KiB of the one message, four
 * a transaction, and sync each transaction; the bare loop does nothing else, and leaves
 * checkpoints to SQLite.  The batches are made before the clock starts, which runs until
 * the last one is committed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "messages/store.h"
#include "payload.h"
#include "tool.h"

#define BATCH_BYTES ((size_t)256 * 1024)
#define BATCHES_A_TRANSACTION 4

static struct batch *
make_batch(const struct payload *payload)
{
	const struct origin origin = {.connection = 1, .peer = "127.0.0.1:40000"};
	struct batch_builder builder = {0};
	struct batch *batch;

	for (size_t bytes = 0; bytes < BATCH_BYTES; bytes += payload->len)
		if (batch_append(&builder, (uint8_t *)payload->bytes, payload->len - 1,
			    BATCH_BYTES) != 0)
			errx(EXIT_FAILURE, "out of memory");
	batch = batch_finish(&builder, &origin);
	if (batch == NULL)
		errx(EXIT_FAILURE, "out of memory");
	return batch;
}

static struct batch *
make_batches(const struct payload *payload, unsigned count)
{
	struct batch *batches = NULL;

	for (unsigned i = 0; i < count; i++) {
		struct batch *batch = make_batch(payload);

		batch->next = batches;
		batches = batch;
	}
	return batches;
}

static void
run_sql(sqlite3 *db, const char *statements)
{
	if (sqlite3_exec(db, statements, NULL, NULL, NULL) != SQLITE_OK)
		errx(EXIT_FAILURE, "%s", sqlite3_errmsg(db));
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
		errx(EXIT_FAILURE, "no insert");
	(void)sqlite3_reset(statement);
}

/* How many messages. */
static uint64_t
insert_all(sqlite3 *db, sqlite3_stmt *statement, const struct batch *batches)
{
	uint64_t messages = 0;
	unsigned waiting = 0;

	for (const struct batch *b = batches; b != NULL; b = b->next) {
		if (waiting == 0)
			run_sql(db, "BEGIN");
		insert(statement, b, messages + 1);
		messages += b->count;
		if (++waiting == BATCHES_A_TRANSACTION || b->next == NULL) {
			run_sql(db, "COMMIT");
			waiting = 0;
		}
	}
	return messages;
}

static double
measure_bare(const char *path, struct batch *batches, uint64_t *messages)
{
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	double begin_s, took_s;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		errx(EXIT_FAILURE, "%s: no such file", path);
	run_sql(db,
		"PRAGMA page_size=16384; PRAGMA journal_mode=WAL;"
		"PRAGMA synchronous=FULL; CREATE TABLE batch(first_id INTEGER PRIMARY"
		" KEY, count, received_us, connection, peer, name, framing, body TEXT)");
	if (sqlite3_prepare_v2(db, "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		    -1, &statement, NULL) != SQLITE_OK)
		errx(EXIT_FAILURE, "%s", sqlite3_errmsg(db));
	begin_s = tool_now_s();
	*messages = insert_all(db, statement, batches);
	took_s = tool_now_s() - begin_s;
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	batch_release_chain(batches);
	return took_s;
}

static void
append_all(struct store *s, struct batch *batches, uint64_t *messages)
{
	uint64_t ticket = 0;

	while (batches != NULL) {
		struct batch *next = batches->next;
		struct store_entry *entry;

		*messages += batches->count;
		if (store_admit(s, batches, NULL, CLOCK_NEVER, &entry) != STORE_OK)
			errx(EXIT_FAILURE, "the store takes no more");
		ticket = store_append(s, entry);
		batches = next;
	}
	if (store_wait(s, ticket, CLOCK_NEVER) != STORE_OK)
		errx(EXIT_FAILURE, "the store does not commit");
}

static double
measure_module(const char *path, struct batch *batches, uint64_t *messages)
{
	/* Room for four batches is what makes transactions of four. */
	const struct store_options options = {.path = path,
		.queue_bytes = BATCHES_A_TRANSACTION * (BATCH_BYTES + BATCH_BYTES / 10)};
	struct store *s = store_open(&options);
	double begin_s, took_s;

	if (s == NULL)
		errx(EXIT_FAILURE, "no store");
	begin_s = tool_now_s();
	append_all(s, batches, messages);
	took_s = tool_now_s() - begin_s;
	if (store_close(s, CLOCK_NEVER) != 0)
		errx(EXIT_FAILURE, "messages were lost");
	return took_s;
}

static _Noreturn void
usage(void)
{
	errx(EXIT_FAILURE, "usage: store bare|module FILE --batches N");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"batches", required_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	static struct payload payload;
	struct batch *batches;
	uint64_t messages = 0;
	unsigned count = 0;
	double took_s;
	bool is_bare;
	int which;

	while ((which = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (which != 'b')
			exit(EXIT_FAILURE);
		count = (unsigned)tool_parse_number("batches", optarg, 1, 1e6);
	}
	if (count == 0 || argc - optind != 2)
		usage();
	is_bare = strcmp(argv[optind], "bare") == 0;
	if (!is_bare && strcmp(argv[optind], "module") != 0)
		usage();
	payload_init_seed(&payload);
	batches = make_batches(&payload, count);
	took_s = (is_bare ? measure_bare : measure_module)(
		argv[optind + 1], batches, &messages);
	(void)printf(
		"{\"messages\": %" PRIu64 ", \"seconds\": %.6f}\n", messages, took_s);
	return EXIT_SUCCESS;
}
