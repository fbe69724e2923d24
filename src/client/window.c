/*
 * window: two arrays that are used from the front.
 *
 * Room that became free in front is taken back when the end is reached: what is in use is
 * moved there if it is no more than what has left since, and otherwise the array is
 * doubled.  So each byte is moved a constant number of times, and the arrays stay within
 * a small multiple of what was in use at most.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ENTRIES = 64, FIRST_BYTES = 4096 };

void
window_init(struct window *w, size_t max_bytes)
{
	*w = (struct window){.first = 1, .max_bytes = max_bytes};
}

void
window_fini(struct window *w)
{
	free(w->entries);
	free(w->bytes);
}

void
window_begin(struct window *w, uint64_t number)
{
	assert(window_count(w) == 0);
	w->first = number;
}

size_t
window_count(const struct window *w)
{
	return w->entry_end - w->entry_begin;
}

uint64_t
window_end(const struct window *w)
{
	return w->first + window_count(w);
}

uint64_t
window_sent_end(const struct window *w)
{
	return w->first + w->sent;
}

size_t
window_unsent_bytes(const struct window *w)
{
	return w->byte_end - w->sent_end;
}

bool
window_has_room(const struct window *w)
{
	size_t bytes = w->byte_end - w->byte_begin;

	return window_count(w) == 0 ||
	       bytes + window_count(w) * sizeof *w->entries < w->max_bytes;
}

static size_t
entry_length(const struct window_entry *entry)
{
	return (size_t)entry->head_len + entry->text_len + entry->tail_len;
}

/* What one array's room is, in items. */
struct room {
	size_t begin, end, capacity, item_bytes, first_capacity;
};

/*
 * Makes room for `more` items behind the others, which may move to the front.  -1: out of
 * memory, and nothing has changed.
 */
static int
make_room(void **items, struct room *room, size_t more)
{
	size_t used = room->end - room->begin;
	size_t capacity = room->capacity > 0 ? room->capacity : room->first_capacity;
	uint8_t *moved = *items;

	if (room->capacity - room->end >= more)
		return 0;
	if (used > room->begin || room->capacity - used < more) {
		while (capacity < (used + more) * 2)
			capacity *= 2;
		moved = realloc(*items, capacity * room->item_bytes);
		if (moved == NULL)
			return -1;
		*items = moved;
		room->capacity = capacity;
	}
	if (used > 0)
		memmove(moved, moved + room->begin * room->item_bytes,
			used * room->item_bytes);
	room->begin = 0;
	room->end = used;
	return 0;
}

static int
make_entry_room(struct window *w)
{
	struct room room = {w->entry_begin, w->entry_end, w->entry_capacity,
		sizeof *w->entries, FIRST_ENTRIES};
	void *items = w->entries;

	if (make_room(&items, &room, 1) != 0)
		return -1;
	w->entries = items;
	w->entry_begin = room.begin;
	w->entry_end = room.end;
	w->entry_capacity = room.capacity;
	return 0;
}

static int
make_byte_room(struct window *w, size_t more)
{
	struct room room = {w->byte_begin, w->byte_end, w->byte_capacity, 1, FIRST_BYTES};
	void *items = w->bytes;

	if (make_room(&items, &room, more) != 0)
		return -1;
	w->bytes = items;
	w->written -= w->byte_begin - room.begin;
	w->furthest -= w->byte_begin - room.begin;
	w->sent_end -= w->byte_begin - room.begin;
	w->byte_begin = room.begin;
	w->byte_end = room.end;
	w->byte_capacity = room.capacity;
	return 0;
}

int
window_append(struct window *w, const struct framed *message, uint64_t line)
{
	uint8_t *to;

	assert(message->text_len <= UINT32_MAX);
	if (make_entry_room(w) != 0 || make_byte_room(w, framed_length(message)) != 0)
		return -1;
	w->entries[w->entry_end++] = (struct window_entry){.line = line,
		.text_len = (uint32_t)message->text_len,
		.may_end_early = message->may_end_early,
		.head_len = message->head_len,
		.tail_len = message->tail_len};
	to = w->bytes + w->byte_end;
	memcpy(to, message->head, message->head_len);
	to += message->head_len;
	framed_copy_text(message, to, message->text, message->text_len);
	memset(to + message->text_len, '\n', message->tail_len);
	w->byte_end += framed_length(message);
	return 0;
}

size_t
window_unwritten(const struct window *w, const uint8_t **bytes)
{
	*bytes = w->bytes + w->written;
	return w->byte_end - w->written;
}

static void
note_sent(struct window *w)
{
	while (w->sent < window_count(w)) {
		const struct window_entry *entry = &w->entries[w->entry_begin + w->sent];
		size_t len = entry_length(entry);
		size_t needed = entry->may_end_early ? (size_t)entry->head_len + 1 : len;

		if (w->furthest < w->sent_end + needed)
			break;
		w->sent++;
		w->sent_end += len;
	}
}

void
window_note_written(struct window *w, size_t len)
{
	assert(len <= w->byte_end - w->written);
	w->written += len;
	if (w->furthest < w->written)
		w->furthest = w->written;
	note_sent(w);
}

void
window_rewind(struct window *w)
{
	w->written = w->byte_begin;
}

struct window_entry *
window_find(struct window *w, uint64_t number)
{
	if (number < w->first || number >= window_end(w))
		return NULL;
	return &w->entries[w->entry_begin + (number - w->first)];
}

size_t
window_front_rest(const struct window *w, size_t unsent)
{
	size_t written = w->written - w->byte_begin, len;
	size_t gone = written > unsent ? written - unsent : 0;

	if (window_count(w) == 0)
		return 0;
	len = entry_length(&w->entries[w->entry_begin]);
	return gone < len ? len - gone : 0;
}

const uint8_t *
window_front_text(const struct window *w)
{
	assert(window_count(w) > 0);
	return w->bytes + w->byte_begin + w->entries[w->entry_begin].head_len;
}

int
window_finish(struct window *w, uint64_t last)
{
	size_t byte = w->byte_begin;

	if (last >= window_sent_end(w))
		return -1;
	for (; w->first <= last; w->first++) {
		byte += entry_length(&w->entries[w->entry_begin++]);
		w->sent--;
	}
	w->byte_begin = byte;
	if (w->written < byte)
		w->written = byte;
	if (w->furthest < byte)
		w->furthest = byte;
	return 0;
}
