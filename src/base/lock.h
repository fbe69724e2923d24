/*
 * lock: a mutex, a condition on the monotonic clock and a thread, as the whole program
 * uses them.
 *
 * A failing pthread call is our own mistake and ends the process.  Every lock is a leaf:
 * nobody calls another module while holding one.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_LOCK_H
#define BIO_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct CAPABILITY("mutex") lock {
	pthread_mutex_t mutex;
};

struct condition {
	pthread_cond_t cond;
};

void lock_init(struct lock *l);
void lock_fini(struct lock *l);
void lock_acquire(struct lock *l) ACQUIRES(l);
void lock_release(struct lock *l) RELEASES(l);

void condition_init(struct condition *c);
void condition_fini(struct condition *c);
void condition_broadcast(struct condition *c);

/*
 * Waits until somebody signals or `deadline_ns` of clock_mono_ns() has passed
 * (CLOCK_NEVER: waits for the signal alone).  False: the deadline has passed.  May wake
 * for no reason, so callers test their own condition in a loop.
 */
bool condition_wait(struct condition *c, struct lock *l, uint64_t deadline_ns)
	REQUIRES(l);

/*
 * Starts a joinable thread with a stack of `stack_bytes`.  -1 with errno where the system
 * has no room for another.
 */
int thread_start(pthread_t *out, size_t stack_bytes, void *(*run)(void *),
	void *argument) MUST_USE;

/*
 * Names the calling thread; 15 characters at most are kept.  Nobody else can do that
 * safely: by then the thread may have ended and been joined.
 */
void thread_name_self(const char *name);

#endif
