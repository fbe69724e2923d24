/*
 * session: the read loop of one connection.
 *
 * Bytes are read into a few kilobytes on the thread's own stack (the nook) while little
 * comes, so that an idle connection holds no buffer and a small message costs one system
 * call; when a read fills the nook, the pool lends a buffer, which goes back as soon as
 * what is left unconsumed fits into the nook again and nothing more is waiting.
 *
 * Behind a hello a read ends with what the peer is told of it: its messages are stored
 * first, and only then does the session read on, which is all the window there is.
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
#include "base/log.h"
#include "server/greeting.h"
#include "server/reply.h"
#include "wire/frame.h"
#include "wire/hello.h"

#define NOOK_BYTES 4096
/* An unfinished message that is longer keeps its buffer while it waits. */
#define NOOK_CARRY_MAX (NOOK_BYTES / 2)
/* When those may come back whom the server sends away. */
#define RETRY_AFTER_S 5

enum step { STEP_GO_ON, STEP_END };

struct session {
	struct session_shared *shared;
	struct stream *stream;
	struct roster_entry *entry;
	struct origin origin;
	struct frame frame;
	struct buffer in;
	struct ingest_read read;
	struct batch_builder builder;
	struct ledger ledger;
	struct claim claim;
	struct rejection_notes notes;
	size_t kept_from; /* bytes of `in` that were consumed since are still there */
	enum close_reason reason;
	uint64_t consumed_bytes;    /* from the connection's first byte up to `in` */
	uint64_t handed_over_bytes; /* up to where the last read was handed over */
	uint64_t outcomes;          /* messages, rejections and the hello so far */
	uint64_t errors_in_row;
	uint64_t deadline_ns; /* of the unfinished message, or of idleness */
	bool was_within, was_undecided;
	bool awaits_hello; /* it has begun, and its line has not ended */
	bool is_draining;
	size_t drain_left; /* of what had arrived when the drain was seen */
	uint8_t nook[NOOK_BYTES];
	struct rejection_note note_items[REJECTIONS_KEPT];
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

void
session_refuse(struct session_shared *shared, struct stream *stream,
	enum close_reason reason, const char *message)
{
	reply_error(stream, reason_close_name(reason), message, 0);
	counter_add(shared->counters, COUNTER_bytes_sent, stream->sent_bytes);
}

static enum step
end(struct session *s, enum close_reason reason)
{
	s->reason = reason;
	return STEP_END;
}

/* Whether a peer that is told so should come back, and when. */
static unsigned
retry_after_s(enum close_reason reason)
{
	return reason == CLOSE_draining || reason == CLOSE_store_unavailable
		       ? RETRY_AFTER_S
		       : 0;
}

/* The last line: behind a hello a bye, which says how far the numbers have come. */
static enum step
say_why(struct session *s, enum close_reason reason, const char *code,
	const char *message, uint64_t offset)
{
	char line[HELLO_LINE_MAX];

	if (s->ledger.is_open)
		reply_last(s->stream, line,
			hello_format_bye(line, code,
				s->ledger.wants_acks ? s->ledger.acknowledged : 0,
				retry_after_s(reason)));
	else
		reply_error(s->stream, code, message, offset);
	return end(s, reason);
}

/* What was read and the store did not take, the peer has to send again. */
static enum step
end_unstored(struct session *s, enum store_result result)
{
	enum close_reason reason = CLOSE_store_unavailable;

	if (result == STORE_NO_MEMORY)
		reason = CLOSE_no_memory;
	if (result == STORE_CLOSED)
		reason = CLOSE_draining;
	return say_why(s, reason, reason_close_name(reason), "the store cannot take more",
		s->handed_over_bytes);
}

/* The peer hears what became of its numbers once that is certain. */
static enum step
tell(struct session *s, uint64_t ticket)
{
	enum store_result result = STORE_OK;
	uint64_t deadline_ns;

	if (!ledger_owes(&s->ledger))
		return STEP_GO_ON;
	if (ticket > 0 && s->ledger.wants_acks)
		result = store_wait(s->shared->ingest->store, ticket, CLOCK_NEVER);
	if (result != STORE_OK)
		return end_unstored(s, result);
	deadline_ns = clock_deadline_ns(s->shared->options->write_timeout_ms);
	if (ledger_tell(&s->ledger, s->stream, deadline_ns) == 0)
		return STEP_GO_ON;
	if (errno == ENOMEM)
		return say_why(s, CLOSE_no_memory, reason_close_name(CLOSE_no_memory),
			"the server has no memory for its answers", s->handed_over_bytes);
	return end(s, errno == ETIMEDOUT ? CLOSE_write_timeout : CLOSE_reset);
}

/* What was counted of a read, readers of the status side may see now. */
static void
publish(struct session *s, const struct roster_numbers *read)
{
	roster_count(s->entry, read);
	if (s->notes.count > 0)
		rejections_add(s->shared->rejections, &s->origin, &s->notes);
}

/* Hands over what the read has brought so far, and may wait for the store. */
static enum step
hand_over(struct session *s)
{
	struct store_mark mark;
	bool has_mark = ledger_take_mark(&s->ledger, &mark);
	struct roster_numbers read = {.framing = s->frame.framing};
	enum store_result result;
	uint64_t ticket;

	s->origin.framing = s->frame.framing;
	s->read.batch = batch_finish(&s->builder, &s->origin);
	read.messages = s->read.batch != NULL ? s->read.batch->count : 0;
	result = ingest_hand_over(
		s->shared->ingest, &s->read, has_mark ? &mark : NULL, &ticket);
	if (result != STORE_OK)
		read.messages = 0;
	read.received_bytes = s->read.bytes;
	for (int reason = 0; reason < REJECT_COUNT; reason++)
		read.rejected += s->read.rejected[reason];
	publish(s, &read);
	s->read = (struct ingest_read){0};
	if (result != STORE_OK)
		return end_unstored(s, result);
	s->handed_over_bytes = s->consumed_bytes;
	return tell(s, ticket);
}

/* Everything is counted before the peer can know of the end. */
static enum step
end_with_error(struct session *s, enum close_reason reason, const char *code,
	const char *message, uint64_t offset)
{
	if (hand_over(s) == STEP_END)
		return STEP_END;
	return say_why(s, reason, code, message, offset);
}

/*
 * Where the rejected message ends, as far as that is known and the bytes are there.  In a
 * stream the next outcome says so.
 */
static const uint8_t *
end_of_rejected(const struct session *s, const struct frame_item *item)
{
	size_t left = unconsumed(s), end = left;

	if (item->finishes_number || s->frame.framing == FRAMING_length)
		end = item->used;
	/* Of such a frame nothing but the length was consumed. */
	if (s->frame.framing == FRAMING_length && item->reason == REJECT_too_large &&
		!item->finishes_number)
		end += s->frame.left;
	return s->in.bytes + s->in.begin + (end < left ? end : left);
}

static void
note_rejection(struct session *s, const struct frame_item *item)
{
	int64_t begin = (int64_t)s->in.begin + item->begin;
	bool is_there = begin >= (int64_t)s->kept_from;
	const struct rejection_note note = {.reason = item->reason,
		.error = item->error,
		.offset = item->offset,
		.begin = is_there ? s->in.bytes + begin : NULL,
		.end = end_of_rejected(s, item)};

	rejections_note(&s->notes, &note);
}

/* The message that there is no memory for was not taken: it counts as cut off. */
static enum step
end_out_of_memory(struct session *s)
{
	static const char error[] = "the server has no memory for this message";
	const struct frame_item item = {.reason = REJECT_incomplete, .error = error};

	s->read.rejected[REJECT_incomplete]++;
	note_rejection(s, &item);
	return end_with_error(s, CLOSE_no_memory, reason_close_name(CLOSE_no_memory),
		error, s->consumed_bytes);
}

static enum step
answer_foreign(struct session *s, enum frame_protocol protocol)
{
	switch (protocol) {
	case FRAME_PROTOCOL_BIO:
		s->awaits_hello = true;
		return STEP_GO_ON;
	case FRAME_PROTOCOL_HTTP:
		if (hand_over(s) == STEP_GO_ON)
			reply_http(s->stream, s->shared->status_address);
		break;
	case FRAME_PROTOCOL_TLS:
		if (hand_over(s) == STEP_GO_ON)
			reply_tls(s->stream);
		break;
	}
	return end(s, CLOSE_wrong_protocol);
}

static enum step
welcome(struct session *s, const struct hello *hello)
{
	const struct greeting greeting = {.options = s->shared->options,
		.store = s->shared->ingest->store,
		.claims = &s->shared->claims,
		.stream = s->stream,
		.origin = &s->origin,
		.claim = &s->claim,
		.ledger = &s->ledger};
	enum close_reason reason;

	if (hand_over(s) == STEP_END)
		return STEP_END;
	if (greeting_welcome(&greeting, hello, &reason) != 0)
		return end(s, reason);
	roster_name(s->shared->roster, s->entry, s->origin.name);
	frame_begin_after_hello(&s->frame, hello->framing);
	s->awaits_hello = false;
	return STEP_GO_ON;
}

/* STEP_GO_ON: messages may follow, or more of the line has to come. */
static enum step
take_hello(struct session *s)
{
	uint8_t *bytes = s->in.bytes + s->in.begin;
	enum step step = STEP_GO_ON;
	enum hello_result result;
	struct hello hello;
	size_t used;

	result = hello_parse(bytes, unconsumed(s), &used, &hello);
	if (result == HELLO_MORE)
		return STEP_GO_ON;
	/* The line holds the token. */
	explicit_bzero(bytes, result == HELLO_OK ? used : unconsumed(s));
	if (result == HELLO_OK) {
		s->in.begin += used;
		s->consumed_bytes += used;
		s->outcomes++;
		step = welcome(s, &hello);
		hello_fini(&hello);
	} else {
		step = hand_over(s);
		if (step == STEP_GO_ON)
			step = end(s, greeting_refuse(s->stream, result, &hello));
	}
	return step;
}

static void
count_rejected(struct session *s, const struct frame_item *item)
{
	s->read.rejected[item->reason]++;
	s->errors_in_row++;
	note_rejection(s, item);
	ledger_reject(&s->ledger, item);
	log_debug("connection %" PRIu64 ": rejected %s at offset %" PRIu64 ": %s",
		s->origin.connection, reason_reject_name(item->reason), item->offset,
		item->error);
	print_event(s->shared->print, &s->origin, "rejected %s at offset %" PRIu64 ": %s",
		reason_reject_name(item->reason), item->offset, item->error);
}

static uint64_t
offset_in_connection(const struct session *s, const struct frame_item *item)
{
	return s->consumed_bytes + (uint64_t)item->begin + item->offset;
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
		if (UNLIKELY(s->errors_in_row > 0)) {
			rejections_end_last(&s->notes, item->text);
			s->errors_in_row = 0;
		}
		histogram_tally_add(&s->read.sizes, item->len);
		ledger_accept(&s->ledger);
		break;
	case FRAME_REJECT:
		count_rejected(s, item);
		if (ledger_is_full(&s->ledger) && hand_over(s) == STEP_END)
			return STEP_END;
		if (s->errors_in_row > s->shared->options->max_errors)
			return end_with_error(s, CLOSE_max_errors,
				reason_close_name(CLOSE_max_errors),
				"too many rejected messages in a row",
				offset_in_connection(s, item));
		break;
	case FRAME_FATAL:
		count_rejected(s, item);
		return end_with_error(s, CLOSE_wrong_protocol,
			reason_reject_name(item->reason), item->error,
			offset_in_connection(s, item));
	case FRAME_FOREIGN:
		return answer_foreign(s, item->protocol);
	}
	return STEP_GO_ON;
}

