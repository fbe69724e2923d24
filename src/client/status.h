/*
 * status: questions to the server's status port, and the commands that are one
 * question
 * (`stats`, `health`).
 *
 * Called by main, without other threads; blocks at most for --timeout or
 * --wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_STATUS_H
#define BIO_CLIENT_STATUS_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/text.h"
#include "client/options.h"

enum { STATUS_WHY_MAX = 512 };

/* A connection that is kept from question to question. */
struct status;

struct status_parameter {
	const char *name, *value;
};

/* What came of a question: `body`, or where `code` is not DONE, `why` not. */
struct status_answer {
	struct text body;
	bool is_too_large;
	bool is_transient; /* the same may be answered later */
	enum exit_code code;
	char why[STATUS_WHY_MAX];
};

/* Returns owned; NULL: out of memory. */
struct status *status_open(const struct options *options) MUST_USE;
void status_close(struct status *s);

/*
 * Asks for a path.  An answer may take its time as long as some of it comes
 * within each
 * --timeout.  `out` is all zeros or what was answered before; text_free is the
 * caller's.
 */
void status_ask(struct status *s, const char *path,
	const struct status_parameter *parameters, size_t count,
	struct status_answer *out);

/* Prints the server's counters as JSON on standard output. */
enum exit_code status_print_stats(const struct options *options) MUST_USE;

/* Prints "ready" on standard output when it is so, if need be after --wait. */
enum exit_code status_check_health(const struct options *options) MUST_USE;

#endif
