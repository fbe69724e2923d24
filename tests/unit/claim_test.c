/*
 * claim_test: one connection at a time has a session, however many want it.
 *
 * A connection is one end of a pair of sockets: that its reading side was shut can be
 * read there.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/claim.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

#define STACK_BYTES ((size_t)256 * 1024)

enum { PATIENCE_MS = 10000, THREADS = 8, TURNS = 200 };

/* A connection and its claim. */
struct peer {
	struct claims *claims;
	struct claim claim;
	int fd, other_fd;
	pthread_t thread;
	uint64_t patience_ms; /* of start_take */
	bool has_claimed;
};

static void
open_peer(struct peer *peer, struct claims *claims)
{
	const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 ||
		setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) !=
			0)
		abort();
	*peer = (struct peer){.claims = claims,
		.fd = fds[0],
		.other_fd = fds[1],
		.patience_ms = PATIENCE_MS};
}

/* In the order in which a session ends. */
static void
close_peer(struct peer *peer)
{
	claim_release(peer->claims, &peer->claim);
	(void)close(peer->fd);
	(void)close(peer->other_fd);
}

static bool
take(struct peer *peer, const char *session, uint64_t timeout_ms)
{
	return claim_take(peer->claims, &peer->claim, session, peer->fd,
		clock_deadline_ns(timeout_ms));
}

static bool
is_taken(const struct peer *peer)
{
	return claim_is_taken(peer->claims, &peer->claim);
}

static bool
is_shut(const struct peer *peer)
{
	char byte;

	return recv(peer->fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void *
run_take(void *argument)
{
	struct peer *peer = argument;

	peer->has_claimed = take(peer, "a", peer->patience_ms);
	return NULL;
}

/* Returns as soon as it waits for the one that has the session. */
static void
start_take(struct peer *peer, const struct peer *owner)
{
	char byte;

	if (thread_start(&peer->thread, STACK_BYTES, run_take, peer) != 0)
		abort();
	EXPECT_INT(0, recv(owner->fd, &byte, 1, 0));
}

static void
sessions_are_told_apart_by_their_exact_names(void)
{
	static const char *const names[] = {"a", "A", "a ", "ab"};
	struct peer peers[COUNT_OF(names)];
	struct claims claims;

	claim_init(&claims);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		open_peer(&peers[i], &claims);
		EXPECT(take(&peers[i], names[i], 0));
	}
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		EXPECT(!is_taken(&peers[i]));
		EXPECT(!is_shut(&peers[i]));
		close_peer(&peers[i]);
	}
	EXPECT(claims.first == NULL);
	claim_fini(&claims);
}

static void
nothing_claimed_is_nothing_to_release(void)
{
	struct claims claims;
	struct peer peer;

	claim_init(&claims);
	open_peer(&peer, &claims);
	EXPECT(!is_taken(&peer));
	close_peer(&peer);
	claim_fini(&claims);
}

static void
whoever_has_a_session_is_told_to_let_go(void)
{
	struct peer first, second;
	struct claims claims;

	claim_init(&claims);
	open_peer(&first, &claims);
	open_peer(&second, &claims);
	EXPECT(take(&first, "a", 0));
	start_take(&second, &first);
	EXPECT(is_taken(&first));
	close_peer(&first);
	EXPECT(!is_taken(&first));
	(void)pthread_join(second.thread, NULL);
	EXPECT(second.has_claimed);
	EXPECT(!is_taken(&second));
	EXPECT(!is_shut(&second));
	close_peer(&second);
	claim_fini(&claims);
}

static void
who_waits_in_vain_claims_nothing(void)
{
	struct peer first, second;
	struct claims claims;

	claim_init(&claims);
	open_peer(&first, &claims);
	open_peer(&second, &claims);
	EXPECT(take(&first, "a", 0));
	EXPECT(!take(&second, "a", 10));
	EXPECT(is_taken(&first));
	EXPECT(is_shut(&first));
	EXPECT(!is_taken(&second));
	/* It may come to nothing: the other's claim is still there. */
	close_peer(&second);
	EXPECT(claims.first == &first.claim);
	close_peer(&first);
	EXPECT(claims.first == NULL);
	claim_fini(&claims);
}

