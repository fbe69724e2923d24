/*
 * store_file: one SQLite file as the store's own: its locks, its schema, its name.
 *
 * The file belongs to the server that holds two locks; SQLite alone would let a second
 * one in, and ids would collide.  FILE.lock beside it guards the name, by which SQLite
 * finds the write-ahead log; a lock of the file itself, of a kind that SQLite does not
 * use on a local disk, keeps away who has another name for it, or removed FILE.lock.
 *
 * A file is a store by its application_id, and of a version by its user_version: a newer
 * one is refused, an older one upgraded in one transaction, another program's database is
 * left as it is.
 *
 * Belongs to one thread at a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_STORE_FILE_H
#define BIO_MESSAGES_STORE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/uuid.h"
#include "messages/store_sql.h"

struct store_file {
	char *path;         /* full */
	int lock_fd;        /* of FILE.lock */
	int file_fd;        /* of the file itself */
	struct sqlite3 *db; /* the one connection that writes */
	dev_t log_device;   /* where its write-ahead log is */
	ino_t log_inode;
	char instance[UUID_MAX]; /* a UUID as text, and its NUL */
};

/*
 * Opens the file or makes it.  0, or -1: `error` says why.  Blocks on the disk.
 */
int store_file_open(struct store_file *f, const char *path, enum store_sync sync,
	char error[STORE_ERROR_MAX]) MUST_USE;

/*
 * 0 while file and write-ahead log stand where they were opened; -1: `error` says which
 * was moved or deleted, and would take with it whatever is written.
 */
int store_file_check(const struct store_file *f, char error[STORE_ERROR_MAX]) MUST_USE;

/* The other connections are closed by then: the last one empties the write-ahead log. */
void store_file_close(struct store_file *f);

#endif
