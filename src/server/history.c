/*
 * history: walks batches up or down, those in memory and those of the store.
 *
 * A view of the recent batches is taken first; what is older than it is read from the
 * store, some batches at a time, and there is nothing in between: a batch is committed
 * before it is shown.  Times become ids where there is a store, which finds them quickly.
 *
 * Whole batches outside the wanted ids or times are passed over unread; in the others the
 * messages are found with one scan of the body.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/history.h"

#include <stdlib.h>

#include "base/clock.h"
#include "server/envelope.h"

#define SEARCH_NS_MAX (200 * CLOCK_NS_PER_MS)
#define BYTES_A_LOOK ((size_t)64 * 1024)
/* What a message costs beside its bytes, in bytes. */
#define LOOK_COST_BYTES 256
/* What is read from the store at a time: no more than fits on the page first, so that
 * little is read in vain, then more, so that a search takes few steps. */
#define STORE_READ_BYTES_MAX ((size_t)1024 * 1024)

/* How a walk goes on. */
enum step { STEP_ON, STEP_FULL, STEP_NO_MEMORY, STEP_UNREADABLE };

/* A page that is being filled. */
struct walk {
	const struct query *query;
	uint64_t low, high; /* ids wanted, both inclusive */
	unsigned limit;
	size_t max_bytes;
	struct text *out;
	size_t out_begin;
	enum envelope_form form;
	uint64_t shown_id; /* of events: up to here there is a message or a gap for all */
	struct history_page *page;
	uint64_t deadline_ns;
	size_t store_read_bytes;
	size_t looked_at_bytes;
	bool is_out_of_time;
};

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

static void
show(struct walk *w, struct envelope *envelope, uint32_t i)
{
	uint64_t id = envelope->batch->first_id + i;

	if (w->form == ENVELOPE_EVENT && id > w->shown_id + 1)
		envelope_append_gap(w->out, w->shown_id + 1, id - 1);
	w->shown_id = id;
	if (w->page->count++ > 0 && w->form == ENVELOPE_OBJECT)
		text_append(w->out, ",", 1);
	envelope_append(envelope, i, w->form, w->out);
}

/* Looks at one message.  False: the page ends before it. */
static bool
visit(struct walk *w, struct envelope *envelope, uint32_t i)
{
	struct batch_message message = envelope_message(envelope, i);
	uint64_t id = envelope->batch->first_id + i;

	if (id < w->low || id > w->high)
		return true;
	if (is_full(w)) {
		w->page->has_more = true;
		return false;
	}
	w->page->next = id;
	watch_time(w, message.len);
	if (filter_match_text(&w->query->filter, message.text, message.len))
		show(w, envelope, i);
	return true;
}

static enum step
visit_batch(struct walk *w, const struct batch *batch)
{
	const struct filter *filter = &w->query->filter;
	uint64_t last_id = batch->first_id + batch->count - 1;
	struct envelope envelope;
	bool goes_on = true;

	if (last_id < w->low || batch->first_id > w->high)
		return STEP_ON;
	if (batch->received_us < filter->since_us ||
		batch->received_us >= filter->until_us)
		return STEP_ON;
	if (envelope_open(&envelope, batch) != 0)
		return STEP_NO_MEMORY;
	for (uint32_t n = 0; goes_on && n < batch->count; n++)
		goes_on = visit(
			w, &envelope, w->query->is_ascending ? n : batch->count - 1 - n);
	envelope_close(&envelope);
	return goes_on ? STEP_ON : STEP_FULL;
}

static enum step
walk_view(struct walk *w, const struct recent_view *view)
{
	enum step step = STEP_ON;

	for (size_t n = 0; step == STEP_ON && n < view->count; n++)
		step = visit_batch(w,
			view->batches[w->query->is_ascending ? n : view->count - 1 - n]);
	return step;
}

static enum step
translate(enum store_result result)
{
	if (result == STORE_OK)
		return STEP_ON;
	return result == STORE_NO_MEMORY ? STEP_NO_MEMORY : STEP_UNREADABLE;
}

