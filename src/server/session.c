/*
 * session: the read loop of one connection.
 *
 * Bytes are read into a few kilobytes on the thread's own stack (the nook) while little
 * comes, so that an idle connection holds no buffer and a small message costs one system
 * call; when a read fills the nook, the pool lends a buffer, which goes back as soon as
 * what is left unconsumed fits into the nook again and nothing more is waiting.
 *
 * Invariant: `in` holds the unconsumed bytes, which are the beginning of one unfinished
 * message or of the connection.  They are moved only when the room behind them is used
 * up, so the moving costs a constant share of the reading.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/session.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "wire/frame.h"

#define NOOK_BYTES 4096
/* An unfinished message that is longer keeps its buffer while it waits. */
#define NOOK_CARRY_MAX (NOOK_BYTES / 2)
#define REPLY_MAX 512
/* For a last word to a peer, and for the peer to read it. */
#define REPLY_TIMEOUT_MS 1000

enum step { STEP_GO_ON, STEP_END };

struct session {
	struct session_shared *shared;
	struct stream *stream;
	struct origin origin;
	struct frame frame;
	struct buffer in;
	struct ingest_read read;
	struct batch_builder builder;
	enum close_reason reason;
	uint64_t consumed_bytes; /* from the connection's first byte up to `in` */
	uint64_t outcomes;       /* messages and rejections so far */
	uint64_t errors_in_row;
	uint64_t deadline_ns; /* of the unfinished message, or of idleness */
	bool was_within, was_undecided;
	bool is_draining;
	size_t drain_left; /* of what had arrived when the drain was seen */
	uint8_t nook[NOOK_BYTES];
};

/* The largest unfinished message, and always room to read. */
static size_t
most_capacity(const struct options *options)
{
	return options->max_message_bytes + FRAME_SLACK_BYTES + BUFFER_STANDARD_BYTES;
}

size_t
session_reserve_bytes(const struct options *options)
{
	return 2 * most_capacity(options);
}

static size_t
unconsumed(const struct session *s)
{
	return s->in.end - s->in.begin;
}

/* The peer's last line, and time to read it; one that does not loses only the line. */
static void
say(struct stream *stream, const void *bytes, size_t len)
{
	uint64_t deadline_ns = clock_deadline_ns(REPLY_TIMEOUT_MS);

	if (stream_send(stream, bytes, len, deadline_ns) == 0)
		stream_linger(stream, deadline_ns);
}

/* The texts are our own, without quotes or backslashes. */
static void
say_error(struct stream *stream, const char *code, const char *message, uint64_t offset)
{
	char line[REPLY_MAX];
	int len = snprintf(line, sizeof line,
		"{\"error\":{\"code\":\"%s\",\"message\":\"%s\",\"offset\":%" PRIu64
		"}}\n",
		code, message, offset);

	say(stream, line, (size_t)len);
}

void
session_refuse(struct session_shared *shared, struct stream *stream,
	enum close_reason reason, const char *message)
{
	say_error(stream, reason_close_name(reason), message, 0);
	counter_add(shared->counters, COUNTER_bytes_sent, stream->sent_bytes);
}

/* Hands over what the read has brought so far. */
static void
hand_over(struct session *s)
{
	s->origin.framing = s->frame.framing;
	s->read.batch = batch_finish(&s->builder, &s->origin);
	ingest_hand_over(s->shared->ingest, &s->read);
	s->read = (struct ingest_read){0};
}

static enum step
end(struct session *s, enum close_reason reason)
{
	s->reason = reason;
	return STEP_END;
}

/* Everything is counted before the peer can know of the end. */
static enum step
end_with_error(struct session *s, enum close_reason reason, const char *code,
	const char *message, uint64_t offset)
{
	hand_over(s);
	say_error(s->stream, code, message, offset);
	return end(s, reason);
}

