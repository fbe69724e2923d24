/*
 * store_test: what is kept, how it is read back, who is let in, what leaves.
 *
 * What broken disks and power losses do to it stands in store_fault_test.c.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/lock.h"
#include "faulty_vfs.h"
#include "store_kit.h"

static struct kit kit;

/* Appends and waits for the commit. */
static void
keep(struct store *s, struct batch *batch)
{
	uint64_t ticket = 0;

	if (EXPECT_INT(STORE_OK, kit_append(s, batch, NULL, kit_soon(), &ticket)))
		EXPECT_INT(STORE_OK, store_wait(s, ticket, kit_soon()));
	else
		batch_release(batch);
}

static void
what_was_appended_is_read_back_byte_for_byte(void)
{
	static const char *const messages[] = {"{\"b\" : 1, \"a\":1.0e+5,\"b\":2}",
		"\"\\ud800\"", "-0", "[ ]", "null", "\"\\u0000 \xc3\xa9\""};
	const struct origin origin = {
		.connection = 7, .framing = FRAMING_rs, .peer = "[::1]:9", .name = "é"};
	struct store *s = kit_open(&kit);
	struct batch *batch = kit_batch_of(messages, COUNT_OF(messages), &origin);
	struct batch *got = NULL;

	batch_hold(batch);
	keep(s, batch);
	EXPECT_INT(STORE_OK, store_read(s, 3, STORE_ASCENDING, 1, &got));
	if (EXPECT(got != NULL)) {
		EXPECT_BYTES(batch->body, batch->body_len, got->body, got->body_len);
		EXPECT_INT(1, got->first_id);
		EXPECT_INT(COUNT_OF(messages), got->count);
		EXPECT_INT(batch->received_us, got->received_us);
		EXPECT_INT(7, got->origin.connection);
		EXPECT_INT(FRAMING_rs, got->origin.framing);
		EXPECT_TEXT("[::1]:9", got->origin.peer);
		EXPECT_TEXT("é", got->origin.name);
	}
	batch_release_chain(got);
	batch_release(batch);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("6", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

static void
the_view_shows_every_type_as_json(void)
{
	static const struct {
		const char *message, *data;
	} rows[] = {
		{"{\"a\":1}", "{\"a\":1}"},
		{"[1, 2]", "[1,2]"},
		{"\"x\\n\\\"y\"", "\"x\\n\\\"y\""},
		{"\"\"", "\"\""},
		{"true", "true"},
		{"false", "false"},
		{"null", "null"},
		{"17", "17"},
		{"-1.5", "-1.5"},
		{"1e999", "9e999"},
		{"-1e999", "-9e999"},
		{"99999999999999999999", "1.0e+20"},
	};
	const struct origin origin = {.connection = 3, .peer = "peer"};
	struct store *s = kit_open(&kit);
	const char *messages[COUNT_OF(rows)];
	char query[100];

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		messages[i] = rows[i].message;
	keep(s, kit_batch_of(messages, COUNT_OF(rows), &origin));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tap_context("%s", rows[i].message);
		(void)snprintf(query, sizeof query,
			"SELECT data FROM message WHERE id = %zu", i + 1);
		EXPECT_TEXT(rows[i].data, kit_query(&kit, query));
	}
	tap_context("all");
	EXPECT_TEXT("12", kit_query(&kit, "SELECT sum(json_valid(data)) FROM message"));
	EXPECT_TEXT("1", kit_query(&kit, "SELECT sum(data->>'a') FROM message"));
	EXPECT_TEXT("3|peer|NULL|1",
		kit_query(&kit,
			"SELECT connection || '|' || peer || '|' || ifnull(name, 'NULL')"
			" || '|' || batch FROM message WHERE batch = 1"));
	EXPECT_TEXT(
		"1", kit_query(&kit, "SELECT received_at GLOB "
				     "'[0-9]*-[0-9]*-[0-9]*T[0-9]*:[0-9]*:[0-9]*.[0-9]*Z'"
				     " AND length(received_at) = 27 FROM message"));
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

/* Reads on from `id` until the end, in pages; how many messages came in one sequence. */
static uint64_t
page_through(struct store *s, uint64_t id, enum store_order order, size_t max_bytes)
{
	struct batch *page = NULL;
	uint64_t messages = 0;

	while (store_read(s, id, order, max_bytes, &page) == STORE_OK && page != NULL) {
		for (struct batch *b = page; b != NULL; b = b->next) {
			uint64_t last_id = b->first_id + b->count - 1;

			EXPECT_INT(id, order == STORE_ASCENDING ? b->first_id : last_id);
			id = order == STORE_ASCENDING ? last_id + 1 : b->first_id - 1;
			messages += b->count;
		}
		batch_release_chain(page);
		page = NULL;
	}
	EXPECT(page == NULL);
	return messages;
}

static void
pages_have_no_gap_and_no_repeat(void)
{
	static const size_t sizes[] = {1, 1000, 4000, 1 << 20};
	struct store *s = kit_open(&kit);
	struct batch *page = NULL;

	EXPECT_INT(STORE_OK, store_read(s, 1, STORE_ASCENDING, 1, &page));
	EXPECT(page == NULL);
	for (unsigned i = 1; i <= 40; i++)
		keep(s, kit_batch(i, i, (size_t)i * 7));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		tap_context("pages of %zu bytes", sizes[i]);
		EXPECT_INT(820, page_through(s, 1, STORE_ASCENDING, sizes[i]));
		EXPECT_INT(820, page_through(s, 820, STORE_DESCENDING, sizes[i]));
	}
	tap_context("beyond the newest");
	EXPECT_INT(STORE_OK, store_read(s, 821, STORE_ASCENDING, 1, &page));
	EXPECT(page == NULL);
	EXPECT_INT(STORE_OK, store_read(s, UINT64_MAX, STORE_DESCENDING, 1, &page));
	if (EXPECT(page != NULL))
		EXPECT_INT(781, page->first_id);
	batch_release_chain(page);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

static void
numbers_and_times_go_on_after_a_restart(void)
{
	char instance[UUID_MAX] = "";
	int64_t last_us = 0;
	uint64_t next_id = 1;

	for (unsigned run = 1; run <= 4; run++) {
		struct store *s = kit_open(&kit);
		struct batch *batch = kit_batch(run, run, 10);

		tap_context("run %u", run);
		if (run == 1)
			(void)snprintf(
				instance, sizeof instance, "%s", store_instance(s));
		EXPECT_TEXT(instance, store_instance(s));
		EXPECT_INT(36, strlen(store_instance(s)));
		batch_hold(batch);
		keep(s, batch);
		EXPECT_INT(next_id, batch->first_id);
		EXPECT(batch->received_us >= last_us);
		next_id += run;
		last_us = batch->received_us;
		batch_release(batch);
		EXPECT_INT(0, kit_close(s));
		/* Somebody sets the clock back: the file's newest time is ahead of it. */
		if (run == 2) {
			last_us += 3600 * CLOCK_US_PER_S;
			(void)kit_query(&kit, "UPDATE batch SET received_us = received_us"
					      " + 3600000000 WHERE first_id = 2");
		}
	}
	EXPECT_TEXT("10", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

static void
a_time_is_found_at_its_first_batch(void)
{
	struct store *s = kit_open(&kit);
	uint64_t id = 0;

	EXPECT_INT(STORE_OK, store_find_time(s, 0, &id));
	EXPECT_INT(1, id);
	for (unsigned i = 1; i <= 100; i++)
		keep(s, kit_batch(i, 3, 1));
	EXPECT_INT(0, kit_close(s));
	(void)kit_query(&kit, "UPDATE batch SET received_us = (first_id - 1) / 6 * 10");
	s = kit_open(&kit);
	for (int64_t t = 0; t <= 490; t++) {
		tap_context("time %lld", (long long)t);
		EXPECT_INT(STORE_OK, store_find_time(s, t, &id));
		EXPECT_INT((t + 9) / 10 * 6 + 1, id);
	}
	EXPECT_INT(STORE_OK, store_find_time(s, 491, &id));
	EXPECT_INT(301, id);
	EXPECT_INT(STORE_OK, store_find_time(s, INT64_MAX, &id));
	EXPECT_INT(301, id);
	EXPECT_INT(STORE_OK, store_find_time(s, INT64_MIN, &id));
	EXPECT_INT(1, id);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

static void
a_session_goes_on_where_it_was(void)
{
	struct store_options options = kit_options(&kit);
	struct store_mark mark = {"pump/uuid", 1000};
	struct store *s;
	uint64_t last = 99;

	options.session_ttl_s = 3600;
	s = store_open(&options);
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/uuid", kit_soon(), &last));
	EXPECT_INT(0, last);
	EXPECT_INT(STORE_OK, kit_append(s, kit_batch(1, 2, 3), &mark, kit_soon(), NULL));
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/uuid", kit_soon(), &last));
	EXPECT_INT(1000, last);
	mark.last = 1003;
	EXPECT_INT(STORE_OK, kit_append(s, NULL, &mark, kit_soon(), NULL));
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/uuid", kit_soon(), &last));
	EXPECT_INT(1003, last);
	EXPECT_TEXT("2", kit_query(&kit, "SELECT sum(count) FROM batch"));
	EXPECT_INT(0, kit_close(s));
	s = store_open(&options);
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/uuid", kit_soon(), &last));
	EXPECT_INT(1003, last);
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/other", kit_soon(), &last));
	EXPECT_INT(0, last);
	EXPECT_INT(0, kit_close(s));
	tap_context("its time is over");
	(void)kit_query(&kit, "UPDATE session SET updated_us = updated_us - 3601000000");
	s = store_open(&options);
	keep(s, kit_batch(2, 1, 1));
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/uuid", kit_soon(), &last));
	EXPECT_INT(0, last);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

/* Opens the file in its state and expects the log to say why that fails. */
static void
expect_refused(const char *reason)
{
	int saved = dup(STDERR_FILENO), fd = memfd_create("log", MFD_CLOEXEC);
	char log[1024] = "";
	struct store *s;
	ssize_t len;

	EXPECT(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	s = kit_open(&kit);
	EXPECT(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	len = pread(fd, log, sizeof log - 1, 0);
	(void)close(fd);
	if (!EXPECT(s == NULL)) {
		EXPECT_INT(0, kit_close(s));
		return;
	}
	log[len > 0 ? len : 0] = '\0';
	if (strstr(log, reason) == NULL || strstr(log, kit.folder) == NULL)
		EXPECT_TEXT(reason, log);
}

static void
a_second_server_is_refused(void)
{
	struct store *s = kit_open(&kit);
	char reason[80];

	(void)snprintf(reason, sizeof reason, "in use by another server, process %ld",
		(long)getpid());
	expect_refused(reason);
	keep(s, kit_batch(1, 1, 1));
	EXPECT_INT(0, kit_close(s));
	s = kit_open(&kit);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

static void
a_file_that_is_not_ours_is_left_alone(void)
{
	struct store *s = kit_open(&kit);
	FILE *f;

	keep(s, kit_batch(1, 1, 1));
	EXPECT_INT(0, kit_close(s));
	(void)kit_query(&kit, "PRAGMA user_version = 2");
	expect_refused("written by a newer version");
	EXPECT_TEXT("1", kit_query(&kit, "SELECT count(*) FROM batch"));
	(void)kit_query(&kit, "PRAGMA application_id = 17");
	expect_refused("database of another program");
	kit_clear(&kit);
	f = fopen(kit.path, "we");
	EXPECT(fputs("This is a letter and no database, though it is long enough to be "
		     "one: a hundred bytes is what the head of a database takes.",
		       f) >= 0);
	EXPECT_INT(0, fclose(f));
	expect_refused("is not an SQLite database");
	kit_clear(&kit);
	EXPECT_INT(0, mkdir(kit.path, 0700));
	expect_refused("cannot be opened");
	EXPECT_INT(0, rmdir(kit.path));
	kit_clear(&kit);
}

static void
a_foreign_database_is_not_even_touched(void)
{
	char lock_path[KIT_PATH_MAX + 32];
	char *before = NULL;
	sqlite3 *db = NULL;

	EXPECT_INT(SQLITE_OK, sqlite3_open_v2(kit.path, &db,
				      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_close(db));
	expect_refused("database of another program");
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", kit.path);
	EXPECT_INT(-1, access(lock_path, F_OK));
	before = strdup(kit_query(&kit, "SELECT group_concat(name) FROM sqlite_schema"));
	EXPECT_TEXT("t", before);
	EXPECT_TEXT("delete", kit_query(&kit, "PRAGMA journal_mode"));
	free(before);
	kit_clear(&kit);
}

/* In a child without root's rights.  The store must not open, for this reason. */
static void
expect_refused_to_nobody(const char *reason)
{
	unsigned failures = tap.failures;
	int status = -1;
	pid_t child = fork();

	if (child == 0) {
		/* Root may write whatever the modes say. */
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		expect_refused(reason);
		_exit(tap.failures == failures ? 0 : 1);
	}
	EXPECT_INT(child, waitpid(child, &status, 0));
	EXPECT_INT(0, status);
}

static void
without_rights_it_says_so(void)
{
	char lock_path[KIT_PATH_MAX + 32], log_path[KIT_PATH_MAX + 32];

	(void)snprintf(log_path, sizeof log_path, "%s-wal", kit.path);
	(void)snprintf(lock_path, sizeof lock_path, "%s.lock", kit.path);
	EXPECT_INT(0, kit_close(kit_open(&kit)));
	EXPECT_INT(0, chmod(kit.folder, 0777));
	EXPECT_INT(0, chmod(kit.path, 0444));
	EXPECT_INT(0, chmod(lock_path, 0666));
	expect_refused_to_nobody("cannot write to it: Permission denied");
	EXPECT_INT(-1, access(log_path, F_OK));
	EXPECT_INT(0, chmod(kit.path, 0666));
	EXPECT_INT(0, chmod(lock_path, 0444));
	expect_refused_to_nobody("cannot write to it: Permission denied");
	EXPECT_INT(0, unlink(lock_path));
	EXPECT_INT(0, chmod(kit.folder, 0555));
	expect_refused_to_nobody("cannot write to its folder: Permission denied");
	EXPECT_INT(0, unlink(kit.path));
	expect_refused_to_nobody("cannot write to its folder: Permission denied");
	EXPECT_INT(0, chmod(kit.folder, 0700));
	kit_clear(&kit);
}

static void
a_damaged_file_is_refused(void)
{
	char zeros[4096];
	struct store *s = kit_open(&kit);
	int fd;

	memset(zeros, 0x5a, sizeof zeros);
	for (unsigned i = 1; i <= 20; i++)
		keep(s, kit_batch(i, 10, 100));
	EXPECT_INT(0, kit_close(s));
	fd = open(kit.path, O_WRONLY | O_CLOEXEC);
	for (off_t page = 1; page < 8; page++)
		EXPECT_INT(sizeof zeros,
			pwrite(fd, zeros, sizeof zeros, page * (off_t)sizeof zeros));
	(void)close(fd);
	expect_refused("is damaged");
	kit_clear(&kit);
}

static void
a_damaged_row_is_left_out(void)
{
	static const char *const bodies[] = {
		"", "[]", "[1", "1]", "[1,2]", "[1,]", "[01]", "[1 ]", "[1]]", "{}", "x"};
	char query[100];

	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct store *s = kit_open(&kit);
		struct batch *page = NULL;

		tap_context("body %s", bodies[i]);
		for (unsigned n = 1; n <= 3; n++)
			keep(s, kit_batch(n, 1, 1));
		(void)snprintf(query, sizeof query,
			"UPDATE batch SET body = '%s' WHERE first_id = 2", bodies[i]);
		(void)kit_query(&kit, query);
		EXPECT_INT(STORE_OK, store_read(s, 1, STORE_ASCENDING, 1 << 20, &page));
		if (EXPECT(page != NULL && page->next != NULL))
			EXPECT_INT(3, page->next->first_id);
		batch_release_chain(page);
		EXPECT_INT(0, kit_close(s));
		kit_clear(&kit);
	}
}

#define PAGE_BYTES 16384
/* A body of so much takes more pages than the one of its row. */
#define LONG_BYTES 60000

/*
 * Breaks the chain of pages of the batch that kit_batch made long of this seed: a page of
 * the chain begins with the number of the next one.
 */
static void
break_chain(uint64_t seed)
{
	static const char nowhere[] = {'\xff', '\xff', '\xff', '\xf0'};
	int fd = open(kit.path, O_RDWR | O_CLOEXEC);
	char page[PAGE_BYTES], body[PAGE_BYTES];
	off_t at = 0;

	memset(body, 'a' + (int)(seed % 26), sizeof body);
	while (pread(fd, page, sizeof page, at) == PAGE_BYTES &&
		memcmp(page + sizeof nowhere, body, PAGE_BYTES - sizeof nowhere) != 0)
		at += PAGE_BYTES;
	EXPECT_INT(sizeof nowhere, pwrite(fd, nowhere, sizeof nowhere, at));
	(void)close(fd);
}

/* 0: the page is empty. */
static uint64_t
first_of_page(struct store *s, uint64_t id, enum store_order order, size_t max_bytes)
{
	struct batch *page = NULL;
	uint64_t first_id;

	EXPECT_INT(STORE_OK, store_read(s, id, order, max_bytes, &page));
	first_id = page != NULL ? page->first_id : 0;
	batch_release_chain(page);
	return first_id;
}

/* So many batches of one long message each. */
static void
make_long_batches(unsigned count)
{
	struct store *s = kit_open(&kit);

	for (unsigned i = 1; i <= count; i++)
		keep(s, kit_batch(i, 1, LONG_BYTES));
	EXPECT_INT(0, kit_close(s));
}

static void
what_stands_on_broken_pages_is_left_out(void)
{
	static const size_t sizes[] = {1, 1 << 20};
	struct batch *page = NULL;
	struct store *s;

	make_long_batches(6);
	break_chain(1);
	break_chain(3);
	break_chain(4);
	break_chain(6);
	s = kit_open(&kit);
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		tap_context("pages of %zu bytes", sizes[i]);
		for (uint64_t id = 0; id <= 7; id++) {
			uint64_t above = id <= 2 ? 2 : id <= 5 ? 5 : 0;
			uint64_t below = id >= 5 ? 5 : id >= 2 ? 2 : 0;

			EXPECT_INT(
				above, first_of_page(s, id, STORE_ASCENDING, sizes[i]));
			EXPECT_INT(
				below, first_of_page(s, id, STORE_DESCENDING, sizes[i]));
		}
	}
	EXPECT_INT(STORE_OK, store_read(s, 1, STORE_ASCENDING, 1 << 20, &page));
	if (EXPECT(page != NULL && page->next != NULL)) {
		EXPECT_INT(5, page->next->first_id);
		EXPECT(page->next->next == NULL);
	}
	batch_release_chain(page);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

static void
wait_until_left(struct store *s, uint64_t first_id, uint64_t id)
{
	uint64_t deadline_ns = kit_soon();
	struct store_numbers numbers;

	do {
		store_numbers(s, &numbers);
		(void)sched_yield();
	} while (numbers.extent.oldest_id != id && clock_mono_ns() < deadline_ns);
	EXPECT_INT(id, numbers.extent.oldest_id);
	EXPECT_INT(id - first_id, numbers.evicted);
}

static void
wait_until_oldest(struct store *s, uint64_t id)
{
	wait_until_left(s, 1, id);
}

static void
what_cannot_leave_keeps_nothing_out(void)
{
	struct store_options options = kit_options(&kit);
	struct store_numbers numbers;
	struct store_state state;
	struct store *s;

	make_long_batches(5);
	break_chain(3);
	options.retain.messages = 2;
	s = store_open(&options);
	keep(s, kit_batch(6, 1, 1));
	keep(s, kit_batch(7, 1, 1));
	wait_until_oldest(s, 3);
	store_state(s, &state);
	EXPECT(!state.is_failing);
	store_numbers(s, &numbers);
	EXPECT_INT(7, numbers.extent.newest_id);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("5", kit_query(&kit, "SELECT count(*) FROM batch"));
	kit_clear(&kit);
}

/* A program that keeps the file's write lock. */
static sqlite3 *
lock_elsewhere(void)
{
	sqlite3 *db = NULL;

	EXPECT_INT(
		SQLITE_OK, sqlite3_open_v2(kit.path, &db, SQLITE_OPEN_READWRITE, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL));
	return db;
}

static void
unlock_elsewhere(sqlite3 *db)
{
	EXPECT_INT(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_close(db));
}

static void
wait_for_recovery(struct store *s, uint64_t ticket)
{
	uint64_t deadline_ns = kit_soon();
	enum store_result result;

	do
		result = store_wait(s, ticket, deadline_ns);
	while (result == STORE_UNAVAILABLE && clock_mono_ns() < deadline_ns);
	EXPECT_INT(STORE_OK, result);
}

static void
a_lock_elsewhere_is_waited_for(void)
{
	struct store_options options = kit_options(&kit);
	struct store_state state;
	uint64_t ticket = 0;
	struct store *s;
	sqlite3 *db;

	options.busy_ms = 10;
	s = store_open(&options);
	db = lock_elsewhere();
	EXPECT_INT(
		STORE_OK, kit_append(s, kit_batch(1, 1, 1), NULL, kit_soon(), &ticket));
	EXPECT_INT(STORE_UNAVAILABLE, store_wait(s, ticket, kit_soon()));
	store_state(s, &state);
	EXPECT(state.is_failing);
	EXPECT(state.since_us > 0 && state.since_us <= clock_wall_us());
	if (strstr(state.text, "another program holds a lock on") == NULL)
		EXPECT_TEXT("another program holds a lock on", state.text);
	unlock_elsewhere(db);
	wait_for_recovery(s, ticket);
	store_state(s, &state);
	EXPECT(!state.is_failing);
	EXPECT_TEXT("", state.text);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("1", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

static void
what_cannot_be_flushed_is_called_lost(void)
{
	struct store_options options = kit_options(&kit);
	struct store *s;
	sqlite3 *db;

	options.busy_ms = KIT_PATIENCE_MS;
	s = store_open(&options);
	db = lock_elsewhere();
	for (unsigned i = 1; i <= 5; i++)
		EXPECT_INT(STORE_OK,
			kit_append(s, kit_batch(i, i, 1), NULL, kit_soon(), NULL));
	EXPECT_INT(15, store_close(s, clock_deadline_ns(50)));
	unlock_elsewhere(db);
	EXPECT_TEXT("0", kit_query(&kit, "SELECT count(*) FROM batch"));
	kit_clear(&kit);
}

/* The file whose name ends so is moved away, and back. */
static void
expect_move_is_noticed(const char *suffix)
{
	char path[KIT_PATH_MAX + 32], elsewhere[KIT_PATH_MAX + 40];
	char reason[KIT_PATH_MAX + 64];
	struct store *s = kit_open(&kit);
	struct store_state state;
	uint64_t ticket = 0;

	tap_context("bio.db%s", suffix);
	(void)snprintf(path, sizeof path, "%s%s", kit.path, suffix);
	(void)snprintf(elsewhere, sizeof elsewhere, "%s.moved", path);
	(void)snprintf(reason, sizeof reason, "%s was moved or deleted", path);
	keep(s, kit_batch(1, 1, 1));
	EXPECT_INT(0, rename(path, elsewhere));
	EXPECT_INT(
		STORE_OK, kit_append(s, kit_batch(2, 1, 1), NULL, kit_soon(), &ticket));
	EXPECT_INT(STORE_UNAVAILABLE, store_wait(s, ticket, kit_soon()));
	store_state(s, &state);
	EXPECT_TEXT(reason, state.text);
	EXPECT_INT(0, rename(elsewhere, path));
	wait_for_recovery(s, ticket);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("2", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

static void
a_file_that_was_moved_is_noticed(void)
{
	expect_move_is_noticed("");
	expect_move_is_noticed("-wal");
}

static void
what_was_stored_survives_the_loss_of_the_log(void)
{
	char path[KIT_PATH_MAX + 32];
	struct store *s = kit_open(&kit);
	uint64_t ticket = 0;

	(void)snprintf(path, sizeof path, "%s-wal", kit.path);
	keep(s, kit_batch(1, 1, 1));
	EXPECT_INT(0, unlink(path));
	EXPECT_INT(
		STORE_OK, kit_append(s, kit_batch(2, 1, 1), NULL, kit_soon(), &ticket));
	EXPECT_INT(STORE_UNAVAILABLE, store_wait(s, ticket, kit_soon()));
	tap_context("an orderly end writes from it what it has");
	EXPECT_INT(1, store_close(s, 0));
	EXPECT_TEXT("1", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

/* An append that waits for room. */
struct appender {
	struct store *store;
	unsigned count;
	enum store_result result;
	atomic_int id; /* of the thread, as /proc has it */
	pthread_t thread;
};

static void *
run_appender(void *argument)
{
	struct appender *a = argument;

	atomic_store(&a->id, gettid());

	for (unsigned i = 1; i <= a->count; i++) {
		struct batch *batch = kit_batch(i, 2, 400);

		a->result = kit_append(a->store, batch, NULL, CLOCK_NEVER, NULL);
		if (a->result != STORE_OK) {
			batch_release(batch);
			break;
		}
	}
	return NULL;
}

static void
start_appender(struct appender *a)
{
	EXPECT_INT(0, thread_start(&a->thread, 1 << 18, run_appender, a));
}

static char
state_of_thread(int id)
{
	char path[64], line[256] = "";
	const char *end;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
	f = fopen(path, "re");
	if (f == NULL)
		return '?';
	(void)!fgets(line, sizeof line, f);
	(void)fclose(f);
	end = strrchr(line, ')');
	return end != NULL && end[1] != '\0' ? end[2] : '?';
}

/* The queue is full: an appender that sleeps waits for room. */
static void
wait_until_waiting(struct appender *a)
{
	uint64_t deadline_ns = kit_soon();

	while (atomic_load(&a->id) == 0 || state_of_thread(atomic_load(&a->id)) != 'S') {
		(void)sched_yield();
		if (!EXPECT(clock_mono_ns() < deadline_ns))
			break;
	}
}

static enum store_result
append_without_waiting(struct store *s, uint64_t seed)
{
	struct batch *batch = kit_batch(seed, 2, 400);
	enum store_result result = kit_append(s, batch, NULL, 0, NULL);

	if (result != STORE_OK)
		batch_release(batch);
	return result;
}

static void
a_full_queue_lets_appends_wait(void)
{
	struct store_options options = kit_options(&kit);
	struct appender appender = {.count = 50};
	struct store_numbers numbers;
	unsigned fitted = 0;
	struct store *s;
	sqlite3 *db;

	options.busy_ms = KIT_PATIENCE_MS;
	options.queue_bytes = 10000;
	s = store_open(&options);
	db = lock_elsewhere();
	while (append_without_waiting(s, fitted) == STORE_OK && fitted < 100)
		fitted++;
	EXPECT(fitted > 5 && fitted < 13);
	store_numbers(s, &numbers);
	EXPECT(numbers.queued_bytes <= 10000);
	EXPECT_INT(fitted * 2, numbers.queued_messages);
	EXPECT_INT(STORE_TIMEOUT, append_without_waiting(s, 0));
	appender.store = s;
	start_appender(&appender);
	wait_until_waiting(&appender);
	unlock_elsewhere(db);
	(void)pthread_join(appender.thread, NULL);
	EXPECT_INT(STORE_OK, appender.result);
	tap_context("a batch larger than the queue");
	keep(s, kit_batch(1, 1, 50000));
	EXPECT_INT(0, kit_close(s));
	EXPECT_INT((fitted + 50) * 2 + 1,
		strtoull(kit_query(&kit, "SELECT sum(count) FROM batch"), NULL, 10));
	kit_clear(&kit);
}

static void
a_full_queue_of_a_failing_store_refuses(void)
{
	struct store_options options = kit_options(&kit);
	struct appender appender = {.count = 50};
	struct store *s;
	sqlite3 *db;

	options.busy_ms = 10;
	options.queue_bytes = 10000;
	s = store_open(&options);
	db = lock_elsewhere();
	appender.store = s;
	start_appender(&appender);
	(void)pthread_join(appender.thread, NULL);
	EXPECT_INT(STORE_UNAVAILABLE, appender.result);
	unlock_elsewhere(db);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("ok", kit_query(&kit, "PRAGMA integrity_check"));
	kit_clear(&kit);
}

static void
a_refusing_store_lets_nobody_wait(void)
{
	struct store_options options = kit_options(&kit);
	struct appender appenders[3];
	struct store *s;
	uint64_t deadline_ns;
	sqlite3 *db;

	options.busy_ms = (uint64_t)2 * KIT_PATIENCE_MS;
	options.queue_bytes = 10000;
	s = store_open(&options);
	db = lock_elsewhere();
	while (append_without_waiting(s, 1) == STORE_OK)
		continue;
	for (size_t i = 0; i < COUNT_OF(appenders); i++) {
		appenders[i] = (struct appender){.store = s, .count = 50};
		start_appender(&appenders[i]);
		wait_until_waiting(&appenders[i]);
	}
	deadline_ns = kit_soon();
	store_refuse(s);
	for (size_t i = 0; i < COUNT_OF(appenders); i++) {
		(void)pthread_join(appenders[i].thread, NULL);
		EXPECT_INT(STORE_CLOSED, appenders[i].result);
	}
	/* They would hear it at the latest when the lock is waited for no more. */
	EXPECT(clock_mono_ns() < deadline_ns);
	EXPECT_INT(STORE_CLOSED, append_without_waiting(s, 1));
	unlock_elsewhere(db);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

/* What the callback sees; the writer's until the store is closed. */
struct sight {
	uint64_t next_id, messages;
	int64_t last_us;
	bool is_in_order;
};

static void
look(void *argument, struct batch *batches)
{
	struct sight *sight = argument;

	for (struct batch *b = batches; b != NULL; b = b->next) {
		if (b->first_id != sight->next_id || b->received_us < sight->last_us)
			sight->is_in_order = false;
		sight->next_id = b->first_id + b->count;
		sight->last_us = b->received_us;
		sight->messages += b->count;
	}
	batch_release_chain(batches);
}

static void
all_is_shown_in_the_order_of_ids(void)
{
	struct store_options options = kit_options(&kit);
	struct sight sight = {.next_id = 1, .is_in_order = true};
	struct appender appenders[4];
	struct store_numbers numbers;
	struct store *s;

	options.committed = look;
	options.argument = &sight;
	options.queue_bytes = 20000;
	s = store_open(&options);
	for (size_t i = 0; i < COUNT_OF(appenders); i++) {
		appenders[i] = (struct appender){.store = s, .count = 500};
		start_appender(&appenders[i]);
	}
	for (size_t i = 0; i < COUNT_OF(appenders); i++) {
		(void)pthread_join(appenders[i].thread, NULL);
		EXPECT_INT(STORE_OK, appenders[i].result);
	}
	keep(s, kit_batch(1, 1, 1));
	store_numbers(s, &numbers);
	EXPECT_INT(0, numbers.queued_bytes);
	EXPECT_INT(4001, numbers.extent.messages);
	EXPECT_INT(4001, numbers.extent.newest_id);
	EXPECT(numbers.commit_us.count > 0 && numbers.commit_us.count <= 2001);
	EXPECT_INT(0, kit_close(s));
	EXPECT(sight.is_in_order);
	EXPECT_INT(4001, sight.messages);
	EXPECT_TEXT("4001", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

/* Retention works behind the commits, so that its end is waited for. */
static void
the_oldest_batches_leave_whole(void)
{
	struct store_options options = kit_options(&kit);
	struct store *s;

	options.retain.messages = 25;
	s = store_open(&options);
	for (unsigned i = 1; i <= 10; i++)
		keep(s, kit_batch(i, 10, 10));
	wait_until_oldest(s, 71);
	tap_context("the newest stays, however large");
	keep(s, kit_batch(1, 100, 10));
	wait_until_oldest(s, 101);
	keep(s, kit_batch(1, 1, 10));
	wait_until_oldest(s, 101);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("101", kit_query(&kit, "SELECT sum(count) FROM batch"));
	kit_clear(&kit);
}

static void
what_is_too_old_leaves_by_itself(void)
{
	struct store_options options = kit_options(&kit);
	struct store *s = kit_open(&kit);

	for (unsigned i = 1; i <= 10; i++)
		keep(s, kit_batch(i, 10, 10));
	EXPECT_INT(0, kit_close(s));
	(void)kit_query(&kit, "UPDATE batch SET received_us = received_us - 100000000"
			      " WHERE first_id < 50");
	options.retain.age_s = 60;
	s = store_open(&options);
	wait_until_oldest(s, 51);
	EXPECT_INT(0, kit_close(s));
	tap_context("all are old, the newest stays");
	(void)kit_query(&kit, "UPDATE batch SET received_us = received_us - 100000000");
	s = store_open(&options);
	keep(s, kit_batch(1, 1, 1));
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("101", kit_query(&kit, "SELECT min(first_id) FROM batch"));
	kit_clear(&kit);
}

static void
the_file_stops_growing(void)
{
	const uint64_t limit = (uint64_t)4 << 20;
	struct store_options options = kit_options(&kit);
	struct store_numbers numbers;
	uint64_t peak = 0;
	struct store *s;

	options.retain.bytes = limit;
	s = store_open(&options);
	for (unsigned i = 1; i <= 600; i++) {
		/* Small and large ones in turn, so that free pages are of all kinds. */
		keep(s, kit_batch(i, 20, i / 50 % 2 == 0 ? 5000 : 200));
		store_numbers(s, &numbers);
		if (numbers.extent.size_bytes > peak)
			peak = numbers.extent.size_bytes;
	}
	EXPECT(numbers.evicted > 5000);
	EXPECT(numbers.extent.messages > 500);
	EXPECT(peak > limit - limit / 4);
	EXPECT(peak < limit + limit / 2);
	EXPECT_INT(0, kit_close(s));
	EXPECT_TEXT("ok", kit_query(&kit, "PRAGMA integrity_check"));
	kit_clear(&kit);
}

static void
what_is_not_forwarded_stays(void)
{
	struct store_options options = kit_options(&kit);
	struct store *s;

	options.retain.messages = 10;
	s = store_open(&options);
	EXPECT(store_forward_mark(s) == STORE_NO_MARK);
	store_set_forward_mark(s, 25);
	for (unsigned i = 1; i <= 10; i++)
		keep(s, kit_batch(i, 10, 10));
	wait_until_oldest(s, 21);
	EXPECT_TEXT("25", kit_query(&kit, "SELECT value FROM meta"
					  " WHERE key = 'forward_mark'"));
	EXPECT_INT(0, kit_close(s));
	s = store_open(&options);
	EXPECT_INT(25, store_forward_mark(s));
	keep(s, kit_batch(1, 1, 1));
	store_set_forward_mark(s, 30);
	keep(s, kit_batch(1, 1, 1));
	wait_until_left(s, 21, 31);
	store_set_forward_mark(s, STORE_NO_MARK);
	keep(s, kit_batch(1, 1, 1));
	wait_until_left(s, 21, 91);
	EXPECT_TEXT("no row", kit_query(&kit, "SELECT value FROM meta"
					      " WHERE key = 'forward_mark'"));
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

/* A thread that reads all the time. */
struct pager {
	struct store *store;
	atomic_bool is_over;
	uint64_t pages;
	pthread_t thread;
};

static void *
run_pager(void *argument)
{
	struct pager *p = argument;
	struct batch *page = NULL;

	while (!atomic_load(&p->is_over)) {
		uint64_t id = UINT64_MAX;

		for (int i = 0; i < 20; i++) {
			if (store_read(p->store, id, STORE_DESCENDING, 1 << 20, &page) !=
					STORE_OK ||
				page == NULL)
				break;
			p->pages++;
			for (struct batch *b = page; b != NULL; b = b->next)
				id = b->first_id - 1;
			batch_release_chain(page);
			page = NULL;
		}
	}
	return NULL;
}

static uint64_t
wal_bytes(void)
{
	char path[KIT_PATH_MAX + 32];
	struct stat status;

	(void)snprintf(path, sizeof path, "%s-wal", kit.path);
	return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void
readers_do_not_keep_the_log_growing(void)
{
	struct store_options options = kit_options(&kit);
	uint64_t peak = 0, pages = 0;
	struct pager pagers[6];
	struct store *s;

	options.retain.bytes = (uint64_t)32 << 20;
	s = store_open(&options);
	for (size_t i = 0; i < COUNT_OF(pagers); i++) {
		pagers[i] = (struct pager){.store = s};
		EXPECT_INT(0,
			thread_start(&pagers[i].thread, 1 << 18, run_pager, &pagers[i]));
	}
	for (unsigned i = 0; i < 150; i++) {
		keep(s, kit_batch(i, 500, 2000));
		if (wal_bytes() > peak)
			peak = wal_bytes();
	}
	for (size_t i = 0; i < COUNT_OF(pagers); i++) {
		atomic_store(&pagers[i].is_over, true);
		(void)pthread_join(pagers[i].thread, NULL);
		pages += pagers[i].pages;
	}
	EXPECT(pages > 100);
	EXPECT(peak > (uint64_t)16 << 20);
	EXPECT(peak < (uint64_t)64 << 20);
	tap_comment("150 MB written, %llu pages read, the log had at most %llu MiB",
		(unsigned long long)pages, (unsigned long long)(peak >> 20));
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

static void
a_log_that_somebody_else_empties_is_kept_as_short_as_before(void)
{
	struct store_options options = kit_options(&kit);
	sqlite3 *db = NULL;
	struct store *s;

	options.wal_bytes = (uint64_t)1 << 20;
	s = store_open(&options);
	keep(s, kit_batch(0, 1, 1));
	EXPECT_INT(
		SQLITE_OK, sqlite3_open_v2(kit.path, &db, SQLITE_OPEN_READWRITE, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_busy_timeout(db, KIT_PATIENCE_MS));
	EXPECT_INT(SQLITE_OK,
		sqlite3_exec(db, "BEGIN; SELECT count(*) FROM batch", NULL, NULL, NULL));
	for (unsigned i = 1; i <= 10; i++)
		keep(s, kit_batch(i, 1, 1 << 20));
	EXPECT(wal_bytes() > (uint64_t)8 << 20);
	EXPECT_INT(SQLITE_OK, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
	EXPECT_INT(SQLITE_OK,
		sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_close(db));
	EXPECT_INT(0, wal_bytes());
	for (unsigned i = 1; i <= 6; i++)
		keep(s, kit_batch(i, 1, 1 << 20));
	EXPECT(wal_bytes() < (uint64_t)4 << 20);
	EXPECT_INT(0, kit_close(s));
	kit_clear(&kit);
}

int
main(void)
{
	kit_begin(&kit);
	/* Healthy here; to sync is not what takes the time then. */
	faulty_install();
	TAP_RUN(what_was_appended_is_read_back_byte_for_byte);
	TAP_RUN(the_view_shows_every_type_as_json);
	TAP_RUN(pages_have_no_gap_and_no_repeat);
	TAP_RUN(numbers_and_times_go_on_after_a_restart);
	TAP_RUN(a_time_is_found_at_its_first_batch);
	TAP_RUN(a_session_goes_on_where_it_was);
	TAP_RUN(a_second_server_is_refused);
	TAP_RUN(a_file_that_is_not_ours_is_left_alone);
	TAP_RUN(a_foreign_database_is_not_even_touched);
	TAP_RUN(without_rights_it_says_so);
	TAP_RUN(a_damaged_file_is_refused);
	TAP_RUN(a_damaged_row_is_left_out);
	TAP_RUN(what_stands_on_broken_pages_is_left_out);
	TAP_RUN(what_cannot_leave_keeps_nothing_out);
	TAP_RUN(a_lock_elsewhere_is_waited_for);
	TAP_RUN(what_cannot_be_flushed_is_called_lost);
	TAP_RUN(a_file_that_was_moved_is_noticed);
	TAP_RUN(what_was_stored_survives_the_loss_of_the_log);
	TAP_RUN(a_full_queue_lets_appends_wait);
	TAP_RUN(a_full_queue_of_a_failing_store_refuses);
	TAP_RUN(a_refusing_store_lets_nobody_wait);
	TAP_RUN(all_is_shown_in_the_order_of_ids);
	TAP_RUN(the_oldest_batches_leave_whole);
	TAP_RUN(what_is_too_old_leaves_by_itself);
	TAP_RUN(the_file_stops_growing);
	TAP_RUN(what_is_not_forwarded_stays);
	TAP_RUN(readers_do_not_keep_the_log_growing);
	TAP_RUN(a_log_that_somebody_else_empties_is_kept_as_short_as_before);
	kit_end(&kit);
	return tap_finish();
}
