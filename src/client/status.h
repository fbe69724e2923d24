/*
 * status: questions to the server's status port, and the commands that are one question
 * (`stats`, `health`).
 *
 * Called by main, without other threads; blocks at most for --timeout or --wait, or for
 * as long as a stream goes on.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_STATUS_H
#define BIO_CLIENT_STATUS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/text.h"
#include "client/options.h"

enum { STATUS_WHY_MAX = 512, STATUS_WATCHED_MAX = 2 };

/* A connection that is kept from question to question. */
struct status;

struct status_parameter {
	const char *name, *value;
};

/* What came of a question: `body`, or where `code` is not DONE, `why` not. */
struct status_answer {
	struct text body;
	bool is_too_large;
	bool is_transient;      /* the same may be answered later */
	bool is_interrupted;    /* by what is watched, or by who takes a stream */
	uint64_t retry_after_s; /* the server asks for so much patience; 0: it does not */
	enum exit_code code;
	char why[STATUS_WHY_MAX];
};

/* Returns owned; NULL: out of memory. */
struct status *status_open(const struct options *options) MUST_USE;
void status_close(struct status *s);

/*
 * From now on an event on one of these ends whatever is done at once.  Up to
 * STATUS_WATCHED_MAX; borrowed until the end.
 */
void status_watch(struct status *s, struct pollfd *watched, size_t count);

/*
 * Asks for a path.  An answer may take its time as long as some of it comes within each
 * --timeout.  `out` is all zeros or what was answered before; text_free is the caller's.
 */
void status_ask(struct status *s, const char *path,
	const struct status_parameter *parameters, size_t count,
	struct status_answer *out);

/* A path whose answer is a stream of events that goes on. */
struct status_stream {
	const char *path;
	const char *last_event_id; /* NULL: from now on */
	/* Gets what has come; false: that is enough. */
	bool (*take)(void *argument, const char *bytes, size_t len);
	void *argument;
};

/*
 * Reads a stream until it is interrupted or fails; its end is a failure too, a transient
 * one.  So is silence for --timeout.
 */
void status_follow(
	struct status *s, const struct status_stream *stream, struct status_answer *out);

/* Prints the server's counters as JSON on standard output. */
enum exit_code status_print_stats(const struct options *options) MUST_USE;

/* Prints "ready" on standard output when it is so, if need be after --wait. */
enum exit_code status_check_health(const struct options *options) MUST_USE;

#endif
