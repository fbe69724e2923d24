/*
 * store_file: locking, judging and making the file.
 *
 * Nothing is written before the file is known to be a store or empty.  Making one is a
 * transaction like an upgrade, from version 0: a crash in between leaves an empty file,
 * which is made again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* "bio1" */
#define APPLICATION_ID 0x62696f31
#define PID_TEXT_MAX 24

/* schema.sql, embedded by make. */
extern const char schema_sql[];

/* [v] makes version v + 1 of version v. */
static const char *const upgrades[] = {schema_sql};
#define SCHEMA_VERSION ((int64_t)(sizeof upgrades / sizeof upgrades[0]))

static int
refuse(const struct store_file *f, const char *why, char error[STORE_ERROR_MAX])
{
	(void)snprintf(error, STORE_ERROR_MAX, "%s %s", f->path, why);
	return -1;
}

static int
explain(const struct store_file *f, char error[STORE_ERROR_MAX])
{
	store_sql_explain(f->db, error);
	return -1;
}

/* The owner's process id stands in the lock file for people to read. */
static void
explain_lock(int fd, const char *path, char error[STORE_ERROR_MAX])
{
	char pid[PID_TEXT_MAX] = "";
	ssize_t len = pread(fd, pid, sizeof pid - 1, 0);

	if (errno != EWOULDBLOCK) {
		(void)snprintf(
			error, STORE_ERROR_MAX, "%s.lock: %s", path, strerror(errno));
		return;
	}
	pid[len > 0 ? strspn(pid, "0123456789") : 0] = '\0';
	(void)snprintf(error, STORE_ERROR_MAX, "%s is in use by another server%s%s", path,
		pid[0] != '\0' ? ", process " : "", pid);
}

/*
 * The lock file stays when the lock ends: were it removed, one that has it open and one
 * that makes it anew could both believe to have the lock.
 */
static int
lock_file(struct store_file *f, char error[STORE_ERROR_MAX])
{
	size_t len = strlen(f->path) + sizeof ".lock";
	char *lock_path = malloc(len), pid[PID_TEXT_MAX];
	int fd;

	if (lock_path == NULL)
		return refuse(f, "out of memory", error);
	(void)snprintf(lock_path, len, "%s.lock", f->path);
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		store_sql_explain_access(lock_path, errno, error);
	free(lock_path);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		explain_lock(fd, f->path, error);
		(void)close(fd);
		return -1;
	}
	len = (size_t)snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	/* Only for people: without it the lock holds as well. */
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, len, 0) < 0)
		errno = 0;
	f->lock_fd = fd;
	return 0;
}

/*
 * To close a descriptor of the file drops SQLite's locks of this process on it, so it is
 * closed behind SQLite's.
 */