/* The message that there is no memory for was not taken: it counts as cut off. */
static enum step
end_out_of_memory(struct session *s)
{
	s->read.rejected[REJECT_incomplete]++;
	return end_with_error(s, CLOSE_no_memory, reason_close_name(CLOSE_no_memory),
		"the server has no memory for this message", s->consumed_bytes);
}

/* RFC 8446, section 6: a fatal alert, protocol_version. */
static const uint8_t tls_alert[] = {0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46};

static void
answer_http(struct session *s)
{
	char body[REPLY_MAX / 2], answer[REPLY_MAX];
	int body_len, len;

	body_len = snprintf(body, sizeof body,
		"This port takes JSON messages, not HTTP.  The status pages are at "
		"http://%s/\n",
		s->shared->status_address);
	len = snprintf(answer, sizeof answer,
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s",
		body_len, body);
	say(s->stream, answer, (size_t)len);
}

static enum step
answer_foreign(struct session *s, enum frame_protocol protocol)
{
	static const char hello_answer[] =
		"{\"ok\":false,\"code\":\"unsupported_version\","
		"\"error\":\"this server takes messages without a hello\","
		"\"versions\":[]}\n";

	hand_over(s);
	switch (protocol) {
	case FRAME_PROTOCOL_HTTP:
		answer_http(s);
		break;
	case FRAME_PROTOCOL_TLS:
		say(s->stream, tls_alert, sizeof tls_alert);
		break;
	case FRAME_PROTOCOL_BIO:
		say(s->stream, hello_answer, sizeof hello_answer - 1);
		break;
	}
	return end(s, CLOSE_wrong_protocol);
}

static void
count_rejected(struct session *s, const struct frame_item *item)
{
	s->read.rejected[item->reason]++;
	s->errors_in_row++;
	print_event(s->shared->print, &s->origin, "rejected %s at offset %" PRIu64 ": %s",
		reason_reject_name(item->reason), item->offset, item->error);
}

static enum step
take_outcome(struct session *s, enum frame_event event, const struct frame_item *item)
{
	switch (event) {
	case FRAME_MORE:
		break;
	case FRAME_MESSAGE:
		if (batch_append(&s->builder, s->in.bytes + (item->text - s->in.bytes),
			    item->len, unconsumed(s)) != 0)
			return end_out_of_memory(s);
		s->errors_in_row = 0;
		break;
	case FRAME_REJECT:
		count_rejected(s, item);
		if (s->errors_in_row > s->shared->options->max_errors)
			return end_with_error(s, CLOSE_max_errors,
				reason_close_name(CLOSE_max_errors),
				"too many rejected messages in a row",
				s->consumed_bytes + item->begin + item->offset);
		break;
	case FRAME_FATAL:
		count_rejected(s, item);
		return end_with_error(s, CLOSE_wrong_protocol,
			reason_reject_name(item->reason), item->error,
			s->consumed_bytes + item->begin + item->offset);
	case FRAME_FOREIGN:
		return answer_foreign(s, item->protocol);
	}
	return STEP_GO_ON;
}

/* Frames what is unconsumed and hands the outcome over. */
static enum step
consume(struct session *s)
{
	enum frame_event event;
	enum step step = STEP_GO_ON;

	do {
		struct frame_item item;

		event = frame_next(
			&s->frame, s->in.bytes + s->in.begin, unconsumed(s), &item);
		if (event != FRAME_MORE) {
			s->outcomes++;
			step = take_outcome(s, event, &item);
		}
		s->in.begin += item.used;
		s->consumed_bytes += item.used;
	} while (event != FRAME_MORE && step == STEP_GO_ON);
	if (step == STEP_GO_ON)
		hand_over(s);
	return step;
}

