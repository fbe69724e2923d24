/*
 * route: a table of paths, and a function for each that reads a snapshot and replies.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/route.h"

#include <string.h>

#include "server/asset.h"
#include "server/cors.h"
#include "server/host.h"
#include "server/metrics.h"

#define TYPE_JSON "application/json"

/* What a handler works on. */
struct call {
	const struct route_site *site;
	const struct exchange_request *request;
	const char *rest; /* of the path, behind the route's own */
};

static void
get_stats(struct call *call, struct exchange_reply *reply)
{
	if (exchange_refuse_parameters(call->request, reply))
		return;
	if (report_append_stats(call->site->report, &reply->body) != 0)
		exchange_fail_no_memory(reply);
}

static void
get_livez(struct call *call, struct exchange_reply *reply)
{
	if (!exchange_refuse_parameters(call->request, reply))
		text_append_string(&reply->body, "{\"status\":\"alive\"}\n");
}

/* What has to be well for the server to be ready. */
struct check {
	const char *name;
	bool is_ok;
	const char *failure;
};

/* As a C string. */
static void
append_checks(struct text *out, const struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_printf(out, "%s\"%s\":\"%s\"", i == 0 ? "{" : ",", checks[i].name,
			checks[i].is_ok ? "ok" : "failing");
	text_append(out, "}", sizeof "}");
}

static void
reply_checks(const struct check *checks, size_t count, bool is_verbose,
	struct exchange_reply *reply)
{
	const char *failure = NULL;
	struct text list = {0};

	append_checks(&list, checks, count);
	for (size_t i = count; i-- > 0;)
		if (!checks[i].is_ok)
			failure = checks[i].failure;
	if (text_failed(&list))
		exchange_fail_no_memory(reply);
	else if (failure != NULL)
		exchange_fail_with(reply, EXCHANGE_UNAVAILABLE, failure,
			is_verbose ? "checks" : NULL, list.bytes);
	else if (is_verbose)
		text_printf(&reply->body, "{\"status\":\"ready\",\"checks\":%s}\n",
			list.bytes);
	else
		text_append_string(&reply->body, "{\"status\":\"ready\"}\n");
	text_free(&list);
}

static void
get_readyz(struct call *call, struct exchange_reply *reply)
{
	const struct exchange_request *request = call->request;
	const struct report *report = call->site->report;
	const struct check checks[] = {
		{"running", !report_is_draining(report), "the server is draining"},
		{"accepting", report_can_accept(report),
			"the system gives no thread for the next connection"},
		{"store", report_can_store(report),
			"the store cannot write; the server's log says why"},
	};
	bool is_verbose = request->parameter_count == 1 &&
			  strcmp(request->parameters[0].name, "verbose") == 0 &&
			  request->parameters[0].value[0] == '\0';

	if (request->parameter_count > 0 && !is_verbose)
		exchange_fail(reply, EXCHANGE_BAD_REQUEST,
			"the only parameter here is verbose, without a value");
	else
		reply_checks(checks, COUNT_OF(checks), is_verbose, reply);
}

static void
get_messages(struct call *call, struct exchange_reply *reply)
{
	archive_get_messages(&call->site->archive, call->request, reply);
}

static void
get_message(struct call *call, struct exchange_reply *reply)
{
	archive_get_message(&call->site->archive, call->rest, call->request, reply);
}

static void
get_events(struct call *call, struct exchange_reply *reply)
{
	live_get_events(call->site->live, call->request, reply);
}

static void
get_connections(struct call *call, struct exchange_reply *reply)
{
	census_get_connections(&call->site->census, call->request, reply);
}

static void
get_rejected(struct call *call, struct exchange_reply *reply)
{
	census_get_rejected(&call->site->census, call->request, reply);
}

/* The document itself, embedded by make. */
extern const char openapi_json[];
extern const size_t openapi_json_len;

static void
get_description(struct call *call, struct exchange_reply *reply)
{
	if (exchange_refuse_parameters(call->request, reply))
		return;
	reply->fixed = openapi_json;
	reply->fixed_len = openapi_json_len;
}

static void
get_page(struct call *call, struct exchange_reply *reply)
{
	asset_get(asset_find(call->request->path), call->request, reply);
}

static void get_metrics(struct call *call, struct exchange_reply *reply);

