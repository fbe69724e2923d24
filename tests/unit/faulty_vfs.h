/*
 * faulty_vfs: a disk for SQLite that fails when it is told to, and forgets at a power
 * loss what was not synced.
 *
 * It stands before SQLite's own VFS as the default one.  Either an operation fails, once
 * or until the disk is healed; a failing write is done by half.  Or the power goes: then
 * every operation fails without effect, and when it comes back, each file has what was
 * synced and, of what was written since, nothing, all, or a random part in pieces of 512
 * bytes.  The shared memory of the write-ahead log is passed on: it is no disk.
 *
 * Nothing is really synced, so the tests are quick.  Any thread may come in as SQLite;
 * the functions here belong to the test.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_UNIT_FAULTY_VFS_H
#define BIO_UNIT_FAULTY_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum faulty_operation {
	FAULTY_OPEN,
	FAULTY_READ,
	FAULTY_WRITE,
	FAULTY_TRUNCATE,
	FAULTY_SYNC,
	FAULTY_DELETE,
	FAULTY_LOCK,
	FAULTY_SHM,
	FAULTY_OPERATIONS
};

/* What of the unsynced writes is there after a power loss. */
enum faulty_loss { FAULTY_LOSE_ALL, FAULTY_LOSE_NOTHING, FAULTY_LOSE_SOME };

/* Becomes the default VFS, for good. */
void faulty_install(void);

const char *faulty_name(enum faulty_operation operation);

/* The n-th of these operations from now (1 is the next) fails with an SQLite code, and
 * with `goes_on` all after it. */
void faulty_break(enum faulty_operation operation, uint64_t n, bool goes_on, int code);
bool faulty_has_struck(void);

/* From now on nothing fails; counts begin anew. */
void faulty_heal(void);

/* How many of these operations there have been since then. */
uint64_t faulty_count(enum faulty_operation operation);

/* The power goes at the n-th operation that changes a file; files opened from now on are
 * followed. */
void faulty_cut_power(uint64_t n);
bool faulty_is_dark(void);

/* How many operations have changed files since faulty_cut_power. */
uint64_t faulty_changes(void);

/* When SQLite has closed everything: the files as they are found after the loss.  Whole
 * disks are followed no longer. */
void faulty_restore_power(enum faulty_loss loss, uint64_t seed);

#endif
