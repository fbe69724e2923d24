/*
 * faulty_vfs: every method asks whether it is to fail, notes what it changes, and passes
 * on to the file of SQLite's own VFS.
 *
 * SPDX-License-Identifier: MIT
 */
#include "faulty_vfs.h"

#include <assert.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/lock.h"
#include "cuts.h"

#define IMAGES_MAX 8
#define PATH_BYTES 256
#define PIECE_BYTES 512

/* A write, or a cut to a length where there are no bytes. */
struct change {
	struct change *next;
	size_t offset, len;
	bool is_cut;
	uint8_t bytes[];
};

/* What of a file is on the disk, and what is on its way. */
struct image {
	char path[PATH_BYTES];
	bool exists;
	uint8_t *bytes;
	size_t len, capacity;
	struct change *first, **last;
};

struct faulty_file {
	sqlite3_file base;
	struct image *image; /* NULL: not followed */
	sqlite3_file real[];
};

static sqlite3_vfs *real_vfs;
static struct lock lock; /* guards everything below */
static uint64_t counts[FAULTY_OPERATIONS];
static struct {
	bool is_set, goes_on, has_struck;
	enum faulty_operation operation;
	uint64_t n;
	int code;
} fault;
static struct {
	bool follows, is_dark;
	uint64_t changes, cut_at;
	struct image images[IMAGES_MAX];
} power;

static struct faulty_file *
faulty(sqlite3_file *file)
{
	return (struct faulty_file *)(void *)file;
}

static sqlite3_file *
real(sqlite3_file *file)
{
	return faulty(file)->real;
}

static bool
strikes_locked(enum faulty_operation operation)
{
	counts[operation]++;
	if (!fault.is_set || fault.operation != operation)
		return false;
	if (fault.goes_on ? counts[operation] < fault.n : counts[operation] != fault.n)
		return false;
	fault.has_struck = true;
	return true;
}

static bool
changes_files(enum faulty_operation operation)
{
	return operation == FAULTY_WRITE || operation == FAULTY_TRUNCATE ||
	       operation == FAULTY_SYNC || operation == FAULTY_DELETE;
}

/* What the operation answers instead of being done; SQLITE_OK: it is done. */
static int
enter_locked(enum faulty_operation operation)
{
	if (strikes_locked(operation))
		return fault.code;
	if (!power.follows)
		return SQLITE_OK;
	if (changes_files(operation) && ++power.changes == power.cut_at)
		power.is_dark = true;
	return power.is_dark && operation != FAULTY_LOCK && operation != FAULTY_SHM
		       ? SQLITE_IOERR
		       : SQLITE_OK;
}

static int
enter(enum faulty_operation operation)
{
	int result;

	lock_acquire(&lock);
	result = enter_locked(operation);
	lock_release(&lock);
	return result;
}

static void *
need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static void
apply(struct image *image, const struct change *c, size_t from, size_t len)
{
	size_t end = c->is_cut ? c->offset : c->offset + from + len;

	if (end > image->capacity) {
		image->capacity = end * 2;
		image->bytes = need(realloc(image->bytes, image->capacity));
	}
	if (end > image->len)
		memset(image->bytes + image->len, 0, end - image->len);
	if (end > image->len || c->is_cut)
		image->len = end;
	if (!c->is_cut)
		memcpy(image->bytes + c->offset + from, c->bytes + from, len);
}

static struct change *
note_change(struct image *image, size_t offset, size_t len)
{
	struct change *c = need(malloc(sizeof *c + len));

	*c = (struct change){.offset = offset, .len = len};
	*image->last = c;
	image->last = &c->next;
	return c;
}

static struct change *
pop_change(struct image *image)
{
	struct change *c = image->first;

	if (c == NULL)
		return NULL;
	image->first = c->next;
	if (image->first == NULL)
		image->last = &image->first;
	return c;
}

static void
sync_image(struct image *image)
{
	struct change *c;

	while ((c = pop_change(image)) != NULL) {
		apply(image, c, 0, c->len);
		free(c);
	}
}

static void
drop_image(struct image *image)
{
	struct change *c;

	while ((c = pop_change(image)) != NULL)
		free(c);
	free(image->bytes);
	image->bytes = NULL;
	image->len = image->capacity = 0;
}

/* A file that is there already is on the disk as it is. */
static void
load_image(struct image *image)
{
	int fd = open(image->path, O_RDONLY | O_CLOEXEC);
	off_t len;

	if (fd < 0)
		return;
	len = lseek(fd, 0, SEEK_END);
	assert(len >= 0);
	image->len = image->capacity = (size_t)len;
	image->bytes = need(malloc(image->len + 1));
	if (pread(fd, image->bytes, image->len, 0) != len)
		abort();
	(void)close(fd);
}

