/*
 * metrics: writes families of samples, each behind its help and type.
 *
 * Counters come out of counters.def, which knows their names; here stand the others.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/metrics.h"

#include <inttypes.h>

#include "server/process.h"

/* The bounds that are shown, of those that a histogram has: 32 B to 16 MiB. */
#define SIZE_BOUND_FIRST 5
#define SIZE_BOUND_LAST (HISTOGRAM_TALLY_BUCKETS - 1)
/* In microseconds: about 0.1 ms to 17 s. */
#define COMMIT_BOUND_FIRST 7
#define COMMIT_BOUND_LAST 24
#define US_PER_S UINT64_C(1000000)

static void
append_head(struct text *out, const char *name, const char *type, const char *help)
{
	text_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
append_gauge(struct text *out, const char *name, const char *help, uint64_t value)
{
	append_head(out, name, "gauge", help);
	text_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void
append_counter(struct text *out, const struct counter_row *row, const uint64_t *values)
{
	unsigned count = row->label != NULL ? reason_list_count(row->list) : 1;

	append_head(out, row->metric, "counter", row->help);
	for (unsigned i = 0; i < count; i++) {
		text_append_string(out, row->metric);
		if (row->label != NULL)
			text_printf(out, "{%s=\"%s\"}", row->label,
				reason_list_name(row->list, i));
		text_printf(out, " %" PRIu64 "\n", values[row->first + i]);
	}
}

static void
append_counters(struct text *out, const struct counter_snapshot *now)
{
	for (size_t i = 0; i < COUNTER_ROW_COUNT; i++)
		if (counter_rows[i].metric[0] != '\0')
			append_counter(out, &counter_rows[i], now->values);
}

static void
append_requests(struct text *out, const struct metrics_requests *requests,
	const struct counter_snapshot *now)
{
	static const char name[] = "bio_http_requests_total";

	append_head(out, name, "counter", "Requests answered on the status port.");
	for (unsigned path = 0; path < requests->path_count; path++)
		for (unsigned code = 0; code < requests->code_count; code++) {
			text_printf(out, "%s{path=\"", name);
			requests->append_path(out, path);
			text_printf(out, "\",code=\"%u\"} %" PRIu64 "\n",
				requests->codes[code], now->requests[path][code]);
		}
}

/* A bound or a sum, which is counted in parts of what is shown. */
static void
append_scaled(struct text *out, uint64_t value, uint64_t parts)
{
	if (parts == US_PER_S)
		text_printf(out, "%" PRIu64 ".%06" PRIu64, value / parts, value % parts);
	else
		text_printf(out, "%" PRIu64, value);
}

/* A histogram, and how it is shown. */
struct shown_histogram {
	const char *name, *help;
	unsigned first, last; /* bounds, by their number */
	uint64_t parts; /* that its values are counted in, of a unit; 1 or US_PER_S */
};

static void
append_histogram(struct text *out, const struct shown_histogram *shown,
	const struct histogram *values)
{
	append_head(out, shown->name, "histogram", shown->help);
	for (unsigned i = shown->first; i <= shown->last; i++) {
		text_printf(out, "%s_bucket{le=\"", shown->name);
		append_scaled(out, histogram_bound(i), shown->parts);
		text_printf(out, "\"} %" PRIu64 "\n", histogram_count_up_to(values, i));
	}
	text_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", shown->name,
		values->count, shown->name);
	append_scaled(out, values->sum, shown->parts);
	text_printf(out, "\n%s_count %" PRIu64 "\n", shown->name, values->count);
}

static void
append_message_sizes(struct text *out, const struct counter_snapshot *now)
{
	static const struct shown_histogram shown = {"bio_message_size_bytes",
		"Sizes of accepted messages, without what is around them.",
		SIZE_BOUND_FIRST, SIZE_BOUND_LAST, 1};

	append_histogram(out, &shown, &now->message_bytes);
}

/* Without a store there are no commits. */
static void
append_commits(struct text *out, struct store *store)
{
	static const struct shown_histogram shown = {"bio_store_commit_duration_seconds",
		"How long the store's transactions took, with their sync.",
		COMMIT_BOUND_FIRST, COMMIT_BOUND_LAST, US_PER_S};
	struct store_numbers numbers = {0};

	if (store != NULL)
		store_numbers(store, &numbers);
	append_histogram(out, &shown, &numbers.commit_us);
}

static void
append_gauges(struct text *out, const uint64_t *values)
{
	append_gauge(out, "bio_connections", "Connections that are open.",
		values[COUNTER_connections_accepted] -
			values[COUNTER_connections_closed]);
	append_gauge(out, "bio_store_queue_messages",
		"Messages accepted that are not stored yet.",
		values[COUNTER_messages_received] - values[COUNTER_messages_stored]);
	append_gauge(out, "bio_event_readers", "Readers of /events.",
		values[COUNTER_event_readers_come] - values[COUNTER_event_readers_left]);
}

/* What the kernel does not tell is left out. */
static void
append_known(struct text *out, const char *name, const char *help, uint64_t value)
{
	if (value > 0)
		append_gauge(out, name, help, value);
}

static void
append_process(struct text *out, const struct report *r)
{
	struct process process;

	process_read(&process);
	append_head(out, "process_cpu_seconds_total", "counter",
		"Processor time used, of user and system.");
	text_printf(out, "process_cpu_seconds_total %.6f\n", process.cpu_seconds);
	append_known(out, "process_resident_memory_bytes", "Memory that is resident.",
		process.rss_bytes);
	append_known(out, "process_virtual_memory_bytes", "Address space that is mapped.",
		process.virtual_bytes);
	append_known(
		out, "process_open_fds", "Descriptors that are open.", process.open_fds);
	append_known(
		out, "process_max_fds", "Descriptors that may be open.", process.max_fds);
	append_head(out, "process_start_time_seconds", "gauge",
		"When the server started, since 1970.");
	text_append_string(out, "process_start_time_seconds ");
	append_scaled(out, (uint64_t)r->start_us, US_PER_S);
	text_append_string(out, "\n");
}

int
metrics_append(
	const struct report *r, const struct metrics_requests *requests, struct text *out)
{
	struct counter_snapshot now;

	counter_read(r->shared->counters, &now);
	append_head(out, "bio_build_info", "gauge", "Which version it is; always 1.");
	text_append_string(out, "bio_build_info{version=\"" BIO_VERSION "\"} 1\n");
	append_counters(out, &now);
	append_gauges(out, now.values);
	append_message_sizes(out, &now);
	append_commits(out, r->shared->ingest->store);
	append_requests(out, requests, &now);
	append_process(out, r);
	return text_failed(out) ? -1 : 0;
}
