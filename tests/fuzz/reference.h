/*
 * reference: JSON and the framing as plain code, for comparison with the real ones; the
 * former in reference.c, the latter in reference_frame.c.
 *
 * Written from RFC 8259, RFC 3629 and PROTOCOL.md as recursive functions over a whole
 * input that is all there; nothing is resumed and nothing is fast.  What it answers is
 * what the program must answer, offsets and reasons included.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_FUZZ_REFERENCE_H
#define BIO_FUZZ_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

struct reference {
	enum scan_result result;
	size_t used;
	enum reject_reason reason; /* after SCAN_BAD */
	bool may_end;              /* after SCAN_MORE */
};

/* What scan_feed must say of the bytes in one piece. */
struct reference reference_scan(
	const uint8_t *bytes, size_t len, unsigned max_depth) MUST_USE;

/* All that one connection sent, and how it was framed. */
struct reference_input {
	const uint8_t *bytes;
	size_t len;
	size_t max_message;
	unsigned max_depth;
	bool is_broken; /* the end is no orderly one */
	enum framing framing;
	bool is_numbered; /* behind a hello */
};

/* Places count from the connection's first byte. */
struct reference_outcome {
	enum frame_event event;
	size_t begin, len; /* of the message; `len` is 0 where it is rejected */
	uint64_t offset;
	enum reject_reason reason;
	bool finishes_number;
	enum frame_protocol protocol;
};

/* Aborts where these are not what must come of the input. */
void reference_check(const struct reference_input *in,
	const struct reference_outcome *outcomes, size_t count);

#endif
