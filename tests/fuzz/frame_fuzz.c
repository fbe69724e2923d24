/*
 * frame_fuzz: the framing, where no cut may change anything.
 *
 * The input is four bytes that set the limits and the end (struct setting), and behind
 * them the bytes of a connection.  These are given whole, byte by byte and in random
 * cuts, and every run must have the same outcomes: events, texts, places, reasons.
 * Those of the first are compared with the reference.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/frame.h"

#include <string.h>

#include "../unit/guard.h"
#include "fuzz.h"
#include "reference.h"

#define SETTING_BYTES 4
#define RANDOM_RUNS 2
/* Each outcome but the last takes a byte; two stand at the end. */
#define OUTCOMES_MAX (FUZZ_INPUT_MAX + 2)

const char fuzz_name[] = "frame";

/*
 * Byte by byte the bytes are given where they are; the other ways give copies that end
 * where their memory ends.
 */
enum way { WAY_WHOLE, WAY_BYTES, WAY_RANDOM };

struct setting {
	size_t max_message;   /* 5 to 4100: two bytes, little-endian */
	unsigned max_depth;   /* 1 to 16: one byte */
	bool is_broken;       /* the end: the last bit of one byte */
	bool is_numbered;     /* the next two bits: whether a hello has been said */
	enum framing framing; /* and what it asked for */
};

struct outcome {
	struct reference_outcome what;
	const char *error;
};

struct run {
	struct frame frame;
	enum way way;
	const uint8_t *input;
	size_t read, dropped;
	bool was_within, was_undecided;
	size_t count;
	struct outcome outcomes[OUTCOMES_MAX];
};

static struct {
	unsigned messages[FRAMING_COUNT], numbered[FRAMING_COUNT];
	unsigned rejects[REJECT_COUNT], numbered_rejects[REJECT_COUNT], protocols[3];
} seen;

static struct setting
read_setting(const uint8_t *bytes)
{
	static const enum framing framings[] = {
		FRAMING_stream, FRAMING_lines, FRAMING_rs, FRAMING_length};

	return (struct setting){
		.max_message =
			FRAME_MESSAGE_MIN + (bytes[0] | (size_t)bytes[1] << 8) % 4096,
		.max_depth = 1 + bytes[2] % 16,
		.is_broken = (bytes[3] & 1) != 0,
		.is_numbered = (bytes[3] & 6) != 0,
		.framing = framings[bytes[3] >> 1 & 3],
	};
}

static void
note_outcome(struct run *r, enum frame_event event, const uint8_t *bytes,
	const struct frame_item *item)
{
	struct outcome o = {.what.event = event};

	if (event == FRAME_MESSAGE || event == FRAME_REJECT || event == FRAME_FATAL)
		o.what.finishes_number = item->finishes_number;
	switch (event) {
	case FRAME_MORE:
		return;
	case FRAME_MESSAGE:
		FUZZ_CHECK(item->text >= bytes);
		FUZZ_CHECK(item->text + item->len <= bytes + item->used);
		o.what.begin = r->dropped + (size_t)(item->text - bytes);
		o.what.len = item->len;
		break;
	case FRAME_REJECT:
	case FRAME_FATAL:
		FUZZ_CHECK(item->error != NULL);
		o.what.begin = (size_t)((int64_t)r->dropped + item->begin);
		o.what.offset = item->offset;
		o.what.reason = item->reason;
		o.error = item->error;
		break;
	case FRAME_FOREIGN:
		FUZZ_CHECK(item->used == 0);
		o.what.protocol = item->protocol;
		break;
	}
	FUZZ_CHECK(r->count < OUTCOMES_MAX);
	r->outcomes[r->count++] = o;
}

/* Takes what the kept bytes hold. */
static void
take_outcomes(struct run *r, const struct setting *setting)
{
	static struct guard guard;
	size_t len = r->read - r->dropped;
	enum frame_event event;
	const uint8_t *bytes = r->input + r->dropped;

	if (guard.begin == NULL)
		guard = guard_new(FUZZ_INPUT_MAX);
	if (r->way != WAY_BYTES)
		bytes = guard_place_last(&guard, bytes, len);
	do {
		struct frame_item item;

		memset(&item, 0xa5, sizeof item);
		event = frame_next(&r->frame, bytes, len, &item);
		FUZZ_CHECK(item.used <= len);
		note_outcome(r, event, bytes, &item);
		bytes += item.used;
		len -= item.used;
		r->dropped += item.used;
	} while (event != FRAME_MORE);
	FUZZ_CHECK(len <= setting->max_message + FRAME_SLACK_BYTES);
}

static void
say_hello(struct frame *f, enum framing framing)
{
	static const uint8_t hello[] = "BIO/";
	struct frame_item item;

	FUZZ_CHECK(frame_next(f, hello, sizeof hello - 1, &item) == FRAME_FOREIGN);
	FUZZ_CHECK(item.used == 0);
	frame_begin_after_hello(f, framing);
}

