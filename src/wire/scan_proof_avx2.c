/*
 * scan_proof_avx2: four blocks at once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/scan_proof.h"

#ifdef __x86_64__
#include "base/attr.h"
#include "wire/scan_block.h"

#define PROOF_TARGET SCAN_TARGET_AVX2
#define PROOF_LANES 4
/* More than one proof takes: what was just written word by word is slow to load. */
#define PROOF_PLANE_BLOCKS 16

typedef uint64_t lanes __attribute__((vector_size(8 * PROOF_LANES)));

PROOF_TARGET static NO_INLINE void
lanes_find_planes(
	uint64_t planes[8][PROOF_PLANE_BLOCKS], const uint8_t *bytes, size_t blocks)
{
	for (size_t i = 0; i < blocks; i++, bytes += 64) {
		__m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
		__m256i high =
			_mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));

		/* Takes the highest bit of each byte and moves the next one up. */
#pragma GCC unroll 8
		for (unsigned n = 8; n-- > 0;) {
			planes[n][i] = (uint64_t)(unsigned)_mm256_movemask_epi8(low) |
				       (uint64_t)(unsigned)_mm256_movemask_epi8(high)
					       << 32;
			low = _mm256_add_epi8(low, low);
			high = _mm256_add_epi8(high, high);
		}
	}
}

PROOF_TARGET static ALWAYS_INLINE unsigned
lanes_tops(lanes v)
{
	return (unsigned)_mm256_movemask_pd((__m256d)v);
}

PROOF_TARGET static ALWAYS_INLINE unsigned
lanes_full(lanes v)
{
	return lanes_tops((lanes)(v == ~(lanes){0}));
}

PROOF_TARGET static ALWAYS_INLINE bool
lanes_are_zero(lanes v)
{
	return _mm256_testz_si256((__m256i)v, (__m256i)v);
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_spread(unsigned bits)
{
	return ((lanes){bits, bits, bits, bits} >> (lanes){0, 1, 2, 3}) & 1;
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_increment(lanes v, unsigned which)
{
	return v + lanes_spread(which);
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_invert(lanes v, unsigned which)
{
	return v ^ -lanes_spread(which);
}

PROOF_TARGET static ALWAYS_INLINE lanes
lanes_shift(lanes v, lanes last, unsigned n)
{
	lanes before = __builtin_shufflevector(last, v, 3, 4, 5, 6);

	return v << n | before >> (64 - n);
}

#define PROOF_FUNCTION scan_proof_avx2
#include "wire/scan_proof_lanes.h"
#endif
