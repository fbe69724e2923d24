/*
 * report: /stats as a cJSON tree.  Its counters come out of counters.def.
 *
 * A failed cJSON call leaves out its member and would go unseen, so the members are added
 * by helpers that remember it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/report.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "base/clock.h"
#include "server/process.h"

int
report_init(struct report *r, const struct session_shared *shared)
{
	r->shared = shared;
	r->start_us = clock_wall_us();
	r->start_ns = clock_mono_ns();
	return uuid_make(r->instance);
}

bool
report_is_draining(const struct report *r)
{
	return atomic_load(&r->shared->is_draining);
}

bool
report_can_accept(const struct report *r)
{
	return !atomic_load(&r->shared->lacks_threads);
}

bool
report_can_store(const struct report *r)
{
	struct store *store = r->shared->ingest->store;
	struct store_state state = {0};

	if (store != NULL)
		store_state(store, &state);
	return !state.is_failing;
}

static bool
add_number(cJSON *object, const char *name, double value)
{
	return cJSON_AddNumberToObject(object, name, value) != NULL;
}

static bool
add_count(cJSON *object, const char *name, uint64_t value)
{
	return add_number(object, name, (double)value);
}

static bool
add_text(cJSON *object, const char *name, const char *value)
{
	return cJSON_AddStringToObject(object, name, value) != NULL;
}

/* The name of a file may be any bytes, which cJSON would print as they are. */
static bool
add_file(cJSON *object, const char *name, const char *file)
{
	struct text quoted = {0};
	bool is_added;

	text_append_quoted(&quoted, file);
	text_append(&quoted, "", 1);
	is_added = !text_failed(&quoted) &&
		   cJSON_AddRawToObject(object, name, quoted.bytes) != NULL;
	text_free(&quoted);
	return is_added;
}

static bool
add_time(cJSON *object, const char *name, int64_t wall_us)
{
	char text[CLOCK_TEXT_MAX];

	clock_format_utc(wall_us, text);
	return add_text(object, name, text);
}

static bool
add_server(cJSON *root, const struct report *r)
{
	double uptime = (double)(clock_mono_ns() - r->start_ns) / (double)CLOCK_NS_PER_S;

	return add_text(root, "name", "bio") && add_text(root, "version", BIO_VERSION) &&
	       add_text(root, "instance", r->instance) &&
	       add_text(root, "state", report_is_draining(r) ? "draining" : "running") &&
	       add_time(root, "start_time", r->start_us) &&
	       add_time(root, "now", clock_wall_us()) &&
	       add_number(root, "uptime_seconds", uptime) &&
	       add_text(root, "mode",
		       options_mode_name((enum mode)r->shared->options->mode));
}

static bool
add_counter(cJSON *object, const char *name, const struct counter_row *row,
	const uint64_t *values)
{
	cJSON *reasons;

	if (row->label == NULL)
		return add_count(object, name, values[row->first]);
	reasons = cJSON_AddObjectToObject(object, name);
	for (unsigned i = 0; reasons != NULL && i < reason_list_count(row->list); i++)
		if (!add_count(reasons, reason_list_name(row->list, i),
			    values[row->first + i]))
			return false;
	return reasons != NULL;
}

/* The counters that counters.def puts into this object, of `group.name`. */
static bool
add_counters(cJSON *object, const char *group, const struct counter_snapshot *now)
{
	size_t len = strlen(group);

	for (size_t i = 0; i < COUNTER_ROW_COUNT; i++) {
		const struct counter_row *row = &counter_rows[i];

		if (strncmp(row->stats, group, len) == 0 && row->stats[len] == '.' &&
			!add_counter(object, row->stats + len + 1, row, now->values))
			return false;
	}
	return true;
}

static bool
add_connections(cJSON *root, const struct report *r, const struct counter_snapshot *now)
{
	cJSON *object = cJSON_AddObjectToObject(root, "connections");

	return object != NULL &&
	       add_count(object, "current",
		       now->values[COUNTER_connections_accepted] -
			       now->values[COUNTER_connections_closed]) &&
	       add_count(object, "peak", now->connections_peak) &&
	       add_count(object, "limit", r->shared->options->max_connections) &&
	       add_counters(object, "connections", now);
}

