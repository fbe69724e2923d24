/*
 * http: a table of routes above libmicrohttpd.
 *
 * A request comes in twice or more: when its head has been read, for each part of a body,
 * which is dropped, and when it is whole; it is answered the last time, so that the
 * connection can be used again.
 *
 * What readers can make the server hold is bounded: few pages are built at a time, and
 * when the bodies that are not sent yet get too many, the next is answered with 503.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/http.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "server/query.h"

#define PARAMETERS_MAX 32
/* At each address, and of one peer there, so that one cannot keep out all others. */
#define CONNECTIONS_MAX 200
#define CONNECTIONS_OF_PEER_MAX 100
#define IDLE_TIMEOUT_S 30
#define STACK_BYTES ((size_t)256 * 1024)
#define STREAM_BLOCK_BYTES ((size_t)64 * 1024)
/* Pages that are built at a time; others wait. */
#define BUILDERS_MAX 4
#define BUILDER_TIMEOUT_MS 5000
/* Bodies that readers have not taken yet; beyond it a page is answered with 503. */
#define UNSENT_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define STREAMS_MAX 32
#define RETRY_AFTER_S "1"

#define TYPE_JSON "application/json"
#define TYPE_NDJSON "application/x-ndjson"
#define TYPE_PROBLEM "application/problem+json"

struct http {
	const struct report *report;
	struct history *history;
	struct counters *counters;
	size_t daemon_count;
	struct MHD_Daemon *daemons[ENDPOINT_MAX];
	struct lock lock; /* guards everything below */
	struct condition builder_left;
	unsigned builders, streams;
	size_t unsent_bytes;
};

static const struct history_bounds page_bounds = {
	.messages = QUERY_LIMIT_MAX, .bytes = (size_t)8 * 1024 * 1024};
static const struct history_bounds stream_bounds = {
	.messages = QUERY_LIMIT_MAX, .bytes = STREAM_BLOCK_BYTES};

struct parameter {
	const char *name, *value; /* the value is "" where there is none */
};

struct request {
	struct http *http;
	const char *rest; /* of the path, behind the route's own */
	struct parameter parameters[PARAMETERS_MAX];
	size_t parameter_count;
	const char *mistake; /* in the parameters, found while they were read */
};

struct reply {
	unsigned status;
	const char *type;
	struct text body;
	struct stream_state *stream; /* instead of a body, where it is not NULL */
	bool is_head;
};

/* A history without end, sent as it is read. */
struct stream_state {
	struct http *http;
	struct query query;
	struct text page;
	size_t sent; /* of the page */
	bool is_last;
};

/* A page costs time and memory while it is built: few are at a time. */
static bool
begin_building(struct http *h)
{
	uint64_t deadline_ns = clock_deadline_ns(BUILDER_TIMEOUT_MS);
	bool begins;

	lock_acquire(&h->lock);
	while (h->builders == BUILDERS_MAX)
		if (!condition_wait(&h->builder_left, &h->lock, deadline_ns))
			break;
	begins = h->builders < BUILDERS_MAX && h->unsent_bytes < UNSENT_BYTES_MAX;
	h->builders += begins;
	lock_release(&h->lock);
	return begins;
}

static void
end_building(struct http *h)
{
	lock_acquire(&h->lock);
	h->builders--;
	condition_broadcast(&h->builder_left);
	lock_release(&h->lock);
}

static void
free_stream(void *argument)
{
	struct stream_state *stream = argument;

	lock_acquire(&stream->http->lock);
	stream->http->streams--;
	lock_release(&stream->http->lock);
	text_free(&stream->page);
	free(stream);
}

/* A body that is on its way, and its place in the account. */
struct unsent {
	struct http *http;
	struct text body;
};

static void
free_unsent(void *argument)
{
	struct unsent *unsent = argument;

	lock_acquire(&unsent->http->lock);
	unsent->http->unsent_bytes -= unsent->body.capacity;
	lock_release(&unsent->http->lock);
	text_free(&unsent->body);
	free(unsent);
}

