/*
 * claim: a list behind a lock; senders with sessions are few, and say hello rarely.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/claim.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void
claim_init(struct claims *claims)
{
	*claims = (struct claims){0};
	lock_init(&claims->lock);
	condition_init(&claims->released);
}

void
claim_fini(struct claims *claims)
{
	condition_fini(&claims->released);
	lock_fini(&claims->lock);
}

static struct claim *
find_locked(const struct claims *claims, const char *session)
{
	struct claim *claim = claims->first;

	while (claim != NULL && strcmp(claim->session, session) != 0)
		claim = claim->next;
	return claim;
}

bool
claim_take(struct claims *claims, struct claim *claim, const char *session, int fd,
	uint64_t deadline_ns)
{
	struct claim *other;
	bool in_time = true;

	lock_acquire(&claims->lock);
	claim->turn = ++claims->last_turn;
	while ((other = find_locked(claims, session)) != NULL && in_time) {
		/* From one that came later nothing is taken: this peer may be gone. */
		if (other->turn < claim->turn) {
			other->is_taken = true;
			/* Still open: it leaves the list before it is closed. */
			(void)shutdown(other->fd, SHUT_RD);
		}
		in_time = condition_wait(&claims->released, &claims->lock, deadline_ns);
	}
	if (other == NULL) {
		(void)snprintf(claim->session, sizeof claim->session, "%s", session);
		claim->fd = fd;
		claim->is_taken = false;
		claim->next = claims->first;
		claims->first = claim;
	}
	lock_release(&claims->lock);
	return other == NULL;
}

bool
claim_is_taken(struct claims *claims, const struct claim *claim)
{
	bool is_taken;

	if (claim->session[0] == '\0')
		return false;
	lock_acquire(&claims->lock);
	is_taken = claim->is_taken;
	lock_release(&claims->lock);
	return is_taken;
}

void
claim_release(struct claims *claims, struct claim *claim)
{
	struct claim **link = &claims->first;

	if (claim->session[0] == '\0')
		return;
	lock_acquire(&claims->lock);
	while (*link != claim)
		link = &(*link)->next;
	*link = claim->next;
	condition_broadcast(&claims->released);
	lock_release(&claims->lock);
	claim->session[0] = '\0';
}
