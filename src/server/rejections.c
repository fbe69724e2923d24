/*
 * rejections: a ring, the bytes around a fault, and the mask before a token.
 *
 * Bytes are kept as they came, with room for the longest characters, and are cut into
 * characters only for who asks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/rejections.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

/* A key is looked for so far in front of what is kept: no hello is longer. */
#define KEY_BYTES_BEFORE ((size_t)4096)

static const char key[] = "token";
#define KEY_BYTES (sizeof key - 1)
#define MASK '*'

void
rejections_init(struct rejections *r)
{
	lock_init(&r->lock);
	r->total = 0;
}

void
rejections_fini(struct rejections *r)
{
	lock_fini(&r->lock);
}

void
rejections_end_last(struct rejection_notes *notes, const uint8_t *end)
{
	struct rejection_note *last;

	if (notes->count == 0)
		return;
	last = &notes->items[(notes->count - 1) % REJECTIONS_KEPT];
	if (last->begin != NULL && last->end > end)
		last->end = end;
}

void
rejections_note(struct rejection_notes *notes, const struct rejection_note *note)
{
	struct rejection_note *mine;

	if (note->begin != NULL)
		rejections_end_last(notes, note->begin);
	mine = &notes->items[notes->count++ % REJECTIONS_KEPT];
	*mine = *note;
	mine->has_offending =
		note->begin != NULL && note->offset < (size_t)(note->end - note->begin);
	mine->offending = mine->has_offending ? note->begin[note->offset] : 0;
}

