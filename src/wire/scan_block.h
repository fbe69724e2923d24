/*
 * scan_block: where within 64 bytes of a string something else than a plain byte stands.
 *
 * One function for each kind of machine, all with the same contract.  Bit i of `special`
 * is set where bytes[i] is a quote, a backslash, a control character or from 0x80 on; not
 * for the latter where the function has found the characters valid (RFC 3629) itself,
 * which it does only if bytes[0] begins one.  `known` bytes are told of: all 64, or all
 * but the beginning of a character in last place; if that may not be left over
 * (`is_last`), it is special.  All 64 bytes are read.
 *
 * SCAN_TARGET_* lets a function use its instructions, which only a machine that has them
 * may then run.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_SCAN_BLOCK_H
#define BIO_WIRE_SCAN_BLOCK_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

#define SCAN_BLOCK_BYTES 64

struct scan_block {
	uint64_t special;
	unsigned known;
};

#define SCAN_EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* 8 bytes, the first one lowest. */
static inline uint64_t
scan_load_8(const uint8_t *bytes)
{
	uint64_t v;

	memcpy(&v, bytes, sizeof v);
	return le64toh(v);
}

/* The same of 4. */
static inline uint32_t
scan_load_4(const uint8_t *bytes)
{
	uint32_t v;

	memcpy(&v, bytes, sizeof v);
	return le32toh(v);
}

/*
 * Plain arithmetic on 8 bytes at a time.  Seven bits of each byte are added to, so that
 * no carry reaches the next one; the eighth then holds the answer.
 */
static inline struct scan_block
scan_block_portable(const uint8_t *bytes, bool is_last)
{
	const uint64_t low = SCAN_EACH_BYTE(0x7f), high = SCAN_EACH_BYTE(0x80);
	uint64_t special = 0;

	(void)is_last;
	for (unsigned i = 0; i < SCAN_BLOCK_BYTES; i += 8) {
		uint64_t v = scan_load_8(bytes + i);
		uint64_t quote = (v ^ SCAN_EACH_BYTE('"')) & low;
		uint64_t backslash = (v ^ SCAN_EACH_BYTE('\\')) & low;
		uint64_t plain = ((v & low) + SCAN_EACH_BYTE(0x80 - ' ')) &
				 (quote + low) & (backslash + low) & ~v & high;

		/* The eight high bits, moved together. */
		special |= ((plain ^ high) * UINT64_C(0x0002040810204081) >> 56) << i;
	}
	return (struct scan_block){special, SCAN_BLOCK_BYTES};
}

/* A bit for each of 32 bytes that is not a digit; one function for each kind of machine.
 */
#define SCAN_DIGITS_BYTES 32

static inline uint32_t
scan_others_portable(const uint8_t *bytes)
{
	uint32_t others = 0;

	for (unsigned i = 0; i < SCAN_DIGITS_BYTES; i += 8) {
		uint64_t x = scan_load_8(bytes + i) ^ SCAN_EACH_BYTE('0');
		uint64_t marks =
			(x | ((x & SCAN_EACH_BYTE(0x7f)) + SCAN_EACH_BYTE(0x80 - 10))) &
			SCAN_EACH_BYTE(0x80);

		others |= (uint32_t)(marks * UINT64_C(0x0002040810204081) >> 56) << i;
	}
	return others;
}

#ifdef __x86_64__
#include <immintrin.h>

/* A signed comparison finds control characters and bytes from 0x80 in one step. */

#define SCAN_TARGET_SSE2
static inline struct scan_block
scan_block_sse2(const uint8_t *bytes, bool is_last)
{
	uint64_t special = 0;

	(void)is_last;
	for (unsigned i = 0; i < SCAN_BLOCK_BYTES; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
		__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
		__m128i backslash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
		__m128i below_space = _mm_cmplt_epi8(v, _mm_set1_epi8(' '));

		special |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_or_si128(
				   below_space, _mm_or_si128(quote, backslash)))
			   << i;
	}
	return (struct scan_block){special, SCAN_BLOCK_BYTES};
}

static inline uint32_t
scan_others_sse2(const uint8_t *bytes)
{
	uint32_t others = 0;

	for (unsigned i = 0; i < SCAN_DIGITS_BYTES; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(bytes + i));
		__m128i value = _mm_sub_epi8(v, _mm_set1_epi8('0'));
		__m128i digit =
			_mm_cmpeq_epi8(value, _mm_min_epu8(value, _mm_set1_epi8(9)));

		others |= ((unsigned)_mm_movemask_epi8(digit) ^ 0xffff) << i;
	}
	return others;
}

#define SCAN_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