/* A release wakes those who wait for another session, too: they wait on. */
static void
another_sessions_release_is_no_claim(void)
{
	struct peer first, second, other;
	struct claims claims;

	claim_init(&claims);
	open_peer(&first, &claims);
	open_peer(&second, &claims);
	open_peer(&other, &claims);
	EXPECT(take(&first, "a", 0));
	EXPECT(take(&other, "b", 0));
	start_take(&second, &first);
	close_peer(&other);
	EXPECT(!take(&other, "a", 10));
	EXPECT(claims.first == &first.claim);
	close_peer(&first);
	(void)pthread_join(second.thread, NULL);
	EXPECT(second.has_claimed);
	close_peer(&second);
	claim_fini(&claims);
}

/* Gives the session of the one to the other, as if that had been the first to wake. */
static void
pass_on(struct peer *from, struct peer *to)
{
	struct claims *claims = from->claims;

	lock_acquire(&claims->lock);
	to->claim = from->claim;
	to->claim.fd = to->fd;
	to->claim.is_taken = false;
	to->claim.turn = ++claims->last_turn;
	claims->first = &to->claim;
	from->claim.session[0] = '\0';
	condition_broadcast(&claims->released);
	lock_release(&claims->lock);
}

/* Its peer may have given up long ago, and the newer one may be that peer come back. */
static void
nothing_is_taken_from_who_asked_later(void)
{
	struct peer first, older, newer;
	struct claims claims;

	claim_init(&claims);
	open_peer(&first, &claims);
	open_peer(&older, &claims);
	open_peer(&newer, &claims);
	older.patience_ms = 300;
	EXPECT(take(&first, "a", 0));
	start_take(&older, &first);
	pass_on(&first, &newer);
	(void)pthread_join(older.thread, NULL);
	EXPECT(!older.has_claimed);
	EXPECT(!is_taken(&newer));
	EXPECT(!is_shut(&newer));
	close_peer(&newer);
	close_peer(&older);
	close_peer(&first);
	EXPECT(claims.first == NULL);
	claim_fini(&claims);
}

/* It is waited for like any other. */
static void
who_asked_later_and_ends_leaves_the_session(void)
{
	struct peer first, older, newer;
	struct claims claims;

	claim_init(&claims);
	open_peer(&first, &claims);
	open_peer(&older, &claims);
	open_peer(&newer, &claims);
	EXPECT(take(&first, "a", 0));
	start_take(&older, &first);
	pass_on(&first, &newer);
	close_peer(&newer);
	(void)pthread_join(older.thread, NULL);
	EXPECT(older.has_claimed);
	close_peer(&older);
	close_peer(&first);
	claim_fini(&claims);
}

/* What all who fight share; whoever has the session alone may touch `turns`. */
struct fight {
	struct claims claims;
	atomic_int owners;
	atomic_bool were_two;
	int turns;
};

static void *
run_fighter(void *argument)
{
	struct fight *fight = argument;

	for (int i = 0; i < TURNS; i++) {
		struct peer peer;

		open_peer(&peer, &fight->claims);
		peer.has_claimed = take(&peer, "a", PATIENCE_MS);
		if (atomic_fetch_add(&fight->owners, 1) != 0)
			atomic_store(&fight->were_two, true);
		fight->turns += peer.has_claimed;
		(void)is_taken(&peer);
		(void)atomic_fetch_sub(&fight->owners, 1);
		close_peer(&peer);
		if (!peer.has_claimed)
			break;
	}
	return NULL;
}

static void
one_of_many_has_it_at_a_time(void)
{
	pthread_t threads[THREADS];
	struct fight fight = {.turns = 0};

	claim_init(&fight.claims);
	for (int i = 0; i < THREADS; i++)
		if (thread_start(&threads[i], STACK_BYTES, run_fighter, &fight) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	EXPECT_INT((int64_t)THREADS * TURNS, fight.turns);
	EXPECT(!atomic_load(&fight.were_two));
	EXPECT(fight.claims.first == NULL);
	claim_fini(&fight.claims);
}

int
main(void)
{
	TAP_RUN(sessions_are_told_apart_by_their_exact_names);
	TAP_RUN(nothing_claimed_is_nothing_to_release);
	TAP_RUN(whoever_has_a_session_is_told_to_let_go);
	TAP_RUN(who_waits_in_vain_claims_nothing);
	TAP_RUN(another_sessions_release_is_no_claim);
	TAP_RUN(nothing_is_taken_from_who_asked_later);
	TAP_RUN(who_asked_later_and_ends_leaves_the_session);
	TAP_RUN(one_of_many_has_it_at_a_time);
	return tap_finish();
}
