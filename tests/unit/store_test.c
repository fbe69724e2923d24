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
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/lock.h"
#include "store_kit.h"

static struct kit kit;

/* Appends and waits for the commit. */
static void
keep(struct store *s, struct batch *batch)
{
	uint64_t ticket = 0;

	if (EXPECT_INT(STORE_OK, store_append(s, batch, NULL, kit_soon(), &ticket)))
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
	struct batch_builder builder = {0};
	struct batch *batch, *got = NULL;

	for (size_t i = 0; i < COUNT_OF(messages); i++)
		EXPECT_INT(0, batch_append(&builder, (const uint8_t *)messages[i],
				      strlen(messages[i]), 0));
	batch = batch_finish(&builder, &origin);
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
	struct batch_builder builder = {0};
	char query[100];

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		EXPECT_INT(0, batch_append(&builder, (const uint8_t *)rows[i].message,
				      strlen(rows[i].message), 0));
	keep(s, batch_finish(&builder, &origin));
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
		keep(s, kit_batch(i, i, i * 7));
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
	char instance[STORE_INSTANCE_MAX] = "";
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
	EXPECT_INT(
		STORE_OK, store_append(s, kit_batch(1, 2, 3), &mark, kit_soon(), NULL));
	EXPECT_INT(STORE_OK, store_session_find(s, "pump/uuid", kit_soon(), &last));
	EXPECT_INT(1000, last);
	mark.last = 1003;
	EXPECT_INT(STORE_OK, store_append(s, NULL, &mark, kit_soon(), NULL));
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
	char path[KIT_PATH_MAX + 16], log[1024] = "";
	int saved = dup(STDERR_FILENO), fd;
	struct store *s;
	ssize_t len;

	(void)snprintf(path, sizeof path, "%s/log", kit.folder);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	s = kit_open(&kit);
	EXPECT(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	len = pread(fd, log, sizeof log - 1, 0);
	(void)close(fd);
	(void)unlink(path);
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
	char *before = NULL;
	sqlite3 *db = NULL;

	EXPECT_INT(SQLITE_OK, sqlite3_open_v2(kit.path, &db,
				      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_exec(db, "CREATE TABLE t(x)", NULL, NULL, NULL));
	EXPECT_INT(SQLITE_OK, sqlite3_close(db));
	expect_refused("database of another program");
	before = strdup(kit_query(&kit, "SELECT group_concat(name) FROM sqlite_schema"));
	EXPECT_TEXT("t", before);
	EXPECT_TEXT("delete", kit_query(&kit, "PRAGMA journal_mode"));
	free(before);
	kit_clear(&kit);
}

int
main(void)
{
	kit_begin(&kit);
	TAP_RUN(what_was_appended_is_read_back_byte_for_byte);
	TAP_RUN(the_view_shows_every_type_as_json);
	TAP_RUN(pages_have_no_gap_and_no_repeat);
	TAP_RUN(numbers_and_times_go_on_after_a_restart);
	TAP_RUN(a_time_is_found_at_its_first_batch);
	TAP_RUN(a_session_goes_on_where_it_was);
	TAP_RUN(a_second_server_is_refused);
	TAP_RUN(a_file_that_is_not_ours_is_left_alone);
	TAP_RUN(a_foreign_database_is_not_even_touched);
	kit_end(&kit);
	return tap_finish();
}
