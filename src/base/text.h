/*
 * text: a byte string that grows.
 *
 * Out of memory is remembered: after a failed append all further ones do nothing, and the
 * one check at the end (text_failed) is enough.  Belongs to one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_TEXT_H
#define BIO_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct text {
	char *bytes;
	size_t len, capacity;
	bool has_failed;
};

/* A text of all zeros is empty and ready for use. */
void text_free(struct text *t);

void text_append(struct text *t, const void *bytes, size_t len);
void text_append_string(struct text *t, const char *string);
void text_append_number(struct text *t, uint64_t number);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

/*
 * As a JSON string (RFC 8259, section 7), in quotes.  What is no UTF-8 becomes U+FFFD, a
 * byte at a time.
 */
void text_append_quoted(struct text *t, const char *string);
void text_append_quoted_bytes(struct text *t, const void *bytes, size_t len);

/*
 * Appends a JSON text with its CR and LF, which can only stand between tokens, as spaces,
 * for the formats of one line a message.
 */
void text_append_one_line(struct text *t, const void *json, size_t len);

bool text_failed(const struct text *t);

/* Gives back the room that is not used. */
void text_fit(struct text *t);

/* As if an append had failed: what was to be appended could not be made. */
void text_fail(struct text *t);

#endif
