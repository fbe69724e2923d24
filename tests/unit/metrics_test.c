/*
 * metrics_test: names, labels and numbers as they stand in the text.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/metrics.h"

#include <stdlib.h>

#include "server/exchange.h"
#include "tap.h"

#define SAMPLE_MAX 256

/* As much of a server as is shown. */
struct site {
	struct options options;
	struct counters counters;
	struct ingest ingest;
	struct session_shared shared;
	struct report report;
};

static void
init_site(struct site *site)
{
	memset(site, 0, sizeof *site);
	counter_init(&site->counters);
	ingest_init(&site->ingest, &site->counters, NULL, NULL);
	site->shared.options = &site->options;
	site->shared.counters = &site->counters;
	site->shared.ingest = &site->ingest;
	if (report_init(&site->report, &site->shared) != 0)
		abort();
}

static void
fini_site(struct site *site)
{
	ingest_fini(&site->ingest);
	counter_fini(&site->counters);
}

static void
append_path(struct text *out, unsigned path)
{
	text_printf(out, "/path-%u", path);
}

/* Returns owned (free). */
static char *
show(const struct site *site)
{
	static const struct metrics_requests requests = {.path_count = 2,
		.code_count = 2,
		.append_path = append_path,
		.codes = {200, 404}};
	struct text out = {0};

	EXPECT_INT(0, metrics_append(&site->report, &requests, &out));
	text_append(&out, "", 1);
	if (text_failed(&out))
		abort();
	return out.bytes;
}

/* The line of a sample has this value. */
static void
expect_sample(const char *text, const char *sample, const char *value)
{
	char line[SAMPLE_MAX * 2];

	(void)snprintf(line, sizeof line, "\n%s %s\n", sample, value);
	if (strstr(text, line) == NULL)
		tap_fail(__FILE__, __LINE__, "no sample %s %s", sample, value);
}

static void
expect_count(const char *text, const char *sample, uint64_t value)
{
	char number[32];

	(void)snprintf(number, sizeof number, "%llu", (unsigned long long)value);
	expect_sample(text, sample, number);
}

static void
every_reason_is_there_from_the_start(void)
{
	static const struct {
		const char *name, *label;
		enum reason_list list;
	} families[] = {
		{"bio_connections_closed_total", "reason", REASON_CLOSE},
		{"bio_messages_rejected_total", "reason", REASON_REJECT},
		{"bio_messages_received_total", "framing", REASON_FRAMING},
	};
	struct site site;
	char *text, sample[SAMPLE_MAX];

	init_site(&site);
	text = show(&site);
	for (size_t f = 0; f < COUNT_OF(families); f++)
		for (unsigned i = 0; i < reason_list_count(families[f].list); i++) {
			(void)snprintf(sample, sizeof sample, "%s{%s=\"%s\"}",
				families[f].name, families[f].label,
				reason_list_name(families[f].list, i));
			expect_count(text, sample, 0);
		}
	free(text);
	fini_site(&site);
}

static void
every_counter_has_its_sample(void)
{
	struct site site;
	char *text, sample[SAMPLE_MAX];
	unsigned shown = 0;

	init_site(&site);
	for (int i = 0; i < COUNTER_COUNT; i++)
		counter_add(&site.counters, (enum counter)i, 1000 + (uint64_t)i);
	text = show(&site);
	for (size_t i = 0; i < COUNTER_ROW_COUNT; i++) {
		const struct counter_row *row = &counter_rows[i];
		unsigned last = row->label != NULL ? reason_list_count(row->list) - 1 : 0;

		if (row->metric[0] == '\0')
			continue;
		shown++;
		(void)snprintf(sample, sizeof sample,
			row->label != NULL ? "%s{%s=\"%s\"}" : "%s", row->metric,
			row->label,
			row->label != NULL ? reason_list_name(row->list, last) : "");
		expect_count(text, sample, 1000 + row->first + last);
	}
	EXPECT_INT(7, shown);
	free(text);
	fini_site(&site);
}

static void
gauges_are_what_is_left(void)
{
	static const struct counter_change changes[] = {{COUNTER_messages_received, 9},
		{COUNTER_messages_stored, 5}, {COUNTER_connections_accepted, 7},
		{COUNTER_connections_closed, 4}, {COUNTER_event_readers_come, 8},
		{COUNTER_event_readers_left, 6}};
	struct site site;
	char *text;

	init_site(&site);
	counter_apply(&site.counters, changes, COUNT_OF(changes));
	text = show(&site);
	expect_sample(text, "bio_store_queue_messages", "4");
	expect_sample(text, "bio_connections", "3");
	expect_sample(text, "bio_event_readers", "2");
	free(text);
	fini_site(&site);
}

