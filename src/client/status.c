/*
 * status: one GET at a time, with libcurl, of which this file is the only user.
 *
 * A server on this network is asked directly: proxies of the environment do not
 * apply. What went wrong is kept as text until it is certain that it matters,
 * because --wait asks again after a failure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/status.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "wire/frame.h"

enum { POLL_STEP_MS = 100, STATUS_OK = 200, STATUS_UNAVAILABLE = 503 };

#define BODY_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct status {
	const struct options *options;
	CURL *curl;
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
	*s = (struct status){.options = options, .curl = curl_easy_init()};
	if (s->curl != NULL)
		return s;
	free(s);
	return NULL;
}

void
status_close(struct status *s)
{
	curl_easy_cleanup(s->curl);
	free(s);
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *argument)
{
	struct status_answer *answer = argument;
	size_t len = size * count;

	if (len > BODY_MAX_BYTES - answer->body.len) {
		answer->is_too_large = true;
		return 0;
	}
	text_append(&answer->body, bytes, len);
	return text_failed(&answer->body) ? 0 : len;
}

/* libcurl's own URL parts, so that no host name can smuggle a path in. */
/* Each becomes name=value, the value as a URL needs it.  Out of memory: no
 * answer. */
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
	long os_error = 0;

	switch (result) {
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(s->curl, CURLINFO_OS_ERRNO, &os_error);
		if (os_error != 0)
			why = strerror((int)os_error);
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
	conclude(out, EXIT_CODE_UNREACHABLE,
		"cannot reach %s: %s (is bio-server running? choose another with --http)",
		http, why);
}

/* The status number of the answer, or 0 and the reason in `out`. */
static long
perform(struct status *s, CURLU *url, struct status_answer *out)
{
	CURL *curl = s->curl;
	CURLcode result;
	long status = 0;

	(void)curl_easy_setopt(curl, CURLOPT_CURLU, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "bio-client");
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	result = curl_easy_perform(curl);
	if (result != CURLE_OK)
		explain_failure(s, result, out);
	else
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
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
	out->is_too_large = out->is_transient = false;
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

/* A refusal in the server's words (RFC 9457), or at least its number. */
static void
explain_status(struct status_answer *answer, long status, const char *what)
{
	cJSON *problem = parse_body(answer);
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(problem, "detail");

	if (!cJSON_IsString(text))
		text = cJSON_GetObjectItemCaseSensitive(problem, "title");
	answer->is_transient = status == STATUS_UNAVAILABLE;
	if (cJSON_IsString(text))
		conclude(answer, EXIT_CODE_REFUSED, "%s: %s", what, text->valuestring);
	else
		conclude(answer, EXIT_CODE_REFUSED, "%s: HTTP status %ld", what, status);
	cJSON_Delete(problem);
}

void
status_ask(struct status *s, const char *path, const struct status_parameter *parameters,
	size_t count, struct status_answer *out)
{
	uint64_t timeout_ms = s->options->timeout_ms;
	long status;

	/* libcurl counts silence in whole seconds. */
	(void)curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	(void)curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(
		s->curl, CURLOPT_LOW_SPEED_TIME, (long)((timeout_ms + 999) / 1000));
	status = fetch(s, path, parameters, count, out);
	if (status != 0 && status != STATUS_OK)
		explain_status(out, status, "the server refused");
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
		explain_status(out, status, refused);
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
		if (options->wait_ms > 0 &&
			timeout_ms > (uint64_t)clock_left_ms(deadline_ns))
			timeout_ms = (uint64_t)clock_left_ms(deadline_ns);
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
