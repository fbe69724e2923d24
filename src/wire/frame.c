/*
 * frame: a phase machine above the scanner, one function a phase.
 *
 * A phase works at `position` in the bytes that the caller gave, and either produces an
 * outcome, asks for more bytes, or moves to another phase.  Whatever lies before
 * `position` is used up; an unfinished message begins there, and `scanned` bytes of it
 * have been seen before.  At most max_message + 1 bytes of a value are scanned before it
 * is judged too large, so that the verdict does not depend on the cuts.
 *
 * Behind a hello a fault is held back in `fault` until the end of its line, record or
 * frame has come; the bytes up to there are dropped, and `dropped` counts them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/frame.h"

#include <assert.h>
#include <string.h>

enum phase {
	PHASE_PREFIX,     /* the first bytes */
	PHASE_BETWEEN,    /* stream: before a message */
	PHASE_VALUE,      /* stream, rs: within a message */
	PHASE_TERMINATOR, /* stream, rs: behind a top-level number or literal */
	PHASE_OVERSIZE,   /* stream, rs: within a rejected message, looking for its end */
	PHASE_DEEP,       /* stream: the same, deeper than the scanner can go */
	PHASE_RESYNC,     /* stream, rs: behind a rejected message */
	PHASE_SEPARATOR,  /* rs: before a record */
	PHASE_RECORD,     /* rs: before a record's value */
	PHASE_RECORD_END, /* rs, lines: behind a record's value */
	PHASE_LINE,       /* lines: before a line's value */
	PHASE_LINE_VALUE, /* lines: within it */
	PHASE_FAULTY,     /* rs, lines: behind the fault of what is one number */
	PHASE_LENGTH,     /* length: before or within a frame */
	PHASE_SKIP,       /* length: within a frame that is too large */
	PHASE_DEAD,       /* nothing more is looked at */
};

/* What came last in a message that is too deep. */
enum skim {
	SKIM_OPENING, /* or a comma or colon: a value may follow */
	SKIM_VALUE,   /* none may */
	SKIM_WORD,    /* within a number or literal */
	SKIM_STRING,
	SKIM_ESCAPE,
	SKIM_BAD,
};

/* What a phase function answers: an outcome, or to go on in the phase that now is. */
enum move { MOVE_ON, MOVE_MORE, MOVE_OUT };

struct view {
	const uint8_t *bytes;
	size_t len;
	size_t position;
	enum frame_event event;
	struct frame_item *item;
};

struct prefix {
	const char *bytes;
	size_t len;
	enum { PREFIX_RS, PREFIX_LENGTH, PREFIX_BOM, PREFIX_FOREIGN } kind;
	enum frame_protocol protocol;
};

#define PREFIX(text, ...)                           \
	{                                           \
		text, sizeof(text) - 1, __VA_ARGS__ \
	}
