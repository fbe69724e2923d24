/*
 * filter_fuzz: a field filter against a look-up in cJSON's tree of the same text.
 *
 * The input is a line with a path, a line with a value, and behind them a text.  The
 * filter follows the path in the text itself, against a guard page; in the tree it must
 * lead to the same scalar.  Texts that cJSON cannot hold are only run.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/filter.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "../unit/guard.h"
#include "fuzz.h"
#include "wire/frame.h"

const char fuzz_name[] = "filter";

static struct {
	unsigned strings, numbers, literals, misses, unreadable;
} seen;

/* The lines before the text, ended by a NUL. */
struct criterion {
	char path[FUZZ_INPUT_MAX], value[FUZZ_INPUT_MAX];
};

/* Moves one line out of the input; false: there is none, or it is no C string. */
static bool
take_line(char *out, const uint8_t **data, size_t *size)
{
	const uint8_t *end = memchr(*data, '\n', *size);
	size_t len;

	if (end == NULL)
		return false;
	len = (size_t)(end - *data);
	memcpy(out, *data, len);
	out[len] = '\0';
	*data += len + 1;
	*size -= len + 1;
	return strlen(out) == len;
}

/* No text has an element with a greater index. */
static const cJSON *
element_at(const cJSON *array, const char *name, size_t len)
{
	int index = 0;

	for (size_t i = 0; i < len && index <= FUZZ_INPUT_MAX; i++) {
		if (name[i] < '0' || name[i] > '9')
			return NULL;
		index = index * 10 + (name[i] - '0');
	}
	return cJSON_GetArrayItem(array, index);
}

static const cJSON *
child_named(const cJSON *parent, const char *name, size_t len)
{
	if (cJSON_IsArray(parent))
		return element_at(parent, name, len);
	if (!cJSON_IsObject(parent))
		return NULL;
	for (const cJSON *child = parent->child; child != NULL; child = child->next)
		if (strlen(child->string) == len && memcmp(child->string, name, len) == 0)
			return child;
	return NULL;
}

static const cJSON *
look_up(const cJSON *value, const char *path)
{
	while (value != NULL && *path == '.') {
		size_t len = strcspn(path + 1, ".");

		value = child_named(value, path + 1, len);
		path += 1 + len;
	}
	return value;
}

/* How a number was written the tree does not say: only what matches can be checked. */
static void
check_number(const cJSON *number, const char *text, bool matched)
{
	char *end;
	double value = strtod(text, &end);

	if (!matched)
		return;
	seen.numbers++;
	FUZZ_CHECK(*text != '\0' && *end == '\0');
	FUZZ_CHECK(value >= number->valuedouble && value <= number->valuedouble);
}

static void
check_scalar(const cJSON *scalar, const char *text, bool matched)
{
	const char *literal = cJSON_IsTrue(scalar)    ? "true"
			      : cJSON_IsFalse(scalar) ? "false"
			      : cJSON_IsNull(scalar)  ? "null"
						      : NULL;

	if (literal != NULL) {
		FUZZ_CHECK(matched == (strcmp(literal, text) == 0));
		seen.literals += matched;
	} else if (cJSON_IsString(scalar)) {
		FUZZ_CHECK(matched == (strcmp(scalar->valuestring, text) == 0));
		seen.strings += matched;
	} else if (cJSON_IsNumber(scalar)) {
		check_number(scalar, text, matched);
	} else {
		FUZZ_CHECK(!matched);
	}
	seen.misses += !matched;
}

static void
check_match(const struct criterion *c, const uint8_t *text, size_t len)
{
	static struct guard guard;
	struct filter filter;
	const char *json;
	bool matched;
	cJSON *tree;

	if (guard.begin == NULL)
		guard = guard_new(FUZZ_INPUT_MAX);
	json = (const char *)guard_place_last(&guard, text, len);
	filter_init(&filter);
	filter.fields[0] = (struct filter_field){c->path, c->value};
	filter.field_count = 1;
	matched = filter_match_text(&filter, json, len);
	/* Its texts end at a NUL. */
	tree = memmem(json, len, "\\u0000", 6) == NULL ? cJSON_ParseWithLength(json, len)
						       : NULL;
	if (tree != NULL)
		check_scalar(look_up(tree, c->path), c->value, matched);
	else
		seen.unreadable++;
	cJSON_Delete(tree);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct criterion c;
	struct frame_item item;

	if (size > FUZZ_INPUT_MAX || !take_line(c.path, &data, &size) ||
		!take_line(c.value, &data, &size) || !filter_is_path(c.path))
		return 0;
	if (frame_judge(data, size, SCAN_DEPTH_MAX, &item) == FRAME_MESSAGE)
		check_match(&c, item.text, item.len);
	return 0;
}

const char *
fuzz_missing(void)
{
	return seen.strings == 0      ? "a string that matches"
	       : seen.numbers == 0    ? "a number that matches"
	       : seen.literals == 0   ? "a literal that matches"
	       : seen.misses == 0     ? "no match"
	       : seen.unreadable == 0 ? "a text that cJSON cannot hold"
				      : NULL;
}
