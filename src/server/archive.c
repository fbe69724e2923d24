/*
 * archive: pages of messages, which say where the next one begins, and lines of messages,
 * which cannot, and so are a stream that goes on over as many pages as it takes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/archive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/query.h"

#define TYPE_NDJSON "application/x-ndjson"

/* What the query finds, up to its limit, page by page. */
struct download {
	struct exchange_stream stream; /* the first member, as which it is handed out */
	const struct archive *archive;
	struct query query;
	uint64_t left; /* messages, of the limit */
	struct text page;
	size_t sent; /* of the page */
	bool is_last;
};

static const struct history_bounds page_bounds = {
	.messages = QUERY_LIMIT_MAX, .bytes = (size_t)8 * 1024 * 1024};
/* About what one read of a connection brings, which is read again for each page. */
static const struct history_bounds download_bounds = {
	.messages = 4 * QUERY_LIMIT_MAX, .bytes = (size_t)256 * 1024};

static void
fail_unreadable(struct exchange_reply *reply)
{
	exchange_fail(reply, EXCHANGE_UNAVAILABLE,
		"the store cannot be read; the server's log says why");
}

static void
fail_busy(struct exchange_reply *reply)
{
	exchange_fail(
		reply, EXCHANGE_UNAVAILABLE, "too many readers; try again in a moment");
}

/* The caller has a turn. */
static enum history_result
read_next_page(struct download *download)
{
	struct history_bounds bounds = download_bounds;
	struct query *query = &download->query;
	enum history_result result;
	struct history_page page;

	/* One large message must not keep its room for as long as the download lasts. */
	text_free(&download->page);
	download->sent = 0;
	if (download->left < bounds.messages)
		bounds.messages = (unsigned)download->left;
	result = history_append_page(
		download->archive->history, query, &bounds, &download->page, &page);
	download->left -= page.count;
	download->is_last = !page.has_more || download->left == 0;
	if (query->is_ascending)
		query->filter.after = page.next;
	else
		query->filter.before = page.next;
	return result;
}

static int
go_on(struct download *download)
{
	struct turns *turns = download->archive->turns;
	enum history_result result;

	if (!turn_begin(turns, true))
		return -1;
	result = read_next_page(download);
	turn_end(turns);
	return result == HISTORY_FOUND ? 0 : -1;
}

/* A page may be empty, where the search goes on: the library then looks whether to stop.
 */
static ssize_t
read_download(struct exchange_stream *stream, char *out, size_t capacity)
{
	struct download *download = (struct download *)stream;
	size_t len;

	if (download->sent == download->page.len && download->is_last)
		return EXCHANGE_STREAM_END;
	if (download->sent == download->page.len && go_on(download) != 0)
		return EXCHANGE_STREAM_BROKEN;
	if (download->sent == download->page.len)
		return 0;
	len = download->page.len - download->sent;
	if (len > capacity)
		len = capacity;
	memcpy(out, download->page.bytes + download->sent, len);
	download->sent += len;
	return (ssize_t)len;
}

static void
free_download(struct exchange_stream *stream)
{
	struct download *download = (struct download *)stream;

	turn_end_stream(download->archive->turns);
	text_free(&download->page);
	free(download);
}

/* What is all there after the first page is a body, and only what is not a stream. */
static void
hand_out(struct download *download, struct exchange_reply *reply)
{
	struct turns *turns = download->archive->turns;

	reply->type = TYPE_NDJSON;
	if (download->is_last) {
		reply->body = download->page;
		free(download);
	} else if (turn_begin_stream(turns)) {
		download->stream.read = read_download;
		download->stream.free = free_download;
		reply->stream = &download->stream;
	} else {
		text_free(&download->page);
		free(download);
		fail_busy(reply);
	}
}

static void
fail_history(enum history_result result, struct exchange_reply *reply)
{
	if (result == HISTORY_UNREADABLE)
		fail_unreadable(reply);
	else
		exchange_fail_no_memory(reply);
}

static void
begin_download(
	const struct archive *a, const struct query *query, struct exchange_reply *reply)
{
	struct download *download;
	enum history_result result;

	if (!turn_begin(a->turns, false)) {
		fail_busy(reply);
		return;
	}
	download = calloc(1, sizeof *download);
	if (download == NULL) {
		turn_end(a->turns);
		exchange_fail_no_memory(reply);
		return;
	}
	download->archive = a;
	/* Its texts live as long as the request, which outlives the stream. */
	download->query = *query;
	download->left = query->limit > 0 ? query->limit : UINT64_MAX;
	result = read_next_page(download);
	turn_end(a->turns);
	if (result == HISTORY_FOUND) {
		hand_out(download, reply);
		return;
	}
	text_free(&download->page);
	free(download);
	fail_history(result, reply);
}

static void
append_page(
	const struct archive *a, const struct query *query, struct exchange_reply *reply)
{
	struct history_bounds bounds = page_bounds;
	struct text *body = &reply->body;
	enum history_result result;
	struct history_page page;

	if (!turn_begin(a->turns, false)) {
		fail_busy(reply);
		return;
	}
	text_append_string(body, "{\"messages\":[");
	bounds.messages = query->limit;
	result = history_append_page(a->history, query, &bounds, body, &page);
	turn_end(a->turns);
	if (result != HISTORY_FOUND) {
		fail_history(result, reply);
		return;
	}
	text_printf(
		body, "],\"%s\":", query->is_ascending ? "next_after" : "next_before");
	if (page.has_more)
		text_printf(body, "%" PRIu64, page.next);
	else
		text_append_string(body, "null");
	text_append_string(body, "}\n");
}

void
archive_get_messages(const struct archive *a, const struct exchange_request *request,
	struct exchange_reply *reply)
{
	struct query query;

	query_init(&query);
	for (size_t i = 0; i < request->parameter_count; i++) {
		const struct exchange_parameter *parameter = &request->parameters[i];
		const char *mistake =
			parameter->has_value
				? query_set(&query, parameter->name, parameter->value)
				: "every parameter here has a value, as in "
				  ".user.name=Ann";

		if (mistake != NULL) {
			exchange_fail(reply, EXCHANGE_BAD_REQUEST, mistake);
			return;
		}
	}
	query_finish(&query);
	if (query.is_ndjson)
		begin_download(a, &query, reply);
	else
		append_page(a, &query, reply);
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

void
archive_get_message(const struct archive *a, const char *rest,
	const struct exchange_request *request, struct exchange_reply *reply)
{
	enum history_result result;
	uint64_t id;
	bool raw;

	if (!parse_message_path(rest, &id, &raw)) {
		exchange_fail(reply, EXCHANGE_NOT_FOUND,
			"no such path; a message is /messages/17 or "
			"/messages/latest, its bytes are /messages/17/raw");
		return;
	}
	if (exchange_refuse_parameters(request, reply))
		return;
	if (!turn_begin(a->turns, false)) {
		fail_busy(reply);
		return;
	}
	result = history_append_one(a->history, id, raw, &reply->body);
	turn_end(a->turns);
	switch (result) {
	case HISTORY_FOUND:
		if (!raw)
			text_append_string(&reply->body, "\n");
		break;
	case HISTORY_MISSING:
		exchange_fail(reply, EXCHANGE_NOT_FOUND,
			id == 0 ? "no message has come yet"
				: "no message of this id is kept");
		break;
	case HISTORY_UNREADABLE:
		fail_unreadable(reply);
		break;
	case HISTORY_NO_MEMORY:
		exchange_fail_no_memory(reply);
		break;
	}
}
