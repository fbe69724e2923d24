/*
 * pretty: walks a valid JSON text a token at a time; how deep it is is all that it keeps.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/pretty.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "wire/scan.h"

/* Deeper lines are no further in: else a deep message would become a thousandfold. */
enum { INDENT = 2, INDENT_MAX = 32, REPLACEMENT = 0xfffd, INVALID = 0x110000 };

enum color {
	COLOR_ID,
	COLOR_ORIGIN,
	COLOR_KEY,
	COLOR_STRING,
	COLOR_NUMBER,
	COLOR_LITERAL,
};

/* Where the walk is. */
struct walk {
	struct text *out;
	const char *json;
	size_t len, at;
	size_t depth;
	bool has_colors;
};

/* The character at `p` and its bytes; where there is none, INVALID and one byte. */
static unsigned
decode(const uint8_t *p, size_t left, size_t *used)
{
	size_t len = utf8_length(p, left);
	unsigned code = len > 1 ? *p & (0x7fU >> len) : *p;

	*used = len > 0 ? len : 1;
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (p[i] & 0x3f);
	return len > 0 ? code : INVALID;
}

/* Control characters, but for the tab between two tokens, and what reorders a line. */
static bool
is_harmless(unsigned code)
{
	if (code < ' ')
		return code == '\t';
	if (code < 0x7f)
		return true;
	return code >= 0xa0 && (code < 0x202a || code > 0x202e) &&
	       (code < 0x2066 || code > 0x2069) && code != INVALID;
}

void
pretty_append_harmless(struct text *out, const char *line, size_t len)
{
	const uint8_t *p = (const uint8_t *)line, *end = p + len, *copied = p;
	size_t used;

	for (; p < end; p += used) {
		unsigned code = decode(p, (size_t)(end - p), &used);

		if (is_harmless(code))
			continue;
		text_append(out, copied, (size_t)(p - copied));
		text_printf(out, "\\u%04x", code == INVALID ? REPLACEMENT : code);
		copied = p + used;
	}
	text_append(out, copied, (size_t)(end - copied));
}

/* Select graphic rendition (ECMA-48, 8.3.117), for dark and light terminals alike. */
static void
append_colored(struct walk *w, enum color color, const char *bytes, size_t len)
{
	static const char *const codes[] = {
		[COLOR_ID] = "\033[1m",
		[COLOR_ORIGIN] = "\033[2m",
		[COLOR_KEY] = "\033[34m",
		[COLOR_STRING] = "\033[32m",
		[COLOR_NUMBER] = "\033[36m",
		[COLOR_LITERAL] = "\033[35m",
	};

	if (w->has_colors)
		text_append_string(w->out, codes[color]);
	pretty_append_harmless(w->out, bytes, len);
	if (w->has_colors)
		text_append_string(w->out, "\033[0m");
}

static void
break_line(struct walk *w)
{
	static const char spaces[INDENT_MAX] = "                                ";
	size_t indent = w->depth * INDENT;

	text_append_string(w->out, "\n");
	text_append(w->out, spaces, indent < INDENT_MAX ? indent : INDENT_MAX);
}

/* The next byte that is no white space; NUL at the end. */
static char
peek(struct walk *w)
{
	while (w->at < w->len && scan_is_white((uint8_t)w->json[w->at]))
		w->at++;
	return w->at < w->len ? w->json[w->at] : '\0';
}

static void
take_string(struct walk *w)
{
	size_t begin = w->at++, len;

	while (w->at < w->len && w->json[w->at] != '"')
		w->at += w->json[w->at] == '\\' ? 2 : 1;
	w->at = w->at < w->len ? w->at + 1 : w->len;
	len = w->at - begin;
	append_colored(
		w, peek(w) == ':' ? COLOR_KEY : COLOR_STRING, w->json + begin, len);
}

static void
take_bare(struct walk *w)
{
	size_t begin = w->at;
	char first = w->json[begin];

	while (w->at < w->len && !scan_is_white((uint8_t)w->json[w->at]) &&
		strchr(",:[]{}\"", w->json[w->at]) == NULL)
		w->at++;
	append_colored(w, first >= 'a' ? COLOR_LITERAL : COLOR_NUMBER, w->json + begin,
		w->at - begin);
}

/* What is empty stays on its line. */
static void
open_bracket(struct walk *w, char opening)
{
	const char *both = opening == '{' ? "{}" : "[]";

	w->at++;
	if (peek(w) == both[1]) {
		w->at++;
		text_append_string(w->out, both);
		return;
	}
	text_append(w->out, both, 1);
	w->depth++;
	break_line(w);
}

static void
close_bracket(struct walk *w)
{
	w->depth--;
	break_line(w);
	text_append(w->out, w->json + w->at++, 1);
}

static void
take_token(struct walk *w, char first)
{
	switch (first) {
	case '{':
	case '[':
		open_bracket(w, first);
		break;
	case '}':
	case ']':
		close_bracket(w);
		break;
	case ',':
		w->at++;
		text_append_string(w->out, ",");
		break_line(w);
		break;
	case ':':
		w->at++;
		text_append_string(w->out, ": ");
		break;
	case '"':
		take_string(w);
		break;
	default:
		take_bare(w);
	}
}

/*
 * A text of the message's head; `key` is ,"name":" and its quotes can stand nowhere else,
 * since those in a text are escaped.
 */
static void
append_head(struct walk *w, const struct page_item *message, const char *key)
{
	size_t head_len = (size_t)(message->data - message->object);
	const char *end = message->data;
	const char *text = memmem(message->object, head_len, key, strlen(key)), *p;

	if (text == NULL)
		return;
	text += strlen(key);
	for (p = text; p < end && *p != '"'; p++)
		p += *p == '\\';
	text_append_string(w->out, " ");
	append_colored(w, COLOR_ORIGIN, text, (size_t)((p < end ? p : end) - text));
}

void
pretty_append_message(struct text *out, const struct page_item *message, bool has_colors)
{
	struct walk w = {.out = out,
		.json = message->data,
		.len = message->data_len,
		.has_colors = has_colors};
	char id[32];
	char next;

	(void)snprintf(id, sizeof id, "#%" PRIu64, message->id);
	append_colored(&w, COLOR_ID, id, strlen(id));
	append_head(&w, message, ",\"received_at\":\"");
	append_head(&w, message, ",\"peer\":\"");
	append_head(&w, message, ",\"name\":\"");
	text_append_string(out, "\n");
	while ((next = peek(&w)) != '\0')
		take_token(&w, next);
	text_append_string(out, "\n");
}
