/*
 * batch: the accepted messages of one read, kept together from here on.
 *
 * The body is a JSON array of the messages' own texts, byte for byte, with exactly one
 * comma between two and nothing else around them.  A batch is built by one thread; once
 * handed over it never changes and is shared by reference, so any thread may read it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_BATCH_H
#define BIO_MESSAGES_BATCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/reason.h"

/* The longest name that a sender may give itself, and its NUL. */
#define ORIGIN_NAME_MAX 65
#define ORIGIN_THREAD_MAX 16

/* Whom the messages came from. */
struct origin {
	uint64_t connection; /* counted from 1 in each run of the server */
	enum framing framing;
	char peer[ADDRESS_TEXT_MAX];
	char name[ORIGIN_NAME_MAX];     /* empty: it gave none */
	char thread[ORIGIN_THREAD_MAX]; /* that served it, in this run */
};

struct batch {
	atomic_uint holders;
	uint32_t count;
	uint64_t first_id;   /* 0 until the batch is numbered */
	int64_t received_us; /* wall clock; given with the ids */
	struct origin origin;
	struct batch *next; /* of whoever owns the batch alone */
	uint32_t *index;    /* of a restored one, for batch_message; NULL: not known */
	size_t body_len;
	char body[];
};

/* A batch that grows; all zeros is an empty one. */
struct batch_builder {
	struct batch *batch;
	size_t capacity; /* of the body */
	uint8_t *run;    /* appended, and still where it came from */
	size_t run_bytes;
};

/*
 * Appends a message, `expected` bytes of which and more messages may come.  It stays
 * where it is until batch_finish, and the byte in front of it may be overwritten if it is
 * the one byte between this message and the one appended before.
 * 0, or -1: out of memory, and the builder is as it was.
 */
int batch_append(
	struct batch_builder *b, uint8_t *message, size_t len, size_t expected) MUST_USE;

/*
 * Ends the batch and empties the builder.  Returns owned, held once; NULL where nothing
 * was appended.
 */
struct batch *batch_finish(struct batch_builder *b, const struct origin *origin) MUST_USE;

/*
 * A batch of a body that was kept: an array of `count` messages.  Returns owned, held
 * once; NULL with errno ENOMEM, or EINVAL where it is no such body.
 */
struct batch *batch_restore(const void *body, size_t body_len, uint32_t count,
	const struct origin *origin) MUST_USE;

void batch_hold(struct batch *batch);
void batch_release(struct batch *batch);

/* Releases each batch of those linked by `next`; NULL: none. */
void batch_release_chain(struct batch *batches);

/* What the batch takes of memory. */
size_t batch_bytes(const struct batch *batch);

/* Where the messages stand, for batch_message, of a batch that does not know.  Returns
 * owned (free); NULL: out of memory. */
uint32_t *batch_index(const struct batch *batch) MUST_USE;

/* One message's exact text, within the batch. */
struct batch_message {
	const char *text;
	size_t len;
};

/* `i` is below the batch's count. */
static inline struct batch_message
batch_message(const struct batch *batch, const uint32_t *index, uint32_t i)
{
	/* Behind each message stands one byte, a comma or the closing bracket. */
	return (struct batch_message){
		batch->body + index[i], index[i + 1] - 1 - index[i]};
}

#endif