/* Two reads: three messages of one, and one that is longer than any bound. */
static void
sizes_are_cumulative_and_exact(void)
{
	static const struct counter_change three = {
		COUNTER_received_by_framing + FRAMING_rs, 3};
	static const struct counter_change one = {
		COUNTER_received_by_framing + FRAMING_length, 1};
	struct histogram_tally small = {0}, large = {0};
	struct site site;
	char *text;

	init_site(&site);
	histogram_tally_add(&small, 1);
	histogram_tally_add(&small, 64);
	histogram_tally_add(&small, 65);
	histogram_tally_add(&large, UINT64_C(15) * 1024 * 1024);
	counter_apply_received(&site.counters, &three, 1, &small);
	counter_apply_received(&site.counters, &one, 1, &large);
	text = show(&site);
	expect_sample(text, "bio_messages_received_total{framing=\"rs\"}", "3");
	expect_sample(text, "bio_messages_received_total{framing=\"length\"}", "1");
	expect_sample(text, "bio_message_size_bytes_bucket{le=\"32\"}", "1");
	expect_sample(text, "bio_message_size_bytes_bucket{le=\"64\"}", "2");
	expect_sample(text, "bio_message_size_bytes_bucket{le=\"128\"}", "3");
	expect_sample(text, "bio_message_size_bytes_bucket{le=\"8388608\"}", "3");
	expect_sample(text, "bio_message_size_bytes_bucket{le=\"16777216\"}", "4");
	expect_sample(text, "bio_message_size_bytes_bucket{le=\"+Inf\"}", "4");
	expect_sample(text, "bio_message_size_bytes_count", "4");
	expect_count(text, "bio_message_size_bytes_sum",
		1 + 64 + 65 + UINT64_C(15) * 1024 * 1024);
	free(text);
	fini_site(&site);
}

static void
requests_are_counted_by_path_and_code(void)
{
	struct counter_snapshot now;
	struct site site;
	char *text;

	init_site(&site);
	counter_add_request(&site.counters, 0, 1);
	counter_add_request(&site.counters, 1, 0);
	counter_add_request(&site.counters, 1, 0);
	text = show(&site);
	expect_sample(
		text, "bio_http_requests_total{path=\"/path-0\",code=\"200\"}", "0");
	expect_sample(
		text, "bio_http_requests_total{path=\"/path-0\",code=\"404\"}", "1");
	expect_sample(
		text, "bio_http_requests_total{path=\"/path-1\",code=\"200\"}", "2");
	expect_sample(
		text, "bio_http_requests_total{path=\"/path-1\",code=\"404\"}", "0");
	counter_read(&site.counters, &now);
	EXPECT_INT(3, now.values[COUNTER_http_requests]);
	free(text);
	fini_site(&site);
}

/* Seconds are counted in microseconds, and no digit of them is lost. */
static void
seconds_are_exact(void)
{
	struct site site;
	char *text;

	init_site(&site);
	site.report.start_us = 1767225600000007;
	text = show(&site);
	expect_sample(text, "process_start_time_seconds", "1767225600.000007");
	expect_sample(
		text, "bio_store_commit_duration_seconds_bucket{le=\"0.000128\"}", "0");
	expect_sample(
		text, "bio_store_commit_duration_seconds_bucket{le=\"16.777216\"}", "0");
	expect_sample(text, "bio_store_commit_duration_seconds_sum", "0.000000");
	free(text);
	fini_site(&site);
}

/* The format wants a family's lines together, behind its help and its type. */
static void
every_sample_stands_in_its_family(void)
{
	char family[SAMPLE_MAX] = "", head[SAMPLE_MAX];
	size_t families = 0, samples = 0;
	struct site site;
	char *text, *rest;

	init_site(&site);
	text = rest = show(&site);
	for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
		tap_context("%s", line);
		if (strncmp(line, "# HELP ", 7) == 0) {
			line += 7;
			(void)snprintf(family, sizeof family, "%.*s",
				(int)strcspn(line, " "), line);
			EXPECT(strlen(line) > strlen(family) + 2);
			line = strsep(&rest, "\n");
			(void)snprintf(head, sizeof head, "# TYPE %s ", family);
			EXPECT(strncmp(line, head, strlen(head)) == 0);
			families++;
			continue;
		}
		EXPECT(strncmp(line, family, strlen(family)) == 0);
		samples++;
	}
	EXPECT(families > 15 && samples > 80);
	free(text);
	fini_site(&site);
}

static void
without_memory_it_says_so(void)
{
	const struct metrics_requests requests = {0};
	struct text out = {.has_failed = true};
	struct site site;

	init_site(&site);
	EXPECT_INT(-1, metrics_append(&site.report, &requests, &out));
	text_free(&out);
	fini_site(&site);
}

static void
statuses_are_numbered_in_their_order(void)
{
	unsigned codes[EXCHANGE_STATUSES_MAX];
	unsigned count = exchange_list_statuses(codes);

	EXPECT(count >= 6 && count <= COUNTER_CODES_MAX);
	EXPECT_INT(EXCHANGE_OK, codes[0]);
	EXPECT_INT(EXCHANGE_UNAVAILABLE, codes[count - 1]);
	for (unsigned i = 0; i < count; i++)
		EXPECT_INT(i, exchange_status_number((enum exchange_status)codes[i]));
}

int
main(void)
{
	TAP_RUN(every_reason_is_there_from_the_start);
	TAP_RUN(every_counter_has_its_sample);
	TAP_RUN(gauges_are_what_is_left);
	TAP_RUN(sizes_are_cumulative_and_exact);
	TAP_RUN(requests_are_counted_by_path_and_code);
	TAP_RUN(seconds_are_exact);
	TAP_RUN(every_sample_stands_in_its_family);
	TAP_RUN(without_memory_it_says_so);
	TAP_RUN(statuses_are_numbered_in_their_order);
	return tap_finish();
}
