/*
 * events: a line is gathered until it ends, then it is a field, or the end of an event.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/events.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void
events_free(struct events *e)
{
	text_free(&e->line);
	text_free(&e->type);
	text_free(&e->data);
	text_free(&e->id);
	*e = (struct events){0};
}

bool
events_is(const struct events_piece *piece, const char *text)
{
	return piece->len == strlen(text) && memcmp(piece->bytes, text, piece->len) == 0;
}

static void
set(struct text *text, const struct events_piece *value)
{
	text->len = 0;
	text_append(text, value->bytes, value->len);
}

static void
take_field(struct events *e, const struct events_piece *name,
	const struct events_piece *value)
{
	if (events_is(name, "data")) {
		text_append(&e->data, value->bytes, value->len);
		text_append(&e->data, "\n", 1);
	} else if (events_is(name, "event")) {
		set(&e->type, value);
	} else if (events_is(name, "id") && memchr(value->bytes, 0, value->len) == NULL) {
		set(&e->id, value);
	}
}

/* "name: value"; one space behind the colon is not part of the value. */
static void
take_line(struct events *e, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	struct events_piece name = {line, len}, value = {line + len, 0};

	if (colon != NULL) {
		name.len = (size_t)(colon - line);
		value = (struct events_piece){colon + 1, len - name.len - 1};
	}
	if (value.len > 0 && value.bytes[0] == ' ') {
		value.bytes++;
		value.len--;
	}
	take_field(e, &name, &value);
}

/* At an empty line.  False: there is no event without data. */
static bool
give_event(struct events *e, struct events_item *out)
{
	static const struct events_piece unsaid = {"message", 7};

	e->is_event_over = true;
	if (e->data.len == 0)
		return false;
	out->type = (struct events_piece){e->type.bytes, e->type.len};
	if (e->type.len == 0)
		out->type = unsaid;
	/* Each data line was ended with a LF, the last one too. */
	out->data = (struct events_piece){e->data.bytes, e->data.len - 1};
	out->id = (struct events_piece){e->id.bytes, e->id.len};
	return true;
}

static bool
end_line(struct events *e, struct events_item *out)
{
	static const char mark[] = BYTE_ORDER_MARK;
	const char *line = e->line.bytes;
	size_t len = e->line.len;

	if (!e->is_behind_line && len >= sizeof mark - 1 &&
		memcmp(line, mark, sizeof mark - 1) == 0) {
		line += sizeof mark - 1;
		len -= sizeof mark - 1;
	}
	e->is_behind_line = true;
	e->line.len = 0;
	if (len == 0)
		return give_event(e, out);
	take_line(e, line, len);
	return false;
}

/* How many of the bytes stand before the line's end. */
static size_t
line_length(const char *bytes, size_t len)
{
	const char *lf = memchr(bytes, '\n', len), *cr;

	if (lf != NULL)
		len = (size_t)(lf - bytes);
	cr = memchr(bytes, '\r', len);
	return cr != NULL ? (size_t)(cr - bytes) : len;
}

static enum events_result
check(const struct events *e)
{
	if (text_failed(&e->line) || text_failed(&e->type) || text_failed(&e->data) ||
		text_failed(&e->id))
		return EVENTS_NO_MEMORY;
	if (e->line.len + e->data.len > EVENTS_BYTES_MAX)
		return EVENTS_TOO_LARGE;
	return EVENTS_MORE;
}

static void
forget_event(struct events *e)
{
	if (e->is_event_over)
		e->type.len = e->data.len = 0;
	e->is_event_over = false;
}

enum events_result
events_feed(struct events *e, const char *bytes, size_t len, size_t *used,
	struct events_item *out)
{
	enum events_result result = EVENTS_MORE;
	size_t at = 0, part;
	bool has_event;

	while (result == EVENTS_MORE && at < len) {
		forget_event(e);
		if (e->is_behind_cr && bytes[at] == '\n')
			at++;
		e->is_behind_cr = false;
		part = line_length(bytes + at, len - at);
		text_append(&e->line, bytes + at, part);
		at += part;
		result = check(e);
		if (result != EVENTS_MORE || at == len)
			break;
		e->is_behind_cr = bytes[at++] == '\r';
		has_event = end_line(e, out);
		result = check(e);
		if (result == EVENTS_MORE && has_event)
			result = EVENTS_EVENT;
	}
	*used = at;
	return result;
}
