/*
 * pulse: two walks over the newest batches.
 *
 * The first goes from the newest message back, for as long as the bounds allow, and finds
 * where to begin; the second writes from there on.  Whatever id is missing between two
 * that are written, or before the first, is within a gap.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/pulse.h"

#include <stdlib.h>

#include "server/envelope.h"

/* What an event takes beside its message, in bytes, unless names are long. */
#define EVENT_BYTES 256

/* The room that is left while messages are counted from the newest back. */
struct room {
	size_t messages, bytes;
	bool is_first;
};

/* How many of the batch's newest messages behind `after` fit; -1: out of memory. */
static int
count_fitting(
	const struct batch *batch, uint64_t after, struct room *room, uint32_t *out_count)
{
	struct envelope envelope;
	uint32_t i = batch->count;

	if (envelope_open(&envelope, batch) != 0)
		return -1;
	for (; i > 0 && batch->first_id + i - 1 > after && room->messages > 0; i--) {
		size_t bytes = envelope_message(&envelope, i - 1).len + EVENT_BYTES;

		if (room->bytes < bytes && !(room->is_first && room->bytes > 0))
			break;
		room->is_first = false;
		room->messages--;
		room->bytes -= bytes < room->bytes ? bytes : room->bytes;
	}
	envelope_close(&envelope);
	*out_count = batch->count - i;
	return 0;
}

/* The first id to be shown; one behind the newest where none fits. */
static int
find_first(const struct recent_view *view, uint64_t after,
	const struct pulse_bounds *bounds, uint64_t *out_id)
{
	struct room room = {bounds->messages, bounds->bytes, true};
	uint32_t fitting;

	*out_id = view->newest_id + 1;
	for (size_t n = view->count; n > 0; n--) {
		const struct batch *batch = view->batches[n - 1];

		if (count_fitting(batch, after, &room, &fitting) != 0)
			return -1;
		if (fitting > 0)
			*out_id = batch->first_id + batch->count - fitting;
		if (fitting < batch->count)
			break;
	}
	return 0;
}

static int
append_batch(struct pulse *pulse, const struct batch *batch, uint64_t first)
{
	struct envelope envelope;

	if (batch->first_id + batch->count <= first)
		return 0;
	if (envelope_open(&envelope, batch) != 0)
		return -1;
	for (uint32_t i = 0; i < batch->count; i++) {
		uint64_t id = batch->first_id + i;

		if (id < first)
			continue;
		if (id > pulse->last + 1)
			envelope_append_gap(&pulse->text, pulse->last + 1, id - 1);
		envelope_append(&envelope, i, ENVELOPE_EVENT, &pulse->text);
		pulse->last = id;
	}
	envelope_close(&envelope);
	return 0;
}

static int
append_messages(
	struct pulse *pulse, struct recent *recent, const struct pulse_bounds *bounds)
{
	struct recent_view view;
	uint64_t first;
	int result;

	if (recent_view_open_behind(recent, pulse->after, bounds->messages, &view) != 0)
		return -1;
	result = find_first(&view, pulse->after, bounds, &first);
	for (size_t n = 0; result == 0 && n < view.count; n++)
		result = append_batch(pulse, view.batches[n], first);
	if (result == 0 && pulse->last < view.newest_id) {
		envelope_append_gap(&pulse->text, pulse->last + 1, view.newest_id);
		pulse->last = view.newest_id;
	}
	recent_view_close(&view);
	return result;
}

static int
append_stats(struct pulse *pulse, const struct report *report)
{
	text_append_string(&pulse->text, "event: stats\ndata: ");
	if (report_append_stats(report, &pulse->text) != 0)
		return -1;
	text_append(&pulse->text, "\n", 1);
	return 0;
}

struct pulse *
pulse_new(struct recent *recent, uint64_t after, const struct pulse_bounds *bounds,
	const struct report *stats)
{
	struct pulse *pulse = calloc(1, sizeof *pulse);

	if (pulse == NULL)
		return NULL;
	pulse->after = pulse->last = after;
	if (append_messages(pulse, recent, bounds) != 0)
		goto fail;
	if (stats != NULL && append_stats(pulse, stats) != 0)
		goto fail;
	if (text_failed(&pulse->text))
		goto fail;
	text_fit(&pulse->text);
	return pulse;
fail:
	pulse_free(pulse);
	return NULL;
}

void
pulse_free(struct pulse *pulse)
{
	if (pulse == NULL)
		return;
	text_free(&pulse->text);
	free(pulse);
}
