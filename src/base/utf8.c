/*
 * utf8: one character at a time.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/utf8.h"

/* What the first byte promises; 0: it begins no character. */
static size_t
promised_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
}

/*
 * True: what stands behind the first byte may stand there.  Section 4: behind four first
 * bytes the second has narrower bounds, against overlong forms, surrogates and what is
 * beyond U+10FFFF.
 */
static bool
goes_on_well(const uint8_t *bytes, size_t len)
{
	uint8_t first = bytes[0];
	uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

	if (len > 1 && (bytes[1] < low || bytes[1] > high))
		return false;
	for (size_t i = 2; i < len; i++)
		if (bytes[i] < 0x80 || bytes[i] > 0xbf)
			return false;
	return true;
}

size_t
utf8_length(const uint8_t *bytes, size_t len)
{
	size_t promised = len > 0 ? promised_length(bytes[0]) : 0;

	if (promised == 0 || promised > len || !goes_on_well(bytes, promised))
		return 0;
	return promised;
}

bool
utf8_is_cut(const uint8_t *bytes, size_t len)
{
	return len > 0 && promised_length(bytes[0]) > len && goes_on_well(bytes, len);
}
