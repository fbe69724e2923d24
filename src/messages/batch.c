/*
 * batch: building, sharing and indexing.
 *
 * Messages that stand one byte apart, as lines do, are copied together: that byte becomes
 * the comma before they are.
 *
 * The body is grown by doubling from what the read is expected to need and cut to size at
 * the end, so that what is kept is as large as its messages and not as a read buffer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/batch.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "wire/scan.h"

static int
reserve(struct batch_builder *b, size_t body_len)
{
	struct batch *batch = realloc(b->batch, sizeof *batch + body_len);

	if (batch == NULL)
		return -1;
	if (b->batch == NULL) {
		batch->count = 0;
		batch->body_len = 0;
	}
	b->batch = batch;
	b->capacity = body_len;
	return 0;
}

/* What the body will have to hold, with its brackets, when `len` bytes more are there. */
static size_t
needed_bytes(const struct batch_builder *b, size_t len)
{
	size_t body_len = b->batch != NULL ? b->batch->body_len : 0;

	return body_len + 1 + b->run_bytes + 1 + len + 1;
}

static void
copy_run(struct batch_builder *b)
{
	struct batch *batch = b->batch;

	if (b->run_bytes == 0)
		return;
	batch->body[batch->body_len] = batch->body_len == 0 ? '[' : ',';
	memcpy(batch->body + batch->body_len + 1, b->run, b->run_bytes);
	batch->body_len += 1 + b->run_bytes;
	b->run_bytes = 0;
}

int
batch_append(struct batch_builder *b, uint8_t *message, size_t len, size_t expected)
{
	size_t needed = needed_bytes(b, len);

	if (UNLIKELY(b->batch == NULL || needed > b->capacity) &&
		reserve(b, b->capacity == 0 && expected + 3 > needed
				   ? expected + 3
				   : needed + needed / 2) != 0)
		return -1;
	if (b->run_bytes > 0 && message == b->run + b->run_bytes + 1) {
		message[-1] = ',';
		b->run_bytes += 1 + len;
	} else {
		copy_run(b);
		b->run = message;
		b->run_bytes = len;
	}
	b->batch->count++;
	return 0;
}

struct batch *
batch_finish(struct batch_builder *b, const struct origin *origin)
{
	struct batch *batch = b->batch, *fitted;

	if (batch == NULL)
		return NULL;
	copy_run(b);
	batch->body[batch->body_len++] = ']';
	fitted = realloc(batch, sizeof *batch + batch->body_len);
	if (fitted != NULL)
		batch = fitted;
	atomic_init(&batch->holders, 1);
	batch->first_id = 0;
	batch->received_us = 0;
	batch->origin = *origin;
	batch->next = NULL;
	batch->index = NULL;
	*b = (struct batch_builder){0};
	return batch;
}

void
batch_hold(struct batch *batch)
{
	(void)atomic_fetch_add_explicit(&batch->holders, 1, memory_order_relaxed);
}

void
batch_release(struct batch *batch)
{
	if (atomic_fetch_sub_explicit(&batch->holders, 1, memory_order_acq_rel) > 1)
		return;
	free(batch->index);
	free(batch);
}

void
batch_release_chain(struct batch *batches)
{
	while (batches != NULL) {
		struct batch *next = batches->next;

		batch_release(batches);
		batches = next;
	}
}

size_t
batch_bytes(const struct batch *batch)
{
	size_t index_len = batch->index != NULL ? (size_t)batch->count + 1 : 0;

	return sizeof *batch + batch->body_len + index_len * sizeof *batch->index;
}

/* Where each message stands; false: the body is not an array of so many. */
static bool
find_messages(const struct batch *batch, uint32_t *index)
{
	const uint8_t *body = (const uint8_t *)batch->body;
	size_t at = 1, used = 0;
	struct scan scan;

	if (batch->body_len < 2 || body[0] != '[')
		return false;
	for (uint32_t i = 0; i < batch->count; i++) {
		bool is_last = i + 1 == batch->count;

		index[i] = (uint32_t)at;
		scan_begin(&scan, SCAN_DEPTH_MAX, used);
		if (scan_feed(&scan, body + at, batch->body_len - at, &used) != SCAN_DONE)
			return false;
		at += used;
		if (at == batch->body_len || body[at] != (is_last ? ']' : ','))
			return false;
		at++;
	}
	index[batch->count] = (uint32_t)at;
	return at == batch->body_len;
}

uint32_t *
batch_index(const struct batch *batch)
{
	uint32_t *index = malloc(((size_t)batch->count + 1) * sizeof *index);
	bool is_found;

	if (index == NULL)
		return NULL;
	is_found = find_messages(batch, index);
	assert(is_found);
	(void)is_found;
	return index;
}

struct batch *
batch_restore(
	const void *body, size_t body_len, uint32_t count, const struct origin *origin)
{
	struct batch *batch;
	uint32_t *index;

	/* A message and what stands behind it are two bytes at least. */
	if (count == 0 || body_len > UINT32_MAX || count > body_len / 2) {
		errno = EINVAL;
		return NULL;
	}
	batch = malloc(sizeof *batch + body_len);
	index = malloc(((size_t)count + 1) * sizeof *index);
	if (batch == NULL || index == NULL) {
		errno = ENOMEM;
		goto fail;
	}
	*batch = (struct batch){.count = count, .origin = *origin, .body_len = body_len};
	atomic_init(&batch->holders, 1);
	memcpy(batch->body, body, body_len);
	if (!find_messages(batch, index)) {
		errno = EINVAL;
		goto fail;
	}
	batch->index = index;
	return batch;
fail:
	free(index);
	free(batch);
	return NULL;
}
