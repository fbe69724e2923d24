/*
 * history: page after page of /messages.
 *
 * The first question is for the newest id, which bounds all others: so an export ends,
 * however fast messages come in.  A page is written when all of it is there, and then the
 * next one is asked for behind it; so a broken connection costs a page that is asked for
 * again, and no message comes twice or is left out.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/history.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/outage.h"
#include "client/output.h"
#include "client/page.h"
#include "client/pretty.h"
#include "client/progress.h"
#include "client/question.h"
#include "client/status.h"

enum { PAGE_LIMIT = 1000 };

struct history {
	const struct options *options;
	struct status *status;
	struct status_answer answer;
	struct output output;
	struct progress progress;
	struct outage outage;
	bool is_terminal;
	struct text line;  /* a message as it is written */
	struct text shown; /* the same, where a terminal gets it */
	uint64_t newest, first_id, last_id;
	uint64_t after, before; /* of the next page, both exclusive */
	uint64_t messages, bytes;
};

static void
make_question(const struct history *h, struct question *q)
{
	const struct options *o = h->options;
	uint64_t limit = PAGE_LIMIT;

	if (o->limit > 0 && o->limit - h->messages < limit)
		limit = o->limit - h->messages;
	question_begin(q);
	question_add_number(q, "limit", limit);
	question_add_number(q, "after", h->after);
	question_add_number(q, "before", h->before);
	question_add(q, "order", o->order == ORDER_ASCENDING ? "asc" : "desc");
	question_add(q, "since", o->since);
	question_add(q, "until", o->until);
	question_add_filters(q, o);
}

static int
complain(struct history *h)
{
	progress_clear(&h->progress);
	options_complain("%s", h->answer.why);
	return -1;
}

static int
fail(struct history *h, const char *why)
{
	h->answer.code = EXIT_CODE_FAILED;
	(void)snprintf(h->answer.why, sizeof h->answer.why, "%s", why);
	return complain(h);
}