/* One outcome of what is unconsumed; FRAME_MORE: there is no further one. */
static enum frame_event
consume_next(struct session *s, enum step *step)
{
	enum frame_event event;
	struct frame_item item;

	event = frame_next(&s->frame, s->in.bytes + s->in.begin, unconsumed(s), &item);
	if (event != FRAME_MORE) {
		/* A hello that begins is on the clock that its first byte has started. */
		s->outcomes += event != FRAME_FOREIGN;
		*step = take_outcome(s, event, &item);
	}
	s->in.begin += item.used;
	s->consumed_bytes += item.used;
	return event;
}

/* Frames what is unconsumed and hands the outcome over. */
static enum step
consume(struct session *s)
{
	enum step step = STEP_GO_ON;

	s->kept_from = s->in.begin;
	do {
		if (UNLIKELY(s->awaits_hello))
			step = take_hello(s);
	} while (step == STEP_GO_ON && !s->awaits_hello &&
		 consume_next(s, &step) != FRAME_MORE);
	return step == STEP_GO_ON ? hand_over(s) : step;
}

/*
 * The clock of a message runs from its first byte; behind it, the clock of idleness.  A
 * read that waited for the store had an outcome: its clocks begin behind the wait.
 */
static void
set_deadline(struct session *s, uint64_t outcomes_before)
{
	const struct options *options = s->shared->options;
	bool is_undecided = frame_is_undecided(&s->frame) || s->awaits_hello;
	bool is_within = frame_is_within(&s->frame) || s->awaits_hello;

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
	bool undecided = s->was_undecided;
	enum close_reason reason = s->was_within ? CLOSE_message_timeout : CLOSE_idle;

	(void)finish(s, false, reason);
	if (s->reason != reason || undecided)
		return STEP_END;
	return say_why(s, reason, reason_close_name(reason),
		reason == CLOSE_idle ? "nothing came for too long"
				     : "the message took too long",
		s->consumed_bytes);
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
		/* An end may be the drain's, as below. */
		if (n > 0 || (n < 0 && errno != ETIMEDOUT))
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
	if (s->reason != CLOSE_draining)
		return STEP_END;
	return say_why(s, CLOSE_draining, reason_close_name(CLOSE_draining),
		"the server is stopping", s->consumed_bytes);
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

/* True: the sender goes on elsewhere.  What it has ended here in order is read on. */
static bool
is_superseded(const struct session *s)
{
	return claim_is_taken(&s->shared->claims, &s->claim) &&
	       !stream_peer_has_finished(s->stream);
}

/* The sender has come back on another connection; what is unread here it sends there. */
static enum step
end_taken(struct session *s)
{
	(void)finish(s, false, CLOSE_session_taken);
	if (s->reason != CLOSE_session_taken)
		return STEP_END;
	return say_why(s, CLOSE_session_taken, reason_close_name(CLOSE_session_taken),
		"another connection goes on with the session", s->consumed_bytes);
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
	s->read.bytes = n > 0 ? (uint64_t)n : 0;
	if (is_superseded(s))
		return end_taken(s);
	if (n == 0)
		return end_of_input(s);
	if (n < 0)
		return errno == ETIMEDOUT ? end_timed_out(s)
					  : finish(s, false, CLOSE_reset);
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
	struct session_shared *shared, struct stream *stream, struct roster_entry *entry)
{
	const struct options *options = shared->options;
	struct session s;

	/* Not the nook and the notes: a page that is never touched costs nothing. */
	memset(&s, 0, offsetof(struct session, nook));
	s.shared = shared;
	s.stream = stream;
	s.entry = entry;
	s.origin.connection = entry->connection;
	memcpy(s.origin.peer, entry->peer, sizeof s.origin.peer);
	(void)pthread_getname_np(pthread_self(), s.origin.thread, sizeof s.origin.thread);
	s.in = (struct buffer){.bytes = s.nook, .capacity = sizeof s.nook};
	s.notes.items = s.note_items;
	frame_init(&s.frame, options->max_message_bytes, (unsigned)options->max_depth);
	set_deadline(&s, 0);
	log_debug("connection %" PRIu64 ": from %s", s.origin.connection, s.origin.peer);
	print_event(shared->print, &s.origin, "connected");
	while (run_once(&s) == STEP_GO_ON)
		;
	ledger_free(&s.ledger);
	claim_release(&shared->claims, &s.claim);
	buffer_return(shared->pool, &s.in);
	counter_add(shared->counters, COUNTER_bytes_sent, stream->sent_bytes);
	log_debug("connection %" PRIu64 ": closed: %s", s.origin.connection,
		reason_close_name(s.reason));
	print_event(shared->print, &s.origin, "closed: %s", reason_close_name(s.reason));
	return s.reason;
}
