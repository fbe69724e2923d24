/*
 * envelope: how a message is shown, as a JSON object with what the server knows of it.
 *
 * What the messages of a batch have in common is written once for all of them, and the
 * batch is searched once for where they stand.  An envelope belongs to one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ENVELOPE_H
#define BIO_SERVER_ENVELOPE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "messages/batch.h"

enum envelope_form {
	ENVELOPE_OBJECT,
	ENVELOPE_LINE,  /* on one line, with its end */
	ENVELOPE_EVENT, /* of a text/event-stream (HTML, section 9.2) */
};

struct envelope {
	const struct batch *batch;
	const uint32_t *index;
	uint32_t *own_index; /* NULL: it is the batch's */
	struct text shared;  /* between a message's id and its size */
};

/* Borrows the batch until it is closed.  0, or -1: out of memory. */
int envelope_open(struct envelope *e, const struct batch *batch) MUST_USE;
void envelope_close(struct envelope *e);

static inline struct batch_message
envelope_message(const struct envelope *e, uint32_t i)
{
	return batch_message(e->batch, e->index, i);
}

/* Appends the message `i` of the batch. */
void envelope_append(
	struct envelope *e, uint32_t i, enum envelope_form form, struct text *out);

/* Appends the event that stands for the messages that are not shown, both ends included.
 */
void envelope_append_gap(struct text *out, uint64_t from, uint64_t to);

#endif
