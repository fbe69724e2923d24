/*
 * metrics: the server's own state as Prometheus reads it, the text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * What counts is of one snapshot, the one that /stats would show, so its numbers agree:
 * the sum over a label is the total, and a histogram has as many values as were counted.
 * Every label's every value is there from the start on, and there is a bounded number of
 * them: none comes from a peer.
 *
 * Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_METRICS_H
#define BIO_SERVER_METRICS_H

#include "base/attr.h"
#include "base/text.h"
#include "server/report.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What the numbers stand for by which requests are counted. */
struct metrics_requests {
	unsigned path_count, code_count;
	void (*append_path)(struct text *out, unsigned path); /* its name */
	unsigned codes[COUNTER_CODES_MAX];
};

/* -1: out of memory. */
int metrics_append(const struct report *r, const struct metrics_requests *requests,
	struct text *out) MUST_USE;

#endif