static bool
is_one_of(uint8_t c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_of_name(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* Does a value that ended before `at` stand where one may?  If not, the quote was its
 * own.
 */
static bool
is_behind_value(const uint8_t *bytes, size_t len, size_t at)
{
	while (at < len && is_one_of(bytes[at], " \t\r\n\\"))
		at++;
	return at == len || is_one_of(bytes[at], ",}]&\"'");
}

/*
 * Where the value ends that begins at `at`; `quote` is what opened it, or 0.  Where that
 * is not certain it ends with the bytes.
 */
static size_t
find_value_end(const uint8_t *bytes, size_t len, size_t at, uint8_t quote)
{
	if (at < len && is_one_of(bytes[at], "{["))
		return len;
	for (; at < len; at++) {
		if (quote == 0 && is_one_of(bytes[at], " \t\r\n,}]&\"'"))
			return at;
		if (quote != 0 && bytes[at] == quote && bytes[at - 1] != '\\' &&
			is_behind_value(bytes, len, at + 1))
			return at;
	}
	return len;
}

/*
 * The next secret from `*at` on is in bytes[*at..*end).  It may be a mistyped hello that
 * is searched, so more is taken for a key and a value than JSON would.
 */
static bool
find_secret(const uint8_t *bytes, size_t len, size_t *at, size_t *end)
{
	for (size_t i = *at; i + KEY_BYTES <= len; i++) {
		bool has_sign = false;
		size_t value = i + KEY_BYTES;
		uint8_t quote = 0;

		if ((bytes[i] | 0x20) != key[0] ||
			strncasecmp((const char *)bytes + i, key, KEY_BYTES) != 0)
			continue;
		while (value < len && is_of_name(bytes[value]))
			value++;
		for (; value < len && is_one_of(bytes[value], " \t\r\n\"'\\:=");
			value++) {
			has_sign = has_sign || is_one_of(bytes[value], "\"':=");
			quote = is_one_of(bytes[value], "\"'") ? bytes[value] : 0;
		}
		if (!has_sign)
			continue;
		*at = value;
		*end = find_value_end(bytes, len, value, quote);
		return true;
	}
	return false;
}

/* Masks in what was kept of the bytes what is secret of them; `from` is its place there.
 */
static void
mask_secrets(const uint8_t *bytes, size_t len, size_t from, uint8_t *kept)
{
	size_t at = 0, end;

	for (; find_secret(bytes, len, &at, &end); at = end)
		for (size_t i = at > from ? at : from; i < end; i++)
			kept[i - from] = MASK;
}

static void
keep_excerpt(const struct rejection_note *note, struct rejection *out)
{
	size_t there, at, from, end, searched;

	out->len = out->at = 0;
	if (note->begin == NULL)
		return;
	there = (size_t)(note->end - note->begin);
	at = note->offset < there ? (size_t)note->offset : there;
	/* The next message may begin at the offending byte. */
	if (note->has_offending && there <= note->offset) {
		at = (size_t)note->offset;
		there = at + 1;
	}
	from = at > REJECTION_SIDE_BYTES ? at - REJECTION_SIDE_BYTES : 0;
	end = there - from < REJECTION_BYTES ? there : from + REJECTION_BYTES;
	memcpy(out->bytes, note->begin + from, end - from);
	out->len = (uint16_t)(end - from);
	out->at = (uint16_t)(at - from);
	if (note->has_offending)
		out->bytes[out->at] = note->offending;
	searched = from > KEY_BYTES_BEFORE ? from - KEY_BYTES_BEFORE : 0;
	mask_secrets(note->begin + searched, end - searched, from - searched, out->bytes);
}

void
rejections_add(
	struct rejections *r, const struct origin *origin, struct rejection_notes *notes)
{
	uint64_t first =
		notes->count > REJECTIONS_KEPT ? notes->count - REJECTIONS_KEPT : 0;
	int64_t now_us;

	lock_acquire(&r->lock);
	/* Here, so that times have the order of the listing. */
	now_us = clock_wall_us();
	r->total += first;
	for (uint64_t i = first; i < notes->count; i++) {
		const struct rejection_note *note = &notes->items[i % REJECTIONS_KEPT];
		struct rejection *out = &r->last[r->total++ % REJECTIONS_KEPT];

		out->rejected_us = now_us;
		out->origin = *origin;
		out->reason = note->reason;
		out->error = note->error;
		out->offset = note->offset;
		keep_excerpt(note, out);
	}
	lock_release(&r->lock);
	notes->count = 0;
}

/* Back to the character's first byte, where a limit has cut it. */
static size_t
begin_of_character(const uint8_t *bytes, size_t len, size_t at)
{
	for (size_t back = 1; back < UTF8_BYTES_MAX && back <= at; back++)
		if (utf8_length(bytes + at - back, len - (at - back)) > back)
			return at - back;
	return at;
}

static size_t
begin_of_previous(const uint8_t *bytes, size_t at)
{
	for (size_t back = 1; back <= UTF8_BYTES_MAX && back <= at; back++)
		if (utf8_length(bytes + at - back, back) == back)
			return at - back;
	return at - 1;
}

static size_t
end_of_character(const uint8_t *bytes, size_t len, size_t at)
{
	size_t character = utf8_length(bytes + at, len - at);

	return at + (character > 0 ? character : 1);
}

/* What separates messages is no part of one. */
static bool
is_separator(uint8_t c)
{
	return c == '\0' || is_one_of(c, " \t\r\n\x1e");
}

void
rejections_excerpt(const struct rejection *rejection, struct rejection_excerpt *out)
{
	const uint8_t *bytes = rejection->bytes;
	size_t len = rejection->len, at = begin_of_character(bytes, len, rejection->at);
	size_t begin = at, behind = at < len ? end_of_character(bytes, len, at) : at;
	size_t end = behind;

	for (int i = 0; i < REJECTION_CHARACTERS && begin > 0; i++)
		begin = begin_of_previous(bytes, begin);
	for (int i = 0; i < REJECTION_CHARACTERS && end < len; i++) {
		/* The rest of it had not come, or is not kept. */
		if (utf8_is_cut(bytes + end, len - end))
			break;
		end = end_of_character(bytes, len, end);
	}
	while (end > behind && is_separator(bytes[end - 1]))
		end--;
	*out = (struct rejection_excerpt){.before = bytes + begin,
		.before_len = at - begin,
		.at = bytes + at,
		.at_len = behind - at,
		.after = bytes + behind,
		.after_len = end - behind};
}

int
rejections_view_open(struct rejections *r, size_t limit, struct rejections_view *view)
{
	*view = (struct rejections_view){
		.items = calloc(limit, sizeof(struct rejection))};
	if (view->items == NULL)
		return -1;
	lock_acquire(&r->lock);
	view->total = r->total;
	while (view->count < limit && view->count < REJECTIONS_KEPT &&
		view->count < r->total) {
		uint64_t number = r->total - 1 - view->count;

		view->items[view->count++] = r->last[number % REJECTIONS_KEPT];
	}
	lock_release(&r->lock);
	return 0;
}

void
rejections_view_close(struct rejections_view *view)
{
	free(view->items);
	*view = (struct rejections_view){0};
}