static bool
add_rates(cJSON *messages, const struct report *r)
{
	cJSON *object = cJSON_AddObjectToObject(messages, "rate_per_second");
	struct ingest_rates rates;

	ingest_read_rates(r->shared->ingest, &rates);
	return object != NULL && add_number(object, "1s", rates.last_1s) &&
	       add_number(object, "10s", rates.last_10s) &&
	       add_number(object, "60s", rates.last_60s);
}

static bool
add_messages(cJSON *root, const struct report *r, const struct counter_snapshot *now)
{
	cJSON *object = cJSON_AddObjectToObject(root, "messages");

	return object != NULL && add_counters(object, "messages", now) &&
	       add_count(object, "queued",
		       now->values[COUNTER_messages_received] -
			       now->values[COUNTER_messages_stored]) &&
	       add_rates(object, r);
}

static bool
add_bytes(cJSON *root, const struct counter_snapshot *now)
{
	cJSON *object = cJSON_AddObjectToObject(root, "bytes");

	return object != NULL && add_counters(object, "bytes", now);
}

static bool
add_commits(cJSON *store, const struct histogram *commit_us)
{
	cJSON *object = cJSON_AddObjectToObject(store, "commit_seconds");

	return object != NULL &&
	       add_number(object, "p50", histogram_quantile(commit_us, 0.5) / 1e6) &&
	       add_number(object, "p99", histogram_quantile(commit_us, 0.99) / 1e6) &&
	       add_number(object, "max", (double)commit_us->max / 1e6);
}

static bool
add_id(cJSON *object, const char *name, uint64_t id)
{
	return id == 0 ? cJSON_AddNullToObject(object, name) != NULL
		       : add_count(object, name, id);
}

/* null: there is none. */
static bool
add_store(cJSON *root, const struct report *r, const struct store_numbers *numbers)
{
	const struct store *store = r->shared->ingest->store;
	cJSON *object;

	if (store == NULL)
		return cJSON_AddNullToObject(root, "store") != NULL;
	object = cJSON_AddObjectToObject(root, "store");
	return object != NULL && add_file(object, "path", store_path(store)) &&
	       add_text(object, "state", report_can_store(r) ? "ok" : "failing") &&
	       add_count(object, "messages", numbers->extent.messages) &&
	       add_count(object, "size_bytes", numbers->extent.size_bytes) &&
	       add_id(object, "oldest_id", numbers->extent.oldest_id) &&
	       add_id(object, "newest_id", numbers->extent.newest_id) &&
	       add_count(object, "evicted_total", numbers->evicted) &&
	       add_commits(object, &numbers->commit_us);
}

static bool
add_http(cJSON *root, const struct counter_snapshot *now)
{
	cJSON *object = cJSON_AddObjectToObject(root, "http");

	return object != NULL && add_counters(object, "http", now) &&
	       add_count(object, "event_readers",
		       now->values[COUNTER_event_readers_come] -
			       now->values[COUNTER_event_readers_left]);
}

static bool
add_process(cJSON *root)
{
	cJSON *object = cJSON_AddObjectToObject(root, "process");
	struct process process;

	process_read(&process);
	return object != NULL && add_count(object, "rss_bytes", process.rss_bytes) &&
	       add_count(object, "threads", process.threads) &&
	       add_count(object, "open_fds", process.open_fds) &&
	       add_number(object, "cpu_seconds", process.cpu_seconds);
}

int
report_append_stats(const struct report *r, struct text *out)
{
	cJSON *root = cJSON_CreateObject();
	struct store *store = r->shared->ingest->store;
	struct store_numbers numbers = {0};
	struct counter_snapshot now;
	char *printed = NULL;

	/* First, or more could be in the store than had been received. */
	if (store != NULL)
		store_numbers(store, &numbers);
	counter_read(r->shared->counters, &now);
	if (root != NULL && add_server(root, r) && add_connections(root, r, &now) &&
		add_messages(root, r, &now) && add_bytes(root, &now) &&
		add_store(root, r, &numbers) && add_http(root, &now) && add_process(root))
		printed = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (printed == NULL)
		return -1;
	text_append_string(out, printed);
	text_append_string(out, "\n");
	cJSON_free(printed);
	return text_failed(out) ? -1 : 0;
}
