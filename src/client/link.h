/*
 * link: one connection to the server, and what all connections of a run share.
 *
 * A link belongs to the thread that opened it; the group is everybody's.  Whatever a link
 * waits for, it also waits for a stop and for what the server may say: so a stop ends
 * every wait at once, and a refusal is seen when it comes.
 *
 * A function that answers -1 has reported why, or a stop came before anything was sent.
 * The first failure of a group is written out and decides the exit code; the others end
 * without a word, since a thousand connections tend to fail for one reason.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_LINK_H
#define BIO_CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/lock.h"
#include "client/options.h"
#include "client/reply.h"

enum { LINK_OUT_BYTES = 64 * 1024 };

struct link_group {
	const struct options *options;
	struct address_list addresses; /* of the server, once resolved */
	int stop_fd;                   /* readable once the end was asked for */

	struct lock lock; /* guards everything below, and cJSON's parser */
	enum exit_code code;
	uint64_t messages, bytes, links; /* of the links that ended in good order */
};

/* What ended a wait. */
enum link_wake {
	LINK_WAKE_READY,
	LINK_WAKE_TIME,
	LINK_WAKE_STOP,
	LINK_WAKE_FAILED, /* and it has been reported */
};

/* The owner may read `is_stopping`, `messages` and `bytes`; the rest is the link's. */
struct link {
	struct link_group *group;
	int fd;
	bool is_stopping;  /* no message is to be begun any more */
	bool is_finishing; /* our side has ended, and the server's may */
	bool has_peer_ended;
	uint64_t limit_ns; /* no wait goes beyond; a stop sets it */
	uint64_t messages; /* that were put */
	uint64_t bytes;    /* that were written */
	size_t unsent;     /* dial_unsent when the time of a wait began */
	struct reply reply;
	size_t out_len;
	uint8_t out[LINK_OUT_BYTES]; /* framed and not yet written */
};

/* -1: reported, `code` is set, and there is nothing left for link_group_fini. */
int link_group_init(struct link_group *g, const struct options *options) MUST_USE;
void link_group_fini(struct link_group *g);

/* Finds the server's addresses; before the first link.  May ask a name server. */
int link_group_resolve(struct link_group *g) MUST_USE;

/* Asks all links to end.  Any thread. */
void link_group_stop(struct link_group *g);

/* Reports a failure.  Any thread. */
void link_group_fail(struct link_group *g, enum exit_code code, const char *format, ...)
	PRINTF_LIKE(3, 4);

/*
 * Connects a link of all zeros, trying each address for --connect-timeout.  On -1 there
 * is nothing to close.
 */
int link_open(struct link *link, struct link_group *g) MUST_USE;
void link_close(struct link *link);

/*
 * Waits until `fd` (-1: nothing) has one of the poll(2) `events`, or the time has come
 * (clock_mono_ns).  STOP is answered once; from then on all waits together have a moment.
 */
enum link_wake link_wait(
	struct link *link, int fd, short events, uint64_t deadline_ns) MUST_USE;

/*
 * Frames one message as --framing says.  It is written with others, here when they are
 * many, and otherwise by link_flush.  Blocks while the server takes nothing, for at most
 * --timeout.
 */
int link_put_message(struct link *link, const uint8_t *text, size_t len) MUST_USE;
int link_flush(struct link *link) MUST_USE;

/*
 * Ends our side, waits until the server has read all and ended its own, and adds the link
 * to the group's totals; a link that breaks before is reported and not added.  Blocks for
 * at most --timeout since what had been written last went out.
 */
void link_finish(struct link *link);

#endif
