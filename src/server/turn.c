/*
 * turn: a line of readers behind one lock.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/turn.h"

#include "base/clock.h"

/* Pages that are built at a time; others wait. */
#define BUILDERS_MAX 4
#define TURN_TIMEOUT_MS 5000
/* Bodies that readers have not taken yet. */
#define UNSENT_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define STREAMS_MAX 32

/* A place in the line of those who wait to build a page; on the stack of who waits. */
struct turn {
	struct turn *next;
};

void
turn_init(struct turns *t)
{
	*t = (struct turns){0};
	lock_init(&t->lock);
	condition_init(&t->line_moved);
	t->last = &t->first;
}

void
turn_fini(struct turns *t)
{
	condition_fini(&t->line_moved);
	lock_fini(&t->lock);
}

void
turn_account_unsent(struct turns *t, size_t added_bytes, size_t removed_bytes)
{
	lock_acquire(&t->lock);
	t->unsent_bytes += added_bytes;
	t->unsent_bytes -= removed_bytes;
	lock_release(&t->lock);
}

static void
join_line_locked(struct turns *t, struct turn *self) REQUIRES(t->lock)
{
	*t->last = self;
	t->last = &self->next;
}

static void
leave_line_locked(struct turns *t, struct turn *self) REQUIRES(t->lock)
{
	struct turn **link = &t->first;

	while (*link != self)
		link = &(*link)->next;
	*link = self->next;
	if (t->last == &self->next)
		t->last = link;
	condition_broadcast(&t->line_moved);
}

/*
 * A page costs time and memory while it is built: few are at a time, and they take turns
 * in the order of asking.  A stream asks again as soon as it has built one: others would
 * hardly come to it otherwise.
 */
static bool
begin(struct turns *t, bool is_stream, uint64_t deadline_ns)
{
	struct turn self = {0};
	bool begins, in_time = true;

	lock_acquire(&t->lock);
	join_line_locked(t, &self);
	while ((t->first != &self || t->builders == BUILDERS_MAX) && in_time)
		in_time = condition_wait(&t->line_moved, &t->lock, deadline_ns);
	begins = t->first == &self && t->builders < BUILDERS_MAX &&
		 (is_stream || t->unsent_bytes < UNSENT_BYTES_MAX);
	t->builders += begins;
	leave_line_locked(t, &self);
	lock_release(&t->lock);
	return begins;
}

bool
turn_begin(struct turns *t, bool is_stream)
{
	return begin(t, is_stream,
		is_stream ? CLOCK_NEVER : clock_deadline_ns(TURN_TIMEOUT_MS));
}

bool
turn_begin_until(struct turns *t, uint64_t deadline_ns)
{
	return begin(t, true, deadline_ns);
}

void
turn_end(struct turns *t)
{
	lock_acquire(&t->lock);
	t->builders--;
	condition_broadcast(&t->line_moved);
	lock_release(&t->lock);
}

bool
turn_begin_stream(struct turns *t)
{
	bool begins;

	lock_acquire(&t->lock);
	begins = t->streams < STREAMS_MAX;
	t->streams += begins;
	lock_release(&t->lock);
	return begins;
}

void
turn_end_stream(struct turns *t)
{
	lock_acquire(&t->lock);
	t->streams--;
	lock_release(&t->lock);
}
