/*
 * status: one GET at a time, with libcurl, of which this file is the only user.
 *
 * A transfer runs in a loop of ours, so that what is watched can end it, and silence be
 * measured to the millisecond; the time that a taker of a stream needs is none.
 *
 * A server on this network is asked directly: proxies of the environment do not
 * apply. What went wrong is kept as text until it is certain that it matters,
 * because --wait asks again after a failure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/status.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "wire/frame.h"

enum { POLL_STEP_MS = 100, STEP_MS = 1000, LAST_EVENT_ID_MAX = 128 };
enum {
	STATUS_OK = 200,
	STATUS_BAD_GATEWAY = 502,
	STATUS_UNAVAILABLE = 503,
	STATUS_GATEWAY_TIMEOUT = 504,
};

#define BODY_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct status {
	const struct options *options;
	CURL *curl;
	CURLM *multi;
	struct pollfd *watched;
	size_t watched_count;

	/* Of the question that is asked: */
	struct status_answer *answer;
	const struct status_stream *stream; /* NULL: the answer is gathered */
	uint64_t silence_ms;                /* so long nothing may come; 0: no limit */
	uint64_t heard_ns;                  /* when something came last */
};

static void conclude(struct status_answer *answer, enum exit_code code,
	const char *format, ...) PRINTF_LIKE(3, 4);

static void
conclude(struct status_answer *answer, enum exit_code code, const char *format, ...)
{
	va_list arguments;

	answer->code = code;
	va_start(arguments, format);
	(void)vsnprintf(answer->why, sizeof answer->why, format, arguments);
	va_end(arguments);
}

struct status *
status_open(const struct options *options)
{
	struct status *s = malloc(sizeof *s);

	if (s == NULL)
		return NULL;
	*s = (struct status){
		.options = options, .curl = curl_easy_init(), .multi = curl_multi_init()};
	if (s->curl != NULL && s->multi != NULL)
		return s;
	status_close(s);
	return NULL;
}

void
status_close(struct status *s)
{
	curl_easy_cleanup(s->curl);
	(void)curl_multi_cleanup(s->multi);
	free(s);
}

void
status_watch(struct status *s, struct pollfd *watched, size_t count)
{
	assert(count <= STATUS_WATCHED_MAX);
	s->watched = watched;
	s->watched_count = count;
}

static long
number_of_answer(const struct status *s)
{
	long number = 0;

	(void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &number);
	return number;
}

/* The answer that comes is the stream, and not a refusal. */
static bool
is_stream(const struct status *s)
{
	static const char wanted[] = "text/event-stream";
	const char *type = NULL;

	(void)curl_easy_getinfo(s->curl, CURLINFO_CONTENT_TYPE, &type);
	return s->stream != NULL && number_of_answer(s) == STATUS_OK && type != NULL &&
	       strncasecmp(type, wanted, sizeof wanted - 1) == 0;
}

/* Less than `len`: the transfer is to end. */
static size_t
take_stream(struct status *s, const char *bytes, size_t len)
{
	bool goes_on = s->stream->take(s->stream->argument, bytes, len);

	s->answer->is_interrupted = !goes_on;
	s->heard_ns = clock_mono_ns();
	return goes_on ? len : 0;
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *argument)
{
	struct status *s = argument;
	struct status_answer *answer = s->answer;
	size_t len = size * count;

	s->heard_ns = clock_mono_ns();
	if (is_stream(s))
		return take_stream(s, bytes, len);
	if (len > BODY_MAX_BYTES - answer->body.len) {
		answer->is_too_large = true;
		return 0;
	}
	text_append(&answer->body, bytes, len);
	return text_failed(&answer->body) ? 0 : len;
}

/* Each becomes name=value, the value as a URL needs it.  Out of memory: no answer. */
static CURLUcode
set_query(CURLU *url, const struct status_parameter *parameters, size_t count)
{
	CURLUcode code = CURLUE_OK;

	for (size_t i = 0; i < count && code == CURLUE_OK; i++) {
		struct text pair = {0};

		text_printf(&pair, "%s=%s", parameters[i].name, parameters[i].value);
		text_append(&pair, "", 1);
		code = text_failed(&pair) ? CURLUE_OUT_OF_MEMORY
					  : curl_url_set(url, CURLUPART_QUERY, pair.bytes,
						    CURLU_APPENDQUERY | CURLU_URLENCODE);
		text_free(&pair);
	}
	return code;
}

