/*
 * history: `bio-client history`, which prints or exports what the server keeps.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_HISTORY_H
#define BIO_CLIENT_HISTORY_H

#include "base/attr.h"
#include "client/options.h"

/*
 * Writes what the options ask for.  Called by main, without other threads; blocks for as
 * long as the server answers, and for --retry-timeout where it does not any more.
 */
enum exit_code history_run(const struct options *options) MUST_USE;

#endif