static int
lock_inode(struct store_file *f, char error[STORE_ERROR_MAX])
{
	f->file_fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (f->file_fd < 0) {
		(void)snprintf(
			error, STORE_ERROR_MAX, "%s: %s", f->path, strerror(errno));
		return -1;
	}
	/* Where the file system has no such locks, FILE.lock has to do. */
	if (flock(f->file_fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return 0;
	return refuse(f,
		"is in use by another server, which has another name for it or lost its "
		"lock file",
		error);
}

/* Which version the file is of, 0 for an empty one. */
static int
judge(const struct store_file *f, int64_t *version, char error[STORE_ERROR_MAX])
{
	int64_t application, tables;

	if (store_sql_query_integer(f->db, "PRAGMA application_id", &application) != 0 ||
		store_sql_query_integer(f->db, "PRAGMA user_version", version) != 0 ||
		store_sql_query_integer(
			f->db, "SELECT count(*) FROM sqlite_schema", &tables) != 0)
		return explain(f, error);
	if (sqlite3_db_readonly(f->db, "main") != 0)
		return refuse(f, "cannot be written, or its folder cannot", error);
	if (application == 0 && *version == 0 && tables == 0)
		return 0;
	if (application != APPLICATION_ID)
		return refuse(f, "is the database of another program", error);
	if (*version > SCHEMA_VERSION || *version < 1)
		return refuse(f, "was written by a newer version of this program", error);
	return 0;
}

/* A crash must not lose the name of a new file whose content was synced. */
static int
sync_folder(const struct store_file *f)
{
	char *path = strdup(f->path);
	int fd, result;

	if (path == NULL)
		return -1;
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(path);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	(void)close(fd);
	return result;
}

static int
set_journal(struct store_file *f, enum store_sync sync)
{
	const char *statement = sync == STORE_SYNC_FULL ? "PRAGMA synchronous=FULL"
							: "PRAGMA synchronous=NORMAL";
	int64_t is_wal;

	/*
	 * A new file gets large pages, fewer to go through for large bodies; the limit is
	 * what the log is cut to when it begins anew.
	 */
	if (store_sql_run(f->db, "PRAGMA page_size=16384; PRAGMA journal_mode=WAL;"
				 "PRAGMA journal_size_limit=33554432") != 0 ||
		store_sql_run(f->db, statement) != 0 ||
		store_sql_query_integer(f->db,
			"SELECT journal_mode = 'wal' FROM pragma_journal_mode",
			&is_wal) != 0)
		return -1;
	return is_wal ? 0 : -1;
}

static int
upgrade(struct store_file *f, int64_t version)
{
	char settings[80];

	if (version == SCHEMA_VERSION)
		return 0;
	if (store_sql_run(f->db, "BEGIN IMMEDIATE") != 0)
		return -1;
	for (; version < SCHEMA_VERSION; version++)
		if (store_sql_run(f->db, upgrades[version]) != 0)
			return -1;
	(void)snprintf(settings, sizeof settings,
		"PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
		(int)SCHEMA_VERSION);
	if (store_sql_run(f->db, settings) != 0 || store_sql_run(f->db, "COMMIT") != 0)
		return -1;
	return 0;
}

/* Made once; what stands in the file counts. */
static int
name_instance(struct store_file *f)
{
	sqlite3_stmt *statement;
	int result = -1;

	if (uuid_make(f->instance) != 0)
		return -1;
	statement = store_sql_prepare(
		f->db, "INSERT OR IGNORE INTO meta VALUES ('instance', ?1)");
	if (statement == NULL)
		return -1;
	(void)sqlite3_bind_text(statement, 1, f->instance, -1, SQLITE_STATIC);
	result = store_sql_step_once(statement);
	(void)sqlite3_finalize(statement);
	if (result != 0)
		return -1;
	statement =
		store_sql_prepare(f->db, "SELECT value FROM meta WHERE key = 'instance'");
	if (statement == NULL)
		return -1;
	result = -1;
	if (sqlite3_step(statement) == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);

		if (text != NULL) {
			(void)snprintf(f->instance, sizeof f->instance, "%s",
				(const char *)text);
			result = 0;
		}
	}
	(void)sqlite3_finalize(statement);
	return result;
}

static const char *
log_path(const struct store_file *f)
{
	return sqlite3_filename_wal(sqlite3_db_filename(f->db, "main"));
}

/* SQLite has it open from here on; it is made anew only when everybody has closed it. */
static int
find_log(struct store_file *f)
{
	struct stat status;

	if (stat(log_path(f), &status) != 0)
		return -1;
	f->log_device = status.st_dev;
	f->log_inode = status.st_ino;
	return 0;
}

static bool
log_has_moved(const struct store_file *f)
{
	struct stat status;

	return stat(log_path(f), &status) != 0 || status.st_dev != f->log_device ||
	       status.st_ino != f->log_inode;
}

int
store_file_check(const struct store_file *f, char error[STORE_ERROR_MAX])
{
	int has_moved = 0;

	(void)sqlite3_file_control(f->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
	if (has_moved == 0 && !log_has_moved(f))
		return 0;
	(void)snprintf(error, STORE_ERROR_MAX, "%s was moved or deleted",
		has_moved != 0 ? f->path : log_path(f));
	return -1;
}

int
store_file_open(struct store_file *f, const char *path, enum store_sync sync,
	char error[STORE_ERROR_MAX])
{
	int64_t version;

	*f = (struct store_file){.lock_fd = -1, .file_fd = -1};
	f->db = store_sql_open(path, STORE_ROLE_WRITER, error);
	if (f->db == NULL)
		return -1;
	f->path = strdup(sqlite3_db_filename(f->db, "main"));
	if (f->path == NULL) {
		(void)snprintf(error, STORE_ERROR_MAX, "%s: out of memory", path);
		goto close;
	}
	/* Before, so that nothing is left beside a file that is not ours; and after,
	 * since whoever had the lock may have changed it. */
	if (judge(f, &version, error) != 0 || lock_file(f, error) != 0 ||
		lock_inode(f, error) != 0 || judge(f, &version, error) != 0)
		goto close;
	if (set_journal(f, sync) != 0 || upgrade(f, version) != 0 ||
		name_instance(f) != 0) {
		store_sql_explain(f->db, error);
		goto close;
	}
	if (find_log(f) != 0) {
		(void)snprintf(
			error, STORE_ERROR_MAX, "%s: %s", log_path(f), strerror(errno));
		goto close;
	}
	if (version == 0 && sync_folder(f) != 0) {
		(void)snprintf(error, STORE_ERROR_MAX, "the folder of %s: %s", f->path,
			strerror(errno));
		goto close;
	}
	return 0;
close:
	store_file_close(f);
	return -1;
}

void
store_file_close(struct store_file *f)
{
	store_sql_close(f->db);
	/* Only now: until the connection is closed, it may write. */
	if (f->file_fd >= 0)
		(void)close(f->file_fd);
	if (f->lock_fd >= 0)
		(void)close(f->lock_fd);
	free(f->path);
	*f = (struct store_file){.lock_fd = -1, .file_fd = -1};
}
