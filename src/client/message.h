/*
 * message: the one that is sent when no input is: the operand, or the built-in message,
 * which is made afresh in each second because the time stands in it.  And when it is due.
 *
 * A message belongs to one thread; many may be opened for the same options.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_MESSAGE_H
#define BIO_CLIENT_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/attr.h"
#include "client/link.h"

struct message {
	struct link_group *group;
	const uint8_t *operand; /* NULL: the built-in message */
	size_t operand_len;
	char *text; /* the built-in message as of `text_time` */
	time_t text_time;
};

/*
 * Judges what is to be sent.  -1: it is no JSON, or there is no memory, which was
 * reported to the group; nothing is to be closed then.
 */
int message_open(struct message *m, struct link_group *group) MUST_USE;
void message_close(struct message *m);

/* The text, until the next call.  -1: out of memory, which was reported. */
int message_make(struct message *m, const uint8_t **text, size_t *len) MUST_USE;

/*
 * When the message behind `count` others is due by --rate.  Counted from the start, so
 * that lateness does not add up; 0 without a rate.
 */
uint64_t message_due_ns(const struct options *options, uint64_t start_ns, uint64_t count);

#endif
