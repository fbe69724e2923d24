/*
 * tally: a refusal that got lost can be found out again.
 *
 * All that is sent is JSON, so a server refuses it only for its own limits, which the
 * welcome told.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/tally.h"

#include <inttypes.h>
#include <stdio.h>

#include "client/options.h"
#include "wire/frame.h"

enum { PLACE_MAX_BYTES = 512 };

void
tally_init(struct tally *l, size_t window_bytes, const char *input_name)
{
	*l = (struct tally){.input_name = input_name};
	window_init(&l->window, window_bytes);
}

void
tally_fini(struct tally *l)
{
	window_fini(&l->window);
}

int
tally_add(struct tally *l, const struct framed *message, uint64_t line)
{
	if (window_append(&l->window, message, line) != 0)
		return -1;
	l->taken++;
	l->bytes += framed_length(message);
	return 0;
}

uint64_t
tally_sent(const struct tally *l)
{
	return l->taken - (window_end(&l->window) - window_sent_end(&l->window));
}

/* " (line 7 of FILE)", where there is one. */
static const char *
place_of(const struct tally *l, const struct window_entry *entry,
	char out[PLACE_MAX_BYTES])
{
	out[0] = '\0';
	if (entry->line > 0)
		(void)snprintf(out, PLACE_MAX_BYTES, " (line %" PRIu64 " of %s)",
			entry->line, l->input_name);
	return out;
}

static void
note_refused(struct tally *l, struct window_entry *entry, uint64_t number,
	const char *code, uint64_t offset, const char *error)
{
	char place[PLACE_MAX_BYTES];

	/* Said on two connections it is still one message. */
	if (entry->is_refused)
		return;
	entry->is_refused = true;
	l->refused++;
	options_complain("message %" PRIu64 "%s was refused: %s at offset %" PRIu64
			 ": %s",
		number, place_of(l, entry, place), code, offset, error);
}

int
tally_refuse(struct tally *l, const struct answer *nak)
{
	struct window_entry *entry = window_find(&l->window, nak->number);

	if (entry == NULL || nak->number >= window_sent_end(&l->window))
		return -1;
	note_refused(l, entry, nak->number, nak->code, nak->offset, nak->error);
	return 0;
}

int
tally_finish(struct tally *l, uint64_t last)
{
	uint64_t acknowledged = 0;

	for (uint64_t number = l->window.first; number <= last; number++) {
		struct window_entry *entry = window_find(&l->window, number);

		if (entry == NULL)
			return -1;
		acknowledged += !entry->is_refused;
	}
	if (window_finish(&l->window, last) != 0)
		return -1;
	l->acknowledged += acknowledged;
	return 0;
}

/* The message in front. */
static void
judge_unheard(struct tally *l)
{
	uint64_t number = l->window.first;
	struct window_entry *entry = window_find(&l->window, number);
	const uint8_t *text = window_front_text(&l->window);
	struct frame_item item;

	if (l->max_message_bytes > 0 && entry->text_len > l->max_message_bytes)
		note_refused(l, entry, number, reason_reject_name(REJECT_too_large),
			l->max_message_bytes, "longer than --max-message");
	else if (l->max_depth > 0 && l->max_depth <= SCAN_DEPTH_MAX &&
		 frame_judge(text, entry->text_len, (unsigned)l->max_depth, &item) !=
			 FRAME_MESSAGE)
		note_refused(l, entry, number, reason_reject_name(item.reason),
			item.offset, item.error);
}

int
tally_finish_unheard(struct tally *l, uint64_t next)
{
	while (l->window.first < next) {
		if (window_count(&l->window) == 0)
			return -1;
		judge_unheard(l);
		if (tally_finish(l, l->window.first) != 0)
			return -1;
	}
	return 0;
}

void
tally_complain_of_rest(struct tally *l, const char *hint)
{
	struct window_entry *entry = window_find(&l->window, l->window.first);
	size_t count = window_count(&l->window);
	char place[PLACE_MAX_BYTES];

	if (entry != NULL)
		options_complain("%zu message%s not acknowledged, from number %" PRIu64
				 "%s on%s",
			count, count == 1 ? " was" : "s were", l->window.first,
			place_of(l, entry, place), hint);
}

void
tally_print_summary(const struct tally *l)
{
	uint64_t sent = tally_sent(l);
	char skipped[64] = "";

	if (l->skipped > 0)
		(void)snprintf(skipped, sizeof skipped,
			"; %" PRIu64 " were finished before", l->skipped);
	(void)fprintf(stderr,
		"sent %" PRIu64 " message%s (%" PRIu64 " bytes) on %" PRIu64
		" connection%s: %" PRIu64 " acknowledged, %" PRIu64 " refused%s\n",
		sent, sent == 1 ? "" : "s", l->bytes - window_unsent_bytes(&l->window),
		l->connections, l->connections == 1 ? "" : "s", l->acknowledged,
		l->refused, skipped);
}
