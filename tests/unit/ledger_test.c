/*
 * ledger_test: numbers, marks, and what is told in one send.
 *
 * The peer is the other end of a pair of sockets that keep packets apart, so a send is a
 * packet.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

/* A stream whose peer is `peer_fd`. */
struct pair {
	struct stream stream;
	int peer_fd;
};

static const struct frame_item bad_line = {.reason = REJECT_syntax,
	.offset = 5,
	.error = "expected a value",
	.finishes_number = true};
static const struct frame_item cut_off = {
	.reason = REJECT_incomplete, .offset = 1, .error = "cut off"};

#define NAK(number)                                             \
	"{\"nak\":" number ",\"code\":\"syntax\",\"offset\":5," \
	"\"error\":\"expected a value\"}\n"
#define ACK(number) "{\"ack\":" number "}\n"

static void
open_pair(struct pair *pair)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) != 0)
		abort();
	stream_init(&pair->stream, fds[0]);
	pair->peer_fd = fds[1];
}

static void
close_pair(struct pair *pair)
{
	stream_close(&pair->stream);
	(void)close(pair->peer_fd);
}

/* The next packet is this text. */
static void
expect_sent(const struct pair *pair, const char *expected)
{
	char got[TAP_TEXT_MAX];
	ssize_t len = recv(pair->peer_fd, got, sizeof got, MSG_DONTWAIT);

	EXPECT_BYTES(expected, strlen(expected), got, len > 0 ? (size_t)len : 0);
}

static void
expect_silence(const struct pair *pair)
{
	char byte;

	EXPECT_INT(-1, recv(pair->peer_fd, &byte, 1, MSG_DONTWAIT));
	EXPECT_INT(EAGAIN, errno);
}

static int
tell(struct ledger *l, struct pair *pair)
{
	return ledger_tell(l, &pair->stream, clock_deadline_ns(10));
}

static void
before_a_hello_nothing_is_numbered(void)
{
	struct ledger l = {0};
	struct store_mark mark;

	ledger_accept(&l);
	ledger_reject(&l, &bad_line);
	EXPECT_INT(0, l.finished);
	EXPECT(!ledger_owes(&l));
	EXPECT(!ledger_is_full(&l));
	EXPECT(!ledger_take_mark(&l, &mark));
	ledger_free(&l);
}

static void
naks_stand_in_order_before_one_ack(void)
{
	const struct hello hello = {.wants_acks = true};
	struct ledger l = {0};
	struct pair pair;

	open_pair(&pair);
	ledger_open(&l, &hello, 1041);
	EXPECT(!ledger_owes(&l));
	ledger_reject(&l, &bad_line);
	ledger_accept(&l);
	ledger_reject(&l, &bad_line);
	EXPECT(ledger_owes(&l));
	EXPECT_INT(1041, l.acknowledged);
	EXPECT_INT(0, tell(&l, &pair));
	expect_sent(&pair, NAK("1042") NAK("1044") ACK("1044"));
	expect_silence(&pair);
	EXPECT_INT(1044, l.acknowledged);
	EXPECT(!ledger_owes(&l));
	EXPECT(l.naks.bytes == NULL);
	ledger_accept(&l);
	EXPECT_INT(0, tell(&l, &pair));
	expect_sent(&pair, ACK("1045"));
	ledger_free(&l);
	close_pair(&pair);
}

static void
without_acks_only_naks_are_owed(void)
{
	const struct hello hello = {.name = "pump-7"};
	struct ledger l = {0};
	struct pair pair;

	open_pair(&pair);
	ledger_open(&l, &hello, 0);
	ledger_accept(&l);
	EXPECT(!ledger_owes(&l));
	ledger_reject(&l, &bad_line);
	EXPECT(ledger_owes(&l));
	EXPECT_INT(0, tell(&l, &pair));
	expect_sent(&pair, NAK("2"));
	EXPECT(!ledger_owes(&l));
	ledger_free(&l);
	close_pair(&pair);
}

static void
what_is_cut_off_finishes_no_number(void)
{
	const struct hello hello = {.wants_acks = true, .session = "a1"};
	struct ledger l = {0};
	struct store_mark mark;

	ledger_open(&l, &hello, 7);
	ledger_reject(&l, &cut_off);
	EXPECT_INT(7, l.finished);
	EXPECT(!ledger_owes(&l));
	EXPECT(!ledger_take_mark(&l, &mark));
	ledger_free(&l);
}

static void
a_mark_is_taken_once(void)
{
	const struct hello hello = {.session = "a1"};
	struct ledger l = {0};
	struct store_mark mark;

	ledger_open(&l, &hello, 7);
	EXPECT(!ledger_take_mark(&l, &mark));
	ledger_accept(&l);
	ledger_reject(&l, &bad_line);
	EXPECT(ledger_take_mark(&l, &mark));
	EXPECT_TEXT("a1", mark.session);
	EXPECT_INT(9, mark.last);
	EXPECT(!ledger_take_mark(&l, &mark));
	ledger_reject(&l, &bad_line);
	EXPECT(ledger_take_mark(&l, &mark));
	EXPECT_INT(10, mark.last);
	ledger_free(&l);
}