SCAN_TARGET_AVX2 static ALWAYS_INLINE uint32_t
scan_others_avx2(const uint8_t *bytes)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
	__m256i value = _mm256_sub_epi8(v, _mm256_set1_epi8('0'));
	__m256i digit =
		_mm256_cmpeq_epi8(value, _mm256_min_epu8(value, _mm256_set1_epi8(9)));

	return ~(uint32_t)_mm256_movemask_epi8(digit);
}

/*
 * UTF-8, 32 bytes at a time, after J. Keiser and D. Lemire, "Validating UTF-8 in less
 * than one instruction per byte" (2021).  Whether a byte may follow another shows in
 * three half bytes: both of the first one and the upper of the second.  Each looks its
 * possible faults up in a table of 16, a bit a kind; what all three agree on is there.
 * What remains are third and fourth bytes: those that a byte two or three places before
 * asks for, which must be exactly those that follow a continuation byte.
 */
enum {
	UTF8_LEAD_ALONE = 1 << 0,    /* a first byte that no continuation follows */
	UTF8_CONTINUED = 1 << 1,     /* a continuation behind ASCII */
	UTF8_OVERLONG_3 = 1 << 2,    /* E0 80..9F */
	UTF8_BEYOND = 1 << 3,        /* F4 90..BF, F5..FF 90..BF: above U+10FFFF */
	UTF8_SURROGATE = 1 << 4,     /* ED A0..BF */
	UTF8_OVERLONG_2 = 1 << 5,    /* C0, C1 */
	UTF8_OVERLONG_4 = 1 << 6,    /* F0 80..8F, and F5..FF 80..8F, which are beyond */
	UTF8_CONTINUATIONS = 1 << 7, /* two in a row: as wanted, or a fault */
	UTF8_ANY_LOW = UTF8_LEAD_ALONE | UTF8_CONTINUED | UTF8_CONTINUATIONS,
	UTF8_FROM_F5 = UTF8_ANY_LOW | UTF8_BEYOND | UTF8_OVERLONG_4,
	UTF8_SECOND = UTF8_CONTINUED | UTF8_OVERLONG_2 | UTF8_CONTINUATIONS
};

#define UTF8_TABLE(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

SCAN_TARGET_AVX2 static ALWAYS_INLINE __m256i
scan_upper_halves(__m256i v)
{
	return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0f));
}

/* Not zero where something is wrong; `before` are the 32 bytes in front. */
SCAN_TARGET_AVX2 static ALWAYS_INLINE __m256i
scan_utf8_faults(__m256i before, __m256i v)
{
	const __m256i first_upper = UTF8_TABLE(UTF8_CONTINUED, UTF8_CONTINUED,
		UTF8_CONTINUED, UTF8_CONTINUED, UTF8_CONTINUED, UTF8_CONTINUED,
		UTF8_CONTINUED, UTF8_CONTINUED, (char)UTF8_CONTINUATIONS,
		(char)UTF8_CONTINUATIONS, (char)UTF8_CONTINUATIONS,
		(char)UTF8_CONTINUATIONS, UTF8_LEAD_ALONE | UTF8_OVERLONG_2,
		UTF8_LEAD_ALONE, UTF8_LEAD_ALONE | UTF8_OVERLONG_3 | UTF8_SURROGATE,
		UTF8_LEAD_ALONE | UTF8_BEYOND | UTF8_OVERLONG_4);
	const __m256i first_lower = UTF8_TABLE((char)(UTF8_ANY_LOW | UTF8_OVERLONG_3 |
						       UTF8_OVERLONG_2 | UTF8_OVERLONG_4),
		(char)(UTF8_ANY_LOW | UTF8_OVERLONG_2), (char)UTF8_ANY_LOW,
		(char)UTF8_ANY_LOW, (char)(UTF8_ANY_LOW | UTF8_BEYOND),
		(char)UTF8_FROM_F5, (char)UTF8_FROM_F5, (char)UTF8_FROM_F5,
		(char)UTF8_FROM_F5, (char)UTF8_FROM_F5, (char)UTF8_FROM_F5,
		(char)UTF8_FROM_F5, (char)UTF8_FROM_F5,
		(char)(UTF8_FROM_F5 | UTF8_SURROGATE), (char)UTF8_FROM_F5,
		(char)UTF8_FROM_F5);
	const __m256i second_upper = UTF8_TABLE(UTF8_LEAD_ALONE, UTF8_LEAD_ALONE,
		UTF8_LEAD_ALONE, UTF8_LEAD_ALONE, UTF8_LEAD_ALONE, UTF8_LEAD_ALONE,
		UTF8_LEAD_ALONE, UTF8_LEAD_ALONE,
		(char)(UTF8_SECOND | UTF8_OVERLONG_3 | UTF8_OVERLONG_4),
		(char)(UTF8_SECOND | UTF8_OVERLONG_3 | UTF8_BEYOND),
		(char)(UTF8_SECOND | UTF8_SURROGATE | UTF8_BEYOND),
		(char)(UTF8_SECOND | UTF8_SURROGATE | UTF8_BEYOND), UTF8_LEAD_ALONE,
		UTF8_LEAD_ALONE, UTF8_LEAD_ALONE, UTF8_LEAD_ALONE);
	__m256i across = _mm256_permute2x128_si256(before, v, 0x21);
	__m256i one_back = _mm256_alignr_epi8(v, across, 15);
	__m256i two_back = _mm256_alignr_epi8(v, across, 14);
	__m256i three_back = _mm256_alignr_epi8(v, across, 13);
	__m256i pairs = _mm256_and_si256(
		_mm256_and_si256(
			_mm256_shuffle_epi8(first_upper, scan_upper_halves(one_back)),
			_mm256_shuffle_epi8(first_lower,
				_mm256_and_si256(one_back, _mm256_set1_epi8(0x0f)))),
		_mm256_shuffle_epi8(second_upper, scan_upper_halves(v)));
	/* The high bit where a character of three or four bytes goes on. */
	__m256i wanted =
		_mm256_or_si256(_mm256_subs_epu8(two_back, _mm256_set1_epi8(0xe0 - 0x80)),
			_mm256_subs_epu8(three_back, _mm256_set1_epi8(0xf0 - 0x80)));

	return _mm256_xor_si256(
		_mm256_and_si256(wanted, _mm256_set1_epi8((char)UTF8_CONTINUATIONS)),
		pairs);
}

