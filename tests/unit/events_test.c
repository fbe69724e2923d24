/*
 * events_test: a stream becomes the same events, however it is cut.
 *
 * What was read is written as one text, an event as [type|data|id], and compared.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/events.h"

#include "base/text.h"
#include "cuts.h"
#include "tap.h"

struct row {
	const char *name, *stream, *events;
};

static const struct row rows[] = {
	{"nothing", "", ""},
	{"an event", "data: a\n\n", "[message|a|]"},
	{"no space behind the colon", "data:a\n\n", "[message|a|]"},
	{"only the first space is left out", "data:  a \n\n", "[message| a |]"},
	{"several data lines", "data: a\ndata\ndata: b\n\n", "[message|a\n\nb|]"},
	{"data that is empty", "data\n\n", "[message||]"},
	{"two empty data lines", "data\ndata\n\n", "[message|\n|]"},
	{"a type", "event: gap\ndata: 1\n\n", "[gap|1|]"},
	{"a type holds for one event", "event: gap\ndata: 1\n\ndata: 2\n\n",
		"[gap|1|][message|2|]"},
	{"the last type counts", "event: a\nevent: b\ndata: 1\n\n", "[b|1|]"},
	{"an empty type is none", "event: a\nevent:\ndata: 1\n\n", "[message|1|]"},
	{"without data there is no event, and no type for the next",
		"event: gap\n\ndata: 1\n\n", "[message|1|]"},
	{"an id stays", "id: 7\ndata: 1\n\ndata: 2\n\n", "[message|1|7][message|2|7]"},
	{"an id without data", "id: 7\n\ndata: 1\n\n", "[message|1|7]"},
	{"an id that becomes empty", "id: 7\ndata: 1\n\nid\ndata: 2\n\n",
		"[message|1|7][message|2|]"},
	{"comments", ": hi\n\n:\ndata: 1\n: data: 2\n\n", "[message|1|]"},
	{"fields that nobody knows",
		"retry: 10\nDATA: 1\n data: 2\ndata : 3\ndata: 4\n\n", "[message|4|]"},
	{"colons in the data", "data: {\"a\":1}\n\n", "[message|{\"a\":1}|]"},
	{"CR LF", "event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n", "[a|1|][message|2|]"},
	{"CR", "event: a\rdata: 1\r\rdata: 2\r\r", "[a|1|][message|2|]"},
	{"all line ends", "data: 1\r\ndata: 2\rdata: 3\n\r\ndata: 4\n\r",
		"[message|1\n2\n3|][message|4|]"},
	{"LF behind a CR LF ends a line of its own", "data: 1\r\n\ndata: 2\r\r\n",
		"[message|1|][message|2|]"},
	{"a byte order mark",
		"\xef\xbb\xbf"
		"data: 1\n\n",
		"[message|1|]"},
	{"a byte order mark before an empty line",
		"\xef\xbb\xbf\n"
		"data: 1\n\n",
		"[message|1|]"},
	{"only one byte order mark, and only in front",
		"\xef\xbb\xbf\xef\xbb\xbf"
		"data: 1\n\xef\xbb\xbf"
		"data: 2\ndata: 3\n\n",
		"[message|3|]"},
	{"an event without its end is none", "data: 1\n\ndata: 2\n", "[message|1|]"},
	{"a line without its end", "data: 1\n\ndata: 2", "[message|1|]"},
};

static void
append_piece(struct text *out, const char *before, const struct events_piece *piece)
{
	text_append_string(out, before);
	text_append(out, piece->bytes, piece->len);
}

static void
read_events(struct events *e, const char *bytes, size_t len, struct text *out)
{
	enum events_result result = EVENTS_EVENT;
	struct events_item item;
	size_t used;

	while (result == EVENTS_EVENT) {
		result = events_feed(e, bytes, len, &used, &item);
		bytes += used;
		len -= used;
		if (result == EVENTS_EVENT) {
			append_piece(out, "[", &item.type);
			append_piece(out, "|", &item.data);
			append_piece(out, "|", &item.id);
			text_append_string(out, "]");
		}
	}
	EXPECT_INT(EVENTS_MORE, result);
	EXPECT_INT(0, len);
}

static void
check_cut(const char *stream, size_t len, size_t way, const char *events)
{
	struct cut cut = cut_begin(way, len);
	struct events e = {0};
	struct text out = {0};

	for (size_t at = 0, part; at < len; at += part) {
		part = cut_next(&cut, len - at);
		read_events(&e, stream + at, part, &out);
	}
	EXPECT_BYTES(events, strlen(events), out.bytes != NULL ? out.bytes : "", out.len);
	text_free(&out);
	events_free(&e);
}

static void
every_cut(const struct row *row)
{
	size_t len = strlen(row->stream);

	tap_begin("%s", row->name);
	for (size_t way = 0; way < cut_ways(len); way++) {
		tap_context("way %zu", way);
		check_cut(row->stream, len, way, row->events);
	}
	tap_end();
}

static void
an_id_with_a_nul_is_passed_over(void)
{
	static const char stream[] = "id: 7\nid: 1\0002\ndata: 1\n\n";

	check_cut(stream, sizeof stream - 1, CUT_WHOLE, "[message|1|7]");
	check_cut(stream, sizeof stream - 1, CUT_BYTES, "[message|1|7]");
}

static void
after_free_a_new_stream_begins(void)
{
	static const char broken[] = "id: 7\nevent: a\ndata: 1\n\n"
				     "id: 8\nevent: b\ndata: 2\nda";
	static const char next[] = "\xef\xbb\xbf"
				   "data: 3\n\n";
	struct events e = {0};
	struct text out = {0};

	read_events(&e, broken, sizeof broken - 1, &out);
	events_free(&e);
	read_events(&e, next, sizeof next - 1, &out);
	EXPECT_BYTES("[a|1|7][message|3|]", 19, out.bytes, out.len);
	text_free(&out);
	events_free(&e);
}

/* The result at the end, and at least so many bytes were taken. */
static enum events_result
feed_endless(const char *begin, const char *bytes, size_t len)
{
	enum events_result result;
	struct events_item item;
	struct events e = {0};
	size_t used, fed = 0;

	result = events_feed(&e, begin, strlen(begin), &used, &item);
	while (result == EVENTS_MORE && fed <= 2 * EVENTS_BYTES_MAX) {
		result = events_feed(&e, bytes, len, &used, &item);
		fed += used;
	}
	EXPECT(fed > EVENTS_BYTES_MAX / 2);
	events_free(&e);
	return result;
}

static void
what_never_ends_is_too_large(void)
{
	static char line[65536] = "data: ";
	char *text = line + 6, *end = line + sizeof line - 1;

	memset(text, 'x', (size_t)(end - text));
	*end = '\n';
	tap_context("a line");
	EXPECT_INT(EVENTS_TOO_LARGE, feed_endless("data: ", text, (size_t)(end - text)));
	tap_context("data lines");
	EXPECT_INT(EVENTS_TOO_LARGE, feed_endless("", line, sizeof line));
}

int
main(void)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		every_cut(&rows[i]);
	TAP_RUN(an_id_with_a_nul_is_passed_over);
	TAP_RUN(after_free_a_new_stream_begins);
	TAP_RUN(what_never_ends_is_too_large);
	return tap_finish();
}
