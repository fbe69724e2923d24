/*
 * framed: one message between what --framing puts around it.
 *
 * A value that borrows the message's text; any thread, nothing blocks.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_FRAMED_H
#define BIO_CLIENT_FRAMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/options.h"

enum { FRAMED_HEAD_MAX = 4, FRAMED_TAIL_MAX = 1 };

struct framed {
	uint8_t head[FRAMED_HEAD_MAX];
	uint8_t head_len, tail_len; /* the tail is a line feed */
	bool is_one_line;           /* CR and LF in the text have to become spaces */
	bool may_end_early; /* the server may be through with it before its last byte */
	const uint8_t *text;
	size_t text_len;
};

/* `framing` is one of the choices. */
struct framed framed_make(enum wire_framing framing, const uint8_t *text, size_t len);

size_t framed_length(const struct framed *framed);

/* Copies bytes of the text, as they go onto the wire. */
void framed_copy_text(
	const struct framed *framed, uint8_t *out, const uint8_t *from, size_t len);

#endif
