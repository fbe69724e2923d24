/*
 * status: the commands that ask the server's status port (`stats`, `health`).
 *
 * Called by main, without other threads; blocks at most for --timeout or --wait.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_STATUS_H
#define BIO_CLIENT_STATUS_H

#include "base/attr.h"
#include "client/options.h"

/* Prints the server's counters as JSON on standard output. */
enum exit_code status_print_stats(const struct options *options) MUST_USE;

/* Prints "ready" on standard output when it is so, if need be after --wait. */
enum exit_code status_check_health(const struct options *options) MUST_USE;

#endif
