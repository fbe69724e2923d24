/*
 * filter: matching of one message's text.  No state of its own; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/filter.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

void
filter_init(struct filter *f)
{
	*f = (struct filter){
		.before = UINT64_MAX, .since_us = INT64_MIN, .until_us = INT64_MAX};
}

bool
filter_needs_text(const struct filter *f)
{
	return f->substring != NULL || f->field_count > 0;
}

bool
filter_is_path(const char *path)
{
	if (path[0] != '.')
		return false;
	for (const char *p = path; *p != '\0'; p++)
		if (p[0] == '.' && (p[1] == '.' || p[1] == '\0'))
			return false;
	return true;
}

static const cJSON *
element_at(const cJSON *array, const char *name, size_t len)
{
	size_t index = 0;

	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9' || index > 100000000)
			return NULL;
		index = index * 10 + (size_t)(name[i] - '0');
	}
	return cJSON_GetArrayItem(array, (int)index);
}

/* By hand: cJSON_GetObjectItem ignores case and wants a name that ends with NUL. */
static const cJSON *
member_named(const cJSON *object, const char *name, size_t len)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, object)
	{
		if (strlen(member->string) == len &&
			memcmp(member->string, name, len) == 0)
			return member;
	}
	return NULL;
}

static const cJSON *
find(const cJSON *tree, const char *path)
{
	while (tree != NULL && *path == '.') {
		const char *name = path + 1;
		size_t len = strcspn(name, ".");

		if (cJSON_IsObject(tree))
			tree = member_named(tree, name, len);
		else if (cJSON_IsArray(tree))
			tree = element_at(tree, name, len);
		else
			tree = NULL;
		path = name + len;
	}
	return tree;
}

static bool
number_equals(double number, const char *text)
{
	char *end;
	double wanted;

	/* What JSON writes numbers with: neither white space nor hexadecimal. */
	if (text[strspn(text, "0123456789+-.eE")] != '\0')
		return false;
	wanted = strtod(text, &end);
	return end != text && *end == '\0' && wanted >= number && wanted <= number;
}

static bool
scalar_equals(const cJSON *scalar, const char *text)
{
	if (cJSON_IsString(scalar))
		return strcmp(scalar->valuestring, text) == 0;
	if (cJSON_IsNumber(scalar))
		return number_equals(scalar->valuedouble, text);
	if (cJSON_IsTrue(scalar))
		return strcmp(text, "true") == 0;
	if (cJSON_IsFalse(scalar))
		return strcmp(text, "false") == 0;
	return cJSON_IsNull(scalar) && strcmp(text, "null") == 0;
}

static bool
match_fields(const struct filter *f, const char *json, size_t len)
{
	cJSON *tree = cJSON_ParseWithLength(json, len);
	bool matches = tree != NULL;

	for (size_t i = 0; matches && i < f->field_count; i++)
		matches =
			scalar_equals(find(tree, f->fields[i].path), f->fields[i].value);
	cJSON_Delete(tree);
	return matches;
}

bool
filter_match_text(const struct filter *f, const char *json, size_t len)
{
	if (f->substring != NULL &&
		memmem(json, len, f->substring, strlen(f->substring)) == NULL)
		return false;
	return f->field_count == 0 || match_fields(f, json, len);
}