static void
run_input(struct run *r, const struct setting *setting, const uint8_t *input, size_t len,
	enum way way, uint64_t *random)
{
	r->way = way;
	r->input = input;
	r->read = r->dropped = r->count = 0;
	memset(&r->frame, 0xa5, sizeof r->frame);
	frame_init(&r->frame, setting->max_message, setting->max_depth);
	if (setting->is_numbered)
		say_hello(&r->frame, setting->framing);
	do {
		size_t left = len - r->read;

		if (way == WAY_RANDOM)
			r->read += fuzz_cut(random, left);
		else if (way == WAY_BYTES)
			r->read += left > 0;
		else
			r->read = len;
		take_outcomes(r, setting);
	} while (r->read < len);
	r->was_within = frame_is_within(&r->frame);
	r->was_undecided = frame_is_undecided(&r->frame);
	frame_finish(&r->frame, !setting->is_broken);
	take_outcomes(r, setting);
	FUZZ_CHECK(r->dropped == len);
}

static void
check_same(const struct run *a, const struct run *b)
{
	FUZZ_CHECK(a->was_within == b->was_within);
	FUZZ_CHECK(a->was_undecided == b->was_undecided);
	FUZZ_CHECK(a->frame.framing == b->frame.framing);
	FUZZ_CHECK(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct outcome *x = &a->outcomes[i], *y = &b->outcomes[i];

		FUZZ_CHECK(x->what.event == y->what.event);
		FUZZ_CHECK(x->what.begin == y->what.begin);
		FUZZ_CHECK(x->what.len == y->what.len);
		FUZZ_CHECK(x->what.offset == y->what.offset);
		FUZZ_CHECK(x->what.reason == y->what.reason);
		FUZZ_CHECK(x->what.finishes_number == y->what.finishes_number);
		FUZZ_CHECK(x->what.protocol == y->what.protocol);
		FUZZ_CHECK(x->error == y->error);
	}
}

/* They stand one behind another, and are those of the reference. */
static void
check_outcomes(const struct run *r, const struct setting *setting, size_t len)
{
	static struct reference_outcome outcomes[OUTCOMES_MAX];
	const struct reference_input in = {.bytes = r->input,
		.len = len,
		.max_message = setting->max_message,
		.max_depth = setting->max_depth,
		.is_broken = setting->is_broken,
		.framing = r->frame.framing,
		.is_numbered = setting->is_numbered};
	size_t end = 0;

	for (size_t i = 0; i < r->count; i++) {
		const struct reference_outcome *o = &r->outcomes[i].what;

		FUZZ_CHECK(o->begin >= end && o->begin <= len);
		end = o->begin + o->len;
		outcomes[i] = *o;
	}
	reference_check(&in, outcomes, r->count);
}

/* An accepted text is judged the same where it comes as one text on its own. */
static void
check_messages(const struct run *r, const struct setting *setting)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct reference_outcome *o = &r->outcomes[i].what;
		const uint8_t *text = r->input + o->begin;
		struct frame_item item;

		if (o->event != FRAME_MESSAGE)
			continue;
		FUZZ_CHECK(frame_judge(text, o->len, setting->max_depth, &item) ==
			   FRAME_MESSAGE);
		FUZZ_CHECK(item.text == text && item.len == o->len);
	}
}

static void
note_seen(const struct run *r)
{
	for (size_t i = 0; i < r->count; i++) {
		const struct reference_outcome *o = &r->outcomes[i].what;

		if (o->event == FRAME_FOREIGN) {
			seen.protocols[o->protocol]++;
		} else if (o->event == FRAME_MESSAGE) {
			seen.messages[r->frame.framing]++;
			seen.numbered[r->frame.framing] += o->finishes_number;
		} else {
			seen.rejects[o->reason]++;
			seen.numbered_rejects[o->reason] += o->finishes_number;
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, other;
	uint64_t random = fuzz_seed(data, size);
	struct setting setting;

	if (size < SETTING_BYTES || size > FUZZ_INPUT_MAX)
		return 0;
	setting = read_setting(data);
	data += SETTING_BYTES;
	size -= SETTING_BYTES;
	run_input(&whole, &setting, data, size, WAY_WHOLE, NULL);
	check_outcomes(&whole, &setting, size);
	check_messages(&whole, &setting);
	note_seen(&whole);
	run_input(&other, &setting, data, size, WAY_BYTES, NULL);
	check_same(&whole, &other);
	for (int i = 0; i < RANDOM_RUNS; i++) {
		run_input(&other, &setting, data, size, WAY_RANDOM, &random);
		check_same(&whole, &other);
	}
	return 0;
}

const char *
fuzz_missing(void)
{
	for (size_t i = 0; i < FRAMING_COUNT; i++)
		if (seen.messages[i] == 0 ||
			(i != FRAMING_stream && seen.numbered[i] == 0))
			return reason_framing_name((enum framing)i);
	for (size_t i = 0; i < REJECT_COUNT; i++)
		if (seen.rejects[i] == 0 ||
			(i < REJECT_incomplete && seen.numbered_rejects[i] == 0))
			return reason_reject_name((enum reject_reason)i);
	for (size_t i = 0; i < COUNT_OF(seen.protocols); i++)
		if (seen.protocols[i] == 0)
			return "a protocol that is foreign";
	return NULL;
}