/* How many of the last bytes begin a character that goes on behind them. */
static inline unsigned
scan_cut_bytes(const uint8_t *bytes)
{
	if (bytes[SCAN_BLOCK_BYTES - 1] >= 0xc0)
		return 1;
	if (bytes[SCAN_BLOCK_BYTES - 2] >= 0xe0)
		return 2;
	return bytes[SCAN_BLOCK_BYTES - 3] >= 0xf0 ? 3 : 0;
}

SCAN_TARGET_AVX2 static ALWAYS_INLINE uint64_t
scan_special_avx2(__m256i v)
{
	__m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
	__m256i backslash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
	__m256i below_space = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), v);

	return (unsigned)_mm256_movemask_epi8(
		_mm256_or_si256(below_space, _mm256_or_si256(quote, backslash)));
}

SCAN_TARGET_AVX2 static ALWAYS_INLINE struct scan_block
scan_block_avx2(const uint8_t *bytes, bool is_last)
{
	__m256i v0 = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
	__m256i v1 = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
	uint64_t special = scan_special_avx2(v0) | scan_special_avx2(v1) << 32;
	uint64_t high = (uint64_t)(unsigned)_mm256_movemask_epi8(v0) |
			(uint64_t)(unsigned)_mm256_movemask_epi8(v1) << 32;
	__m256i faults;
	unsigned cut;

	if (LIKELY(high == 0))
		return (struct scan_block){special, SCAN_BLOCK_BYTES};
	cut = scan_cut_bytes(bytes);
	faults = _mm256_or_si256(
		scan_utf8_faults(_mm256_setzero_si256(), v0), scan_utf8_faults(v0, v1));
	if ((cut == 0 || !is_last) && _mm256_testz_si256(faults, faults))
		special &= ~high;
	else
		cut = 0;
	return (struct scan_block){special, SCAN_BLOCK_BYTES - cut};
}

#define SCAN_TARGET_AVX512                                                     \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi," \
			      "avx512vbmi2,gfni,avx2,bmi,bmi2,popcnt")))

SCAN_TARGET_AVX512 static ALWAYS_INLINE uint32_t
scan_others_avx512(const uint8_t *bytes)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)bytes);

	return _mm256_cmpgt_epu8_mask(
		_mm256_sub_epi8(v, _mm256_set1_epi8('0')), _mm256_set1_epi8(9));
}

/* Where there is more than ASCII, the block is looked at by halves. */
SCAN_TARGET_AVX512 static ALWAYS_INLINE struct scan_block
scan_block_avx512(const uint8_t *bytes, bool is_last)
{
	__m512i v = _mm512_loadu_si512(bytes);
	uint64_t special = _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"')) |
			   _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\')) |
			   _mm512_cmplt_epi8_mask(v, _mm512_set1_epi8(' '));

	if (UNLIKELY(_mm512_movepi8_mask(v) != 0))
		return scan_block_avx2(bytes, is_last);
	return (struct scan_block){special, SCAN_BLOCK_BYTES};
}
#endif

#endif