/*
 * Visits some batches of the store from `*id` on, which moves behind them; `*id` is 0
 * behind the last.
 */
static enum step
walk_some_of_store(struct walk *w, struct store *store, uint64_t *id)
{
	bool is_ascending = w->query->is_ascending;
	struct batch *batches = NULL;
	enum step step = translate(
		store_read(store, *id, is_ascending ? STORE_ASCENDING : STORE_DESCENDING,
			w->store_read_bytes, &batches));

	if (w->store_read_bytes < STORE_READ_BYTES_MAX)
		w->store_read_bytes *= 2;
	if (batches == NULL)
		*id = 0;
	for (const struct batch *b = batches; step == STEP_ON && b != NULL; b = b->next) {
		step = visit_batch(w, b);
		*id = is_ascending ? b->first_id + b->count : b->first_id - 1;
	}
	batch_release_chain(batches);
	return step;
}

/* What the store has before `border`. */
static enum step
walk_store(struct walk *w, struct store *store, uint64_t border)
{
	uint64_t high = w->high, id;
	enum step step = STEP_ON;

	/* What is read may go beyond the border: those batches are not wanted here. */
	if (w->high >= border)
		w->high = border - 1;
	id = w->query->is_ascending ? w->low : w->high;
	while (step == STEP_ON && id != 0 && id >= w->low && id <= w->high)
		step = walk_some_of_store(w, store, &id);
	w->high = high;
	return step;
}

/*
 * Makes the wanted ids as few as the wanted times allow, and leaves out what retention
 * has removed from the store, though it may still be in memory.
 */
static enum step
narrow(struct walk *w, struct store *store)
{
	const struct filter *filter = &w->query->filter;
	enum step step = STEP_ON;
	struct store_numbers numbers;
	uint64_t id;

	store_numbers(store, &numbers);
	if (w->low < numbers.extent.oldest_id)
		w->low = numbers.extent.oldest_id;

	if (filter->since_us > INT64_MIN) {
		step = translate(store_find_time(store, filter->since_us, &id));
		if (step == STEP_ON && id > w->low)
			w->low = id;
	}
	if (step == STEP_ON && filter->until_us < INT64_MAX) {
		step = translate(store_find_time(store, filter->until_us, &id));
		if (step == STEP_ON && id - 1 < w->high)
			w->high = id - 1;
	}
	return step;
}

/* The walk over both, in the order that is asked for. */
static enum step
walk_all(struct walk *w, struct store *store, const struct recent_view *view)
{
	uint64_t border = view->count > 0 ? view->batches[0]->first_id : UINT64_MAX;
	enum step step = narrow(w, store);

	if (step == STEP_ON && w->query->is_ascending)
		step = walk_store(w, store, border);
	if (step == STEP_ON)
		step = walk_view(w, view);
	if (step == STEP_ON && !w->query->is_ascending)
		step = walk_store(w, store, border);
	return step;
}

static enum history_result
conclude(enum step step, const struct text *out)
{
	if (step == STEP_UNREADABLE)
		return HISTORY_UNREADABLE;
	return step == STEP_NO_MEMORY || text_failed(out) ? HISTORY_NO_MEMORY
							  : HISTORY_FOUND;
}

/* Fills the page of a walk, of which the caller has set what it wants. */
static enum history_result
walk(struct walk *w, struct history *h, const struct history_bounds *bounds)
{
	struct recent_view view;
	enum step step;

	w->limit = bounds->messages;
	w->max_bytes = bounds->bytes;
	w->out_begin = w->out->len;
	w->store_read_bytes = bounds->bytes < STORE_READ_BYTES_MAX ? bounds->bytes
								   : STORE_READ_BYTES_MAX;
	w->deadline_ns = clock_mono_ns() + SEARCH_NS_MAX;
	*w->page = (struct history_page){0};
	if (w->high < w->low)
		return HISTORY_FOUND;
	if (recent_view_open(h->recent, &view) != 0)
		return HISTORY_NO_MEMORY;
	if (h->store != NULL) {
		step = walk_all(w, h->store, &view);
	} else {
		if (w->low < view.oldest_id)
			w->low = view.oldest_id;
		step = walk_view(w, &view);
	}
	recent_view_close(&view);
	return conclude(step, w->out);
}

