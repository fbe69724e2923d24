/*
 * utf8: where the characters of a text begin and end (RFC 3629).  Pure; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_UTF8_H
#define BIO_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No character is longer. */
#define UTF8_BYTES_MAX 4
/* U+FFFD, which stands for what is no character. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* The length of the character that the bytes begin with; 0: they begin with none. */
size_t utf8_length(const uint8_t *bytes, size_t len);

/* True: the bytes are a character but for its end, which may follow. */
bool utf8_is_cut(const uint8_t *bytes, size_t len);

#endif
