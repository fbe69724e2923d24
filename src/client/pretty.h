/*
 * pretty: a message as people read it, and what may go to a terminal.
 *
 * The text is set out anew token by token, never through a tree: numbers stay as they
 * were written, members in their order, strings with their own escapes.
 *
 * Whatever is in a message, a terminal gets nothing to obey.  JSON itself allows DEL, the
 * C1 controls (U+0080 to U+009F) and the characters that reorder a line (U+202A to
 * U+202E, U+2066 to U+2069) in strings; these are written as the escapes that stand for
 * them, and what is no UTF-8 as U+FFFD.  Terminals are taken to speak UTF-8.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_PRETTY_H
#define BIO_CLIENT_PRETTY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"
#include "client/page.h"

/* A line with id, time, peer and name, then the data, indented. */
void pretty_append_message(
	struct text *out, const struct page_item *message, bool has_colors);

/* A line that a terminal may get: the same text, and where it is JSON the same value. */
void pretty_append_harmless(struct text *out, const char *line, size_t len);

#endif