static const struct prefix prefixes[] = {
	PREFIX("\x1e", PREFIX_RS, 0),
	PREFIX("\0", PREFIX_LENGTH, 0),
	PREFIX("\xef\xbb\xbf", PREFIX_BOM, 0),
	PREFIX("BIO/", PREFIX_FOREIGN, FRAME_PROTOCOL_BIO),
	PREFIX("\x16\x03", PREFIX_FOREIGN, FRAME_PROTOCOL_TLS),
	PREFIX("GET ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("HEAD ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("POST ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("PUT ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("PATCH ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("DELETE ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("OPTIONS ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("CONNECT ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("TRACE ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
	PREFIX("PRI ", PREFIX_FOREIGN, FRAME_PROTOCOL_HTTP),
};

void
frame_init(struct frame *f, size_t max_message, unsigned max_depth)
{
	assert(max_message >= FRAME_MESSAGE_MIN && max_message <= FRAME_MESSAGE_MAX);
	f->max_message = max_message;
	f->max_depth = max_depth;
	f->framing = FRAMING_stream;
	f->phase = PHASE_PREFIX;
	f->is_numbered = false;
	f->has_ended = f->is_orderly = false;
	f->after_newline = f->is_within = false;
	f->scanned = f->value_len = 0;
	f->dropped = 0;
}

void
frame_begin_after_hello(struct frame *f, enum framing framing)
{
	assert(framing != FRAMING_stream);
	f->framing = framing;
	f->is_numbered = true;
	f->is_within = false;
	f->phase = framing == FRAMING_lines ? PHASE_LINE
		   : framing == FRAMING_rs  ? PHASE_SEPARATOR
					    : PHASE_LENGTH;
}

void
frame_finish(struct frame *f, bool orderly)
{
	f->has_ended = true;
	f->is_orderly = orderly;
}

bool
frame_is_within(const struct frame *f)
{
	return f->is_within;
}

bool
frame_is_undecided(const struct frame *f)
{
	return f->phase == PHASE_PREFIX && f->is_within;
}

/* The outcomes.  `consumed` is how far from the message's first byte it reaches. */
static enum move
accept_message(
	struct frame *f, struct view *v, size_t len, size_t consumed, enum phase next)
{
	v->event = FRAME_MESSAGE;
	v->item->text = v->bytes + v->position;
	v->item->len = len;
	v->item->finishes_number = f->is_numbered;
	v->position += consumed;
	f->phase = (uint8_t)next;
	return MOVE_OUT;
}

/* At once, and as no number. */
static enum move
reject_now(struct frame *f, struct view *v, const struct frame_fault *fault,
	size_t consumed, enum phase next)
{
	v->event = FRAME_REJECT;
	v->item->reason = fault->reason;
	v->item->error = fault->error;
	v->item->begin = (int64_t)v->position - (int64_t)f->dropped;
	v->item->offset = fault->offset;
	v->item->finishes_number = false;
	v->position += consumed;
	if (consumed > 0)
		f->after_newline = v->bytes[v->position - 1] == '\n';
	f->dropped = 0;
	f->phase = (uint8_t)next;
	return MOVE_OUT;
}

/* The end of what is one number has come, and with it the time to tell its fault. */
static enum move
reject_number(struct frame *f, struct view *v, size_t consumed, enum phase next)
{
	(void)reject_now(f, v, &f->fault, consumed, next);
	v->item->finishes_number = true;
	return MOVE_OUT;
}

/* In a stream, the end of a value that is too deep has to be looked for. */
static enum phase
phase_behind_deep(struct frame *f)
{
	if (f->framing != FRAMING_stream)
		return PHASE_RESYNC;
	f->left = f->max_depth;
	f->skim = SKIM_OPENING;
	return PHASE_DEEP;
}

/* Behind a hello the end comes first. */
static enum move
reject_message(struct frame *f, struct view *v, enum reject_reason reason,
	const char *error, size_t offset, size_t consumed, enum phase next)
{
	struct frame_fault fault = {reason, error, offset};

	if (reason == REJECT_too_deep)
		next = phase_behind_deep(f);
	if (!f->is_numbered)
		return reject_now(f, v, &fault, consumed, next);
	f->fault = fault;
	f->dropped = consumed;
	v->position += consumed;
	f->phase = (uint8_t)(f->framing == FRAMING_length ? next : PHASE_FAULTY);
	return MOVE_ON;
}

static enum move
reject_large(struct frame *f, struct view *v, size_t consumed, enum phase next)
{
	return reject_message(f, v, REJECT_too_large, "longer than the limit",
		f->max_message, consumed, next);
}

static enum move
reject_incomplete(struct frame *f, struct view *v, uint64_t offset)
{
	const struct frame_fault fault = {
		REJECT_incomplete, "the input ends within the message", offset};

	return reject_now(f, v, &fault, v->len - v->position, PHASE_DEAD);
}

static enum move
drop_all(struct frame *f, struct view *v)
{
	if (v->position < v->len)
		f->after_newline = v->bytes[v->len - 1] == '\n';
	v->position = v->len;
	return MOVE_MORE;
}

/* What is left of a message whose fault is known. */
static enum move
drop_faulty(struct frame *f, struct view *v)
{
	uint64_t dropped = f->dropped + (v->len - v->position);

	if (f->has_ended)
		return reject_incomplete(f, v, dropped);
	f->dropped = dropped;
	return drop_all(f, v);
}

static enum move
decide(struct frame *f, struct view *v, const struct prefix *prefix)
{
	f->phase = PHASE_BETWEEN;
	if (prefix == NULL)
		return MOVE_ON;
	switch (prefix->kind) {
	case PREFIX_RS:
		f->framing = FRAMING_rs;
		f->phase = PHASE_SEPARATOR;
		return MOVE_ON;
	case PREFIX_LENGTH:
		f->framing = FRAMING_length;
		f->phase = PHASE_LENGTH;
		return MOVE_ON;
	case PREFIX_BOM:
		v->position += prefix->len;
		return MOVE_ON;
	case PREFIX_FOREIGN:
		break;
	}
	v->event = FRAME_FOREIGN;
	v->item->protocol = prefix->protocol;
	f->phase = PHASE_DEAD;
	return MOVE_OUT;
}

static enum move
phase_prefix(struct frame *f, struct view *v)
{
	bool undecided = false;

	if (v->len == 0)
		return MOVE_MORE;
	for (size_t i = 0; i < COUNT_OF(prefixes); i++) {
		const struct prefix *prefix = &prefixes[i];
		size_t shared = v->len < prefix->len ? v->len : prefix->len;

		if (memcmp(v->bytes, prefix->bytes, shared) != 0)
			continue;
		if (shared == prefix->len)
			return decide(f, v, prefix);
		undecided = true;
	}
	if (undecided && !f->has_ended)
		return MOVE_MORE;
	return decide(f, v, NULL);
}

static bool
is_self_delimiting(uint8_t first)
{
	return first == '{' || first == '[' || first == '"';
}

/* The value is whole: `scanned` bytes of it. */
static enum move
end_value(struct frame *f, struct view *v)
{
	if (f->scanned > f->max_message)
		return reject_large(f, v, f->scanned,
			f->framing == FRAMING_rs ? PHASE_RESYNC : PHASE_BETWEEN);
	f->value_len = f->scanned;
	if (!is_self_delimiting(v->bytes[v->position])) {
		f->phase = PHASE_TERMINATOR;
		return MOVE_ON;
	}
	if (f->framing == FRAMING_stream)
		return accept_message(f, v, f->scanned, f->scanned, PHASE_BETWEEN);
	f->phase = PHASE_RECORD_END;
	return MOVE_ON;
}

static enum move
phase_value(struct frame *f, struct view *v)
{
	size_t seen = v->position + f->scanned, len = v->len - seen, used;
	enum scan_result result;

	if (len > f->max_message + 1 - f->scanned)
		len = f->max_message + 1 - f->scanned;
	result = scan_feed(&f->scan, v->bytes + seen, len, &used);
	f->scanned += used;
	if (LIKELY(result == SCAN_DONE))
		return end_value(f, v);
	if (result == SCAN_BAD)
		return reject_message(f, v, f->scan.reason, f->scan.error, f->scanned,
			f->scanned, PHASE_RESYNC);
	if (f->scanned > f->max_message)
		return reject_large(f, v, f->scanned, PHASE_OVERSIZE);
	if (!f->has_ended)
		return MOVE_MORE;
	if (!scan_may_end(&f->scan))
		return reject_incomplete(f, v, f->scanned);
	return end_value(f, v);
}

static void
begin_scan(struct frame *f)
{
	scan_begin(&f->scan, f->max_depth, f->value_len);
	f->scanned = 0;
}

static enum move
begin_value(struct frame *f, struct view *v)
{
	begin_scan(f);
	f->phase = PHASE_VALUE;
	return phase_value(f, v);
}

static enum move
phase_between(struct frame *f, struct view *v)
{
	while (v->position < v->len &&
		(scan_is_white(v->bytes[v->position]) || v->bytes[v->position] == '\0'))
		v->position++;
	if (v->position == v->len)
		return MOVE_MORE;
	return begin_value(f, v);
}

static enum move
phase_terminator(struct frame *f, struct view *v)
{
	bool in_stream = f->framing == FRAMING_stream;
	size_t behind = v->position + f->value_len;
	uint8_t c;

	if (behind == v->len) {
		if (!f->has_ended)
			return MOVE_MORE;
		/* RFC 7464, section 2.4: without its white space it may have been cut. */
		if (!f->is_orderly || !in_stream)
			return reject_incomplete(f, v, f->value_len);
		return accept_message(f, v, f->value_len, f->value_len, PHASE_BETWEEN);
	}
	c = v->bytes[behind];
	if (!scan_is_white(c) && !(c == '\0' && in_stream))
		return reject_message(f, v, REJECT_syntax,
			"expected white space behind a number or literal", f->value_len,
			f->value_len, PHASE_RESYNC);
	if (in_stream)
		return accept_message(f, v, f->value_len, f->value_len, PHASE_BETWEEN);
	f->phase = PHASE_RECORD_END;
	return MOVE_ON;
}

/* A number is over at a byte that is not its own; here, one that may not stand there. */
static bool
is_cut_number(const struct view *v, size_t used)
{
	uint8_t next;

	if (used > 0 && strchr("}]\"", v->bytes[v->position - 1]) != NULL)
		return false;
	next = v->bytes[v->position];
	return next != '\0' && !scan_is_white(next);
}

static enum move
phase_oversize(struct frame *f, struct view *v)
{
	size_t used;
	enum scan_result result =
		scan_feed(&f->scan, v->bytes + v->position, v->len - v->position, &used);

	if (result == SCAN_MORE)
		return drop_all(f, v);
	if (used > 0)
		f->after_newline = v->bytes[v->position + used - 1] == '\n';
	v->position += used;
	f->phase = PHASE_RESYNC;
	if (result == SCAN_BAD && f->scan.reason == REJECT_too_deep)
		f->phase = (uint8_t)phase_behind_deep(f);
	if (result == SCAN_DONE && f->framing == FRAMING_stream &&
		!is_cut_number(v, used))
		f->phase = PHASE_BETWEEN;
	return MOVE_ON;
}

static enum skim
skim_string(enum skim skim, uint8_t c)
{
	if (c < ' ')
		return SKIM_BAD;
	if (skim == SKIM_ESCAPE)
		return SKIM_STRING;
	return c == '\\' ? SKIM_ESCAPE : c == '"' ? SKIM_VALUE : SKIM_STRING;
}

/* Between strings.  Which brackets belong together is not known, only how many are open.
 */
static enum skim
skim_byte(struct frame *f, enum skim skim, uint8_t c)
{
	bool wants_value = skim == SKIM_OPENING;

	switch (c) {
	case ' ':
	case '\t':
	case '\r':
	case '\n':
		return wants_value ? SKIM_OPENING : SKIM_VALUE;
	case '{':
	case '[':
		f->left++;
		return wants_value ? SKIM_OPENING : SKIM_BAD;
	case '}':
	case ']':
		f->left--;
		return SKIM_VALUE;
	case ',':
	case ':':
		return wants_value ? SKIM_BAD : SKIM_OPENING;
	case '"':
		return wants_value ? SKIM_STRING : SKIM_BAD;
	default:
		return c < ' ' || c > '~' || skim == SKIM_VALUE ? SKIM_BAD : SKIM_WORD;
	}
}

/*
 * The brackets are counted up to the value's end, so that no line within it is taken for
 * a message; at a byte that cannot stand there the value is given up, so that one which
 * never ends does not take its neighbours along.
 */
static enum move
phase_deep(struct frame *f, struct view *v)
{
	for (; v->position < v->len; v->position++) {
		uint8_t c = v->bytes[v->position];
		enum skim skim = (enum skim)f->skim;

		f->skim = (uint8_t)(skim == SKIM_STRING || skim == SKIM_ESCAPE
					    ? skim_string(skim, c)
					    : skim_byte(f, skim, c));
		if (f->skim == SKIM_BAD) {
			f->phase = PHASE_RESYNC;
			return MOVE_ON;
		}
		f->after_newline = c == '\n';
		if (f->left == 0) {
			v->position++;
			f->phase = PHASE_BETWEEN;
			return MOVE_ON;
		}
	}
	return MOVE_MORE;
}

/* The offending byte itself may begin the next message. */
static enum move
phase_resync(struct frame *f, struct view *v)
{
	for (; v->position < v->len; v->position++) {
		uint8_t c = v->bytes[v->position];

		if (c == FRAME_RECORD_SEPARATOR) {
			v->position++;
			f->phase =
				f->framing == FRAMING_rs ? PHASE_RECORD : PHASE_BETWEEN;
			return MOVE_ON;
		}
		if (f->framing == FRAMING_stream &&
			(c == '\0' || (f->after_newline && (c == '{' || c == '[')))) {
			f->phase = PHASE_BETWEEN;
			return MOVE_ON;
		}
		f->after_newline = c == '\n';
	}
	return MOVE_MORE;
}

/* Behind a hello, what stands between records is rejected and is no number. */
static enum move
phase_separator(struct frame *f, struct view *v)
{
	static const struct frame_fault fault = {
		REJECT_syntax, "expected a record separator", 0};

	while (v->position < v->len && scan_is_white(v->bytes[v->position]))
		v->position++;
	if (v->position == v->len)
		return MOVE_MORE;
	if (v->bytes[v->position] != FRAME_RECORD_SEPARATOR)
		return reject_now(f, v, &fault, 0, PHASE_RESYNC);
	v->position++;
	f->phase = PHASE_RECORD;
	return MOVE_ON;
}

static enum move
phase_record(struct frame *f, struct view *v)
{
	while (v->position < v->len &&
		(scan_is_white(v->bytes[v->position]) ||
			v->bytes[v->position] == FRAME_RECORD_SEPARATOR))
		v->position++;
	if (v->position == v->len)
		return MOVE_MORE;
	return begin_value(f, v);
}

/* White space up to a line feed or the next separator belongs to the record. */
static enum move
phase_record_end(struct frame *f, struct view *v)
{
	bool in_lines = f->framing == FRAMING_lines;

	for (; v->position + f->scanned < v->len; f->scanned++) {
		uint8_t c = v->bytes[v->position + f->scanned];

		if (c == '\n')
			return accept_message(f, v, f->value_len, f->scanned + 1,
				in_lines ? PHASE_LINE : PHASE_SEPARATOR);
		if (c == FRAME_RECORD_SEPARATOR && !in_lines)
			return accept_message(
				f, v, f->value_len, f->scanned, PHASE_SEPARATOR);
		if (!scan_is_white(c))
			return reject_message(f, v, REJECT_syntax,
				in_lines ? "expected the end of the line"
					 : "expected the end of the record",
				f->scanned, f->scanned, PHASE_RESYNC);
		if (f->scanned == f->max_message + FRAME_SLACK_BYTES - 1)
			return reject_large(f, v, f->scanned, PHASE_RESYNC);
	}
	if (!f->has_ended)
		return MOVE_MORE;
	if (f->is_numbered)
		return reject_incomplete(f, v, f->scanned);
	return accept_message(f, v, f->value_len, f->scanned, PHASE_SEPARATOR);
}

/* The scanner is shown the line alone, since within a value a line feed is white space.
 */
static enum move
phase_line_value(struct frame *f, struct view *v)
{
	const uint8_t *bytes = v->bytes + v->position + f->scanned;
	size_t left = v->len - v->position - f->scanned, used;
	size_t room = f->max_message + 1 - f->scanned;
	const uint8_t *line_end = memchr(bytes, '\n', left);
	enum scan_result result;

	if (line_end != NULL)
		left = (size_t)(line_end - bytes);
	result = scan_feed(&f->scan, bytes, left < room ? left : room, &used);
	f->scanned += used;
	if (result == SCAN_BAD)
		return reject_message(f, v, f->scan.reason, f->scan.error, f->scanned,
			f->scanned, PHASE_FAULTY);
	if (f->scanned > f->max_message)
		return reject_large(f, v, f->scanned, PHASE_FAULTY);
	if (result == SCAN_DONE || (line_end != NULL && scan_may_end(&f->scan))) {
		f->value_len = f->scanned;
		f->phase = PHASE_RECORD_END;
		return MOVE_ON;
	}
	if (line_end != NULL)
		return reject_message(f, v, REJECT_syntax,
			"the line ends within the value", f->scanned, f->scanned,
			PHASE_FAULTY);
	return f->has_ended ? reject_incomplete(f, v, f->scanned) : MOVE_MORE;
}

static enum move
phase_line(struct frame *f, struct view *v)
{
	while (v->position < v->len && scan_is_white(v->bytes[v->position]))
		v->position++;
	if (v->position == v->len)
		return MOVE_MORE;
	begin_scan(f);
	f->phase = PHASE_LINE_VALUE;
	return phase_line_value(f, v);
}

/*
 * A record that is faulty may have line feeds within its value: its number ends at the
 * first behind the fault, so that its sender need not send another record to be told, and
 * the rest of it is no number.
 */
static enum move
phase_faulty(struct frame *f, struct view *v)
{
	bool in_lines = f->framing == FRAMING_lines;

	for (size_t at = v->position; at < v->len; at++) {
		if (v->bytes[at] == '\n')
			return reject_number(f, v, at + 1 - v->position,
				in_lines ? PHASE_LINE : PHASE_RESYNC);
		if (v->bytes[at] == FRAME_RECORD_SEPARATOR && !in_lines)
			return reject_number(f, v, at - v->position, PHASE_SEPARATOR);
	}
	return drop_faulty(f, v);
}

static const struct frame_fault bad_frame = {REJECT_bad_frame,
	"a length of 16 MiB or more; lengths are 4 bytes, big-endian", 0};

static enum move
phase_length(struct frame *f, struct view *v)
{
	const uint8_t *bytes = v->bytes + v->position;
	size_t arrived = v->len - v->position, len, consumed;

	if (arrived > 0 && bytes[0] != 0) {
		(void)reject_now(f, v, &bad_frame, arrived, PHASE_DEAD);
		v->event = FRAME_FATAL;
		return MOVE_OUT;
	}
	if (arrived < FRAME_LENGTH_BYTES) {
		if (arrived == 0 || !f->has_ended)
			return MOVE_MORE;
		return reject_incomplete(f, v, 0);
	}
	len = (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | (size_t)bytes[3];
	consumed = FRAME_LENGTH_BYTES + len;
	if (len > f->max_message) {
		f->left = len;
		v->position += FRAME_LENGTH_BYTES;
		return reject_large(f, v, 0, PHASE_SKIP);
	}
	if (arrived < consumed) {
		if (!f->has_ended)
			return MOVE_MORE;
		v->position += FRAME_LENGTH_BYTES;
		return reject_incomplete(f, v, arrived - FRAME_LENGTH_BYTES);
	}
	if (len == 0) {
		v->position += consumed;
		return MOVE_ON;
	}
	v->event = frame_judge(bytes + FRAME_LENGTH_BYTES, len, f->max_depth, v->item);
	v->item->begin += (int64_t)v->position + FRAME_LENGTH_BYTES;
	v->item->finishes_number = f->is_numbered;
	v->position += consumed;
	return MOVE_OUT;
}

static enum move
phase_skip(struct frame *f, struct view *v)
{
	size_t arrived = v->len - v->position;

	if (arrived < f->left) {
		f->left -= arrived;
		return f->is_numbered ? drop_faulty(f, v) : drop_all(f, v);
	}
	if (f->is_numbered)
		return reject_number(f, v, (size_t)f->left, PHASE_LENGTH);
	v->position += (size_t)f->left;
	f->phase = PHASE_LENGTH;
	return MOVE_ON;
}

static enum move
run_phase(struct frame *f, struct view *v)
{
	switch ((enum phase)f->phase) {
	case PHASE_PREFIX:
		return phase_prefix(f, v);
	case PHASE_BETWEEN:
		return phase_between(f, v);
	case PHASE_VALUE:
		return phase_value(f, v);
	case PHASE_TERMINATOR:
		return phase_terminator(f, v);
	case PHASE_OVERSIZE:
		return phase_oversize(f, v);
	case PHASE_DEEP:
		return phase_deep(f, v);
	case PHASE_RESYNC:
		return phase_resync(f, v);
	case PHASE_SEPARATOR:
		return phase_separator(f, v);
	case PHASE_RECORD:
		return phase_record(f, v);
	case PHASE_RECORD_END:
		return phase_record_end(f, v);
	case PHASE_LINE:
		return phase_line(f, v);
	case PHASE_LINE_VALUE:
		return phase_line_value(f, v);
	case PHASE_FAULTY:
		return phase_faulty(f, v);
	case PHASE_LENGTH:
		return phase_length(f, v);
	case PHASE_SKIP:
		return phase_skip(f, v);
	case PHASE_DEAD:
		return drop_all(f, v);
	}
	return MOVE_MORE;
}

/* Within a message whose bytes are not kept. */
static bool
is_skipping(const struct frame *f)
{
	return f->phase == PHASE_OVERSIZE || f->phase == PHASE_DEEP ||
	       f->phase == PHASE_FAULTY || f->phase == PHASE_SKIP;
}

enum frame_event
frame_next(struct frame *f, const uint8_t *bytes, size_t len, struct frame_item *item)
{
	struct view v = {.bytes = bytes, .len = len, .event = FRAME_MORE, .item = item};
	enum move move;

	do
		move = run_phase(f, &v);
	while (move == MOVE_ON);
	item->used = v.position;
	if (v.event == FRAME_MORE)
		f->is_within = v.position < len || is_skipping(f);
	return v.event;
}

enum frame_event
frame_judge(const uint8_t *bytes, size_t len, unsigned max_depth, struct frame_item *item)
{
	struct scan scan;
	enum scan_result result;
	size_t begin = 0, used, behind;

	while (begin < len && scan_is_white(bytes[begin]))
		begin++;
	scan_begin(&scan, max_depth, len - begin);
	result = scan_feed(&scan, bytes + begin, len - begin, &used);
	if (result == SCAN_MORE && scan_may_end(&scan))
		result = SCAN_DONE;
	item->begin = (int64_t)begin;
	item->offset = used;
	if (result != SCAN_DONE) {
		item->reason = result == SCAN_BAD ? scan.reason : REJECT_syntax;
		item->error = result == SCAN_BAD ? scan.error : "the text ends too early";
		return FRAME_REJECT;
	}
	behind = begin + used;
	while (behind < len && scan_is_white(bytes[behind]))
		behind++;
	if (behind < len) {
		item->reason = REJECT_syntax;
		item->error = "something follows the value";
		item->offset = behind - begin;
		return FRAME_REJECT;
	}
	item->text = bytes + begin;
	item->len = used;
	return FRAME_MESSAGE;
}