static void
reply_problem(struct reply *reply, unsigned status, const char *title, const char *detail)
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
reply_bad_request(struct reply *reply, const char *detail)
{
	reply_problem(reply, MHD_HTTP_BAD_REQUEST, "Bad Request", detail);
}

static void
reply_not_found(struct reply *reply, const char *detail)
{
	reply_problem(reply, MHD_HTTP_NOT_FOUND, "Not Found", detail);
}

static void
reply_no_memory(struct reply *reply)
{
	log_error("out of memory for an answer over HTTP");
	reply_problem(reply, MHD_HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error",
		"the server is out of memory");
}

static void
reply_busy(struct reply *reply)
{
	reply_problem(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable",
		"too many readers; try again in a moment");
}

/* For the paths that take no parameters. */
static bool
has_parameters(const struct request *request, struct reply *reply)
{
	if (request->parameter_count > 0)
		reply_bad_request(reply, "this path takes no parameters");
	return request->parameter_count > 0;
}

static void
get_stats(struct request *request, struct reply *reply)
{
	if (has_parameters(request, reply))
		return;
	if (report_append_stats(request->http->report, &reply->body) != 0)
		reply_no_memory(reply);
}

static void
get_livez(struct request *request, struct reply *reply)
{
	if (!has_parameters(request, reply))
		text_append_string(&reply->body, "{\"status\":\"alive\"}\n");
}

static void
get_readyz(struct request *request, struct reply *reply)
{
	bool verbose = request->parameter_count == 1 &&
		       strcmp(request->parameters[0].name, "verbose") == 0 &&
		       request->parameters[0].value[0] == '\0';

	if (request->parameter_count > 0 && !verbose)
		reply_bad_request(
			reply, "the only parameter here is verbose, without a value");
	else if (report_is_draining(request->http->report))
		reply_problem(reply, MHD_HTTP_SERVICE_UNAVAILABLE, "Service Unavailable",
			"the server is draining");
	else if (verbose)
		text_append_string(&reply->body,
			"{\"status\":\"ready\",\"checks\":{\"running\":\"ok\"}}\n");
	else
		text_append_string(&reply->body, "{\"status\":\"ready\"}\n");
}

static int
read_stream_page(struct stream_state *stream)
{
	struct history_page page;
	int result;

	/* One large message must not keep its room for as long as the stream lasts. */
	text_free(&stream->page);
	stream->sent = 0;
	if (!begin_building(stream->http))
		return -1;
	result = history_append_page(stream->http->history, &stream->query,
		&stream_bounds, &stream->page, &page);
	end_building(stream->http);
	stream->is_last = !page.has_more;
	if (stream->query.is_ascending)
		stream->query.filter.after = page.next;
	else
		stream->query.filter.before = page.next;
	return result;
}

