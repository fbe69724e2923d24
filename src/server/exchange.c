/*
 * exchange: problem documents.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/exchange.h"

#include <assert.h>
#include <cjson/cJSON.h>

#include "base/log.h"

#define TYPE_PROBLEM "application/problem+json"
/* What a status can be, RFC 9110, section 15. */
#define STATUS_MIN 100
#define STATUS_END 600

static const char *
status_title(enum exchange_status status)
{
	switch (status) {
	case EXCHANGE_OK:
		return "OK";
	case EXCHANGE_NO_CONTENT:
		return "No Content";
	case EXCHANGE_NOT_MODIFIED:
		return "Not Modified";
	case EXCHANGE_BAD_REQUEST:
		return "Bad Request";
	case EXCHANGE_NOT_FOUND:
		return "Not Found";
	case EXCHANGE_METHOD_NOT_ALLOWED:
		return "Method Not Allowed";
	case EXCHANGE_MISDIRECTED:
		return "Misdirected Request";
	case EXCHANGE_INTERNAL_ERROR:
		return "Internal Server Error";
	case EXCHANGE_UNAVAILABLE:
		return "Service Unavailable";
	}
	return "";
}

static bool
is_known(unsigned code)
{
	return status_title((enum exchange_status)code)[0] != '\0';
}

unsigned
exchange_list_statuses(unsigned codes[EXCHANGE_STATUSES_MAX])
{
	unsigned count = 0;

	for (unsigned code = STATUS_MIN; code < STATUS_END; code++)
		if (is_known(code)) {
			assert(count < EXCHANGE_STATUSES_MAX);
			codes[count++] = code;
		}
	return count;
}

unsigned
exchange_status_number(enum exchange_status status)
{
	unsigned number = 0;

	for (unsigned code = STATUS_MIN; code < (unsigned)status; code++)
		number += is_known(code);
	return number;
}

void
exchange_fail(
	struct exchange_reply *reply, enum exchange_status status, const char *detail)
{
	exchange_fail_with(reply, status, detail, NULL, NULL);
}

void
exchange_fail_with(struct exchange_reply *reply, enum exchange_status status,
	const char *detail, const char *name, const char *json)
{
	cJSON *problem = cJSON_CreateObject();
	char *printed = NULL;

	if (problem != NULL && cJSON_AddStringToObject(problem, "type", "about:blank") &&
		cJSON_AddStringToObject(problem, "title", status_title(status)) &&
		cJSON_AddNumberToObject(problem, "status", status) &&
		cJSON_AddStringToObject(problem, "detail", detail) &&
		(name == NULL || cJSON_AddRawToObject(problem, name, json)))
		printed = cJSON_PrintUnformatted(problem);
	cJSON_Delete(problem);
	text_free(&reply->body);
	reply->status = status;
	reply->type = TYPE_PROBLEM;
	reply->etag = NULL;
	reply->fixed = NULL;
	/* Without memory even for that, the status has to say it all. */
	if (printed != NULL)
		text_append_string(&reply->body, printed);
	text_append_string(&reply->body, "\n");
	cJSON_free(printed);
}

void
exchange_fail_no_memory(struct exchange_reply *reply)
{
	log_error("out of memory for an answer over HTTP");
	exchange_fail(reply, EXCHANGE_INTERNAL_ERROR, "the server is out of memory");
}

bool
exchange_refuse_parameters(
	const struct exchange_request *request, struct exchange_reply *reply)
{
	if (request->parameter_count > 0)
		exchange_fail(
			reply, EXCHANGE_BAD_REQUEST, "this path takes no parameters");
	return request->parameter_count > 0;
}
