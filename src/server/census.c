/*
 * census: parameters, and views written out as JSON.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/census.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "server/query.h"

#define CONNECTIONS_LIMIT_MAX 1000
#define CONNECTIONS_LIMIT_DEFAULT 100

/* The parameters of both; 0 is what was not given. */
struct wish {
	enum roster_states states;
	size_t limit;
};

static bool
set_states(struct wish *wish, const char *value)
{
	static const struct {
		const char *name;
		enum roster_states states;
	} choices[] = {
		{"open", ROSTER_OPEN}, {"closed", ROSTER_CLOSED}, {"all", ROSTER_ALL}};

	for (size_t i = 0; i < COUNT_OF(choices); i++)
		if (strcmp(choices[i].name, value) == 0)
			wish->states = choices[i].states;
	return wish->states != 0;
}

static bool
set_limit(struct wish *wish, const char *value, size_t max)
{
	uint64_t limit;

	if (!query_read_whole(value, &limit) || limit < 1 || limit > max)
		return false;
	wish->limit = (size_t)limit;
	return true;
}

/* NULL, or what is wrong with the parameter. */
static const char *
set_for_connections(struct wish *wish, const struct exchange_parameter *parameter)
{
	if (strcmp(parameter->name, "state") == 0) {
		if (wish->states != 0)
			return "state is given twice";
		return set_states(wish, parameter->value)
			       ? NULL
			       : "state must be open, closed or all";
	}
	if (strcmp(parameter->name, "limit") == 0) {
		if (wish->limit != 0)
			return "limit is given twice";
		return set_limit(wish, parameter->value, CONNECTIONS_LIMIT_MAX)
			       ? NULL
			       : "limit must be a number from 1 to 1000";
	}
	return "unknown parameter; known are state and limit";
}

static const char *
set_for_rejected(struct wish *wish, const struct exchange_parameter *parameter)
{
	if (strcmp(parameter->name, "limit") != 0)
		return "unknown parameter; the only one is limit";
	if (wish->limit != 0)
		return "limit is given twice";
	return set_limit(wish, parameter->value, REJECTIONS_KEPT)
		       ? NULL
		       : "limit must be a number from 1 to 100";
}

/* False: a parameter is bad, and the reply says so. */
static bool
read_wish(struct wish *wish, const struct exchange_request *request,
	const char *(*set)(struct wish *, const struct exchange_parameter *),
	struct exchange_reply *reply)
{
	for (size_t i = 0; i < request->parameter_count; i++) {
		const char *mistake = set(wish, &request->parameters[i]);

		if (mistake != NULL) {
			exchange_fail(reply, EXCHANGE_BAD_REQUEST, mistake);
			return false;
		}
	}
	return true;
}

static void
append_time(struct text *out, const char *name, int64_t wall_us)
{
	char time[CLOCK_TEXT_MAX];

	clock_format_utc(wall_us, time);
	text_printf(out, "\"%s\":\"%s\"", name, time);
}

static void
append_name(struct text *out, const char *name)
{
	text_append_string(out, ",\"name\":");
	if (name[0] != '\0')
		text_append_quoted(out, name);
	else
		text_append_string(out, "null");
}

static void
append_connection(struct text *out, const struct roster_connection *connection)
{
	const struct roster_numbers *numbers = &connection->numbers;
	uint64_t duration_ns = connection->closed_ns - connection->opened_ns;

	text_printf(out, "{\"connection\":%" PRIu64 ",\"peer\":\"%s\"",
		connection->connection, connection->peer);
	append_name(out, connection->name);
	text_printf(out, ",\"framing\":\"%s\",\"state\":\"%s\",",
		reason_framing_name(numbers->framing),
		connection->is_open ? "open" : "closed");
	append_time(out, "opened_at", connection->opened_us);
	text_append_string(out, ",");
	if (connection->is_open)
		text_append_string(out, "\"closed_at\":null");
	else
		append_time(out, "closed_at", connection->closed_us);
	text_printf(out,
		",\"duration_seconds\":%.6f,\"received_bytes\":%" PRIu64
		",\"messages\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"reason\":",
		(double)duration_ns / (double)CLOCK_NS_PER_S, numbers->received_bytes,
		numbers->messages, numbers->rejected);
	if (connection->is_open)
		text_append_string(out, "null}");
	else
		text_printf(out, "\"%s\"}", reason_close_name(connection->reason));
}

