/*
 * report: the server's own state as JSON.
 *
 * Every document is built from one snapshot of the counters, so its numbers agree.  Any
 * thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_REPORT_H
#define BIO_SERVER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "base/uuid.h"
#include "server/session.h"

struct report {
	const struct session_shared *shared;
	char instance[UUID_MAX]; /* the store's, or of this run */
	int64_t start_us;        /* wall clock */
	uint64_t start_ns;       /* monotonic */
};

/* 0, or -1: the system gave no random numbers. */
int report_init(struct report *r, const struct session_shared *shared) MUST_USE;

bool report_is_draining(const struct report *r);

/* False: no thread can be started that would wait for the next connection. */
bool report_can_accept(const struct report *r);

/* False: what is queued for the store cannot be written now. */
bool report_can_store(const struct report *r);

/* -1: out of memory. */
int report_append_stats(const struct report *r, struct text *out) MUST_USE;

#endif