enum history_result
history_append_page(struct history *h, const struct query *q,
	const struct history_bounds *bounds, struct text *out, struct history_page *page)
{
	struct walk w = {.query = q,
		.low = q->filter.after + 1,
		.high = q->filter.before > 0 ? q->filter.before - 1 : 0,
		.out = out,
		.form = q->is_ndjson ? ENVELOPE_LINE : ENVELOPE_OBJECT,
		.page = page};

	return walk(&w, h, bounds);
}

enum history_result
history_append_events(struct history *h, uint64_t after, uint64_t last,
	const struct history_bounds *bounds, struct text *out, struct history_page *page)
{
	struct query all = {.is_ascending = true};
	struct walk w = {.query = &all,
		.low = after + 1,
		.high = last,
		.out = out,
		.form = ENVELOPE_EVENT,
		.shown_id = after,
		.page = page};
	enum history_result result;

	filter_init(&all.filter);
	result = walk(&w, h, bounds);
	if (result != HISTORY_FOUND)
		return result;
	if (!page->has_more && w.shown_id < last) {
		envelope_append_gap(out, w.shown_id + 1, last);
		w.shown_id = last;
	}
	page->next = w.shown_id;
	return text_failed(out) ? HISTORY_NO_MEMORY : HISTORY_FOUND;
}

static enum history_result
append_from(const struct batch *batch, uint64_t id, bool raw, struct text *out)
{
	uint32_t i = (uint32_t)(id - batch->first_id);
	struct batch_message message;
	struct envelope envelope;

	if (envelope_open(&envelope, batch) != 0)
		return HISTORY_NO_MEMORY;
	message = envelope_message(&envelope, i);
	if (raw)
		text_append(out, message.text, message.len);
	else
		envelope_append(&envelope, i, ENVELOPE_OBJECT, out);
	envelope_close(&envelope);
	return text_failed(out) ? HISTORY_NO_MEMORY : HISTORY_FOUND;
}

static bool
has_id(const struct batch *batch, uint64_t id)
{
	return id >= batch->first_id && id - batch->first_id < batch->count;
}

static enum history_result
append_from_store(struct store *store, uint64_t id, bool raw, struct text *out)
{
	enum history_result result = HISTORY_MISSING;
	struct batch *batches = NULL;
	enum step step = translate(store_read(store, id, STORE_ASCENDING, 1, &batches));

	if (step != STEP_ON)
		result = conclude(step, out);
	else if (batches != NULL && has_id(batches, id))
		result = append_from(batches, id, raw, out);
	batch_release_chain(batches);
	return result;
}

enum history_result
history_append_one(struct history *h, uint64_t id, bool raw, struct text *out)
{
	enum history_result result = HISTORY_MISSING;
	struct store_numbers numbers;
	struct recent_view view;
	bool is_in_view = false;
	uint64_t oldest_id;

	if (recent_view_open(h->recent, &view) != 0)
		return HISTORY_NO_MEMORY;
	if (id == 0)
		id = view.newest_id;
	oldest_id = view.oldest_id;
	if (h->store != NULL) {
		store_numbers(h->store, &numbers);
		oldest_id = numbers.extent.oldest_id;
	}
	for (size_t n = 0; !is_in_view && n < view.count; n++) {
		is_in_view = has_id(view.batches[n], id) && id >= oldest_id;
		if (is_in_view)
			result = append_from(view.batches[n], id, raw, out);
	}
	recent_view_close(&view);
	if (!is_in_view && id != 0 && h->store != NULL)
		result = append_from_store(h->store, id, raw, out);
	return result;
}