static void
without_a_session_there_is_no_mark(void)
{
	const struct hello hello = {.wants_acks = true};
	struct ledger l = {0};
	struct store_mark mark;

	ledger_open(&l, &hello, 0);
	ledger_accept(&l);
	EXPECT(!ledger_take_mark(&l, &mark));
	ledger_free(&l);
}

/* The session tells them as soon as there are too many; until then nothing is lost. */
static void
naks_take_bounded_memory(void)
{
	const struct hello hello = {.wants_acks = true};
	struct ledger l = {0};
	struct pair pair;
	uint64_t count = 0;

	open_pair(&pair);
	ledger_open(&l, &hello, 0);
	while (!ledger_is_full(&l) && count < 100000) {
		ledger_reject(&l, &bad_line);
		count++;
	}
	EXPECT(l.naks.len > 4096 && l.naks.len < 5120);
	EXPECT(l.naks.capacity <= 8192);
	EXPECT_INT(count, l.finished);
	EXPECT_INT(0, tell(&l, &pair));
	EXPECT(!ledger_is_full(&l));
	EXPECT(l.naks.bytes == NULL);
	EXPECT_INT(count, l.acknowledged);
	ledger_free(&l);
	close_pair(&pair);
}

static void
a_peer_that_does_not_read_runs_into_the_deadline(void)
{
	const struct hello hello = {.wants_acks = true};
	struct ledger l = {0};
	struct pair pair;
	int result = 0;

	open_pair(&pair);
	ledger_open(&l, &hello, 0);
	for (int i = 0; i < 100000 && result == 0; i++) {
		ledger_accept(&l);
		result = tell(&l, &pair);
	}
	EXPECT_INT(-1, result);
	EXPECT_INT(ETIMEDOUT, errno);
	ledger_free(&l);
	close_pair(&pair);
}

static void
a_peer_that_is_gone_is_no_timeout(void)
{
	const struct hello hello = {.wants_acks = true};
	struct ledger l = {0};
	struct pair pair;

	open_pair(&pair);
	ledger_open(&l, &hello, 0);
	ledger_accept(&l);
	(void)shutdown(pair.peer_fd, SHUT_RDWR);
	EXPECT_INT(-1, tell(&l, &pair));
	EXPECT_INT(EPIPE, errno);
	ledger_free(&l);
	close_pair(&pair);
}

/* A nak is missing: an ack would say that its number was stored. */
static void
without_memory_nothing_is_told(void)
{
	const struct hello hello = {.wants_acks = true};
	struct ledger l = {0};
	struct pair pair;

	open_pair(&pair);
	ledger_open(&l, &hello, 0);
	ledger_reject(&l, &bad_line);
	l.naks.has_failed = true;
	ledger_reject(&l, &bad_line);
	EXPECT_INT(-1, tell(&l, &pair));
	EXPECT_INT(ENOMEM, errno);
	expect_silence(&pair);
	ledger_free(&l);
	close_pair(&pair);
}

/* Not even the first nak could be kept: without acks nothing else says so. */
static void
naks_that_there_is_no_memory_for_are_owed(void)
{
	const struct hello hello = {.name = "pump-7"};
	struct ledger l = {0};
	struct pair pair;

	open_pair(&pair);
	ledger_open(&l, &hello, 0);
	l.naks.has_failed = true;
	ledger_reject(&l, &bad_line);
	EXPECT_INT(0, l.naks.len);
	EXPECT(ledger_owes(&l));
	EXPECT_INT(-1, tell(&l, &pair));
	EXPECT_INT(ENOMEM, errno);
	EXPECT_INT(0, l.acknowledged);
	expect_silence(&pair);
	ledger_free(&l);
	close_pair(&pair);
}

int
main(void)
{
	TAP_RUN(before_a_hello_nothing_is_numbered);
	TAP_RUN(naks_stand_in_order_before_one_ack);
	TAP_RUN(without_acks_only_naks_are_owed);
	TAP_RUN(what_is_cut_off_finishes_no_number);
	TAP_RUN(a_mark_is_taken_once);
	TAP_RUN(without_a_session_there_is_no_mark);
	TAP_RUN(naks_take_bounded_memory);
	TAP_RUN(a_peer_that_does_not_read_runs_into_the_deadline);
	TAP_RUN(a_peer_that_is_gone_is_no_timeout);
	TAP_RUN(without_memory_nothing_is_told);
	TAP_RUN(naks_that_there_is_no_memory_for_are_owed);
	return tap_finish();
}
