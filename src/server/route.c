/*
 * route: a table of paths, and a function for each that reads a snapshot and replies.
 *
 * What readers can make the server hold is bounded: few pages are built at a time, and
 * when the bodies that are not sent yet get too many, the next page is answered with 503.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/route.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/query.h"

/* Pages that are built at a time; others wait. */
#define BUILDERS_MAX 4
#define BUILDER_TIMEOUT_MS 5000
/* Bodies that readers have not taken yet. */
#define UNSENT_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define STREAMS_MAX 32

#define TYPE_JSON "application/json"
#define TYPE_NDJSON "application/x-ndjson"
#define TYPE_PROBLEM "application/problem+json"

/* A history without end, sent as it is read. */
struct route_stream {
	struct route_site *site;
	struct query query;
	struct text page;
	size_t sent; /* of the page */
	bool is_last;
};

/* A place in the line of those who wait to build a page; on the stack of who waits. */
struct turn {
	struct turn *next;
};

/* What a handler works on. */
struct call {
	struct route_site *site;
	const struct route_request *request;
	const char *rest; /* of the path, behind the route's own */
};

static const struct history_bounds page_bounds = {
	.messages = QUERY_LIMIT_MAX, .bytes = (size_t)8 * 1024 * 1024};
static const struct history_bounds stream_bounds = {
	.messages = QUERY_LIMIT_MAX, .bytes = ROUTE_STREAM_BLOCK_BYTES};

void
route_site_init(
	struct route_site *site, const struct report *report, struct history *history)
{
	*site = (struct route_site){.report = report, .history = history};
	lock_init(&site->lock);
	condition_init(&site->line_moved);
	site->last_turn = &site->first_turn;
}

void
route_site_fini(struct route_site *site)
{
	condition_fini(&site->line_moved);
	lock_fini(&site->lock);
}

void
route_account_unsent(struct route_site *site, size_t added_bytes, size_t removed_bytes)
{
	lock_acquire(&site->lock);
	site->unsent_bytes += added_bytes;
	site->unsent_bytes -= removed_bytes;
	lock_release(&site->lock);
}

static void
join_line_locked(struct route_site *site, struct turn *self) REQUIRES(site->lock)
{
	*site->last_turn = self;
	site->last_turn = &self->next;
}

static void
leave_line_locked(struct route_site *site, struct turn *self) REQUIRES(site->lock)
{
	struct turn **link = &site->first_turn;

	while (*link != self)
		link = &(*link)->next;
	*link = self->next;
	if (site->last_turn == &self->next)
		site->last_turn = link;
	condition_broadcast(&site->line_moved);
}

/*
 * A page costs time and memory while it is built: few are at a time, and they take turns
 * in the order of asking.  A stream asks again as soon as it has built one: others would
 * hardly come to it otherwise.  False: too many readers; but a stream that has begun is
 * not broken off because of them.
 */
static bool
begin_building(struct route_site *site, bool is_stream)
{
	uint64_t deadline_ns =
		is_stream ? CLOCK_NEVER : clock_deadline_ns(BUILDER_TIMEOUT_MS);
	struct turn self = {0};
	bool begins, in_time = true;

	lock_acquire(&site->lock);
	join_line_locked(site, &self);
	while ((site->first_turn != &self || site->builders == BUILDERS_MAX) && in_time)
		in_time = condition_wait(&site->line_moved, &site->lock, deadline_ns);
	begins = site->first_turn == &self && site->builders < BUILDERS_MAX &&
		 (is_stream || site->unsent_bytes < UNSENT_BYTES_MAX);
	site->builders += begins;
	leave_line_locked(site, &self);
	lock_release(&site->lock);
	return begins;
}

static void
end_building(struct route_site *site)
{
	lock_acquire(&site->lock);
	site->builders--;
	condition_broadcast(&site->line_moved);
	lock_release(&site->lock);
}

void
route_stream_free(struct route_stream *stream)
{
	lock_acquire(&stream->site->lock);
	stream->site->streams--;
	lock_release(&stream->site->lock);
	text_free(&stream->page);
	free(stream);
}

static void
reply_problem(
	struct route_reply *reply, unsigned status, const char *title, const char *detail)
{
	cJSON *problem = cJSON_CreateObject();
	char *printed = NULL;

	if (problem != NULL && cJSON_AddStringToObject(problem, "type", "about:blank") &&
		cJSON_AddStringToObject(problem, "title", title) &&
		cJSON_AddNumberToObject(problem, "status", status) &&
		cJSON_AddStringToObject(problem, "detail", detail))
		printed = cJSON_PrintUnformatted(problem);
	cJSON_Delete(problem);
	text_free(&reply->body);
	reply->status = status;
	reply->type = TYPE_PROBLEM;
	/* Without memory even for that, the status has to say it all. */
	if (printed != NULL)
		text_append_string(&reply->body, printed);
	text_append_string(&reply->body, "\n");
	cJSON_free(printed);
}

