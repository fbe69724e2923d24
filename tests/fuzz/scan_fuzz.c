/*
 * scan_fuzz: the scanner against the reference, on every path and in many cuts.
 *
 * The input is the text.  Whole, byte by byte and in random cuts, and on each path that
 * the machine has, the scanner must say what the reference says: result, length and
 * reason; and all must give the same error text.  The bytes lie against guard pages.
 *
 * SPDX-License-Identifier: MIT
 */
#include "wire/scan.h"

#include "../unit/guard.h"
#include "fuzz.h"
#include "reference.h"

#define RANDOM_WAYS 3
#define SMALL_DEPTH 12
/* In front of and behind an input that is to lie among whole blocks. */
#define FILLER_BYTES 544

const char fuzz_name[] = "scan";

enum way { WAY_LAST, WAY_FIRST, WAY_BYTES, WAY_RANDOM };

static struct {
	unsigned more, may_end, done, bad[REJECT_COUNT];
} seen;

struct outcome {
	struct reference what;
	const char *error;
};

static size_t
part_len(enum way way, uint64_t *random, size_t left)
{
	if (way == WAY_RANDOM)
		return fuzz_cut(random, left);
	if (way == WAY_BYTES)
		return left < 1 ? left : 1;
	return left;
}

static struct outcome
scan_in_parts(const uint8_t *text, size_t len, unsigned max_depth, enum way way,
	uint64_t *random)
{
	static struct guard guard;
	struct outcome o = {.what.result = SCAN_MORE};
	struct scan s;

	if (guard.begin == NULL)
		guard = guard_new(FUZZ_INPUT_MAX);
	memset(&s, 0xa5, sizeof s);
	scan_begin(&s, max_depth, SIZE_MAX);
	do {
		size_t part = part_len(way, random, len - o.what.used);
		size_t used = SIZE_MAX;
		const uint8_t *bytes = text + o.what.used;

		bytes = way == WAY_FIRST ? guard_place_first(&guard, bytes, part)
					 : guard_place_last(&guard, bytes, part);
		o.what.result = scan_feed(&s, bytes, part, &used);
		FUZZ_CHECK(used <= part);
		FUZZ_CHECK(o.what.result != SCAN_MORE || used == part);
		o.what.used += used;
	} while (o.what.result == SCAN_MORE && o.what.used < len);
	if (o.what.result == SCAN_MORE)
		o.what.may_end = scan_may_end(&s);
	if (o.what.result == SCAN_BAD) {
		o.what.reason = s.reason;
		o.error = s.error;
	}
	return o;
}

static void
check_ways(const uint8_t *text, size_t len, unsigned max_depth, size_t ways,
	uint64_t random, const struct reference *expected)
{
	const char *error = NULL;

	for (size_t i = 0; i < ways; i++) {
		enum way way = i < WAY_RANDOM ? (enum way)i : WAY_RANDOM;
		struct outcome o = scan_in_parts(text, len, max_depth, way, &random);

		FUZZ_CHECK(o.what.result == expected->result);
		FUZZ_CHECK(o.what.used == expected->used);
		FUZZ_CHECK(o.what.reason == expected->reason);
		FUZZ_CHECK(o.what.may_end == expected->may_end);
		FUZZ_CHECK((o.error != NULL) == (expected->result == SCAN_BAD));
		if (i == 0)
			error = o.error;
		FUZZ_CHECK(error == o.error || strcmp(error, o.error) == 0);
	}
}

static void
check_text(
	const uint8_t *text, size_t len, unsigned max_depth, size_t ways, uint64_t random)
{
	struct reference expected = reference_scan(text, len, max_depth);

	for (enum scan_path path = 0; path < SCAN_PATH_COUNT; path++)
		if (scan_use_path(path))
			check_ways(text, len, max_depth, ways, random, &expected);
	seen.more += expected.result == SCAN_MORE;
	seen.may_end += expected.may_end;
	seen.done += expected.result == SCAN_DONE;
	if (expected.result == SCAN_BAD)
		seen.bad[expected.reason]++;
}

/*
 * The scanner proves whole blocks only within longer texts: the same once more as members
 * or elements, at any place of a block.
 */
static void
check_within(const uint8_t *data, size_t size, uint64_t random)
{
	static char text[FUZZ_INPUT_MAX];
	static const char x[] =
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	bool in_object = random % 2 != 0;
	int len;

	if (size > FUZZ_INPUT_MAX - 2 * FILLER_BYTES)
		return;
	len = sprintf(text, "%s\"%s%s%s%s\",%*s", in_object ? "{\"k\":" : "[", x, x, x, x,
		(int)(random / 2 % 64), "");
	memcpy(text + len, data, size);
	len += (int)size;
	len += sprintf(text + len, ",%s\"%s%s%s%s%s%s%s%s\"%s", in_object ? "\"l\":" : "",
		x, x, x, x, x, x, x, x, in_object ? "}" : "]");
	check_text((const uint8_t *)text, (size_t)len,
		(random >> 8) % 4 == 0 ? 1 + (unsigned)(random % SMALL_DEPTH)
				       : SCAN_DEPTH_MAX,
		WAY_BYTES, random);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t random = fuzz_seed(data, size);

	if (size > FUZZ_INPUT_MAX)
		return 0;
	check_text(data, size, SCAN_DEPTH_MAX, WAY_RANDOM + RANDOM_WAYS, random);
	check_text(data, size, 1 + (unsigned)(random % SMALL_DEPTH),
		WAY_RANDOM + RANDOM_WAYS, random);
	check_within(data, size, random);
	return 0;
}

const char *
fuzz_missing(void)
{
	return seen.more == 0                   ? "a text that goes on"
	       : seen.may_end == 0              ? "a number that may end"
	       : seen.done == 0                 ? "a text that is whole"
	       : seen.bad[REJECT_syntax] == 0   ? "a text that is no JSON"
	       : seen.bad[REJECT_utf8] == 0     ? "a text that is no UTF-8"
	       : seen.bad[REJECT_too_deep] == 0 ? "a text that is too deep"
						: NULL;
}
