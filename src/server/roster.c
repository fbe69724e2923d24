/*
 * roster: a list of entries on other threads' stacks, and a ring of what is left of them.
 *
 * Times are taken under the lock, so lists and times have one order.
 *
 * An entry has its numbers twice.  Its thread writes those that are not shown, then says
 * that they are; so a reader has to begin again only where two reads of the connection
 * went by meanwhile, and never waits for a thread that does not run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

void
roster_init(struct roster *r)
{
	lock_init(&r->lock);
	r->newest = NULL;
	r->open = 0;
	r->connections = r->closed = 0;
}

void
roster_fini(struct roster *r)
{
	lock_fini(&r->lock);
}

static void
copy_peer(char out[ADDRESS_TEXT_MAX], const char *peer)
{
	/* With its NUL: it is the text of an address. */
	memcpy(out, peer, strnlen(peer, ADDRESS_TEXT_MAX - 1) + 1);
	out[ADDRESS_TEXT_MAX - 1] = '\0';
}

void
roster_open(struct roster *r, struct roster_entry *entry, const char *peer)
{
	*entry = (struct roster_entry){0};
	copy_peer(entry->peer, peer);
	lock_acquire(&r->lock);
	entry->opened_us = clock_wall_us();
	entry->opened_ns = clock_mono_ns();
	entry->connection = ++r->connections;
	entry->older = r->newest;
	if (r->newest != NULL)
		r->newest->newer = entry;
	r->newest = entry;
	r->open++;
	lock_release(&r->lock);
}

static void
remember_locked(struct roster *r, const struct roster_connection *closed)
	REQUIRES(r->lock)
{
	r->last_closed[r->closed++ % ROSTER_CLOSED_MAX] = *closed;
}

/*
 * Every store releases and every load acquires: a reader that finds a number of a later
 * read finds the later version, too, and begins again.
 */
static void
read_numbers(const struct roster_entry *entry, struct roster_numbers *out)
{
	const struct roster_slot *slot;
	uint64_t version;

	do {
		version = atomic_load_explicit(&entry->version, memory_order_acquire);
		slot = &entry->slots[version % 2];
		out->received_bytes =
			atomic_load_explicit(&slot->received_bytes, memory_order_acquire);
		out->messages =
			atomic_load_explicit(&slot->messages, memory_order_acquire);
		out->rejected =
			atomic_load_explicit(&slot->rejected, memory_order_acquire);
		out->framing = (enum framing)atomic_load_explicit(
			&slot->framing, memory_order_acquire);
	} while (atomic_load_explicit(&entry->version, memory_order_relaxed) != version);
}

void
roster_count(struct roster_entry *entry, const struct roster_numbers *read)
{
	uint64_t version = atomic_load_explicit(&entry->version, memory_order_relaxed);
	struct roster_slot *slot = &entry->slots[(version + 1) % 2];
	struct roster_numbers now;

	read_numbers(entry, &now);
	atomic_store_explicit(&slot->received_bytes,
		now.received_bytes + read->received_bytes, memory_order_release);
	atomic_store_explicit(
		&slot->messages, now.messages + read->messages, memory_order_release);
	atomic_store_explicit(
		&slot->rejected, now.rejected + read->rejected, memory_order_release);
	atomic_store_explicit(&slot->framing, read->framing, memory_order_release);
	atomic_store_explicit(&entry->version, version + 1, memory_order_release);
}

/* What there is to say of it while it is open. */
static void
describe_locked(const struct roster *r, const struct roster_entry *entry,
	struct roster_connection *out) REQUIRES(r->lock)
{
	(void)r; /* named for its lock */
	out->connection = entry->connection;
	memcpy(out->peer, entry->peer, sizeof out->peer);
	memcpy(out->name, entry->name, sizeof out->name);
	out->is_open = true;
	out->opened_us = entry->opened_us;
	out->opened_ns = entry->opened_ns;
	read_numbers(entry, &out->numbers);
}

void
roster_close(struct roster *r, struct roster_entry *entry, enum close_reason reason)
{
	struct roster_connection closed = {.reason = reason};

	lock_acquire(&r->lock);
	closed.closed_us = clock_wall_us();
	closed.closed_ns = clock_mono_ns();
	describe_locked(r, entry, &closed);
	closed.is_open = false;
	remember_locked(r, &closed);
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		r->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	r->open--;
	lock_release(&r->lock);
}

void
roster_refuse(struct roster *r, const char *peer, enum close_reason reason)
{
	struct roster_connection closed = {.reason = reason};

	copy_peer(closed.peer, peer);
	lock_acquire(&r->lock);
	closed.opened_us = closed.closed_us = clock_wall_us();
	closed.opened_ns = closed.closed_ns = clock_mono_ns();
	closed.connection = ++r->connections;
	remember_locked(r, &closed);
	lock_release(&r->lock);
}

void
roster_name(struct roster *r, struct roster_entry *entry, const char *name)
{
	lock_acquire(&r->lock);
	(void)snprintf(entry->name, sizeof entry->name, "%s", name);
	lock_release(&r->lock);
}

static size_t
count_closed_locked(const struct roster *r) REQUIRES(r->lock)
{
	return r->closed < ROSTER_CLOSED_MAX ? (size_t)r->closed : ROSTER_CLOSED_MAX;
}

/* Two lists become one; each is in order already. */
static void
fill_locked(const struct roster *r, enum roster_states states, size_t limit,
	struct roster_view *view) REQUIRES(r->lock)
{
	size_t closed_left = states & ROSTER_CLOSED ? count_closed_locked(r) : 0;
	const struct roster_entry *entry = states & ROSTER_OPEN ? r->newest : NULL;
	uint64_t closed_end = r->closed;

	while (view->count < limit && (entry != NULL || closed_left > 0)) {
		struct roster_connection *out = &view->items[view->count++];
		const struct roster_connection *closed =
			closed_left > 0
				? &r->last_closed[(closed_end - 1) % ROSTER_CLOSED_MAX]
				: NULL;

		if (closed == NULL ||
			(entry != NULL && entry->opened_ns >= closed->closed_ns)) {
			describe_locked(r, entry, out);
			entry = entry->older;
		} else {
			*out = *closed;
			closed_end--;
			closed_left--;
		}
	}
}

int
roster_view_open(struct roster *r, enum roster_states states, size_t limit,
	struct roster_view *view)
{
	uint64_t now_ns;

	*view = (struct roster_view){.items = calloc(limit, sizeof *view->items)};
	if (view->items == NULL)
		return -1;
	lock_acquire(&r->lock);
	view->open = r->open;
	view->closed = count_closed_locked(r);
	fill_locked(r, states, limit, view);
	lock_release(&r->lock);
	now_ns = clock_mono_ns();
	for (size_t i = 0; i < view->count; i++)
		if (view->items[i].is_open)
			view->items[i].closed_ns = now_ns;
	return 0;
}

void
roster_view_close(struct roster_view *view)
{
	free(view->items);
	*view = (struct roster_view){0};
}