static void
reply_bad_request(struct route_reply *reply, const char *detail)
{
	reply_problem(reply, ROUTE_BAD_REQUEST, "Bad Request", detail);
}

static void
reply_not_found(struct route_reply *reply, const char *detail)
{
	reply_problem(reply, ROUTE_NOT_FOUND, "Not Found", detail);
}

static void
reply_no_memory(struct route_reply *reply)
{
	log_error("out of memory for an answer over HTTP");
	reply_problem(reply, ROUTE_INTERNAL_ERROR, "Internal Server Error",
		"the server is out of memory");
}

static void
reply_unreadable(struct route_reply *reply)
{
	reply_problem(reply, ROUTE_UNAVAILABLE, "Service Unavailable",
		"the store cannot be read; the server's log says why");
}

static void
reply_busy(struct route_reply *reply)
{
	reply_problem(reply, ROUTE_UNAVAILABLE, "Service Unavailable",
		"too many readers; try again in a moment");
}

/* For the paths that take no parameters. */
static bool
has_parameters(const struct call *call, struct route_reply *reply)
{
	if (call->request->parameter_count > 0)
		reply_bad_request(reply, "this path takes no parameters");
	return call->request->parameter_count > 0;
}

static void
get_stats(struct call *call, struct route_reply *reply)
{
	if (has_parameters(call, reply))
		return;
	if (report_append_stats(call->site->report, &reply->body) != 0)
		reply_no_memory(reply);
}

static void
get_livez(struct call *call, struct route_reply *reply)
{
	if (!has_parameters(call, reply))
		text_append_string(&reply->body, "{\"status\":\"alive\"}\n");
}

static void
get_readyz(struct call *call, struct route_reply *reply)
{
	bool verbose = call->request->parameter_count == 1 &&
		       strcmp(call->request->parameters[0].name, "verbose") == 0 &&
		       call->request->parameters[0].value[0] == '\0';

	if (call->request->parameter_count > 0 && !verbose)
		reply_bad_request(
			reply, "the only parameter here is verbose, without a value");
	else if (report_is_draining(call->site->report))
		reply_problem(reply, ROUTE_UNAVAILABLE, "Service Unavailable",
			"the server is draining");
	else if (!report_can_store(call->site->report))
		reply_problem(reply, ROUTE_UNAVAILABLE, "Service Unavailable",
			"the store cannot write; the server's log says why");
	else if (verbose)
		text_append_string(&reply->body,
			"{\"status\":\"ready\",\"checks\":{\"running\":\"ok\","
			"\"store\":\"ok\"}}\n");
	else
		text_append_string(&reply->body, "{\"status\":\"ready\"}\n");
}

static int
read_stream_page(struct route_stream *stream)
{
	enum history_result result;
	struct history_page page;

	/* One large message must not keep its room for as long as the stream lasts. */
	text_free(&stream->page);
	stream->sent = 0;
	if (!begin_building(stream->site, true))
		return -1;
	result = history_append_page(stream->site->history, &stream->query,
		&stream_bounds, &stream->page, &page);
	end_building(stream->site);
	stream->is_last = !page.has_more;
	if (stream->query.is_ascending)
		stream->query.filter.after = page.next;
	else
		stream->query.filter.before = page.next;
	return result == HISTORY_FOUND ? 0 : -1;
}

ssize_t
route_stream_read(struct route_stream *stream, char *out, size_t capacity)
{
	size_t len;

	while (stream->sent == stream->page.len) {
		if (stream->is_last)
			return 0;
		if (read_stream_page(stream) != 0)
			return -1;
	}
	len = stream->page.len - stream->sent;
	if (len > capacity)
		len = capacity;
	memcpy(out, stream->page.bytes + stream->sent, len);
	stream->sent += len;
	return (ssize_t)len;
}

static void
get_messages_stream(
	struct call *call, const struct query *query, struct route_reply *reply)
{
	struct route_site *site = call->site;
	struct route_stream *stream;
	bool begins;

	lock_acquire(&site->lock);
	begins = site->streams < STREAMS_MAX;
	site->streams += begins;
	lock_release(&site->lock);
	if (!begins) {
		reply_busy(reply);
		return;
	}
	stream = calloc(1, sizeof *stream);
	if (stream == NULL) {
		lock_acquire(&site->lock);
		site->streams--;
		lock_release(&site->lock);
		reply_no_memory(reply);
		return;
	}
	stream->site = site;
	/* Its texts live as long as the request, which outlives the stream. */
	stream->query = *query;
	reply->stream = stream;
}