/* The clock of a message runs from its first byte; behind it, the clock of idleness. */
static void
set_deadline(struct session *s, uint64_t outcomes_before)
{
	const struct options *options = s->shared->options;
	bool is_within = frame_is_within(&s->frame);
	bool is_undecided = frame_is_undecided(&s->frame);

	if (is_within && s->was_within && is_undecided == s->was_undecided &&
		s->outcomes == outcomes_before)
		return;
	s->was_within = is_within;
	s->was_undecided = is_undecided;
	if (is_undecided)
		s->deadline_ns = clock_deadline_ns(options->hello_timeout_ms);
	else if (is_within)
		s->deadline_ns = clock_deadline_ns(options->message_timeout_ms);
	else if (options->idle_timeout_ms > 0)
		s->deadline_ns = clock_deadline_ns(options->idle_timeout_ms);
	else
		s->deadline_ns = CLOCK_NEVER;
}

/* No more is read: what is unconsumed is judged as the end of the input. */
static enum step
finish(struct session *s, bool orderly, enum close_reason reason)
{
	frame_finish(&s->frame, orderly);
	if (consume(s) == STEP_GO_ON)
		s->reason = reason;
	return STEP_END;
}

static enum step
end_timed_out(struct session *s)
{
	bool undecided = frame_is_undecided(&s->frame);
	enum close_reason reason =
		frame_is_within(&s->frame) ? CLOSE_message_timeout : CLOSE_idle;

	(void)finish(s, false, reason);
	if (s->reason == reason && !undecided)
		say_error(s->stream, reason_close_name(reason),
			reason == CLOSE_idle ? "nothing came for too long"
					     : "the message took too long",
			s->consumed_bytes);
	return STEP_END;
}

/* Back to the nook, if what is unconsumed fits. */
static bool
settle(struct session *s)
{
	struct buffer nook = {
		.bytes = s->nook, .end = unconsumed(s), .capacity = sizeof s->nook};

	if (nook.end > NOOK_CARRY_MAX)
		return false;
	memcpy(nook.bytes, s->in.bytes + s->in.begin, nook.end);
	buffer_return(s->shared->pool, &s->in);
	s->in = nook;
	return true;
}

/* Nothing is waiting: what is held shrinks to what it is needed for. */
static void
shrink(struct session *s)
{
	size_t capacity = s->in.capacity;

	if (settle(s))
		return;
	while (capacity / 2 >= 2 * unconsumed(s))
		capacity /= 2;
	/* Where there is no memory even for that, it stays as it is. */
	if (capacity < s->in.capacity &&
		buffer_resize(s->shared->pool, &s->in, capacity, STREAM_NO_WAIT) != 0)
		return;
}

/* An unfinished message waits for memory; its clock stands still meanwhile. */
static int
grow(struct session *s)
{
	size_t most = most_capacity(s->shared->options), capacity = 2 * s->in.capacity;
	uint64_t before_ns = clock_mono_ns();
	int result = buffer_resize(
		s->shared->pool, &s->in, capacity < most ? capacity : most, CLOCK_NEVER);

	if (s->deadline_ns != CLOCK_NEVER)
		s->deadline_ns += clock_mono_ns() - before_ns;
	return result;
}

static enum step
make_room(struct session *s)
{
	struct buffer *in = &s->in;

	if (unconsumed(s) == 0)
		in->begin = in->end = 0;
	if (in->capacity - in->end >= in->capacity / 4)
		return STEP_GO_ON;
	if (unconsumed(s) <= in->capacity / 2 ||
		in->capacity >= most_capacity(s->shared->options)) {
		buffer_compact(in);
		return STEP_GO_ON;
	}
	return grow(s) == 0 ? STEP_GO_ON : end_out_of_memory(s);
}

/* Never more than had arrived when the drain was seen, however much is being sent. */
static ssize_t
receive_draining(struct session *s, uint8_t *room, size_t len)
{
	ssize_t n;

	if (!s->is_draining) {
		s->is_draining = true;
		s->drain_left = stream_unread_bytes(s->stream);
	}
	if (s->drain_left == 0)
		return 0;
	n = stream_receive(s->stream, room, len < s->drain_left ? len : s->drain_left,
		STREAM_NO_WAIT);
	if (n > 0)
		s->drain_left -= (size_t)n;
	return n;
}

