/*
 * reference_frame: what must come of a connection's bytes, by PROTOCOL.md.
 *
 * One function a framing walks over the whole input with the outcomes beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#include <string.h>

#include "fuzz.h"
#include "reference.h"

#define WHITE " \t\r\n"

struct walk {
	const struct reference_input *in;
	const struct reference_outcome *next, *end;
	size_t at;
};

static bool
is_one_of(const struct walk *w, size_t at, const char *set, size_t count)
{
	return at < w->in->len && memchr(set, w->in->bytes[at], count) != NULL;
}

static size_t
skip(const struct walk *w, size_t at, const char *set, size_t count)
{
	while (is_one_of(w, at, set, count))
		at++;
	return at;
}

/* The next outcome is this one. */
static void
expect(struct walk *w, const struct reference_outcome *expected)
{
	const struct reference_outcome *o = w->next++;

	FUZZ_CHECK(o < w->end);
	FUZZ_CHECK(o->event == expected->event);
	FUZZ_CHECK(o->begin == expected->begin);
	FUZZ_CHECK(o->len == expected->len);
	FUZZ_CHECK(o->offset == expected->offset);
	FUZZ_CHECK(o->event == FRAME_MESSAGE || o->reason == expected->reason);
	FUZZ_CHECK(o->finishes_number == expected->finishes_number);
}

static struct reference_outcome
message(size_t begin, size_t len)
{
	return (struct reference_outcome){
		.event = FRAME_MESSAGE, .begin = begin, .len = len};
}

static struct reference_outcome
reject(size_t begin, size_t offset, enum reject_reason reason)
{
	return (struct reference_outcome){.event = FRAME_REJECT,
		.begin = begin,
		.offset = offset,
		.reason = reason};
}

/* A number or literal does not tell where it ends. */
static bool
is_open_ended(const struct walk *w, size_t at)
{
	return !is_one_of(w, at, "{[\"", 3);
}

/* What may end a number or literal. */
static bool
is_terminator(const struct walk *w, size_t at)
{
	return is_one_of(w, at, WHITE, 4 + (w->in->framing == FRAMING_stream));
}

/* The value that begins at `at`, but for what a record wants behind it. */
static struct reference_outcome
judge_value(const struct walk *w, size_t at)
{
	const struct reference_input *in = w->in;
	size_t left = in->len - at, most = in->max_message + 1;
	struct reference r =
		reference_scan(in->bytes + at, left < most ? left : most, in->max_depth);

	if (r.result == SCAN_BAD)
		return reject(at, r.used, r.reason);
	if (r.used > in->max_message)
		return reject(at, in->max_message, REJECT_too_large);
	if (r.result == SCAN_MORE && !r.may_end)
		return reject(at, r.used, REJECT_incomplete);
	if (is_open_ended(w, at)) {
		if (r.used == left && (in->is_broken || in->framing == FRAMING_rs))
			return reject(at, r.used, REJECT_incomplete);
		if (r.used < left && !is_terminator(w, at + r.used))
			return reject(at, r.used, REJECT_syntax);
	}
	return message(at, r.used);
}

/* Where the search stops: the next line with a beginning, or behind NUL or RS. */
static size_t
resync_stream(const struct walk *w, size_t at)
{
	for (; at < w->in->len; at++) {
		if (is_one_of(w, at, "\0\x1e", 2))
			return at + 1;
		if (at > 0 && w->in->bytes[at - 1] == '\n' && is_one_of(w, at, "{[", 2))
			return at;
	}
	return at;
}

/* From a quote to behind its closing one; false: to what ends the string before that. */
static bool
skim_string(const struct walk *w, size_t *at)
{
	const uint8_t *bytes = w->in->bytes;
	bool is_escaped = false;

	for (++*at; *at < w->in->len && bytes[*at] >= ' '; ++*at) {
		if (bytes[*at] == '"' && !is_escaped) {
			++*at;
			return true;
		}
		is_escaped = bytes[*at] == '\\' && !is_escaped;
	}
	return false;
}

