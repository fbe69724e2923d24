/*
 * input: the messages in a file or on standard input.
 *
 * They may be framed in any way that the server itself understands.  All are judged
 * strictly before they are sent: a mistake is told in terms of the input, and nothing
 * that follows it goes out.  With --resume more may be written behind the end at any
 * time, so a number or literal in last place needs white space behind it: it may be half
 * there.
 *
 * An input belongs to one thread.  What goes wrong is reported to the group of links that
 * it was opened for.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_INPUT_H
#define BIO_CLIENT_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buffer.h"
#include "client/link.h"
#include "wire/frame.h"

enum input_event {
	INPUT_MORE,    /* what has been read holds no further message */
	INPUT_MESSAGE, /* `text` and `len`, until the next read */
	INPUT_END,     /* the last was the last, or the next is bad, which was reported */
};

struct input {
	struct link_group *group;
	const char *name; /* as errors say it */
	int fd;           /* the owner waits until it is readable */
	bool is_file;     /* it has an end, which does not depend on anybody */
	struct buffer_pool *pool;
	struct buffer buffer;
	struct frame frame;
	uint64_t number;   /* of the message that was found last */
	uint64_t line;     /* where that message begins; 0: this input has no lines */
	uint64_t newlines; /* in all that was consumed */
	bool has_ended;
	bool is_bad; /* that message is, and was reported */
};

/* Opens what an operand names, "-" or "@FILE".  -1: reported, and nothing to close. */
int input_open(
	struct input *input, const char *operand, struct link_group *group) MUST_USE;
void input_close(struct input *input);

enum input_event input_next(struct input *input, struct frame_item *out) MUST_USE;

/* After INPUT_MORE: reads what is there, and blocks where nothing is.  -1: reported. */
int input_read(struct input *input) MUST_USE;

#endif
