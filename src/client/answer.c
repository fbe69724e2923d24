/*
 * answer: reads the server's lines strictly, as it reads ours.
 *
 * Without a hello a refusal is {"error":{"code","message"}}; behind one it is
 * BIO/1 {"ok":false,"code","error"}, or a bye.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/answer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "wire/frame.h"

#define PREFIX "BIO/1 "
#define HTTP "HTTP/"

enum { DEPTH_MAX = 16 };

/* NULL: no JSON.  Returns owned. */
static cJSON *
parse_json(const char *line, size_t len, struct lock *parser_lock)
{
	struct frame_item item;
	cJSON *root;

	if (frame_judge((const uint8_t *)line, len, DEPTH_MAX, &item) != FRAME_MESSAGE)
		return NULL;
	/* cJSON keeps the place of the last error in a global variable. */
	lock_acquire(parser_lock);
	root = cJSON_ParseWithLength((const char *)item.text, item.len);
	lock_release(parser_lock);
	return root;
}

/* False: there is no such member, or it is no whole number that a double can hold. */
static bool
take_number(const cJSON *root, const char *name, uint64_t *out)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(root, name);
	const double max = 9007199254740991.0; /* 2^53 - 1 */

	if (!cJSON_IsNumber(value) || value->valuedouble < 0 || value->valuedouble > max)
		return false;
	*out = (uint64_t)value->valuedouble;
	return (double)*out == value->valuedouble;
}

static void
take_text(
	const cJSON *root, const char *name, const char *fallback, char *out, size_t size)
{
	const char *text =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));

	(void)snprintf(out, size, "%s", text != NULL ? text : fallback);
}

static void
take_code(const cJSON *root, const char *error_name, struct answer *out)
{
	take_text(root, "code", "error", out->code, sizeof out->code);
	take_text(root, error_name, "no reason given", out->error, sizeof out->error);
}

static enum answer_kind
read_hello(const cJSON *root, struct answer *out)
{
	const cJSON *ok = cJSON_GetObjectItemCaseSensitive(root, "ok");

	if (cJSON_IsFalse(ok)) {
		take_code(root, "error", out);
		return ANSWER_REFUSAL;
	}
	if (!cJSON_IsTrue(ok) || !take_number(root, "next", &out->number) ||
		out->number == 0)
		return ANSWER_OTHER;
	(void)take_number(root, "connection", &out->connection);
	(void)take_number(root, "max_message_bytes", &out->max_message_bytes);
	(void)take_number(root, "max_depth", &out->max_depth);
	return ANSWER_WELCOME;
}

static enum answer_kind
read_bye(const cJSON *root, struct answer *out)
{
	take_text(root, "bye", "error", out->code, sizeof out->code);
	take_text(root, "error", "", out->error, sizeof out->error);
	(void)take_number(root, "ack", &out->number);
	(void)take_number(root, "retry_after", &out->retry_after_s);
	return ANSWER_BYE;
}

static enum answer_kind
read_line(const cJSON *root, struct answer *out)
{
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(root, "error");

	if (take_number(root, "nak", &out->number)) {
		take_code(root, "error", out);
		(void)take_number(root, "offset", &out->offset);
		return ANSWER_NAK;
	}
	if (cJSON_GetObjectItemCaseSensitive(root, "bye") != NULL)
		return read_bye(root, out);
	if (take_number(root, "ack", &out->number))
		return ANSWER_ACK;
	if (!cJSON_IsObject(error))
		return ANSWER_OTHER;
	take_code(error, "message", out);
	return ANSWER_REFUSAL;
}

void
answer_parse(const char *line, size_t len, struct lock *parser_lock, struct answer *out)
{
	const size_t prefix_len = strlen(PREFIX);
	bool is_hello = len >= prefix_len && memcmp(line, PREFIX, prefix_len) == 0;
	cJSON *root;

	*out = (struct answer){.kind = ANSWER_OTHER};
	if (len >= strlen(HTTP) && memcmp(line, HTTP, strlen(HTTP)) == 0) {
		out->kind = ANSWER_HTTP;
		return;
	}
	if (is_hello)
		root = parse_json(line + prefix_len, len - prefix_len, parser_lock);
	else
		root = parse_json(line, len, parser_lock);
	out->kind = is_hello ? read_hello(root, out) : read_line(root, out);
	cJSON_Delete(root);
}