/* libcurl's own URL parts, so that no host name can smuggle a path in. */
static CURLUcode
set_url(CURLU *url, const struct address *address, const char *path)
{
	char host[ADDRESS_HOST_MAX + 2], port[6];
	bool is_v6 = strchr(address->host, ':') != NULL;
	CURLUcode code;

	(void)snprintf(host, sizeof host, is_v6 ? "[%s]" : "%s", address->host);
	(void)snprintf(port, sizeof port, "%u", (unsigned)address->port);
	code = curl_url_set(url, CURLUPART_SCHEME, "http", 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_HOST, host, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_PORT, port, 0);
	if (code == CURLUE_OK)
		code = curl_url_set(url, CURLUPART_PATH, path, 0);
	return code;
}

static void
explain_failure(struct status *s, CURLcode result, struct status_answer *out)
{
	const char *http = s->options->http, *why = curl_easy_strerror(result);
	const char *hint = "";
	long os_error = 0;

	switch (result) {
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(s->curl, CURLINFO_OS_ERRNO, &os_error);
		if (os_error != 0)
			why = strerror((int)os_error);
		if (os_error == ECONNREFUSED)
			hint = " (is bio-server running? choose another with --http)";
		break;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		break;
	default:
		if (out->is_too_large)
			why = "the answer is larger than 64 MiB";
		conclude(out, EXIT_CODE_FAILED, "cannot use the answer of %s: %s", http,
			why);
		return;
	}
	out->is_transient = true;
	conclude(out, EXIT_CODE_UNREACHABLE, "cannot reach %s: %s%s", http, why, hint);
}

/* A stream had begun, so that the server is there is beyond doubt. */
static void
explain_loss(struct status *s, CURLcode result, struct status_answer *out)
{
	const char *http = s->options->http;

	out->is_transient = true;
	if (result == CURLE_OPERATION_TIMEDOUT)
		conclude(out, EXIT_CODE_UNREACHABLE,
			"lost the events of %s: nothing came for %g s", http,
			(double)s->silence_ms / 1000);
	else
		conclude(out, EXIT_CODE_UNREACHABLE,
			"lost the events of %s: the connection broke", http);
}

static bool
is_watched_ready(struct status *s)
{
	/* Once more than libcurl has done: it does not tell of POLLERR. */
	return s->watched_count > 0 && poll(s->watched, s->watched_count, 0) > 0;
}

/* Until something happens, or might have; false: for too long nothing came. */
static bool
wait_for_more(struct status *s)
{
	struct curl_waitfd extra[STATUS_WATCHED_MAX] = {{0}};
	uint64_t deadline_ns = s->heard_ns + s->silence_ms * CLOCK_NS_PER_MS;
	int left_ms = STEP_MS;

	for (size_t i = 0; i < s->watched_count; i++)
		extra[i] = (struct curl_waitfd){.fd = s->watched[i].fd,
			.events = (s->watched[i].events & POLLIN) ? CURL_WAIT_POLLIN : 0};
	if (s->silence_ms > 0 && clock_left_ms(deadline_ns) < left_ms)
		left_ms = clock_left_ms(deadline_ns);
	if (left_ms == 0)
		return false;
	(void)curl_multi_poll(s->multi, extra, (unsigned)s->watched_count, left_ms, NULL);
	return true;
}

/* Ends with the handle's result, or before where it is to. */
static CURLcode
run_transfer(struct status *s)
{
	const CURLMsg *message;
	int running = 1, left;

	s->heard_ns = clock_mono_ns();
	while (curl_multi_perform(s->multi, &running) == CURLM_OK && running > 0) {
		if (is_watched_ready(s)) {
			s->answer->is_interrupted = true;
			return CURLE_ABORTED_BY_CALLBACK;
		}
		if (!wait_for_more(s))
			return CURLE_OPERATION_TIMEDOUT;
	}
	message = curl_multi_info_read(s->multi, &left);
	return message != NULL ? message->data.result : CURLE_OUT_OF_MEMORY;
}

static CURLcode
transfer(struct status *s)
{
	CURLcode result = CURLE_OUT_OF_MEMORY;

	if (curl_multi_add_handle(s->multi, s->curl) != CURLM_OK)
		return result;
	result = run_transfer(s);
	/* What has not ended is given up here, with its connection. */
	(void)curl_multi_remove_handle(s->multi, s->curl);
	return result;
}

