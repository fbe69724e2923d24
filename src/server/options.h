/*
 * options: what the command line and the environment say; the list is `options.def`.
 *
 * Filled by main before the first thread, read-only afterwards.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_OPTIONS_H
#define BIO_SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/option.h"

enum mode { MODE_ONCE, MODE_SERIAL, MODE_THREADS };

struct options {
#define OPTION(kind, type, member, ...) type member;
#include "server/options.def"
};

/*
 * OPTION_OK: `out` is filled and consistent.  OPTION_BAD: the mistake has been written to
 * standard error.  OPTION_HELP, OPTION_VERSION: the text has been written to standard
 * output.
 */
enum option_result options_parse(int argc, char *argv[], struct options *out) MUST_USE;

const char *options_mode_name(enum mode mode);

#endif