static void
get_messages_page(struct call *call, const struct query *query, struct route_reply *reply)
{
	struct history_bounds bounds = page_bounds;
	struct text *body = &reply->body;
	enum history_result result;
	struct history_page page;

	if (!begin_building(call->site, false)) {
		reply_busy(reply);
		return;
	}
	if (!query->is_ndjson)
		text_append_string(body, "{\"messages\":[");
	bounds.messages = query->limit;
	result = history_append_page(call->site->history, query, &bounds, body, &page);
	end_building(call->site);
	if (result == HISTORY_UNREADABLE)
		reply_unreadable(reply);
	else if (result != HISTORY_FOUND)
		reply_no_memory(reply);
	if (result != HISTORY_FOUND)
		return;
	if (query->is_ndjson)
		return;
	text_printf(
		body, "],\"%s\":", query->is_ascending ? "next_after" : "next_before");
	if (page.has_more)
		text_printf(body, "%" PRIu64, page.next);
	else
		text_append_string(body, "null");
	text_append_string(body, "}\n");
}

static void
get_messages(struct call *call, struct route_reply *reply)
{
	struct query query;

	query_init(&query);
	for (size_t i = 0; i < call->request->parameter_count; i++) {
		const char *mistake = query_set(&query, call->request->parameters[i].name,
			call->request->parameters[i].value);

		if (mistake != NULL) {
			reply_bad_request(reply, mistake);
			return;
		}
	}
	query_finish(&query);
	if (query.is_ndjson)
		reply->type = TYPE_NDJSON;
	if (query.limit == 0)
		get_messages_stream(call, &query, reply);
	else
		get_messages_page(call, &query, reply);
}

/* "17", "latest", "17/raw" or "latest/raw"; the newest message has the number 0. */
static bool
parse_message_path(const char *rest, uint64_t *id, bool *raw)
{
	size_t len = strcspn(rest, "/");

	*raw = strcmp(rest + len, "/raw") == 0;
	if (rest[len] != '\0' && !*raw)
		return false;
	*id = 0;
	if (len == 6 && memcmp(rest, "latest", len) == 0)
		return true;
	if (len == 0 || len > 18 || rest[0] == '0')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (rest[i] < '0' || rest[i] > '9')
			return false;
		*id = *id * 10 + (uint64_t)(rest[i] - '0');
	}
	return true;
}

static void
get_message(struct call *call, struct route_reply *reply)
{
	uint64_t id;
	bool raw;

	if (!parse_message_path(call->rest, &id, &raw)) {
		reply_not_found(reply,
			"no such path; a message is /messages/17 or "
			"/messages/latest, its bytes are /messages/17/raw");
		return;
	}
	if (has_parameters(call, reply))
		return;
	switch (history_append_one(call->site->history, id, raw, &reply->body)) {
	case HISTORY_FOUND:
		if (!raw)
			text_append_string(&reply->body, "\n");
		break;
	case HISTORY_MISSING:
		reply_not_found(reply, id == 0 ? "no message has come yet"
					       : "no message of this id is kept");
		break;
	case HISTORY_UNREADABLE:
		reply_unreadable(reply);
		break;
	case HISTORY_NO_MEMORY:
		reply_no_memory(reply);
		break;
	}
}

static void get_index(struct call *call, struct route_reply *reply);

static const struct route {
	const char *path;
	bool is_prefix;
	void (*get)(struct call *call, struct route_reply *reply);
	const char *help;
} routes[] = {
	{"/", false, get_index, "this list"},
	{"/stats", false, get_stats, "counters"},
	{"/messages", false, get_messages, "the newest messages"},
	{"/messages/", true, get_message,
		"one message: /messages/17, /messages/17/raw, "
		"/messages/latest, /messages/latest/raw"},
	{"/livez", false, get_livez, "200 while the process runs"},
	{"/readyz", false, get_readyz, "200 while messages are taken"},
};

static void
get_index(struct call *call, struct route_reply *reply)
{
	if (has_parameters(call, reply))
		return;
	text_append_string(&reply->body, "{\"name\":\"bio\",\"paths\":{");
	for (size_t i = 0; i < COUNT_OF(routes); i++)
		text_printf(&reply->body, "%s\"%s\":\"%s\"", i == 0 ? "" : ",",
			routes[i].path, routes[i].help);
	text_append_string(&reply->body, "}}\n");
}

static const struct route *
find_route(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		size_t len = strlen(routes[i].path);

		if (strncmp(path, routes[i].path, len) == 0 &&
			(path[len] == '\0') != routes[i].is_prefix)
			return &routes[i];
	}
	return NULL;
}

void
route_answer(struct route_site *site, const struct route_request *request,
	struct route_reply *reply)
{
	const struct route *route = find_route(request->path);
	struct call call = {.site = site, .request = request};

	reply->status = ROUTE_OK;
	reply->type = TYPE_JSON;
	if (!request->is_get)
		reply_problem(reply, ROUTE_METHOD_NOT_ALLOWED, "Method Not Allowed",
			"this side is read-only; messages are sent over TCP");
	else if (request->mistake != NULL)
		reply_bad_request(reply, request->mistake);
	else if (route == NULL)
		reply_not_found(reply, "no such path; / lists them");
	else {
		call.rest = request->path + strlen(route->path);
		route->get(&call, reply);
	}
	if (text_failed(&reply->body))
		reply_no_memory(reply);
}