static void
append_connections(struct text *out, const struct roster_view *view)
{
	text_append_string(out, "{\"connections\":[");
	for (size_t i = 0; i < view->count; i++) {
		text_append_string(out, i > 0 ? "," : "");
		append_connection(out, &view->items[i]);
	}
	text_printf(out, "],\"open\":%zu,\"closed\":%zu}\n", view->open, view->closed);
}

void
census_get_connections(const struct census *c, const struct exchange_request *request,
	struct exchange_reply *reply)
{
	struct wish wish = {0};
	struct roster_view view;

	if (!read_wish(&wish, request, set_for_connections, reply))
		return;
	if (wish.states == 0)
		wish.states = ROSTER_OPEN;
	if (wish.limit == 0)
		wish.limit = CONNECTIONS_LIMIT_DEFAULT;
	if (roster_view_open(c->roster, wish.states, wish.limit, &view) == 0) {
		append_connections(&reply->body, &view);
		roster_view_close(&view);
	} else {
		exchange_fail_no_memory(reply);
	}
}

static void
append_excerpt(struct text *out, const struct rejection *rejection)
{
	struct rejection_excerpt excerpt;

	rejections_excerpt(rejection, &excerpt);
	text_append_string(out, "{\"before\":");
	text_append_quoted_bytes(out, excerpt.before, excerpt.before_len);
	text_append_string(out, ",\"at\":");
	text_append_quoted_bytes(out, excerpt.at, excerpt.at_len);
	text_append_string(out, ",\"after\":");
	text_append_quoted_bytes(out, excerpt.after, excerpt.after_len);
	text_append_string(out, "}");
}

static void
append_rejection(struct text *out, const struct rejection *rejection)
{
	const struct origin *origin = &rejection->origin;

	text_append_string(out, "{");
	append_time(out, "rejected_at", rejection->rejected_us);
	text_printf(out, ",\"connection\":%" PRIu64 ",\"peer\":\"%s\"",
		origin->connection, origin->peer);
	append_name(out, origin->name);
	text_printf(out,
		",\"framing\":\"%s\",\"reason\":\"%s\",\"offset\":%" PRIu64 ",\"error\":",
		reason_framing_name(origin->framing),
		reason_reject_name(rejection->reason), rejection->offset);
	text_append_quoted(out, rejection->error);
	text_append_string(out, ",\"excerpt\":");
	append_excerpt(out, rejection);
	text_append_string(out, "}");
}

static void
append_rejections(struct text *out, const struct rejections_view *view)
{
	text_append_string(out, "{\"rejected\":[");
	for (size_t i = 0; i < view->count; i++) {
		text_append_string(out, i > 0 ? "," : "");
		append_rejection(out, &view->items[i]);
	}
	text_printf(out, "],\"total\":%" PRIu64 "}\n", view->total);
}

void
census_get_rejected(const struct census *c, const struct exchange_request *request,
	struct exchange_reply *reply)
{
	struct wish wish = {0};
	struct rejections_view view;

	if (!read_wish(&wish, request, set_for_rejected, reply))
		return;
	if (wish.limit == 0)
		wish.limit = REJECTIONS_KEPT;
	if (rejections_view_open(c->rejections, wish.limit, &view) == 0) {
		append_rejections(&reply->body, &view);
		rejections_view_close(&view);
	} else {
		exchange_fail_no_memory(reply);
	}
}
