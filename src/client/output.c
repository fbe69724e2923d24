/*
 * output: stdio, a lock on the unfinished file, and rename(2).
 *
 * A part that a killed export left behind is taken over by the next one; the lock tells
 * it from one that is being written.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/options.h"

#define SUFFIX ".part"

static int
report(const char *what, const char *name, int error)
{
	options_complain("cannot %s %s: %s", what, name, strerror(error));
	return -1;
}

static void
release_names(struct output *o)
{
	free(o->path);
	free(o->part);
	o->path = o->part = NULL;
}

/* The file itself, where the name is that of a link to it. */
static int
make_names(struct output *o, const char *path)
{
	o->path = realpath(path, NULL);
	if (o->path == NULL && errno == ENOENT)
		o->path = strdup(path);
	if (o->path == NULL)
		return report("write", path, errno);
	if (asprintf(&o->part, "%s%s", o->path, SUFFIX) < 0) {
		o->part = NULL;
		return report("write", path, ENOMEM);
	}
	return 0;
}

/* Whether the name is still that of the open file. */
static bool
is_named(int fd, const char *name)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && lstat(name, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

/* The readers are those of the file that is replaced; and the next export may go on. */
static int
set_mode(const struct output *o, int fd)
{
	struct stat replaced;

	if (stat(o->path, &replaced) != 0)
		return 0;
	return fchmod(fd, (replaced.st_mode & 0777) | S_IWUSR);
}

/* Emptied only behind the lock: it may be somebody's. */
static int
claim_part(const struct output *o, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return -1;
	if (!is_named(fd, o->part))
		return 0;
	return set_mode(o, fd) == 0 ? ftruncate(fd, 0) : -1;
}

/*
 * -1: reported.  What had the name when it was opened may have been put in its place by
 * another export before it was locked; then there is a new one to be opened.
 */
static int
open_part(struct output *o)
{
	for (;;) {
		int fd = open(o->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);

		if (fd < 0)
			return report("write", o->part, errno);
		if (claim_part(o, fd) != 0) {
			(void)report("write", o->part, errno);
			(void)close(fd);
			return -1;
		}
		if (is_named(fd, o->part))
			return fd;
		(void)close(fd);
	}
}

static int
open_file(struct output *o, const char *path)
{
	struct stat stat_buffer;
	bool is_special = stat(path, &stat_buffer) == 0 && !S_ISREG(stat_buffer.st_mode);
	int fd;

	if (!is_special && make_names(o, path) != 0)
		return -1;
	fd = is_special ? open(path, O_WRONLY | O_CLOEXEC) : open_part(o);
	if (is_special && fd < 0)
		return report("write", path, errno);
	o->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (fd >= 0 && o->file == NULL) {
		(void)report("write", path, errno);
		(void)close(fd);
	}
	return o->file != NULL ? 0 : -1;
}

int
output_open(struct output *o, const char *path)
{
	*o = (struct output){.file = stdout, .name = "standard output"};
	if (path == NULL)
		return 0;
	o->name = path;
	if (open_file(o, path) == 0)
		return 0;
	release_names(o);
	return -1;
}

int
output_write(struct output *o, const void *bytes, size_t len)
{
	if (fwrite(bytes, 1, len, o->file) == len)
		return 0;
	return report("write", o->name, errno);
}

/* Closes as well; until then the lock keeps others from the unfinished file. */
static int
put_in_place(struct output *o)
{
	int error = 0;

	if (fflush(o->file) != 0 || (o->part != NULL && fsync(fileno(o->file)) != 0))
		error = errno;
	if (error == 0 && o->part != NULL && rename(o->part, o->path) != 0)
		error = errno;
	if (error != 0 && o->part != NULL)
		(void)unlink(o->part);
	if (fclose(o->file) != 0 && error == 0)
		error = errno;
	return error;
}

int
output_finish(struct output *o)
{
	int error;

	if (o->file == stdout) /* main flushes it, and says what that brings */
		return 0;
	error = put_in_place(o);
	if (error != 0)
		(void)report("write", o->name, error);
	release_names(o);
	return error != 0 ? -1 : 0;
}

void
output_abandon(struct output *o)
{
	if (o->file == stdout)
		return;
	if (o->part != NULL)
		(void)unlink(o->part);
	(void)fclose(o->file);
	release_names(o);
}
