/*
 * lock: thin, checked wrappers around pthreads.  No state of its own; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/lock.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#include "base/clock.h"

static void
must(int result)
{
	assert(result == 0);
	(void)result;
}

void
lock_init(struct lock *l)
{
	must(pthread_mutex_init(&l->mutex, NULL));
}

void
lock_fini(struct lock *l)
{
	must(pthread_mutex_destroy(&l->mutex));
}

void
lock_acquire(struct lock *l) UNCHECKED_LOCKING
{
	must(pthread_mutex_lock(&l->mutex));
}

void
lock_release(struct lock *l) UNCHECKED_LOCKING
{
	must(pthread_mutex_unlock(&l->mutex));
}

void
condition_init(struct condition *c)
{
	pthread_condattr_t attributes;

	must(pthread_condattr_init(&attributes));
	must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
	must(pthread_cond_init(&c->cond, &attributes));
	must(pthread_condattr_destroy(&attributes));
}

void
condition_fini(struct condition *c)
{
	must(pthread_cond_destroy(&c->cond));
}

void
condition_broadcast(struct condition *c)
{
	must(pthread_cond_broadcast(&c->cond));
}

bool
condition_wait(struct condition *c, struct lock *l, uint64_t deadline_ns)
{
	struct timespec deadline;
	int result;

	if (deadline_ns == CLOCK_NEVER) {
		must(pthread_cond_wait(&c->cond, &l->mutex));
		return true;
	}
	deadline.tv_sec = (time_t)(deadline_ns / CLOCK_NS_PER_S);
	deadline.tv_nsec = (long)(deadline_ns % CLOCK_NS_PER_S);
	result = pthread_cond_timedwait(&c->cond, &l->mutex, &deadline);
	if (result == ETIMEDOUT)
		return false;
	must(result);
	return true;
}

int
thread_start(pthread_t *out, size_t stack_bytes, void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	int result;

	must(pthread_attr_init(&attributes));
	must(pthread_attr_setstacksize(&attributes, stack_bytes));
	result = pthread_create(out, &attributes, run, argument);
	must(pthread_attr_destroy(&attributes));
	if (result == 0)
		return 0;
	errno = result;
	return -1;
}

void
thread_name_self(const char *name)
{
	char short_name[16] = {0};

	for (size_t i = 0; i + 1 < sizeof short_name && name[i] != '\0'; i++)
		short_name[i] = name[i];
	/* A label for people: without it everything works. */
	(void)pthread_setname_np(pthread_self(), short_name);
}
