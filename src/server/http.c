/*
 * http: libmicrohttpd on one side, the routes on the other.
 *
 * A request comes in twice or more: when its head has been read, for each part of a body,
 * which is dropped, and when it is whole; it is answered the last time, so that the
 * connection can be used again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/http.h"

#include <ctype.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/log.h"
#include "base/utf8.h"
#include "server/cors.h"
#include "server/route.h"

/* At each address, and of one peer there, so that one cannot keep out all others; and
 * as many more as may read events. */
#define CONNECTIONS_MAX 200
#define CONNECTIONS_OF_PEER_MAX 100
#define IDLE_TIMEOUT_S 30
#define STACK_BYTES ((size_t)256 * 1024)
#define RETRY_AFTER_S "1"
#define FIELD_BYTES_MAX 1024
/* No byte of UTF-8 (RFC 3629, section 1). */
#define NO_TEXT ((char)0xff)
/* The page loads nothing from elsewhere, and nothing that stands in the page itself. */
#define CONTENT_POLICY                                              \
	"default-src 'self'; base-uri 'none'; form-action 'none'; " \
	"frame-ancestors 'none'"

/* Where a request stands: its state is NULL or, when its head has been read, the address
 * of this. */
static char head_was_read;

struct http {
	const struct route_site *site;
	struct counters *counters;
	size_t daemon_count;
	struct MHD_Daemon *daemons[ENDPOINT_MAX];
};

/* A body that is on its way, and its place in the account. */
struct unsent {
	struct turns *turns;
	struct text body;
};

static void
free_unsent(void *argument)
{
	struct unsent *unsent = argument;

	turn_account_unsent(unsent->turns, 0, unsent->body.capacity);
	text_free(&unsent->body);
	free(unsent);
}

/* A stream that is on its way. */
struct unended {
	struct MHD_Connection *connection;
	struct exchange_stream *stream;
};

static void
free_unended(void *argument)
{
	struct unended *unended = argument;

	unended->stream->free(unended->stream);
	free(unended);
}

