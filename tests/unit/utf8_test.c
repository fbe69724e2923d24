/*
 * utf8_test: every character and every sequence of bytes that is none, by the rule.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/utf8.h"

#include "tap.h"

/* RFC 3629, section 3: the bytes of a code point; how many there are. */
static size_t
encode(uint32_t point, uint8_t out[UTF8_BYTES_MAX])
{
	if (point < 0x80) {
		out[0] = (uint8_t)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (uint8_t)(0xc0 | point >> 6);
		out[1] = (uint8_t)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (uint8_t)(0xe0 | point >> 12);
		out[1] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | point >> 18);
	out[1] = (uint8_t)(0x80 | (point >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (point >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (point & 0x3f));
	return 4;
}

static void
every_code_point_but_surrogates_is_a_character(void)
{
	uint8_t bytes[UTF8_BYTES_MAX + 1];
	uint32_t failed = 0, cut = 0;

	for (uint32_t point = 0; point <= 0x10ffff; point++) {
		size_t len = encode(point, bytes);
		bool is_half = point >= 0xd800 && point <= 0xdfff;

		bytes[len] = 'x';
		failed += utf8_length(bytes, len + 1) != (is_half ? 0 : len);
		failed += utf8_is_cut(bytes, len);
		for (size_t part = 1; part < len; part++) {
			failed += utf8_length(bytes, part) != 0;
			cut += utf8_is_cut(bytes, part);
		}
	}
	EXPECT_INT(0, failed);
	/* Of a surrogate only the first byte may begin a character. */
	EXPECT_INT(0x780 + 2 * (0xf800 - 0x800) + 0x800 + 3 * 0x100000, cut);
}

static void
what_is_no_character_has_no_length(void)
{
	static const char *const none[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf",
		"\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "\xfe", "\xc3(", "\xe2\x82(", "\xe2(\xa1",
		"\xf0\x9f\x98(", "\xed\xa0\x80"};

	for (size_t i = 0; i < COUNT_OF(none); i++) {
		tap_context("row %zu", i);
		EXPECT_INT(0, utf8_length((const uint8_t *)none[i], strlen(none[i])));
		EXPECT(!utf8_is_cut((const uint8_t *)none[i], strlen(none[i])));
	}
	EXPECT_INT(0, utf8_length((const uint8_t *)"", 0));
	EXPECT(!utf8_is_cut((const uint8_t *)"", 0));
}

int
main(void)
{
	TAP_RUN(every_code_point_but_surrogates_is_a_character);
	TAP_RUN(what_is_no_character_has_no_length);
	return tap_finish();
}
