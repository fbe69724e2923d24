/*
 * scan_proof_avx512: eight blocks at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/scan_proof.h"

#ifdef __x86_64__
#include "base/attr.h"
#include "wire/scan_block.h"

#define PROOF_TARGET SCAN_TARGET_AVX512
#define PROOF_LANES 8
#define PROOF_PLANE_BLOCKS 8

typedef uint64_t lanes __attribute__((vector_size(8 * PROOF_LANES)));

/* The planes of one block, a word each. */
PROOF_TARGET static ALWAYS_INLINE __m512i
lanes_find_block_planes(const uint8_t *bytes)
{
	/* Eight bytes are the rows of a matrix, the first one lowest.  That times a byte
	 * for each of the eight bits makes its columns. */
	const __m512i bits = _mm512_set1_epi64((long long)0x8040201008040201);
	const __m512i lowest_first = _mm512_set4_epi64(0x08090a0b0c0d0e0f,
		0x0001020304050607, 0x08090a0b0c0d0e0f, 0x0001020304050607);
	/* The n-th byte of each of eight becomes the n-th eight. */
	const __m512i by_plane = _mm512_set_epi64(0x3f372f271f170f07, 0x3e362e261e160e06,
		0x3d352d251d150d05, 0x3c342c241c140c04, 0x3b332b231b130b03,
		0x3a322a221a120a02, 0x3931292119110901, 0x3830282018100800);
	__m512i rows = _mm512_shuffle_epi8(_mm512_loadu_si512(bytes), lowest_first);

	return _mm512_permutexvar_epi8(
		by_plane, _mm512_gf2p8affine_epi64_epi8(bits, rows, 0));
}

/* Of four times two blocks, those of four planes. */
PROOF_TARGET static ALWAYS_INLINE void
lanes_gather_planes(uint64_t planes[][PROOF_PLANE_BLOCKS], const __m512i twos[4])
{
	__m512i first = _mm512_shuffle_i64x2(twos[0], twos[1], 0x44);
	__m512i second = _mm512_shuffle_i64x2(twos[2], twos[3], 0x44);
	__m512i third = _mm512_shuffle_i64x2(twos[0], twos[1], 0xee);
	__m512i fourth = _mm512_shuffle_i64x2(twos[2], twos[3], 0xee);

	_mm512_store_si512(planes[0], _mm512_shuffle_i64x2(first, second, 0x88));
	_mm512_store_si512(planes[2], _mm512_shuffle_i64x2(first, second, 0xdd));
	_mm512_store_si512(planes[4], _mm512_shuffle_i64x2(third, fourth, 0x88));
	_mm512_store_si512(planes[6], _mm512_shuffle_i64x2(third, fourth, 0xdd));
}

PROOF_TARGET static ALWAYS_INLINE void
lanes_find_planes(
	uint64_t planes[8][PROOF_PLANE_BLOCKS], const uint8_t *bytes, size_t blocks)
{
	__m512i even[4], odd[4];

	(void)blocks;
	for (size_t i = 0; i < 4; i++, bytes += 128) {
		__m512i first = lanes_find_block_planes(bytes);
		__m512i second = lanes_find_block_planes(bytes + 64);

		even[i] = _mm512_unpacklo_epi64(first, second);
		odd[i] = _mm512_unpackhi_epi64(first, second);
	}
	lanes_gather_planes(planes, even);
	lanes_gather_planes(planes + 1, odd);
}

PROOF_TARGET static ALWAYS_INLINE unsigned
lanes_tops(lanes v)
{
	return _mm512_movepi64_mask((__m512i)v);
}

PROOF_TARGET static ALWAYS_INLINE unsigned
lanes_full(lanes v)
{
	return _mm512_cmpeq_epi64_mask((__m512i)v, _mm512_set1_epi64(-1));
}

PROOF_TARGET static ALWAYS_INLINE bool
lanes_are_zero(lanes v)
{
	return _mm512_test_epi64_mask((__m512i)v, (__m512i)v) == 0;
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_increment(lanes v, unsigned which)
{
	return (lanes)_mm512_mask_sub_epi64(
		(__m512i)v, (__mmask8)which, (__m512i)v, _mm512_set1_epi64(-1));
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_invert(lanes v, unsigned which)
{
	return (lanes)_mm512_mask_xor_epi64(
		(__m512i)v, (__mmask8)which, (__m512i)v, _mm512_set1_epi64(-1));
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_shift(lanes v, lanes last, unsigned n)
{
	lanes before = __builtin_shufflevector(last, v, 7, 8, 9, 10, 11, 12, 13, 14);

	return (lanes)_mm512_shldv_epi64(
		(__m512i)v, (__m512i)before, _mm512_set1_epi64((int)n));
}

#define PROOF_FUNCTION scan_proof_avx512
#include "wire/scan_proof_lanes.h"
#endif
