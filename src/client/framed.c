/*
 * framed: the three framings of src/PROTOCOL.md, as a sender writes them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/framed.h"

#include <string.h>

#include "wire/frame.h"

struct framed
framed_make(enum wire_framing framing, const uint8_t *text, size_t len)
{
	struct framed framed = {.text = text, .text_len = len};

	switch (framing) {
	case WIRE_FRAMING_UNSAID:
	case WIRE_FRAMING_LINES:
		framed.is_one_line = true;
		framed.tail_len = 1;
		break;
	case WIRE_FRAMING_RS:
		/* A faulty record has its number at the first line feed behind the fault.
		 */
		framed.may_end_early = true;
		framed.head[0] = FRAME_RECORD_SEPARATOR;
		framed.head_len = 1;
		framed.tail_len = 1;
		break;
	case WIRE_FRAMING_LENGTH:
		for (size_t i = 0; i < FRAME_LENGTH_BYTES; i++)
			framed.head[i] = (uint8_t)(len >> (24 - 8 * i));
		framed.head_len = FRAME_LENGTH_BYTES;
		break;
	}
	return framed;
}

size_t
framed_length(const struct framed *framed)
{
	return framed->head_len + framed->text_len + framed->tail_len;
}

void
framed_copy_text(
	const struct framed *framed, uint8_t *out, const uint8_t *from, size_t len)
{
	memcpy(out, from, len);
	for (size_t i = 0; framed->is_one_line && i < len; i++)
		out[i] = out[i] == '\n' || out[i] == '\r' ? ' ' : out[i];
}