static ssize_t
read_stream(void *argument, uint64_t position, char *out, size_t capacity)
{
	struct stream_state *stream = argument;
	size_t len;

	(void)position;
	while (stream->sent == stream->page.len) {
		if (stream->is_last)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (read_stream_page(stream) != 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
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
	struct request *request, const struct query *query, struct reply *reply)
{
	struct http *h = request->http;
	struct stream_state *stream;
	bool begins;

	lock_acquire(&h->lock);
	begins = h->streams < STREAMS_MAX;
	h->streams += begins;
	lock_release(&h->lock);
	if (!begins) {
		reply_busy(reply);
		return;
	}
	stream = calloc(1, sizeof *stream);
	if (stream == NULL) {
		lock_acquire(&h->lock);
		h->streams--;
		lock_release(&h->lock);
		reply_no_memory(reply);
		return;
	}
	stream->http = h;
	/* Its texts live as long as the request, which outlives the stream. */
	stream->query = *query;
	reply->stream = stream;
}

static void
get_messages_page(struct request *request, const struct query *query, struct reply *reply)
{
	struct history_bounds bounds = page_bounds;
	struct text *body = &reply->body;
	struct history_page page;
	int result;

	if (!begin_building(request->http)) {
		reply_busy(reply);
		return;
	}
	if (!query->is_ndjson)
		text_append_string(body, "{\"messages\":[");
	bounds.messages = query->limit;
	result = history_append_page(request->http->history, query, &bounds, body, &page);
	end_building(request->http);
	if (result != 0) {
		reply_no_memory(reply);
		return;
	}
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
get_messages(struct request *request, struct reply *reply)
{
	struct query query;

	query_init(&query);
	for (size_t i = 0; i < request->parameter_count; i++) {
		const char *mistake = query_set(&query, request->parameters[i].name,
			request->parameters[i].value);

		if (mistake != NULL) {
			reply_bad_request(reply, mistake);
			return;
		}
	}
	query_finish(&query);
	if (query.is_ndjson)
		reply->type = TYPE_NDJSON;
	if (query.limit == 0)
		get_messages_stream(request, &query, reply);
	else
		get_messages_page(request, &query, reply);
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
get_message(struct request *request, struct reply *reply)
{
	uint64_t id;
	bool raw;

	if (!parse_message_path(request->rest, &id, &raw)) {
		reply_not_found(reply,
			"no such path; a message is /messages/17 or "
			"/messages/latest, its bytes are /messages/17/raw");
		return;
	}
	if (has_parameters(request, reply))
		return;
	switch (history_append_one(request->http->history, id, raw, &reply->body)) {
	case HISTORY_FOUND:
		if (!raw)
			text_append_string(&reply->body, "\n");
		break;
	case HISTORY_MISSING:
		reply_not_found(reply, id == 0 ? "no message has come yet"
					       : "no message of this id is in memory");
		break;
	case HISTORY_NO_MEMORY:
		reply_no_memory(reply);
		break;
	}
}

static void get_index(struct request *request, struct reply *reply);

static const struct route {
	const char *path;
	bool is_prefix;
	void (*get)(struct request *request, struct reply *reply);
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
get_index(struct request *request, struct reply *reply)
{
	if (has_parameters(request, reply))
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

static enum MHD_Result
collect_parameter(void *argument, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	struct request *request = argument;

	(void)kind;
	if (value == NULL)
		value = "";
	if (strlen(name) != name_len || strlen(value) != (value_len))
		request->mistake = "a parameter has a NUL in it";
	else if (request->parameter_count == PARAMETERS_MAX)
		request->mistake = "too many parameters";
	else
		request->parameters[request->parameter_count++] =
			(struct parameter){name, value};
	return request->mistake == NULL ? MHD_YES : MHD_NO;
}

static void
answer_get(struct http *h, struct MHD_Connection *connection, const char *path,
	const struct route *route, struct reply *reply)
{
	struct request request = {.http = h};

	(void)MHD_get_connection_values_n(
		connection, MHD_GET_ARGUMENT_KIND, collect_parameter, &request);
	if (request.mistake != NULL) {
		reply_bad_request(reply, request.mistake);
		return;
	}
	request.rest = path + strlen(route->path);
	route->get(&request, reply);
}

static struct MHD_Response *
build_stream_response(struct reply *reply)
{
	struct MHD_Response *response =
		MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES,
			read_stream, reply->stream, free_stream);

	if (response == NULL)
		free_stream(reply->stream);
	/* The library would end even a body that is not sent with a last chunk. */
	else if (reply->is_head)
		(void)MHD_set_response_options(
			response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	return response;
}

static struct MHD_Response *
build_body_response(struct http *h, struct reply *reply)
{
	struct unsent *unsent = malloc(sizeof *unsent);
	struct MHD_Response *response;

	if (unsent == NULL) {
		text_free(&reply->body);
		return NULL;
	}
	*unsent = (struct unsent){.http = h, .body = reply->body};
	lock_acquire(&h->lock);
	h->unsent_bytes += unsent->body.capacity;
	lock_release(&h->lock);
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		unsent->body.len, unsent->body.bytes, free_unsent, unsent);
	if (response == NULL)
		free_unsent(unsent);
	return response;
}

static bool
add_headers(struct MHD_Response *response, const struct reply *reply)
{
	const struct {
		const char *name, *value;
	} headers[] = {
		{"Content-Type", reply->type},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"Cache-Control", "no-store"},
	};
	bool added = true;

	for (size_t i = 0; i < COUNT_OF(headers); i++)
		added = added && MHD_add_response_header(response, headers[i].name,
					 headers[i].value) == MHD_YES;
	if (reply->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		added = added && MHD_add_response_header(
					 response, "Allow", "GET, HEAD") == MHD_YES;
	if (reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		added = added && MHD_add_response_header(response, "Retry-After",
					 RETRY_AFTER_S) == MHD_YES;
	return added;
}

/* MHD_NO closes the connection, which is all that is left to do then. */
static enum MHD_Result
send_reply(struct http *h, struct MHD_Connection *connection, struct reply *reply)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	if (text_failed(&reply->body)) {
		text_free(&reply->body);
		reply_no_memory(reply);
	}
	response = reply->stream != NULL ? build_stream_response(reply)
					 : build_body_response(h, reply);
	if (response == NULL)
		return MHD_NO;
	if (add_headers(response, reply))
		result = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	counter_add(h->counters, COUNTER_http_requests, 1);
	return result;
}

static enum MHD_Result
answer(void *argument, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **state)
{
	static char head_was_read;
	struct http *h = argument;
	const struct route *route = find_route(path);
	struct reply reply = {.status = MHD_HTTP_OK,
		.type = TYPE_JSON,
		.is_head = strcmp(method, "HEAD") == 0};

	(void)version;
	(void)upload;
	if (*state == NULL || *upload_len > 0) {
		*state = &head_was_read;
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, "GET") != 0 && !reply.is_head)
		reply_problem(&reply, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed",
			"this side is read-only; messages are sent over TCP");
	else if (route == NULL)
		reply_not_found(&reply, "no such path; / lists them");
	else
		answer_get(h, connection, path, route, &reply);
	return send_reply(h, connection, &reply);
}

static void log_library(void *argument, const char *format, va_list arguments)
	PRINTF_LIKE(2, 0);

static void
log_library(void *argument, const char *format, va_list arguments)
{
	char line[256];

	(void)argument;
	(void)vsnprintf(line, sizeof line, format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_debug("libmicrohttpd: %s", line);
}

struct http *
http_start(const struct report *report, struct history *history,
	struct counters *counters, const struct endpoints *endpoints)
{
	struct http *h = calloc(1, sizeof *h);

	if (h == NULL) {
		struct endpoints all = *endpoints;

		log_error("out of memory");
		endpoint_close_all(&all);
		return NULL;
	}
	h->report = report;
	h->history = history;
	h->counters = counters;
	lock_init(&h->lock);
	condition_init(&h->builder_left);
	for (; h->daemon_count < endpoints->count; h->daemon_count++) {
		struct MHD_Daemon *daemon = MHD_start_daemon(
			MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
				MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
			0, NULL, NULL, answer, h, MHD_OPTION_EXTERNAL_LOGGER, log_library,
			NULL, MHD_OPTION_LISTEN_SOCKET,
			endpoints->items[h->daemon_count].fd, MHD_OPTION_CONNECTION_LIMIT,
			(unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
			(unsigned)IDLE_TIMEOUT_S, MHD_OPTION_THREAD_STACK_SIZE,
			STACK_BYTES, MHD_OPTION_END);

		if (daemon == NULL) {
			log_error("cannot serve HTTP on %s",
				endpoints->items[h->daemon_count].text);
			goto stop;
		}
		h->daemons[h->daemon_count] = daemon;
	}
	return h;
stop:
	/* The daemons close their own, also the one that did not start. */
	for (size_t i = h->daemon_count + 1; i < endpoints->count; i++)
		(void)close(endpoints->items[i].fd);
	http_stop(h);
	return NULL;
}

void
http_stop(struct http *h)
{
	for (size_t i = 0; i < h->daemon_count; i++)
		MHD_stop_daemon(h->daemons[i]);
	condition_fini(&h->builder_left);
	lock_fini(&h->lock);
	free(h);
}