static struct image *
find_image_locked(const char *path)
{
	for (int i = 0; i < IMAGES_MAX; i++) {
		struct image *image = &power.images[i];

		if (image->exists && strcmp(image->path, path) == 0)
			return image;
	}
	return NULL;
}

static struct image *
follow_locked(const char *path)
{
	struct image *image = find_image_locked(path);
	int i = 0;

	if (image != NULL)
		return image;
	while (i < IMAGES_MAX && power.images[i].exists)
		i++;
	assert(i < IMAGES_MAX);
	image = &power.images[i];
	*image = (struct image){.exists = true, .last = &image->first};
	(void)snprintf(image->path, sizeof image->path, "%s", path);
	load_image(image);
	return image;
}

static int
faulty_close(sqlite3_file *file)
{
	return real(file)->pMethods->xClose(real(file));
}

static int
faulty_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 offset)
{
	int result = enter(FAULTY_READ);

	if (result != SQLITE_OK)
		return result;
	return real(file)->pMethods->xRead(real(file), bytes, len, offset);
}

static int
faulty_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	struct image *image = faulty(file)->image;
	int result, written;

	lock_acquire(&lock);
	result = enter_locked(FAULTY_WRITE);
	if (result != SQLITE_OK)
		len = power.is_dark ? 0 : len / 2;
	if (image != NULL && len > 0)
		memcpy(note_change(image, (size_t)offset, (size_t)len)->bytes, bytes,
			(size_t)len);
	lock_release(&lock);
	if (len == 0)
		return result;
	written = real(file)->pMethods->xWrite(real(file), bytes, len, offset);
	return result != SQLITE_OK ? result : written;
}

static int
faulty_truncate(sqlite3_file *file, sqlite3_int64 len)
{
	struct image *image = faulty(file)->image;
	int result;

	lock_acquire(&lock);
	result = enter_locked(FAULTY_TRUNCATE);
	if (image != NULL && result == SQLITE_OK)
		note_change(image, (size_t)len, 0)->is_cut = true;
	lock_release(&lock);
	if (result != SQLITE_OK)
		return result;
	return real(file)->pMethods->xTruncate(real(file), len);
}

static int
faulty_sync(sqlite3_file *file, int flags)
{
	struct image *image = faulty(file)->image;
	int result;

	(void)flags;
	lock_acquire(&lock);
	result = enter_locked(FAULTY_SYNC);
	if (image != NULL && result == SQLITE_OK)
		sync_image(image);
	lock_release(&lock);
	return result;
}

static int
faulty_file_size(sqlite3_file *file, sqlite3_int64 *out)
{
	return real(file)->pMethods->xFileSize(real(file), out);
}

static int
faulty_lock(sqlite3_file *file, int level)
{
	int result = enter(FAULTY_LOCK);

	if (result != SQLITE_OK)
		return result;
	return real(file)->pMethods->xLock(real(file), level);
}