static void
pause_until(uint64_t deadline_ns)
{
	struct timespec time = {.tv_sec = (time_t)(deadline_ns / CLOCK_NS_PER_S),
		.tv_nsec = (long)(deadline_ns % CLOCK_NS_PER_S)};

	/* Cut short by a signal, it is asked a little earlier. */
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/*
 * Asks until there is an answer.  The very first question is asked once where nobody
 * listens, since that is a mistake in the address rather than an outage.
 */
static int
ask(struct history *h, const struct question *q)
{
	for (;;) {
		enum outage_verdict verdict = OUTAGE_IS_TOO_LONG;

		status_ask(h->status, "/messages", q->parameters, q->count, &h->answer);
		if (h->answer.code == EXIT_CODE_DONE) {
			outage_end(&h->outage);
			return 0;
		}
		if (h->answer.is_transient &&
			(h->newest > 0 || h->answer.code != EXIT_CODE_UNREACHABLE))
			verdict = outage_fail(&h->outage, clock_mono_ns(), 0);
		if (verdict == OUTAGE_IS_TOO_LONG)
			return complain(h);
		if (verdict == OUTAGE_BEGINS && !h->options->quiet)
			options_complain("%s; trying again for up to %g s", h->answer.why,
				(double)h->options->retry_timeout_ms / 1000);
		pause_until(h->outage.next_ns);
	}
}

/* 0 where the server keeps nothing. */
static int
find_newest(struct history *h)
{
	const struct question newest = {.parameters = {{"limit", "1"}}, .count = 1};
	struct page_item item;
	struct page page;

	if (ask(h, &newest) != 0)
		return -1;
	page_begin(&page, h->answer.body.bytes, h->answer.body.len);
	switch (page_next(&page, &item)) {
	case PAGE_MESSAGE:
		h->newest = item.id;
		return 0;
	case PAGE_END:
		return 0;
	case PAGE_BAD:
		break;
	}
	return fail(h, "the server's answer is no page of messages");
}

/* Line feeds stay; other breaks are white space between two tokens. */
static const struct text *
make_harmless(struct history *h)
{
	const char *p = h->line.bytes, *end = p + h->line.len;

	h->shown.len = 0;
	while (p < end) {
		size_t len = 0;

		while (p + len < end && p[len] != '\n' && p[len] != '\r')
			len++;
		pretty_append_harmless(&h->shown, p, len);
		p += len;
		if (p < end)
			text_append_string(&h->shown, *p++ == '\n' ? "\n" : " ");
	}
	return &h->shown;
}

static int
write_line(struct history *h)
{
	const struct text *line = &h->line;

	if (h->is_terminal && !text_failed(line))
		line = make_harmless(h);
	if (text_failed(line))
		return fail(h, "out of memory");
	if (output_write(&h->output, line->bytes, line->len) == 0)
		return 0;
	h->answer.code = EXIT_CODE_FAILED;
	return -1;
}

static int
write_message(struct history *h, const struct page_item *item)
{
	bool is_raw = h->options->format == FORMAT_RAW;
	const char *bytes = is_raw ? item->data : item->object;
	size_t len = is_raw ? item->data_len : item->object_len;

	h->line.len = 0;
	switch ((enum format_choice)h->options->format) {
	case FORMAT_NDJSON:
		text_append_one_line(&h->line, bytes, len);
		text_append_string(&h->line, "\n");
		break;
	case FORMAT_RAW:
		text_append(&h->line, bytes, len);
		text_append_string(&h->line, "\n");
		break;
	case FORMAT_JSON:
		text_append_string(&h->line, h->messages > 0 ? ",\n" : "\n");
		text_append(&h->line, bytes, len);
		break;
	}
	if (write_line(h) != 0)
		return -1;
	if (h->messages == 0)
		h->first_id = item->id;
	h->messages++;
	h->bytes += item->data_len;
	h->last_id = item->id;
	return 0;
}

/* Between 0 and 1: how far this is through the ids, or through the limit. */
static double
share_done(const struct history *h)
{
	bool is_up = h->options->order == ORDER_ASCENDING;
	uint64_t lowest = is_up ? h->first_id : h->options->after + 1;
	uint64_t done = is_up ? h->last_id - lowest : h->newest - h->last_id;
	double by_ids = 1, by_limit = 0;

	if (h->messages == 0)
		return 0;
	if (h->newest > lowest)
		by_ids = (double)done / (double)(h->newest - lowest);
	if (h->options->limit > 0)
		by_limit = (double)h->messages / (double)h->options->limit;
	return by_ids > by_limit ? by_ids : by_limit;
}

static void
show_progress(struct history *h)
{
	static const char full[] = "##############################";
	double share;
	int marks;

	if (!progress_is_due(&h->progress))
		return;
	share = share_done(h);
	marks = (int)(share * (double)(sizeof full - 1));
	progress_show(&h->progress, "[%-*.*s] %3d %%  %" PRIu64 " messages, %.1f MB",
		(int)sizeof full - 1, marks, full, (int)(share * 100), h->messages,
		(double)h->bytes / 1e6);
}

/* Writes the page; `*has_more` says whether there is another. */
static int
write_page(struct history *h, bool *has_more)
{
	enum page_event event;
	struct page_item item;
	struct page page;

	page_begin(&page, h->answer.body.bytes, h->answer.body.len);
	while ((event = page_next(&page, &item)) == PAGE_MESSAGE) {
		/* What does not go on would never end. */
		if (item.id <= h->after || item.id >= h->before)
			return fail(h, "the server sent a message twice");
		if (write_message(h, &item) != 0)
			return -1;
	}
	*has_more = page.next > 0;
	if (event == PAGE_BAD)
		return fail(h, "the server's answer is no page of messages");
	if (*has_more && (page.next <= h->after || page.next >= h->before))
		return fail(h, "the server's pages do not go on");
	if (h->options->order == ORDER_ASCENDING)
		h->after = page.next;
	else
		h->before = page.next;
	return 0;
}

static int
write_pages(struct history *h)
{
	const struct options *o = h->options;
	struct question question;
	bool has_more = true;

	while (has_more && (o->limit == 0 || h->messages < o->limit)) {
		make_question(h, &question);
		if (ask(h, &question) != 0 || write_page(h, &has_more) != 0)
			return -1;
		show_progress(h);
	}
	return 0;
}

static int
write_all(struct history *h)
{
	const struct options *o = h->options;
	bool is_json = o->format == FORMAT_JSON;

	if (find_newest(h) != 0)
		return -1;
	h->after = o->after;
	h->before = h->newest + 1;
	if (o->before > 0 && o->before < h->before)
		h->before = o->before;
	if (is_json && output_write(&h->output, "{\"messages\":[", 13) != 0)
		goto fail_output;
	if (h->newest > 0 && write_pages(h) != 0)
		return -1;
	if (is_json && output_write(&h->output, "\n]}\n", 4) != 0)
		goto fail_output;
	return 0;
fail_output:
	h->answer.code = EXIT_CODE_FAILED;
	return -1;
}

static void
run_export(struct history *h)
{
	const struct options *o = h->options;

	if (output_open(&h->output, o->output) != 0) {
		h->answer.code = EXIT_CODE_FAILED;
		return;
	}
	if (write_all(h) != 0) {
		progress_clear(&h->progress);
		output_abandon(&h->output);
		return;
	}
	progress_clear(&h->progress);
	if (output_finish(&h->output) != 0)
		h->answer.code = EXIT_CODE_FAILED;
	else if (o->output != NULL && !o->quiet)
		(void)fprintf(stderr,
			"wrote %" PRIu64 " message%s (%" PRIu64 " bytes) to %s\n",
			h->messages, h->messages == 1 ? "" : "s", h->bytes, o->output);
}

enum exit_code
history_run(const struct options *options)
{
	struct history h = {.options = options, .status = status_open(options)};

	if (h.status == NULL) {
		options_complain("out of memory");
		return EXIT_CODE_FAILED;
	}
	h.is_terminal = options->output == NULL && isatty(STDOUT_FILENO) == 1;
	outage_init(&h.outage, options->retry_timeout_ms);
	progress_init(&h.progress, options->output != NULL && !options->quiet);
	run_export(&h);
	text_free(&h.line);
	text_free(&h.shown);
	text_free(&h.answer.body);
	status_close(h.status);
	return h.answer.code;
}