/*
 * A value that is too deep from `at` on is passed over up to its end, as far as brackets,
 * strings and the places of commas and colons tell, or up to what cannot stand there.
 */
static size_t
pass_over_deep(const struct walk *w, size_t at)
{
	enum { WANTED, WORD, TAKEN } value = WANTED;
	size_t open = w->in->max_depth;

	for (; at < w->in->len; at++) {
		uint8_t c = w->in->bytes[at];

		if (is_one_of(w, at, WHITE, 4)) {
			value = value == WANTED ? WANTED : TAKEN;
		} else if (c == '}' || c == ']') {
			if (--open == 0)
				return at + 1;
			value = TAKEN;
		} else if ((c == ',' || c == ':') && value != WANTED) {
			value = WANTED;
		} else if ((c == '{' || c == '[') && value == WANTED) {
			open++;
		} else if (c == '"' && value == WANTED && skim_string(w, &at)) {
			at--;
			value = TAKEN;
		} else if (c > ' ' && c <= '~' && strchr(",:{[\"", c) == NULL &&
			   value != TAKEN) {
			value = WORD;
		} else {
			break;
		}
	}
	return resync_stream(w, at);
}

/* The whole of what was too large is passed over. */
static size_t
pass_over_large(const struct walk *w, size_t at)
{
	struct reference r =
		reference_scan(w->in->bytes + at, w->in->len - at, w->in->max_depth);
	size_t behind = at + r.used;

	if (r.result == SCAN_BAD && r.reason == REJECT_too_deep)
		return pass_over_deep(w, behind);
	if (r.result == SCAN_BAD || (is_open_ended(w, at) && behind < w->in->len &&
					    !is_terminator(w, behind)))
		return resync_stream(w, behind);
	return behind;
}

static size_t
pass_over_rejected(const struct walk *w, const struct reference_outcome *o)
{
	size_t fault = o->begin + (size_t)o->offset;

	switch (o->reason) {
	case REJECT_too_large:
		return pass_over_large(w, o->begin);
	case REJECT_too_deep:
		return pass_over_deep(w, fault);
	case REJECT_incomplete:
		return w->in->len;
	default:
		return resync_stream(w, fault);
	}
}

static void
walk_stream(struct walk *w)
{
	if (w->in->len >= 3 && memcmp(w->in->bytes, "\xef\xbb\xbf", 3) == 0)
		w->at = 3;
	/* A NUL separates as well: the one behind the set is of it. */
	while ((w->at = skip(w, w->at, WHITE, 5)) < w->in->len) {
		struct reference_outcome o = judge_value(w, w->at);

		expect(w, &o);
		if (o.event == FRAME_MESSAGE)
			w->at += o.len;
		else
			w->at = pass_over_rejected(w, &o);
	}
}

/* Where one of these bytes stands, or the end. */
static size_t
find(const struct walk *w, size_t at, const char *set, size_t count)
{
	while (at < w->in->len && !is_one_of(w, at, set, count))
		at++;
	return at;
}

/* White space from `at` on up to one of the ends of what began at `begin`. */
static struct reference_outcome
judge_rest(const struct walk *w, const struct reference_outcome *value, const char *ends,
	size_t end_count)
{
	const struct reference_input *in = w->in;
	size_t most = in->max_message + FRAME_SLACK_BYTES - 1;

	for (size_t p = value->begin + value->len; p < in->len; p++) {
		size_t offset = p - value->begin;

		if (is_one_of(w, p, ends, end_count))
			return *value;
		if (!is_one_of(w, p, WHITE, 4))
			return reject(value->begin, offset, REJECT_syntax);
		if (offset == most)
			return reject(value->begin, in->max_message, REJECT_too_large);
	}
	return *value;
}

/*
 * A line or record has a number once one of its ends has come, and is incomplete before.
 * Answers where it stands; what is rejected has it behind its fault.
 */
