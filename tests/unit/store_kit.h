/*
 * store_kit: what the tests of the store share: a folder of their own, batches whose
 * bytes follow from a number, and looking at a file with SQLite itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_UNIT_STORE_KIT_H
#define BIO_UNIT_STORE_KIT_H

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "messages/store.h"
#include "tap.h"

#define KIT_PATH_MAX 128
#define KIT_QUEUE_BYTES ((size_t)64 * 1024 * 1024)
#define KIT_PATIENCE_MS 20000

struct kit {
	char folder[KIT_PATH_MAX];
	char path[KIT_PATH_MAX + 16]; /* of a store in it */
};

static inline void
kit_begin(struct kit *kit)
{
	const char *parent = getenv("TMPDIR");

	(void)snprintf(kit->folder, sizeof kit->folder, "%s/store.XXXXXX",
		parent != NULL ? parent : "/tmp");
	if (mkdtemp(kit->folder) == NULL) {
		perror(kit->folder);
		exit(1);
	}
	(void)snprintf(kit->path, sizeof kit->path, "%s/bio.db", kit->folder);
}

/* Removes the store's files, so that the next one is new. */
static inline void
kit_clear(const struct kit *kit)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
	char path[KIT_PATH_MAX + 32];

	for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
		(void)snprintf(path, sizeof path, "%s%s", kit->path, suffixes[i]);
		(void)unlink(path);
	}
}

static inline void
kit_end(const struct kit *kit)
{
	kit_clear(kit);
	EXPECT_INT(0, rmdir(kit->folder));
}

static inline struct store_options
kit_options(const struct kit *kit)
{
	return (struct store_options){
		.path = kit->path, .queue_bytes = KIT_QUEUE_BYTES, .retry_ms = 1};
}

static inline struct store *
kit_open(const struct kit *kit)
{
	struct store_options options = kit_options(kit);

	return store_open(&options);
}

static inline uint64_t
kit_close(struct store *s)
{
	return store_close(s, clock_deadline_ns(KIT_PATIENCE_MS));
}

static inline uint64_t
kit_soon(void)
{
	return clock_deadline_ns(KIT_PATIENCE_MS);
}

/* A batch of `count` messages that differ by `seed` and place, of about `len` bytes. */
static inline struct batch *
kit_batch(uint64_t seed, unsigned count, size_t len)
{
	const struct origin origin = {.connection = seed,
		.framing = (enum framing)(seed % FRAMING_COUNT),
		.peer = "127.0.0.1:40112",
		.name = "pump-7"};
	struct batch_builder builder = {0};
	size_t room = len + 64;
	char *messages = malloc(count * room);
	struct batch *batch;

	for (unsigned i = 0; i < count; i++) {
		char *message = messages + i * room;
		int n = snprintf(message, 64, "{ \"s\":%llu,\"i\":%u,\"t\":\"",
			(unsigned long long)seed, i);

		memset(message + n, 'a' + (int)((seed + i) % 26), len);
		memcpy(message + n + len, "\"}", 2);
		(void)!batch_append(&builder, (uint8_t *)message, (size_t)n + len + 2, 0);
	}
	batch = batch_finish(&builder, &origin);
	free(messages);
	return batch;
}

/* A batch of these texts. */
static inline struct batch *
kit_batch_of(const char *const texts[], size_t count, const struct origin *origin)
{
	struct batch_builder builder = {0};
	struct batch *batch;
	size_t len = 0, at = 0;
	char *copies;

	for (size_t i = 0; i < count; i++)
		len += strlen(texts[i]) + 1;
	copies = malloc(len);
	for (size_t i = 0; i < count; i++) {
		size_t text_len = strlen(texts[i]);

		memcpy(copies + at, texts[i], text_len + 1);
		(void)!batch_append(&builder, (uint8_t *)copies + at, text_len, 0);
		at += text_len + 1;
	}
	batch = batch_finish(&builder, origin);
	free(copies);
	return batch;
}

/* In one step; the ticket may be NULL. */
static inline enum store_result
kit_append(struct store *s, struct batch *batch, const struct store_mark *mark,
	uint64_t deadline_ns, uint64_t *out_ticket)
{
	struct store_entry *entry;
	enum store_result result = store_admit(s, batch, mark, deadline_ns, &entry);
	uint64_t ticket;

	if (result != STORE_OK)
		return result;
	ticket = store_append(s, entry);
	if (out_ticket != NULL)
		*out_ticket = ticket;
	return result;
}

/* One query with one result, by a connection of its own; kept until the next call. */
static inline const char *
kit_query(const struct kit *kit, const char *query)
{
	static char answer[4096];
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;

	(void)snprintf(answer, sizeof answer, "no row");
	if (sqlite3_open_v2(kit->path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(db, query, -1, &statement, NULL) != SQLITE_OK) {
		(void)snprintf(answer, sizeof answer, "%s", sqlite3_errmsg(db));
	} else {
		int result = sqlite3_step(statement);

		if (result == SQLITE_ROW)
			(void)snprintf(answer, sizeof answer, "%s",
				sqlite3_column_type(statement, 0) == SQLITE_NULL
					? "NULL"
					: (const char *)sqlite3_column_text(
						  statement, 0));
		else if (result != SQLITE_DONE)
			(void)snprintf(answer, sizeof answer, "%s", sqlite3_errmsg(db));
	}
	(void)sqlite3_finalize(statement);
	(void)sqlite3_close(db);
	return answer;
}

#endif
