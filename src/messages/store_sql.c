/*
 * store_sql: opening, running and explaining.  No state of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store_sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Negative is in KiB.  The writer's holds a transaction's pages until they are written.
 */
static const char *const writer_settings = "PRAGMA cache_size=-16384";
static const char *const reader_settings = "PRAGMA query_only=1; PRAGMA cache_size=-1024";

/* A reader waits so long for another program that is just recovering the file. */
#define READER_BUSY_MS 1000

/* "./" before it, so that no name means something to SQLite (":memory:", "file:"). */
static char *
plain_path(const char *path)
{
	size_t len = strlen(path) + sizeof "./";
	char *plain = malloc(len);

	if (plain != NULL)
		(void)snprintf(plain, len, "%s%s", path[0] == '/' ? "" : "./", path);
	return plain;
}

/* SQLite hands on what the system said, where it said something. */
static void
explain_io(sqlite3 *db, const char *path, char error[STORE_ERROR_MAX])
{
	int code = sqlite3_system_errno(db);

	if (code == ENOSPC || code == EDQUOT)
		(void)snprintf(error, STORE_ERROR_MAX, "%s: the disk is full", path);
	else
		(void)snprintf(error, STORE_ERROR_MAX,
			"%s: the disk failed: %s (SQLite %d)", path,
			code != 0 ? strerror(code) : "no reason given",
			sqlite3_extended_errcode(db));
}

/* 0, or why nothing can be made in the folder of a file. */
static int
look_into_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = strdup(slash != NULL ? path : "./");
	int code = ENOMEM;

	if (folder == NULL)
		return code;
	strrchr(folder, '/')[1] = '\0';
	code = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0 ? errno : 0;
	free(folder);
	return code;
}

void
store_sql_explain_access(const char *path, int code, char error[STORE_ERROR_MAX])
{
	int found = look_into_folder(path);
	const char *what = "its folder";

	if (found == 0 && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 &&
		errno != ENOENT) {
		found = errno;
		what = "it";
	}
	if (found == ENOENT)
		(void)snprintf(error, STORE_ERROR_MAX,
			"%s cannot be opened: its folder does not exist", path);
	else if (found != 0)
		(void)snprintf(error, STORE_ERROR_MAX,
			"%s cannot be opened: user %u cannot write to %s: %s", path,
			(unsigned)geteuid(), what, strerror(found));
	else if (code != 0)
		(void)snprintf(error, STORE_ERROR_MAX, "%s cannot be opened: %s", path,
			strerror(code));
	else
		(void)snprintf(error, STORE_ERROR_MAX, "%s cannot be written", path);
}

static void
explain(sqlite3 *db, const char *path, char error[STORE_ERROR_MAX])
{
	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_FULL:
		(void)snprintf(error, STORE_ERROR_MAX, "%s: the disk is full", path);
		break;
	case SQLITE_IOERR:
		explain_io(db, path, error);
		break;
	case SQLITE_READONLY:
		store_sql_explain_access(path, 0, error);
		break;
	case SQLITE_CANTOPEN:
		store_sql_explain_access(path, sqlite3_system_errno(db), error);
		break;
	case SQLITE_CORRUPT:
		(void)snprintf(error, STORE_ERROR_MAX, "%s is damaged: %s", path,
			sqlite3_errmsg(db));
		break;
	case SQLITE_NOTADB:
		(void)snprintf(
			error, STORE_ERROR_MAX, "%s is not an SQLite database", path);
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		(void)snprintf(error, STORE_ERROR_MAX,
			"another program holds a lock on %s", path);
		break;
	default:
		(void)snprintf(
			error, STORE_ERROR_MAX, "%s: %s", path, sqlite3_errmsg(db));
	}
}

/*
 * 0 where there is no file, or one that can be written.  What else there is SQLite would
 * open, to read it, and leave its own files beside it.
 */
static int
check_file(const char *path, char error[STORE_ERROR_MAX])
{
	struct stat status;

	if (stat(path, &status) != 0)
		return 0;
	if (!S_ISREG(status.st_mode)) {
		(void)snprintf(error, STORE_ERROR_MAX, "%s cannot be opened: %s", path,
			S_ISDIR(status.st_mode) ? strerror(EISDIR)
						: "it is not a regular file");
		return -1;
	}
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0)
		return 0;
	store_sql_explain_access(path, errno, error);
	return -1;
}

struct sqlite3 *
store_sql_open(const char *path, enum store_role role, char error[STORE_ERROR_MAX])
{
	bool is_writer = role == STORE_ROLE_WRITER;
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	char *plain;

	if (check_file(path, error) != 0)
		return NULL;
	plain = plain_path(path);
	if (is_writer)
		flags |= SQLITE_OPEN_CREATE;
	if (plain == NULL) {
		(void)snprintf(error, STORE_ERROR_MAX, "%s: out of memory", path);
		return NULL;
	}
	if (sqlite3_open_v2(plain, &db, flags, NULL) != SQLITE_OK)
		goto close;
	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, READER_BUSY_MS);
	if (store_sql_run(db, is_writer ? writer_settings : reader_settings) != 0)
		goto close;
	free(plain);
	return db;
close:
	/* Before it is open, SQLite does not know its name. */
	explain(db, path, error);
	store_sql_close(db);
	free(plain);
	return NULL;
}

void
store_sql_close(struct sqlite3 *db)
{
	/* Its one failure is a statement that was forgotten; it then ends with that. */
	(void)sqlite3_close_v2(db);
}

int
store_sql_run(struct sqlite3 *db, const char *statements)
{
	return sqlite3_exec(db, statements, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

struct sqlite3_stmt *
store_sql_prepare(struct sqlite3 *db, const char *statement)
{
	sqlite3_stmt *prepared = NULL;

	(void)sqlite3_prepare_v3(
		db, statement, -1, SQLITE_PREPARE_PERSISTENT, &prepared, NULL);
	return prepared;
}

int
store_sql_step_once(struct sqlite3_stmt *statement)
{
	int result = sqlite3_step(statement);

	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return result == SQLITE_DONE ? 0 : -1;
}

int
store_sql_fetch_integer(struct sqlite3_stmt *statement, int64_t *out)
{
	int result = sqlite3_step(statement);

	*out = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
	if (result == SQLITE_ROW)
		result = SQLITE_DONE;
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return result == SQLITE_DONE ? 0 : -1;
}

int
store_sql_query_integer(struct sqlite3 *db, const char *statement, int64_t *out)
{
	sqlite3_stmt *prepared = store_sql_prepare(db, statement);
	int result;

	if (prepared == NULL)
		return -1;
	result = store_sql_fetch_integer(prepared, out);
	(void)sqlite3_finalize(prepared);
	return result;
}

void
store_sql_explain(struct sqlite3 *db, char error[STORE_ERROR_MAX])
{
	explain(db, sqlite3_db_filename(db, "main"), error);
}