static size_t
expect_numbered(
	struct walk *w, struct reference_outcome *o, const char *ends, size_t end_count)
{
	size_t behind = o->begin + o->len + (size_t)o->offset;
	size_t end = find(w, behind + (o->reason == REJECT_too_large), ends, end_count);

	o->finishes_number = end < w->in->len;
	if (!o->finishes_number) {
		size_t value_len = o->len;

		*o = reject(o->begin, w->in->len - o->begin, REJECT_incomplete);
		FUZZ_CHECK(value_len <= o->offset);
	}
	expect(w, o);
	return end;
}

static struct reference_outcome
judge_record(const struct walk *w, size_t at)
{
	struct reference_outcome o = judge_value(w, at);

	return o.event == FRAME_MESSAGE ? judge_rest(w, &o, "\n\x1e", 2) : o;
}

/* The record that begins at `at`, and where the search goes on. */
static size_t
walk_record(struct walk *w, size_t at)
{
	struct reference_outcome o = judge_record(w, at);
	bool is_message = o.event == FRAME_MESSAGE;
	size_t end;

	if (w->in->is_numbered) {
		end = expect_numbered(w, &o, "\n\x1e", 2);
		is_message = is_message && o.finishes_number;
	} else {
		expect(w, &o);
		end = find(w, at + o.len, "\n\x1e", 2);
	}
	if (o.event == FRAME_REJECT && o.reason == REJECT_incomplete)
		return w->in->len;
	if (is_message)
		return end + is_one_of(w, end, "\n", 1);
	return find(w, w->in->is_numbered ? end : at + (size_t)o.offset, "\x1e", 1);
}

static void
walk_records(struct walk *w)
{
	while ((w->at = skip(w, w->at, WHITE, 4)) < w->in->len) {
		if (!is_one_of(w, w->at, "\x1e", 1)) {
			const struct reference_outcome o =
				reject(w->at, 0, REJECT_syntax);

			expect(w, &o);
			w->at = find(w, w->at, "\x1e", 1);
			continue;
		}
		w->at = skip(w, w->at, WHITE "\x1e", 5);
		if (w->at < w->in->len)
			w->at = walk_record(w, w->at);
	}
}

/* The value of a line is judged as one that the line's end ends. */
static struct reference_outcome
judge_line(const struct walk *w, size_t at)
{
	const struct reference_input *in = w->in;
	size_t left = find(w, at, "\n", 1) - at, most = in->max_message + 1;
	struct reference r =
		reference_scan(in->bytes + at, left < most ? left : most, in->max_depth);
	struct reference_outcome o = message(at, r.used);

	if (r.result == SCAN_BAD)
		return reject(at, r.used, r.reason);
	if (r.used > in->max_message)
		return reject(at, in->max_message, REJECT_too_large);
	if (r.result == SCAN_MORE && !r.may_end)
		return reject(at, r.used, REJECT_syntax);
	return judge_rest(w, &o, "\n", 1);
}

static void
walk_lines(struct walk *w)
{
	while ((w->at = skip(w, w->at, WHITE, 4)) < w->in->len) {
		struct reference_outcome o = judge_line(w, w->at);

		w->at = expect_numbered(w, &o, "\n", 1);
	}
}

/* What a whole frame holds. */
static struct reference_outcome
judge_frame(const struct walk *w, size_t at, size_t end)
{
	struct reference r;
	size_t behind;

	while (at < end && is_one_of(w, at, WHITE, 4))
		at++;
	r = reference_scan(w->in->bytes + at, end - at, w->in->max_depth);
	if (r.result == SCAN_BAD)
		return reject(at, r.used, r.reason);
	if (r.result == SCAN_MORE && !r.may_end)
		return reject(at, r.used, REJECT_syntax);
	behind = at + r.used;
	while (behind < end && is_one_of(w, behind, WHITE, 4))
		behind++;
	return behind < end ? reject(at, behind - at, REJECT_syntax)
			    : message(at, r.used);
}

