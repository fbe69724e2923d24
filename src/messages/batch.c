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
	if (atomic_fetch_sub_explicit(&batch->holders, 1, memory_order_acq_rel) == 1)
		free(batch);
}

size_t
batch_bytes(const struct batch *batch)
{
	return sizeof *batch + batch->body_len;
}

uint32_t *
batch_index(const struct batch *batch)
{
	const uint8_t *body = (const uint8_t *)batch->body;
	uint32_t *index = malloc(((size_t)batch->count + 1) * sizeof *index);
	struct scan scan;
	size_t at = 1, used;

	if (index == NULL)
		return NULL;
	for (uint32_t i = 0; i < batch->count; i++) {
		enum scan_result result;

		index[i] = (uint32_t)at;
		scan_begin(&scan, SCAN_DEPTH_MAX);
		result = scan_feed(&scan, body + at, batch->body_len - at, &used);
		assert(result == SCAN_DONE);
		(void)result;
		at += used + 1;
	}
	index[batch->count] = (uint32_t)at;
	return index;
}