static ssize_t
receive(struct session *s)
{
	struct buffer *in = &s->in;
	ssize_t n;

	/* Without room, recv would answer 0, which means something else. */
	assert(in->end < in->capacity);
	if (atomic_load_explicit(&s->shared->is_draining, memory_order_acquire))
		return receive_draining(s, in->bytes + in->end, in->capacity - in->end);
	if (in->is_lent) {
		n = stream_receive(s->stream, in->bytes + in->end, in->capacity - in->end,
			STREAM_NO_WAIT);
		if (n >= 0 || errno != ETIMEDOUT)
			return n;
		shrink(s);
	}
	n = stream_receive(
		s->stream, in->bytes + in->end, in->capacity - in->end, s->deadline_ns);
	/* The reading side was shut to wake us: see what had arrived. */
	if (n == 0 && atomic_load_explicit(&s->shared->is_draining, memory_order_acquire))
		return receive_draining(s, in->bytes + in->end, in->capacity - in->end);
	return n;
}

static enum step
end_of_input(struct session *s)
{
	/* In this order: what is unread when the end has come was sent before it. */
	if (!s->is_draining || (stream_peer_has_finished(s->stream) &&
				       stream_unread_bytes(s->stream) == 0))
		return finish(s, true, CLOSE_eof);
	(void)finish(s, false, CLOSE_draining);
	if (s->reason == CLOSE_draining)
		say_error(s->stream, reason_close_name(CLOSE_draining),
			"the server is stopping", s->consumed_bytes);
	return STEP_END;
}

/*
 * More is probably waiting where the nook was filled; without a buffer to spare it has to
 * do.  The reserve is given up as soon as the message that needed it is whole.
 */
static void
fit_buffer(struct session *s, bool filled)
{
	if (s->in.is_of_reserve)
		(void)settle(s);
	else if (!s->in.is_lent && filled &&
		 buffer_resize(s->shared->pool, &s->in, BUFFER_STANDARD_BYTES,
			 STREAM_NO_WAIT) != 0)
		return;
}

/* One read and what follows from it. */
static enum step
run_once(struct session *s)
{
	uint64_t outcomes_before = s->outcomes;
	bool filled;
	ssize_t n;

	if (make_room(s) == STEP_END)
		return STEP_END;
	n = receive(s);
	if (n == 0)
		return end_of_input(s);
	if (n < 0)
		return errno == ETIMEDOUT ? end_timed_out(s)
					  : finish(s, false, CLOSE_reset);
	s->read.bytes = (uint64_t)n;
	s->in.end += (size_t)n;
	filled = s->in.end == s->in.capacity;
	if (consume(s) == STEP_END)
		return STEP_END;
	set_deadline(s, outcomes_before);
	/* A peer that sends all the time never lets a wait for it time out. */
	if (s->was_within && clock_left_ms(s->deadline_ns) == 0)
		return end_timed_out(s);
	fit_buffer(s, filled);
	return STEP_GO_ON;
}

enum close_reason
session_run(
	struct session_shared *shared, struct stream *stream, const struct origin *origin)
{
	const struct options *options = shared->options;
	struct session s;

	/* Not the nook: a page that is never touched costs nothing. */
	memset(&s, 0, offsetof(struct session, nook));
	s.shared = shared;
	s.stream = stream;
	s.origin = *origin;
	s.in = (struct buffer){.bytes = s.nook, .capacity = sizeof s.nook};
	frame_init(&s.frame, options->max_message_bytes, (unsigned)options->max_depth);
	set_deadline(&s, 0);
	print_event(shared->print, origin, "connected");
	while (run_once(&s) == STEP_GO_ON)
		;
	buffer_return(shared->pool, &s.in);
	counter_add(shared->counters, COUNTER_bytes_sent, stream->sent_bytes);
	print_event(shared->print, origin, "closed: %s", reason_close_name(s.reason));
	return s.reason;
}
