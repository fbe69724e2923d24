/*
 * guard: memory between two pages that nobody may touch.
 *
 * A read beyond what was placed at its end, or before what was placed at its begin, ends
 * the program, in every build: a vector scanner must not look further than it was asked
 * to, and a sanitizer is not always there to see it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_UNIT_GUARD_H
#define BIO_UNIT_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard {
	uint8_t *begin, *end;
};

/* Room for at least so many bytes, kept until the program ends. */
static inline struct guard
guard_new(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (bytes + page - 1) / page * page;
	uint8_t *p = mmap(
		NULL, room + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + page, room, PROT_READ | PROT_WRITE) != 0) {
		perror("guard");
		abort();
	}
	return (struct guard){p + page, p + page + room};
}

static inline void
guard_check_room(const struct guard *g, size_t len)
{
	if (len > (size_t)(g->end - g->begin)) {
		(void)fprintf(stderr, "guard: no room for %zu bytes\n", len);
		abort();
	}
}

/* A copy that ends where the memory ends. */
static inline uint8_t *
guard_place_last(const struct guard *g, const void *bytes, size_t len)
{
	guard_check_room(g, len);
	return memcpy(g->end - len, bytes, len);
}

/* A copy that begins where the memory begins. */
static inline uint8_t *
guard_place_first(const struct guard *g, const void *bytes, size_t len)
{
	guard_check_room(g, len);
	return memcpy(g->begin, bytes, len);
}

#endif
