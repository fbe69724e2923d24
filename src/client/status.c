/*
 * status: one GET at a time, with libcurl, of which this file is the only user.
 *
 * A server on this network is asked directly: proxies of the environment do not apply.
 * What went wrong is kept as text until it is certain that it matters, because --wait
 * asks again after a failure.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/status.h"

#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "wire/frame.h"

enum { POLL_STEP_MS = 100, WHY_MAX_BYTES = 512 };

#define BODY_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct answer {
	struct text body;
	bool is_too_large;
};

/* What came of asking: DONE, or why not. */
struct outcome {
	enum exit_code code;
	char why[WHY_MAX_BYTES];
};

static void conclude(struct outcome *outcome, enum exit_code code, const char *format,
	...) PRINTF_LIKE(3, 4);

static void
conclude(struct outcome *outcome, enum exit_code code, const char *format, ...)
{
	va_list arguments;

	outcome->code = code;
	va_start(arguments, format);
	(void)vsnprintf(outcome->why, sizeof outcome->why, format, arguments);
	va_end(arguments);
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *argument)
{
	struct answer *answer = argument;
	size_t len = size * count;

	if (len > BODY_MAX_BYTES - answer->body.len) {
		answer->is_too_large = true;
		return 0;
	}
	text_append(&answer->body, bytes, len);
	return text_failed(&answer->body) ? 0 : len;
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
explain_failure(CURL *curl, CURLcode result, const struct options *options,
	const struct answer *answer, struct outcome *out)
{
	const char *why = curl_easy_strerror(result);
	long os_error = 0;

	switch (result) {
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
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
		if (answer->is_too_large)
			why = "the answer is larger than 64 MiB";
		conclude(out, EXIT_CODE_FAILED, "cannot use the answer of %s: %s",
			options->http, why);
		return;
	}
	conclude(out, EXIT_CODE_UNREACHABLE,
		"cannot reach %s: %s (is bio-server running? choose another with --http)",
		options->http, why);
}

/* The status number of the answer, or 0 and the reason in `out`. */
static long
perform(CURL *curl, CURLU *url, const struct options *options, uint64_t timeout_ms,
	struct answer *answer, struct outcome *out)
{
	CURLcode result;
	long status = 0;

	(void)curl_easy_setopt(curl, CURLOPT_CURLU, url);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "bio-client");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	result = curl_easy_perform(curl);
	if (result != CURLE_OK)
		explain_failure(curl, result, options, answer, out);
	else
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static long
fetch(const struct options *options, const char *path, uint64_t timeout_ms,
	struct answer *answer, struct outcome *out)
{
	CURL *curl = curl_easy_init();
	CURLU *url = curl_url();
	long status = 0;

	if (curl == NULL || url == NULL)
		conclude(out, EXIT_CODE_FAILED, "out of memory");
	else if (set_url(url, &options->http_address, path) != CURLUE_OK)
		conclude(out, EXIT_CODE_USAGE, "'%s': no host name", options->http);
	else
		status = perform(curl, url, options, timeout_ms, answer, out);
	curl_url_cleanup(url);
	curl_easy_cleanup(curl);
	return status;
}

/* Strict, where cJSON is lenient.  Returns owned; NULL: not JSON. */
static cJSON *
parse_body(const struct answer *answer)
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
explain_status(
	const struct answer *answer, long status, const char *what, struct outcome *out)
{
	cJSON *problem = parse_body(answer);
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(problem, "detail");

	if (!cJSON_IsString(text))
		text = cJSON_GetObjectItemCaseSensitive(problem, "title");
	if (cJSON_IsString(text))
		conclude(out, EXIT_CODE_REFUSED, "%s: %s", what, text->valuestring);
	else
		conclude(out, EXIT_CODE_REFUSED, "%s: HTTP status %ld", what, status);
	cJSON_Delete(problem);
}

static void
print_stats(
	const struct options *options, const struct answer *answer, struct outcome *out)
{
	cJSON *root = parse_body(answer);
	char *text = root != NULL ? cJSON_Print(root) : NULL;

	if (text != NULL)
		(void)printf("%s\n", text);
	else
		conclude(out, EXIT_CODE_FAILED, "the answer of %s is not JSON",
			options->http);
	cJSON_free(text);
	cJSON_Delete(root);
}

enum exit_code
status_print_stats(const struct options *options)
{
	struct outcome outcome = {.code = EXIT_CODE_DONE};
	struct answer answer = {0};
	long status = fetch(options, "/stats", options->timeout_ms, &answer, &outcome);

	if (status == 200)
		print_stats(options, &answer, &outcome);
	else if (status != 0)
		explain_status(&answer, status, "the server refused", &outcome);
	text_free(&answer.body);
	if (outcome.code != EXIT_CODE_DONE)
		options_complain("%s", outcome.why);
	return outcome.code;
}

static void
ask_ready(const struct options *options, uint64_t timeout_ms, struct outcome *out)
{
	struct answer answer = {0};
	long status;

	out->code = EXIT_CODE_DONE;
	status = fetch(options, "/readyz", timeout_ms, &answer, out);
	if (status != 0 && status != 200)
		explain_status(&answer, status, "not ready", out);
	text_free(&answer.body);
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
	struct outcome outcome;

	for (;;) {
		if (options->wait_ms > 0 &&
			timeout_ms > (uint64_t)clock_left_ms(deadline_ns))
			timeout_ms = (uint64_t)clock_left_ms(deadline_ns);
		ask_ready(options, timeout_ms, &outcome);
		if (outcome.code == EXIT_CODE_DONE || outcome.code == EXIT_CODE_USAGE)
			break;
		/* In less time than a step an answer would hardly come. */
		if (clock_left_ms(deadline_ns) <= POLL_STEP_MS)
			break;
		pause_ms(POLL_STEP_MS);
	}
	if (outcome.code == EXIT_CODE_DONE)
		(void)printf("ready\n");
	else
		options_complain("%s", outcome.why);
	return outcome.code;
}