static int
faulty_unlock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int
faulty_check_reserved(sqlite3_file *file, int *out)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int
faulty_control(sqlite3_file *file, int operation, void *argument)
{
	return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int
faulty_sector(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int
faulty_device(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int
faulty_shm_map(sqlite3_file *file, int region, int len, int extends, void volatile **out)
{
	int result = enter(FAULTY_SHM);

	*out = NULL;
	if (result != SQLITE_OK)
		return result;
	return real(file)->pMethods->xShmMap(real(file), region, len, extends, out);
}

static int
faulty_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	/* To give a lock back never fails. */
	int result = flags & SQLITE_SHM_UNLOCK ? SQLITE_OK : enter(FAULTY_SHM);

	if (result != SQLITE_OK)
		return result;
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void
faulty_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int
faulty_shm_unmap(sqlite3_file *file, int removes)
{
	return real(file)->pMethods->xShmUnmap(real(file), removes);
}

static const sqlite3_io_methods faulty_methods = {
	.iVersion = 2,
	.xClose = faulty_close,
	.xRead = faulty_read,
	.xWrite = faulty_write,
	.xTruncate = faulty_truncate,
	.xSync = faulty_sync,
	.xFileSize = faulty_file_size,
	.xLock = faulty_lock,
	.xUnlock = faulty_unlock,
	.xCheckReservedLock = faulty_check_reserved,
	.xFileControl = faulty_control,
	.xSectorSize = faulty_sector,
	.xDeviceCharacteristics = faulty_device,
	.xShmMap = faulty_shm_map,
	.xShmLock = faulty_shm_lock,
	.xShmBarrier = faulty_shm_barrier,
	.xShmUnmap = faulty_shm_unmap,
};

static int
faulty_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out)
{
	struct faulty_file *f = faulty(file);
	int result = enter(FAULTY_OPEN);

	(void)vfs;
	f->base.pMethods = NULL;
	if (result != SQLITE_OK)
		return result == SQLITE_IOERR ? SQLITE_CANTOPEN : result;
	f->image = NULL;
	lock_acquire(&lock);
	if (power.follows && path != NULL)
		f->image = follow_locked(path);
	lock_release(&lock);
	result = real_vfs->xOpen(real_vfs, path, f->real, flags, out);
	if (result == SQLITE_OK)
		f->base.pMethods = &faulty_methods;
	return result;
}

static int
faulty_delete(sqlite3_vfs *vfs, const char *path, int syncs)
{
	struct image *image;
	int result;

	(void)vfs;
	lock_acquire(&lock);
	result = enter_locked(FAULTY_DELETE);
	image = find_image_locked(path);
	/* File systems keep the order of what happens to names. */
	if (image != NULL && result == SQLITE_OK) {
		drop_image(image);
		image->exists = false;
	}
	lock_release(&lock);
	if (result != SQLITE_OK)
		return result;
	return real_vfs->xDelete(real_vfs, path, syncs);
}

void
faulty_install(void)
{
	static sqlite3_vfs vfs;

	if (sqlite3_initialize() != SQLITE_OK)
		abort();
	lock_init(&lock);
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "faulty";
	vfs.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	vfs.xOpen = faulty_open;
	vfs.xDelete = faulty_delete;
	if (sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
}

const char *
faulty_name(enum faulty_operation operation)
{
	static const char *const names[FAULTY_OPERATIONS] = {
		"open", "read", "write", "truncate", "sync", "delete", "lock", "shm"};

	return names[operation];
}

void
faulty_break(enum faulty_operation operation, uint64_t n, bool goes_on, int code)
{
	lock_acquire(&lock);
	memset(counts, 0, sizeof counts);
	fault.is_set = true;
	fault.goes_on = goes_on;
	fault.has_struck = false;
	fault.operation = operation;
	fault.n = n;
	fault.code = code;
	lock_release(&lock);
}

bool
faulty_has_struck(void)
{
	bool result;

	lock_acquire(&lock);
	result = fault.has_struck;
	lock_release(&lock);
	return result;
}

void
faulty_heal(void)
{
	lock_acquire(&lock);
	memset(counts, 0, sizeof counts);
	fault.is_set = false;
	lock_release(&lock);
}

uint64_t
faulty_count(enum faulty_operation operation)
{
	uint64_t count;

	lock_acquire(&lock);
	count = counts[operation];
	lock_release(&lock);
	return count;
}

void
faulty_cut_power(uint64_t n)
{
	lock_acquire(&lock);
	power.follows = true;
	power.is_dark = false;
	power.changes = 0;
	power.cut_at = n;
	lock_release(&lock);
}

bool
faulty_is_dark(void)
{
	bool result;

	lock_acquire(&lock);
	result = power.is_dark;
	lock_release(&lock);
	return result;
}

uint64_t
faulty_changes(void)
{
	uint64_t changes;

	lock_acquire(&lock);
	changes = power.changes;
	lock_release(&lock);
	return changes;
}

/* Each piece of what was under way is there with the same chance, new or old. */
static void
settle(struct image *image, enum faulty_loss loss, uint64_t *random)
{
	size_t chance = loss == FAULTY_LOSE_ALL       ? 0
			: loss == FAULTY_LOSE_NOTHING ? 100
						      : 5 + random_below(random, 91);
	struct change *c;

	while ((c = pop_change(image)) != NULL) {
		for (size_t at = 0; at < c->len; at += PIECE_BYTES) {
			size_t left = c->len - at;

			if (random_below(random, 100) < chance)
				apply(image, c, at,
					left < PIECE_BYTES ? left : PIECE_BYTES);
		}
		if (c->is_cut && random_below(random, 100) < chance)
			apply(image, c, 0, 0);
		free(c);
	}
}

static void
write_image(const struct image *image)
{
	int fd = open(image->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || pwrite(fd, image->bytes, image->len, 0) != (ssize_t)image->len)
		abort();
	(void)close(fd);
}

void
faulty_restore_power(enum faulty_loss loss, uint64_t seed)
{
	uint64_t random = seed;

	lock_acquire(&lock);
	for (int i = 0; i < IMAGES_MAX; i++) {
		struct image *image = &power.images[i];

		if (!image->exists)
			continue;
		settle(image, loss, &random);
		write_image(image);
		drop_image(image);
		image->exists = false;
	}
	power.follows = false;
	power.is_dark = false;
	lock_release(&lock);
}
