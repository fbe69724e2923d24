/*
 * failing_malloc: linked into the server in place of malloc and its like, so that a test
 * can make the n-th of them fail.
 *
 * The linker turns every call of the server's own objects into one of these
 * (--wrap=malloc and so on; the Makefile has the list), which count it, refuse it or pass
 * it on; a sanitizer's allocator stays below.  cJSON comes here by its hooks.  What other
 * libraries allocate is let alone, but their functions that we call and that fail for
 * want of memory are refused in the same way.
 *
 * So that a test can do something at a moment that nobody would hit, one recv can be
 * held.
 *
 * The file named by FAILING_MALLOC is shared memory between the test and all threads of
 * the server: the test writes what to refuse and reads what has happened.
 *
 * SPDX-License-Identifier: MIT
 */
#include <cjson/cJSON.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* helpers/failing.py has the same list. */
struct control {
	_Atomic uint64_t first, last; /* the calls to refuse, counted from 1; 0: none */
	_Atomic uint64_t calls, refused;
	_Atomic uint64_t live;       /* blocks allocated and not freed */
	_Atomic uint64_t no_threads; /* not 0: every pthread_create is refused, too */
	_Atomic uint64_t held;       /* a receive, below */
};

/* What the test asks for, and what it is then told. */
enum { HELD_NOT, HELD_WANTED, HELD_HERE };

/* More than a session without a buffer asks for. */
#define LARGE_RECEIVE_BYTES 8192

static struct control unshared, *control = &unshared;

/* The declarations that the linker's names need: the wrapper, and what it wraps. */
#define WRAPPED(type, name, ...)         \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__);

WRAPPED(void *, malloc, size_t)
WRAPPED(void *, calloc, size_t, size_t)
WRAPPED(void *, realloc, void *, size_t)
WRAPPED(void, free, void *)
WRAPPED(FILE *, fopen, const char *, const char *)
WRAPPED(DIR *, opendir, const char *)
WRAPPED(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *),
	void *)
WRAPPED(struct MHD_Response *, MHD_create_response_from_callback, uint64_t, size_t,
	MHD_ContentReaderCallback, void *, MHD_ContentReaderFreeCallback)
WRAPPED(struct MHD_Response *, MHD_create_response_from_buffer_with_free_callback_cls,
	size_t, const void *, MHD_ContentReaderFreeCallback, void *)
WRAPPED(enum MHD_Result, MHD_add_response_header, struct MHD_Response *, const char *,
	const char *)

WRAPPED(ssize_t, recv, int, void *, size_t, int)

/* Before main, and so before there is a second thread. */
__attribute__((constructor)) static void
open_control(void)
{
	const char *path = getenv("FAILING_MALLOC");
	int fd;

	cJSON_InitHooks(&(cJSON_Hooks){malloc, free});
	if (path == NULL)
		return;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		err(EXIT_FAILURE, "%s", path);
	control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		err(EXIT_FAILURE, "%s", path);
	(void)close(fd);
}

static bool
is_refused(void)
{
	uint64_t call = atomic_fetch_add(&control->calls, 1) + 1;

	if (call < control->first || call > control->last)
		return false;
	control->refused++;
	errno = ENOMEM;
	return true;
}

static void *
count_live(void *block)
{
	if (block != NULL)
		control->live++;
	return block;
}

void *
__wrap_malloc(size_t bytes)
{
	return is_refused() ? NULL : count_live(__real_malloc(bytes));
}

void *
__wrap_calloc(size_t count, size_t bytes)
{
	return is_refused() ? NULL : count_live(__real_calloc(count, bytes));
}

void *
__wrap_realloc(void *block, size_t bytes)
{
	if (is_refused())
		return NULL;
	if (block == NULL)
		return count_live(__real_realloc(block, bytes));
	return __real_realloc(block, bytes);
}

void
__wrap_free(void *block)
{
	if (block != NULL)
		control->live--;
	__real_free(block);
}

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	return is_refused() ? NULL : __real_fopen(path, mode);
}

DIR *
__wrap_opendir(const char *path)
{
	return is_refused() ? NULL : __real_opendir(path);
}

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
	void *(*run)(void *), void *argument)
{
	if (is_refused())
		return EAGAIN;
	if (control->no_threads != 0) {
		control->refused++;
		return EAGAIN;
	}
	return __real_pthread_create(thread, attributes, run, argument);
}

struct MHD_Response *
__wrap_MHD_create_response_from_callback(uint64_t size, size_t block_size,
	MHD_ContentReaderCallback read, void *argument,
	MHD_ContentReaderFreeCallback free_argument)
{
	return is_refused() ? NULL
			    : __real_MHD_create_response_from_callback(
				      size, block_size, read, argument, free_argument);
}

struct MHD_Response *
__wrap_MHD_create_response_from_buffer_with_free_callback_cls(size_t size,
	const void *buffer, MHD_ContentReaderFreeCallback free_argument, void *argument)
{
	return is_refused()
		       ? NULL
		       : __real_MHD_create_response_from_buffer_with_free_callback_cls(
				 size, buffer, free_argument, argument);
}

enum MHD_Result
__wrap_MHD_add_response_header(
	struct MHD_Response *response, const char *name, const char *value)
{
	return is_refused() ? MHD_NO
			    : __real_MHD_add_response_header(response, name, value);
}

/*
 * Holds a session that looks for more than it has read so far and finds nothing, from
 * before it looks until the test lets it go on.
 */
ssize_t
__wrap_recv(int fd, void *bytes, size_t capacity, int flags)
{
	uint64_t wanted = HELD_WANTED;
	char byte;

	if (capacity > LARGE_RECEIVE_BYTES && control->held == HELD_WANTED &&
		__real_recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
		atomic_compare_exchange_strong(&control->held, &wanted, HELD_HERE))
		while (control->held == HELD_HERE)
			(void)usleep(1000);
	return __real_recv(fd, bytes, capacity, flags);
}