/* A connection that had no time-out begins anew with one. */
static void
restart_idle_clock(struct MHD_Connection *connection)
{
	(void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
	(void)MHD_set_connection_option(
		connection, MHD_CONNECTION_OPTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S);
}

static ssize_t
read_stream(void *argument, uint64_t position, char *out, size_t capacity)
{
	struct unended *unended = argument;
	ssize_t len = unended->stream->read(unended->stream, out, capacity);

	(void)position;
	/* While we search, it is not the reader who is idle. */
	restart_idle_clock(unended->connection);
	if (len == EXCHANGE_STREAM_END)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return len >= 0 ? len : MHD_CONTENT_READER_END_WITH_ERROR;
}

/*
 * Undoes the percent-encoding of a path, or of a name or value behind it, in place (RFC
 * 3986, section 2.1).  A NUL would end the text, and what are no two digits stand for
 * nothing: both become a byte that no text has, so that `is_text` finds them.
 */
static size_t
unescape(void *argument, struct MHD_Connection *connection, char *text)
{
	char *out = text;

	(void)argument;
	(void)connection;
	for (const char *p = text; *p != '\0'; p++, out++) {
		char code = *p;

		if (*p == '%') {
			code = '\0';
			if (isxdigit((unsigned char)p[1]) &&
				isxdigit((unsigned char)p[2])) {
				char digits[] = {p[1], p[2], '\0'};

				code = (char)strtoul(digits, NULL, 16);
				p += 2;
			}
			if (code == '\0')
				code = NO_TEXT;
		}
		*out = code;
	}
	*out = '\0';
	return (size_t)(out - text);
}

static bool
is_text(const char *bytes)
{
	size_t left = strlen(bytes), character = 1;

	for (; left > 0 && character > 0; left -= character, bytes += character)
		character = utf8_length((const uint8_t *)bytes, left);
	return character > 0;
}

static enum MHD_Result
collect_parameter(void *argument, enum MHD_ValueKind kind, const char *name,
	size_t name_len, const char *value, size_t value_len)
{
	struct exchange_request *request = argument;
	bool has_value = value != NULL;

	(void)kind;
	(void)name_len;
	(void)value_len;
	if (!has_value)
		value = "";
	if (!is_text(name) || !is_text(value))
		request->mistake = "a parameter is no UTF-8, has a NUL in it or a % "
				   "without two hexadecimal digits";
	else if (request->parameter_count == EXCHANGE_PARAMETERS_MAX)
		request->mistake = "too many parameters";
	else
		request->parameters[request->parameter_count++] =
			(struct exchange_parameter){name, value, has_value};
	return request->mistake == NULL ? MHD_YES : MHD_NO;
}

static struct MHD_Response *
build_stream_response(
	struct MHD_Connection *connection, struct exchange_reply *reply, bool is_head)
{
	struct unended *unended = malloc(sizeof *unended);
	struct MHD_Response *response;

	if (unended == NULL) {
		reply->stream->free(reply->stream);
		return NULL;
	}
	*unended = (struct unended){connection, reply->stream};
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN,
		EXCHANGE_STREAM_BLOCK_BYTES, read_stream, unended, free_unended);
	if (response == NULL)
		free_unended(unended);
	/* The library would end even a body that is not sent with a last chunk. */
	else if (is_head)
		(void)MHD_set_response_options(
			response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	return response;
}

static struct MHD_Response *
build_fixed_response(const struct exchange_reply *reply)
{
	/* The library does not write there, its parameter only says so. */
	return MHD_create_response_from_buffer(
		reply->fixed_len, (void *)reply->fixed, MHD_RESPMEM_PERSISTENT);
}

static struct MHD_Response *
build_body_response(struct http *h, struct exchange_reply *reply)
{
	struct unsent *unsent = malloc(sizeof *unsent);
	struct MHD_Response *response;

	if (unsent == NULL) {
		text_free(&reply->body);
		return NULL;
	}
	/* What is accounted is what it has, and not what it grew into. */
	text_fit(&reply->body);
	*unsent = (struct unsent){.turns = h->site->turns, .body = reply->body};
	turn_account_unsent(unsent->turns, unsent->body.capacity, 0);
	response = MHD_create_response_from_buffer_with_free_callback_cls(
		unsent->body.len, unsent->body.bytes, free_unsent, unsent);
	if (response == NULL)
		free_unsent(unsent);
	return response;
}

static bool
add_headers(struct MHD_Response *response, const struct exchange_reply *reply)
{
	bool is_preflight = reply->status == EXCHANGE_NO_CONTENT;
	bool is_other_method = reply->status == EXCHANGE_METHOD_NOT_ALLOWED;
	const char *allow = reply->allow != NULL ? reply->allow : "GET, HEAD";
	const struct {
		const char *name, *value; /* NULL: not here */
	} headers[] = {
		{"Content-Type", reply->type},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"Content-Security-Policy", CONTENT_POLICY},
		{"Cache-Control", reply->etag != NULL ? "no-cache" : "no-store"},
		{"ETag", reply->etag},
		{"Allow", is_other_method ? allow : NULL},
		{"Retry-After",
			reply->status == EXCHANGE_UNAVAILABLE ? RETRY_AFTER_S : NULL},
		{"Vary", reply->varies_by_origin ? "Origin" : NULL},
		{"Access-Control-Allow-Origin", reply->allowed_origin},
		{"Access-Control-Allow-Methods", is_preflight ? CORS_METHODS : NULL},
		{"Access-Control-Allow-Headers", is_preflight ? CORS_HEADERS : NULL},
		{"Access-Control-Max-Age", is_preflight ? CORS_MAX_AGE_S : NULL},
	};

	for (size_t i = 0; i < COUNT_OF(headers); i++)
		if (headers[i].value != NULL &&
			MHD_add_response_header(
				response, headers[i].name, headers[i].value) != MHD_YES)
			return false;
	return true;
}

/* MHD_NO closes the connection, which is all that is left to do then. */
static enum MHD_Result
send_reply(struct http *h, struct MHD_Connection *connection,
	struct exchange_reply *reply, bool is_head)
{
	enum MHD_Result result = MHD_NO;
	struct MHD_Response *response =
		reply->stream != NULL  ? build_stream_response(connection, reply, is_head)
		: reply->fixed != NULL ? build_fixed_response(reply)
				       : build_body_response(h, reply);

