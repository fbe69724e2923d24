/*
 * source: the messages of a run in their order, wherever they come from, each when it is
 * due.
 *
 * One thread.  What goes wrong is reported to the group of links.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_SOURCE_H
#define BIO_CLIENT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "client/input.h"
#include "client/message.h"

enum source_event {
	SOURCE_MESSAGE,
	SOURCE_WANTS_INPUT, /* source_read first, which may have to be waited for */
	SOURCE_NOT_DUE,     /* `due_ns` is when the next one is */
	SOURCE_END,         /* there is no further message, or the next is bad */
	SOURCE_FAILED,
};

struct source_item {
	const uint8_t *text; /* until the next call */
	size_t len;
	uint64_t line; /* of the input, where it begins; 0: it has no lines */
	uint64_t due_ns;
};

struct source {
	const struct options *options;
	struct input *input;    /* NULL: `message` */
	struct message message; /* where there is no input */
	uint64_t start_ns;
	uint64_t count;            /* of the messages that were given */
	uint64_t to_skip, skipped; /* of the input, in front */
};

/* `input` may be NULL: the message of the options.  -1: reported. */
int source_open(struct source *s, struct link_group *group, struct input *input) MUST_USE;
void source_close(struct source *s);

/* From here on --rate counts; so many messages in front are left out. */
void source_begin(struct source *s, uint64_t to_skip);

enum source_event source_next(struct source *s, struct source_item *out) MUST_USE;

/* What errors call it. */
const char *source_name(const struct source *s);

/* -1: there is no input to be read. */
int source_fd(const struct source *s);
int source_read(struct source *s) MUST_USE;

#endif
