/*
 * history: walks a view of the recent batches, up or down.
 *
 * Whole batches outside the wanted ids or times are passed over unread; in the others the
 * messages are found with one scan of the body.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/history.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"

#define SEARCH_NS_MAX (200 * CLOCK_NS_PER_MS)
#define BYTES_A_LOOK ((size_t)64 * 1024)
/* What a message costs beside its bytes, in bytes. */
#define LOOK_COST_BYTES 256

/* A page that is being filled. */
struct walk {
	const struct query *query;
	uint64_t low, high; /* ids wanted, both inclusive */
	unsigned limit;
	size_t max_bytes;
	struct text *out;
	size_t out_begin;
	struct history_page *page;
	uint64_t deadline_ns;
	size_t looked_at_bytes;
	bool is_out_of_time;
};

static void
append_message(struct text *out, const struct batch *batch, const uint32_t *index,
	uint32_t i, bool line)
{
	struct batch_message message = batch_message(batch, index, i);
	char received_at[CLOCK_TEXT_MAX];

	clock_format_utc(batch->received_us, received_at);
	text_printf(out,
		"{\"id\":%" PRIu64 ",\"received_at\":\"%s\",\"connection\":%" PRIu64
		",\"peer\":\"%s\",\"name\":null,\"framing\":\"%s\",\"size_bytes\":%zu,"
		"\"data\":",
		batch->first_id + i, received_at, batch->origin.connection,
		batch->origin.peer, reason_framing_name(batch->origin.framing),
		message.len);
	if (line)
		text_append_one_line(out, message.text, message.len);
	else
		text_append(out, message.text, message.len);
	text_append_string(out, line ? "}\n" : "}");
}

static bool
is_full(const struct walk *w)
{
	return w->page->count == w->limit || w->out->len - w->out_begin >= w->max_bytes ||
	       w->is_out_of_time;
}

/* The clock is read once for so many bytes looked at, however long the messages are. */
static void
watch_time(struct walk *w, size_t bytes)
{
	w->looked_at_bytes += bytes + LOOK_COST_BYTES;
	if (w->looked_at_bytes < BYTES_A_LOOK)
		return;
	w->looked_at_bytes = 0;
	w->is_out_of_time = clock_mono_ns() >= w->deadline_ns;
}

/* Looks at one message.  False: the page ends before it. */
static bool
visit(struct walk *w, const struct batch *batch, const uint32_t *index, uint32_t i)
{
	struct batch_message message = batch_message(batch, index, i);
	uint64_t id = batch->first_id + i;

	if (id < w->low || id > w->high)
		return true;
	if (is_full(w)) {
		w->page->has_more = true;
		return false;
	}
	w->page->next = id;
	watch_time(w, message.len);
	if (!filter_match_text(&w->query->filter, message.text, message.len))
		return true;
	if (w->page->count++ > 0 && !w->query->is_ndjson)
		text_append_string(w->out, ",");
	append_message(w->out, batch, index, i, w->query->is_ndjson);
	return true;
}

/* 1: go on, 0: the page ends here, -1: out of memory. */
static int
visit_batch(struct walk *w, const struct batch *batch)
{
	const struct filter *filter = &w->query->filter;
	uint64_t last_id = batch->first_id + batch->count - 1;
	uint32_t *index;
	bool goes_on = true;

	if (last_id < w->low || batch->first_id > w->high)
		return 1;
	if (batch->received_us < filter->since_us ||
		batch->received_us >= filter->until_us)
		return 1;
	index = batch_index(batch);
	if (index == NULL)
		return -1;
	for (uint32_t n = 0; goes_on && n < batch->count; n++)
		goes_on = visit(w, batch, index,
			w->query->is_ascending ? n : batch->count - 1 - n);
	free(index);
	return goes_on ? 1 : 0;
}

int
history_append_page(struct history *h, const struct query *q,
	const struct history_bounds *bounds, struct text *out, struct history_page *page)
{
	struct walk w = {.query = q,
		.low = q->filter.after + 1,
		.high = q->filter.before - 1,
		.limit = bounds->messages,
		.max_bytes = bounds->bytes,
		.out = out,
		.out_begin = out->len,
		.page = page,
		.deadline_ns = clock_mono_ns() + SEARCH_NS_MAX};
	struct recent_view view;
	int result = 1;

	*page = (struct history_page){0};
	if (q->filter.before == 0)
		return 0;
	if (recent_view_open(h->recent, &view) != 0)
		return -1;
	if (w.low < view.oldest_id)
		w.low = view.oldest_id;
	for (size_t n = 0; result > 0 && n < view.count; n++)
		result = visit_batch(
			&w, view.batches[q->is_ascending ? n : view.count - 1 - n]);
	recent_view_close(&view);
	return result < 0 || text_failed(out) ? -1 : 0;
}

static enum history_found
append_from(const struct batch *batch, uint64_t id, bool raw, struct text *out)
{
	uint32_t *index = batch_index(batch), i = (uint32_t)(id - batch->first_id);
	struct batch_message message;

	if (index == NULL)
		return HISTORY_NO_MEMORY;
	message = batch_message(batch, index, i);
	if (raw)
		text_append(out, message.text, message.len);
	else
		append_message(out, batch, index, i, false);
	free(index);
	return text_failed(out) ? HISTORY_NO_MEMORY : HISTORY_FOUND;
}

enum history_found
history_append_one(struct history *h, uint64_t id, bool raw, struct text *out)
{
	enum history_found found = HISTORY_MISSING;
	struct recent_view view;

	if (recent_view_open(h->recent, &view) != 0)
		return HISTORY_NO_MEMORY;
	if (id == 0)
		id = view.newest_id;
	for (size_t n = 0; id >= view.oldest_id && n < view.count; n++) {
		const struct batch *batch = view.batches[n];

		if (id >= batch->first_id && id - batch->first_id < batch->count) {
			found = append_from(batch, id, raw, out);
			break;
		}
	}
	recent_view_close(&view);
	return found;
}