/* The frame of `len` bytes at `body`. */
static struct reference_outcome
judge_body(const struct walk *w, size_t body, size_t len)
{
	const struct reference_input *in = w->in;
	bool is_whole = len <= in->len - body;
	struct reference_outcome o = {0};

	if (len > in->max_message && (is_whole || !in->is_numbered))
		o = reject(body, in->max_message, REJECT_too_large);
	else if (!is_whole)
		o = reject(body, in->len - body, REJECT_incomplete);
	else
		o = judge_frame(w, body, body + len);
	o.finishes_number = in->is_numbered && is_whole;
	return o;
}

static void
walk_frames(struct walk *w)
{
	const struct reference_input *in = w->in;

	while (w->at < in->len) {
		const uint8_t *head = in->bytes + w->at;
		size_t body = w->at + FRAME_LENGTH_BYTES, len;
		struct reference_outcome o;

		if (head[0] != 0 || body > in->len) {
			o = reject(w->at, 0,
				head[0] != 0 ? REJECT_bad_frame : REJECT_incomplete);
			o.event = head[0] != 0 ? FRAME_FATAL : FRAME_REJECT;
			expect(w, &o);
			return;
		}
		len = (size_t)head[1] * 65536 + (size_t)head[2] * 256 + head[3];
		w->at = body + len;
		o = judge_body(w, body, len);
		if (len > 0)
			expect(w, &o);
	}
}

static const struct {
	const char *bytes;
	enum frame_protocol protocol;
} foreign[] = {
	{"BIO/", FRAME_PROTOCOL_BIO},
	{"\x16\x03", FRAME_PROTOCOL_TLS},
	{"GET ", FRAME_PROTOCOL_HTTP},
	{"HEAD ", FRAME_PROTOCOL_HTTP},
	{"POST ", FRAME_PROTOCOL_HTTP},
	{"PUT ", FRAME_PROTOCOL_HTTP},
	{"PATCH ", FRAME_PROTOCOL_HTTP},
	{"DELETE ", FRAME_PROTOCOL_HTTP},
	{"OPTIONS ", FRAME_PROTOCOL_HTTP},
	{"CONNECT ", FRAME_PROTOCOL_HTTP},
	{"TRACE ", FRAME_PROTOCOL_HTTP},
	{"PRI ", FRAME_PROTOCOL_HTTP},
};

/* Whether the first bytes are another protocol's, and then the only outcome. */
static bool
check_foreign(const struct walk *w)
{
	for (size_t i = 0; i < COUNT_OF(foreign); i++) {
		size_t len = strlen(foreign[i].bytes);

		if (w->in->len < len || memcmp(w->in->bytes, foreign[i].bytes, len) != 0)
			continue;
		FUZZ_CHECK(w->end == w->next + 1);
		FUZZ_CHECK(w->next->event == FRAME_FOREIGN);
		FUZZ_CHECK(w->next->protocol == foreign[i].protocol);
		return true;
	}
	return false;
}

static enum framing
framing_of(const struct walk *w)
{
	if (is_one_of(w, 0, "\x1e", 1))
		return FRAMING_rs;
	return is_one_of(w, 0, "", 1) ? FRAMING_length : FRAMING_stream;
}

void
reference_check(const struct reference_input *in,
	const struct reference_outcome *outcomes, size_t count)
{
	struct walk w = {.in = in, .next = outcomes, .end = outcomes + count};

	if (!in->is_numbered && check_foreign(&w))
		return;
	FUZZ_CHECK(in->is_numbered || in->framing == framing_of(&w));
	switch (in->framing) {
	case FRAMING_stream:
		walk_stream(&w);
		break;
	case FRAMING_lines:
		walk_lines(&w);
		break;
	case FRAMING_rs:
		walk_records(&w);
		break;
	case FRAMING_length:
		walk_frames(&w);
		break;
	case FRAMING_COUNT:
		abort();
	}
	FUZZ_CHECK(w.next == w.end);
}
