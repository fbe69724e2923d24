/*
 * sender: `bio-client send`.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_SENDER_H
#define BIO_CLIENT_SENDER_H

#include "base/attr.h"
#include "client/options.h"

/*
 * Sends what the options ask for and says on standard error what came of it.  Blocks
 * until all is sent, or SIGINT or SIGTERM asked for an end; both stay blocked in the
 * calling thread, which must be the only one.
 */
enum exit_code sender_run(const struct options *options) MUST_USE;

#endif
