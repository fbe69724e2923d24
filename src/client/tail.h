/*
 * tail: `bio-client tail`, which prints the newest messages and goes on with those that
 * come in.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_TAIL_H
#define BIO_CLIENT_TAIL_H

#include "base/attr.h"
#include "client/options.h"

/*
 * Prints what the options ask for.  Called by main, without other threads.  With --follow
 * it blocks until SIGINT, SIGTERM or the end of who reads standard output, all of which
 * are EXIT_CODE_DONE, and takes these two signals for itself.
 */
enum exit_code tail_run(const struct options *options) MUST_USE;

#endif
