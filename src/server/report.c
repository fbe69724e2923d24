/*
 * report: /stats as a cJSON tree, and what /proc says of this process.
 *
 * A failed cJSON call leaves out its member and would go unseen, so the members are added
 * by helpers that remember it.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/report.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

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
add_connections(cJSON *root, const struct report *r, const struct counter_snapshot *now)
{
	const uint64_t *values = now->values;
	cJSON *object = cJSON_AddObjectToObject(root, "connections"), *closed;

	if (object == NULL ||
		!add_count(object, "current",
			values[COUNTER_connections_accepted] -
				values[COUNTER_connections_closed]) ||
		!add_count(object, "peak", now->connections_peak) ||
		!add_count(object, "limit", r->shared->options->max_connections) ||
		!add_count(
			object, "accepted_total", values[COUNTER_connections_accepted]))
		return false;
	closed = cJSON_AddObjectToObject(object, "closed_total");
	for (int i = 0; closed != NULL && i < CLOSE_COUNT; i++)
		if (!add_count(closed, reason_close_name((enum close_reason)i),
			    values[COUNTER_closed_by_reason + i]))
			return false;
	return closed != NULL;
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
	const uint64_t *values = now->values;
	cJSON *object = cJSON_AddObjectToObject(root, "messages"), *rejected;

	if (object == NULL ||
		!add_count(object, "received_total", values[COUNTER_messages_received]))
		return false;
	rejected = cJSON_AddObjectToObject(object, "rejected_total");
	for (int i = 0; rejected != NULL && i < REJECT_COUNT; i++)
		if (!add_count(rejected, reason_reject_name((enum reject_reason)i),
			    values[COUNTER_rejected_by_reason + i]))
			return false;
	return rejected != NULL &&
	       add_count(object, "stored_total", values[COUNTER_messages_stored]) &&
	       add_count(object, "queued",
		       values[COUNTER_messages_received] -
			       values[COUNTER_messages_stored]) &&
	       add_rates(object, r);
}

static bool
add_bytes(cJSON *root, const struct counter_snapshot *now)
{
	cJSON *object = cJSON_AddObjectToObject(root, "bytes");

	return object != NULL &&
	       add_count(object, "received_total", now->values[COUNTER_bytes_received]) &&
	       add_count(object, "sent_total", now->values[COUNTER_bytes_sent]);
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
add_store(cJSON *root, const struct report *r)
{
	struct store *store = r->shared->ingest->store;
	struct store_numbers numbers;
	cJSON *object;

	if (store == NULL)
		return cJSON_AddNullToObject(root, "store") != NULL;
	store_numbers(store, &numbers);
	object = cJSON_AddObjectToObject(root, "store");
	return object != NULL && add_text(object, "path", store_path(store)) &&
	       add_text(object, "state", report_can_store(r) ? "ok" : "failing") &&
	       add_count(object, "messages", numbers.extent.messages) &&
	       add_count(object, "size_bytes", numbers.extent.size_bytes) &&
	       add_id(object, "oldest_id", numbers.extent.oldest_id) &&
	       add_id(object, "newest_id", numbers.extent.newest_id) &&
	       add_count(object, "evicted_total", numbers.evicted) &&
	       add_commits(object, &numbers.commit_us);
}

static bool
add_http(cJSON *root, const struct counter_snapshot *now)
{
	cJSON *object = cJSON_AddObjectToObject(root, "http");

	return object != NULL &&
	       add_count(object, "requests_total", now->values[COUNTER_http_requests]) &&
	       add_count(object, "event_readers",
		       now->values[COUNTER_event_readers_come] -
			       now->values[COUNTER_event_readers_left]);
}

/* What the kernel tells of this process; 0 where it does not. */
struct process {
	uint64_t rss_bytes, threads, open_fds;
	double cpu_seconds;
};

/* The number behind `label` in a file of /proc. */
static uint64_t
read_proc(const char *path, const char *label)
{
	uint64_t value = 0;
	char line[256];
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, label, strlen(label)) == 0)
			value = strtoull(line + strlen(label), NULL, 10);
	(void)fclose(f);
	return value;
}

static uint64_t
count_open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint64_t entries = 0;

	if (directory == NULL)
		return 0;
	while (readdir(directory) != NULL)
		entries++;
	(void)closedir(directory);
	/* Not ".", "..", and the directory's own descriptor. */
	return entries - 3;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void
read_process(struct process *out)
{
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	out->cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	out->rss_bytes = read_proc("/proc/self/status", "VmRSS:") * 1024;
	out->threads = read_proc("/proc/self/status", "Threads:");
	out->open_fds = count_open_fds();
}

static bool
add_process(cJSON *root)
{
	cJSON *object = cJSON_AddObjectToObject(root, "process");
	struct process process;

	read_process(&process);
	return object != NULL && add_count(object, "rss_bytes", process.rss_bytes) &&
	       add_count(object, "threads", process.threads) &&
	       add_count(object, "open_fds", process.open_fds) &&
	       add_number(object, "cpu_seconds", process.cpu_seconds);
}

int
report_append_stats(const struct report *r, struct text *out)
{
	cJSON *root = cJSON_CreateObject();
	struct counter_snapshot now;
	char *printed = NULL;

	counter_read(r->shared->counters, &now);
	if (root != NULL && add_server(root, r) && add_connections(root, r, &now) &&
		add_messages(root, r, &now) && add_bytes(root, &now) &&
		add_store(root, r) && add_http(root, &now) && add_process(root))
		printed = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (printed == NULL)
		return -1;
	text_append_string(out, printed);
	text_append_string(out, "\n");
	cJSON_free(printed);
	return text_failed(out) ? -1 : 0;
}