/* The status number of the answer, or 0 and the reason in `out`. */
static long
perform(struct status *s, CURLU *url, struct status_answer *out)
{
	CURL *curl = s->curl;
	curl_off_t retry_after_s = 0;
	CURLcode result;

	s->answer = out;
	(void)curl_easy_setopt(curl, CURLOPT_CURLU, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "bio-client");
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, s);
	result = transfer(s);
	(void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after_s);
	out->retry_after_s = (uint64_t)retry_after_s;
	if (out->is_interrupted)
		return 0;
	if (result == CURLE_OK)
		return number_of_answer(s);
	if (is_stream(s))
		explain_loss(s, result, out);
	else
		explain_failure(s, result, out);
	return 0;
}

/* The same; `out` is as of the question before. */
static long
fetch(struct status *s, const char *path, const struct status_parameter *parameters,
	size_t count, struct status_answer *out)
{
	CURLU *url = curl_url();
	CURLUcode code = CURLUE_OUT_OF_MEMORY;
	long status = 0;

	out->body.len = 0;
	out->code = EXIT_CODE_DONE;
	out->is_too_large = out->is_transient = out->is_interrupted = false;
	if (url != NULL)
		code = set_url(url, &s->options->http_address, path);
	if (code != CURLUE_OK && code != CURLUE_OUT_OF_MEMORY)
		conclude(out, EXIT_CODE_USAGE, "'%s': no host name", s->options->http);
	if (code == CURLUE_OK)
		code = set_query(url, parameters, count);
	if (code == CURLUE_OK)
		status = perform(s, url, out);
	else if (out->code == EXIT_CODE_DONE)
		conclude(out, EXIT_CODE_FAILED, "out of memory");
	curl_url_cleanup(url);
	return status;
}

/* Strict, where cJSON is lenient.  Returns owned; NULL: not JSON. */
static cJSON *
parse_body(const struct status_answer *answer)
{
	struct frame_item item;

	if (answer->body.len == 0)
		return NULL;
	if (frame_judge((const uint8_t *)answer->body.bytes, answer->body.len,
		    SCAN_DEPTH_MAX, &item) != FRAME_MESSAGE)
		return NULL;
	return cJSON_ParseWithLength((const char *)item.text, item.len);
}

/* The first line of a plain text, such as the message port's; 0: it is none. */
static int
plain_length(const struct status *s, const struct status_answer *answer)
{
	static const char plain[] = "text/plain";
	const char *type = NULL, *text = answer->body.bytes, *newline;
	size_t len = answer->body.len;

	(void)curl_easy_getinfo(s->curl, CURLINFO_CONTENT_TYPE, &type);
	if (len == 0 || type == NULL || strncasecmp(type, plain, sizeof plain - 1) != 0)
		return 0;
	newline = memchr(text, '\n', len);
	if (newline != NULL)
		len = (size_t)(newline - text);
	return (int)(len < STATUS_WHY_MAX ? len : STATUS_WHY_MAX);
}

/* A refusal in the server's words (RFC 9457, or plain ones), or at least its number. */
static void
explain_status(const struct status *s, struct status_answer *answer, long status,
	const char *what)
{
	int len = plain_length(s, answer);
	cJSON *problem = parse_body(answer);
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(problem, "detail");

	if (!cJSON_IsString(text))
		text = cJSON_GetObjectItemCaseSensitive(problem, "title");
	/* The others are what a proxy says for a server that is away. */
	answer->is_transient = status == STATUS_UNAVAILABLE ||
			       status == STATUS_BAD_GATEWAY ||
			       status == STATUS_GATEWAY_TIMEOUT;
	if (cJSON_IsString(text))
		conclude(answer, EXIT_CODE_REFUSED, "%s: %s", what, text->valuestring);
	else
		conclude(answer, EXIT_CODE_REFUSED, "%s: HTTP status %ld%s%.*s", what,
			status, len > 0 ? ": " : "", len,
			len > 0 ? answer->body.bytes : "");
	cJSON_Delete(problem);
}

static void
set_patience(struct status *s)
{
	s->silence_ms = s->options->timeout_ms;
	(void)curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)s->silence_ms);
}