static const struct route {
	const char *path;
	bool is_prefix, is_endless; /* and so has no HEAD */
	void (*get)(struct call *call, struct exchange_reply *reply);
} routes[] = {
	{"/", false, false, get_page},
	{"/stats", false, false, get_stats},
	{"/messages", false, false, get_messages},
	{"/messages/", true, false, get_message},
	{"/events", false, true, get_events},
	{"/connections", false, false, get_connections},
	{"/rejected", false, false, get_rejected},
	{"/metrics", false, false, get_metrics},
	{"/livez", false, false, get_livez},
	{"/readyz", false, false, get_readyz},
	{"/openapi.json", false, false, get_description},
};

_Static_assert(COUNT_OF(routes) < COUNTER_PATHS_MAX &&
		       EXCHANGE_STATUSES_MAX <= COUNTER_CODES_MAX,
	"counters have room for every path and status");

/* As the requests of a path are counted; behind the routes stand all others. */
static void
append_path(struct text *out, unsigned path)
{
	if (path == COUNT_OF(routes))
		text_append_string(out, "other");
	else
		text_printf(out, "%s%s", routes[path].path,
			routes[path].is_prefix ? "{id}" : "");
}

static void
get_metrics(struct call *call, struct exchange_reply *reply)
{
	struct metrics_requests requests = {
		.path_count = COUNT_OF(routes) + 1, .append_path = append_path};

	if (exchange_refuse_parameters(call->request, reply))
		return;
	requests.code_count = exchange_list_statuses(requests.codes);
	reply->type = METRICS_TYPE;
	if (metrics_append(call->site->report, &requests, &reply->body) != 0)
		exchange_fail_no_memory(reply);
}

const char *
route_path(size_t index)
{
	return index < COUNT_OF(routes) ? routes[index].path : NULL;
}

static const struct route *
find_route(const char *path)
{
	/* The page's own files are answered, and counted, as the page is. */
	if (asset_find(path) != NULL)
		path = "/";
	for (size_t i = 0; i < COUNT_OF(routes); i++) {
		size_t len = strlen(routes[i].path);

		if (strncmp(path, routes[i].path, len) == 0 &&
			(path[len] == '\0') != routes[i].is_prefix)
			return &routes[i];
	}
	return NULL;
}

/* False: the reply says why nobody is answered here. */
static bool
is_for_us(const struct call *call, struct exchange_reply *reply)
{
	const char *host = call->request->host;
	enum host_verdict verdict = HOST_OURS;

	if (call->request->mistake != NULL) {
		exchange_fail(reply, EXCHANGE_BAD_REQUEST, call->request->mistake);
		return false;
	}
	if (host != NULL)
		verdict = host_judge(host, call->site->hosts);
	switch (verdict) {
	case HOST_OURS:
		break;
	case HOST_FOREIGN:
		exchange_fail(reply, EXCHANGE_MISDIRECTED,
			"the server does not go by the name that the Host says; "
			"--http-host adds one");
		break;
	case HOST_BAD:
		exchange_fail(reply, EXCHANGE_BAD_REQUEST,
			"the Host is neither a name nor an address");
		break;
	}
	return verdict == HOST_OURS;
}

static void
answer_path(struct call *call, const struct route *route, struct exchange_reply *reply)
{
	const struct exchange_request *request = call->request;

	if (route != NULL && route->is_endless)
		reply->allow = "GET";
	if (request->is_preflight && reply->allowed_origin != NULL) {
		reply->status = EXCHANGE_NO_CONTENT;
		reply->type = NULL;
	} else if (!request->is_get || (request->is_head && reply->allow != NULL))
		exchange_fail(reply, EXCHANGE_METHOD_NOT_ALLOWED,
			"this side is read-only; messages are sent over TCP");
	else if (route == NULL)
		exchange_fail(reply, EXCHANGE_NOT_FOUND,
			"no such path; /openapi.json lists them");
	else {
		call->rest = request->path + strlen(route->path);
		route->get(call, reply);
	}
}

void
route_answer(const struct route_site *site, const struct exchange_request *request,
	struct exchange_reply *reply)
{
	const struct route *route = find_route(request->path);
	struct call call = {.site = site, .request = request};

	reply->status = EXCHANGE_OK;
	reply->type = TYPE_JSON;
	reply->path = route != NULL ? (unsigned)(route - routes) : COUNT_OF(routes);
	reply->allowed_origin = cors_allow(site->origins, request->origin);
	reply->varies_by_origin = cors_varies(site->origins);
	if (is_for_us(&call, reply))
		answer_path(&call, route, reply);
	if (text_failed(&reply->body))
		exchange_fail_no_memory(reply);
}
