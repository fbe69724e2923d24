/*
 * exchange: problem documents.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/exchange.h"

#include <cjson/cJSON.h>

#include "base/log.h"

#define TYPE_PROBLEM "application/problem+json"

static const char *
status_title(enum exchange_status status)
{
	switch (status) {
	case EXCHANGE_OK:
		return "OK";
	case EXCHANGE_BAD_REQUEST:
		return "Bad Request";
	case EXCHANGE_NOT_FOUND:
		return "Not Found";
	case EXCHANGE_METHOD_NOT_ALLOWED:
		return "Method Not Allowed";
	case EXCHANGE_INTERNAL_ERROR:
		return "Internal Server Error";
	case EXCHANGE_UNAVAILABLE:
		return "Service Unavailable";
	}
	return "";
}

void
exchange_fail(
	struct exchange_reply *reply, enum exchange_status status, const char *detail)
{
	cJSON *problem = cJSON_CreateObject();
	char *printed = NULL;

	if (problem != NULL && cJSON_AddStringToObject(problem, "type", "about:blank") &&
		cJSON_AddStringToObject(problem, "title", status_title(status)) &&
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