void
status_ask(struct status *s, const char *path, const struct status_parameter *parameters,
	size_t count, struct status_answer *out)
{
	long status;

	set_patience(s);
	status = fetch(s, path, parameters, count, out);
	if (status != 0 && status != STATUS_OK)
		explain_status(s, out, status, "the server refused");
}

/* What the server said where a stream should have gone on. */
static void
conclude_stream(struct status *s, long status, struct status_answer *out)
{
	const char *http = s->options->http;

	if (status != STATUS_OK) {
		explain_status(s, out, status, "the server refused");
	} else if (is_stream(s)) {
		out->is_transient = true;
		conclude(out, EXIT_CODE_UNREACHABLE, "%s ended the stream of events",
			http);
	} else {
		conclude(out, EXIT_CODE_FAILED, "the answer of %s is no stream of events",
			http);
	}
}

void
status_follow(
	struct status *s, const struct status_stream *stream, struct status_answer *out)
{
	struct curl_slist *headers = NULL;
	char last_event_id[LAST_EVENT_ID_MAX];
	long status;

	if (stream->last_event_id != NULL) {
		(void)snprintf(last_event_id, sizeof last_event_id, "Last-Event-ID: %s",
			stream->last_event_id);
		headers = curl_slist_append(NULL, last_event_id);
	}
	if (stream->last_event_id != NULL && headers == NULL) {
		conclude(out, EXIT_CODE_FAILED, "out of memory");
		return;
	}
	(void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, headers);
	s->stream = stream;
	set_patience(s);
	status = fetch(s, stream->path, NULL, 0, out);
	if (status != 0)
		conclude_stream(s, status, out);
	s->stream = NULL;
	(void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
}

/* One question, answered within the time. */
static void
ask_once(const struct options *options, const char *path, uint64_t timeout_ms,
	const char *refused, struct status_answer *out)
{
	struct status *s = status_open(options);
	long status;

	if (s == NULL) {
		conclude(out, EXIT_CODE_FAILED, "out of memory");
		return;
	}
	(void)curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	status = fetch(s, path, NULL, 0, out);
	if (status != 0 && status != STATUS_OK)
		explain_status(s, out, status, refused);
	status_close(s);
}

static void
print_stats(const struct options *options, struct status_answer *answer)
{
	cJSON *root = parse_body(answer);
	char *text = root != NULL ? cJSON_Print(root) : NULL;

	if (text != NULL)
		(void)printf("%s\n", text);
	else
		conclude(answer, EXIT_CODE_FAILED, "the answer of %s is not JSON",
			options->http);
	cJSON_free(text);
	cJSON_Delete(root);
}

enum exit_code
status_print_stats(const struct options *options)
{
	struct status_answer answer = {0};

	ask_once(options, "/stats", options->timeout_ms, "the server refused", &answer);
	if (answer.code == EXIT_CODE_DONE)
		print_stats(options, &answer);
	text_free(&answer.body);
	if (answer.code != EXIT_CODE_DONE)
		options_complain("%s", answer.why);
	return answer.code;
}

static void
pause_ms(long ms)
{
	struct timespec time = {.tv_nsec = ms * (long)CLOCK_NS_PER_MS};

	/* Cut short by a signal, it is asked a little earlier. */
	(void)nanosleep(&time, NULL);
}

enum exit_code
status_check_health(const struct options *options)
{
	uint64_t deadline_ns = clock_deadline_ns(options->wait_ms);
	uint64_t timeout_ms = options->timeout_ms;
	struct status_answer answer = {0};

	for (;;) {
		uint64_t left_ms = (uint64_t)clock_left_ms(deadline_ns);

		/* To libcurl 0 is no limit at all. */
		if (options->wait_ms > 0 && timeout_ms > left_ms)
			timeout_ms = left_ms > 0 ? left_ms : 1;
		ask_once(options, "/readyz", timeout_ms, "not ready", &answer);
		if (answer.code == EXIT_CODE_DONE || answer.code == EXIT_CODE_USAGE)
			break;
		/* In less time than a step an answer would hardly come. */
		if (clock_left_ms(deadline_ns) <= POLL_STEP_MS)
			break;
		pause_ms(POLL_STEP_MS);
	}
	text_free(&answer.body);
	if (answer.code == EXIT_CODE_DONE)
		(void)printf("ready\n");
	else
		options_complain("%s", answer.why);
	return answer.code;
}