	if (response == NULL)
		return MHD_NO;
	if (add_headers(response, reply))
		result =
			MHD_queue_response(connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	counter_add_request(
		h->counters, reply->path, exchange_status_number(reply->status));
	return result;
}

/*
 * A header field, and its value: of several lines all, with commas between them (RFC
 * 9110, section 5.3).
 */
struct field {
	const char *name;
	size_t len;
	char value[FIELD_BYTES_MAX];
	bool is_there;
};

/* Those that somebody asks for. */
struct fields {
	struct field host, origin, last_event_id, if_none_match;
	const char *mistake;
};

static void
add_line(struct fields *fields, struct field *field, const char *line, size_t len)
{
	const char *comma = field->is_there ? ", " : "";

	/* The library keeps the white space behind a value, which is no part of it. */
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	field->is_there = true;
	if (field->len + strlen(comma) + len >= sizeof field->value)
		fields->mistake = "a header field is too long";
	else
		field->len += (size_t)snprintf(field->value + field->len,
			sizeof field->value - field->len, "%s%.*s", comma, (int)len,
			line);
}

static enum MHD_Result
collect_field(void *argument, enum MHD_ValueKind kind, const char *name, size_t name_len,
	const char *value, size_t value_len)
{
	struct fields *fields = argument;
	struct field *const known[] = {&fields->host, &fields->origin,
		&fields->last_event_id, &fields->if_none_match};

	(void)kind;
	(void)name_len;
	for (size_t i = 0; i < COUNT_OF(known); i++)
		if (value != NULL && strcasecmp(name, known[i]->name) == 0)
			add_line(fields, known[i], value, value_len);
	return MHD_YES;
}

static void
read_fields(struct MHD_Connection *connection, struct fields *fields)
{
	*fields = (struct fields){.host.name = "Host",
		.origin.name = "Origin",
		.last_event_id.name = "Last-Event-ID",
		.if_none_match.name = "If-None-Match"};
	(void)MHD_get_connection_values_n(
		connection, MHD_HEADER_KIND, collect_field, fields);
}

static const char *
field_value(const struct field *field)
{
	return field->is_there ? field->value : NULL;
}

/*
 * What the library found in the request, which borrows the fields.  Without a Host one of
 * HTTP/1.0 is as good as any: it did not know of it, and no browser leaves it out.
 */
static void
read_request(struct MHD_Connection *connection, const char *version,
	struct fields *fields, struct exchange_request *request)
{
	read_fields(connection, fields);
	request->host = field_value(&fields->host);
	request->origin = field_value(&fields->origin);
	request->last_event_id = field_value(&fields->last_event_id);
	request->if_none_match = field_value(&fields->if_none_match);
	request->mistake = fields->mistake;
	(void)MHD_get_connection_values_n(
		connection, MHD_GET_ARGUMENT_KIND, collect_parameter, request);
	if (request->host == NULL && strcmp(version, "HTTP/1.0") != 0)
		request->mistake = "there is no Host";
	else if (!is_text(request->path))
		request->mistake = "the path is no UTF-8, has a NUL in it or a % without "
				   "two hexadecimal digits";
}

static enum MHD_Result
answer(void *argument, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_len,
	void **state)
{
	struct http *h = argument;
	bool is_head = strcmp(method, "HEAD") == 0;
	struct exchange_request request = {
		.is_get = is_head || strcmp(method, "GET") == 0,
		.is_head = is_head,
		.is_preflight = strcmp(method, "OPTIONS") == 0 &&
				MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
					"Access-Control-Request-Method") != NULL,
		.path = path};
	struct exchange_reply reply = {0};
	struct fields fields;

	(void)upload;
	if (*state == NULL || *upload_len > 0) {
		*state = &head_was_read;
		*upload_len = 0;
		return MHD_YES;
	}
	read_request(connection, version, &fields, &request);
	route_answer(h->site, &request, &reply);
	return send_reply(h, connection, &reply, is_head);
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
http_start(const struct route_site *site, struct counters *counters,
	unsigned event_readers, const struct endpoints *endpoints)
{
	struct http *h = calloc(1, sizeof *h);

	if (h == NULL) {
		struct endpoints all = *endpoints;

		log_error("out of memory");
		endpoint_close_all(&all);
		return NULL;
	}
	h->site = site;
	h->counters = counters;
	for (; h->daemon_count < endpoints->count; h->daemon_count++) {
		struct MHD_Daemon *daemon = MHD_start_daemon(
			MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
				MHD_USE_POLL | MHD_USE_ITC | MHD_USE_ERROR_LOG,
			0, NULL, NULL, answer, h, MHD_OPTION_EXTERNAL_LOGGER, log_library,
			NULL, MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL,
			MHD_OPTION_LISTEN_SOCKET, endpoints->items[h->daemon_count].fd,
			MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX + event_readers,
			MHD_OPTION_PER_IP_CONNECTION_LIMIT,
			CONNECTIONS_OF_PEER_MAX + event_readers,
			MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S,
			MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES, MHD_OPTION_END);

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
	live_end(h->site->live);
	for (size_t i = 0; i < h->daemon_count; i++)
		MHD_stop_daemon(h->daemons[i]);
	free(h);
}
