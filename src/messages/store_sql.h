/*
 * store_sql: what every use of SQLite here has in common: a connection with our settings,
 * statements, and errors as sentences for the operator.
 *
 * A connection and its statements belong to one thread at a time; nothing is shared.
 * SQLite's own types are named and not included, so that its header stays with the
 * modules that use it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_STORE_SQL_H
#define BIO_MESSAGES_STORE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

#define STORE_ERROR_MAX 512

struct sqlite3;
struct sqlite3_stmt;

enum store_sync {
	STORE_SYNC_FULL,  /* what is committed survives a power loss */
	STORE_SYNC_NORMAL /* the newest commits may be lost then, and nothing else */
};

enum store_role { STORE_ROLE_WRITER, STORE_ROLE_READER };

/*
 * Returns the connection owned (store_sql_close).  NULL: `error` says why.  A writer
 * makes the file where there is none.
 */
struct sqlite3 *store_sql_open(
	const char *path, enum store_role role, char error[STORE_ERROR_MAX]) MUST_USE;

/* Statements are finalized before. */
void store_sql_close(struct sqlite3 *db);

/* 0, or -1: store_sql_explain has the reason. */
int store_sql_run(struct sqlite3 *db, const char *statements) MUST_USE;

/* A statement for many uses; NULL: store_sql_explain has the reason. */
struct sqlite3_stmt *store_sql_prepare(
	struct sqlite3 *db, const char *statement) MUST_USE;

/* Runs a statement of no result and resets it, whatever comes of it.  0 or -1. */
int store_sql_step_once(struct sqlite3_stmt *statement) MUST_USE;

/* The first column of the first row of a statement, which is reset; 0 where there is
 * none. */
int store_sql_fetch_integer(struct sqlite3_stmt *statement, int64_t *out) MUST_USE;

/* The same of a statement's text. */
int store_sql_query_integer(
	struct sqlite3 *db, const char *statement, int64_t *out) MUST_USE;

/*
 * Why a file cannot be opened, or else written: SQLite, which then tries to read it, says
 * why that failed, so what stands in the way is asked of the system again.  `code`: what
 * it said, for where nothing does; 0: nothing.
 */
void store_sql_explain_access(const char *path, int code, char error[STORE_ERROR_MAX]);

/* What went wrong last on the connection, as a sentence that names the file. */
void store_sql_explain(struct sqlite3 *db, char error[STORE_ERROR_MAX]);

#endif
