/*
 * greeting: what a hello asks for, one check after another.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/greeting.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/reason.h"
#include "server/reply.h"

static int
refuse(const struct greeting *g, const char *code, const char *error)
{
	char line[HELLO_LINE_MAX];

	reply_last(g->stream, line, hello_format_refusal(line, code, error));
	return -1;
}

enum close_reason
greeting_refuse(
	struct stream *stream, enum hello_result result, const struct hello *hello)
{
	enum close_reason reason =
		result == HELLO_NO_MEMORY ? CLOSE_no_memory : CLOSE_bad_hello;
	char line[HELLO_LINE_MAX];

	if (result == HELLO_VERSION) {
		reply_last(stream, line, hello_format_unsupported(line, hello->error));
		return CLOSE_wrong_protocol;
	}
	reply_last(stream, line,
		hello_format_refusal(line, reason_close_name(reason), hello->error));
	return reason;
}

/* Goes on with the session: `*last` is its last finished number. */
static int
take_session(const struct greeting *g, const struct hello *hello, uint64_t *last,
	enum close_reason *reason)
{
	/* The other one may be waiting for its peer to read. */
	uint64_t deadline_ns = clock_deadline_ns(
		g->options->hello_timeout_ms + g->options->write_timeout_ms);

	*reason = CLOSE_session_taken;
	if (!claim_take(g->claims, g->claim, hello->session, g->stream->fd, deadline_ns))
		return refuse(g, reason_close_name(*reason),
			"another connection has the session and does not end");
	*reason = CLOSE_store_unavailable;
	if (store_session_find(g->store, hello->session, deadline_ns, last) != STORE_OK)
		return refuse(g, reason_close_name(*reason),
			"the store does not say how far the session has come");
	*reason = CLOSE_bad_hello;
	if (hello->next > *last + 1)
		return refuse(g, "session_gap",
			"numbers are missing before the one that next names");
	return 0;
}

static int
welcome(const struct greeting *g, enum close_reason *reason)
{
	const struct hello_welcome reply = {.connection = g->origin->connection,
		.next = g->ledger->finished + 1,
		.max_message = g->options->max_message_bytes,
		.max_depth = (unsigned)g->options->max_depth};
	char line[HELLO_LINE_MAX];

	stream_send_at_once(g->stream);
	if (stream_send(g->stream, line, hello_format_welcome(line, &reply),
		    clock_deadline_ns(g->options->write_timeout_ms)) == 0)
		return 0;
	*reason = errno == ETIMEDOUT ? CLOSE_write_timeout : CLOSE_reset;
	return -1;
}

int
greeting_welcome(
	const struct greeting *g, const struct hello *hello, enum close_reason *reason)
{
	bool has_session = hello->session[0] != '\0';
	uint64_t last = hello->next > 0 ? hello->next - 1 : 0;

	*reason = CLOSE_bad_hello;
	if (g->store == NULL && (hello->wants_acks || has_session))
		return refuse(g, "acks_unavailable",
			"this server stores nothing, so it has neither acks nor "
			"sessions");
	if (has_session && take_session(g, hello, &last, reason) != 0)
		return -1;
	(void)snprintf(g->origin->name, sizeof g->origin->name, "%s", hello->name);
	ledger_open(g->ledger, hello, last);
	return welcome(g, reason);
}
