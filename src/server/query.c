/*
 * query: a table of parameters and a function for each.  No state of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

bool
query_read_whole(const char *text, uint64_t *out)
{
	uint64_t value = 0;

	if (text[0] == '\0' || strlen(text) > 19)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
	}
	*out = value;
	return value <= INT64_MAX;
}

static const char *
set_limit(struct query *q, const char *value)
{
	uint64_t limit;

	if (!query_read_whole(value, &limit) || limit < 1 || limit > QUERY_LIMIT_MAX)
		return "limit must be a number from 1 to 1000";
	q->limit = (unsigned)limit;
	return NULL;
}

static const char *
set_before(struct query *q, const char *value)
{
	return query_read_whole(value, &q->filter.before) ? NULL
							  : "before must be a message id";
}

static const char *
set_after(struct query *q, const char *value)
{
	return query_read_whole(value, &q->filter.after) ? NULL
							 : "after must be a message id";
}

static const char *
set_since(struct query *q, const char *value)
{
	if (clock_parse_rfc3339(value, &q->filter.since_us) == 0)
		return NULL;
	return "since must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z "
	       "(write + as %2B)";
}

static const char *
set_until(struct query *q, const char *value)
{
	if (clock_parse_rfc3339(value, &q->filter.until_us) == 0)
		return NULL;
	return "until must be a time as in RFC 3339, such as 2026-01-31T12:00:00Z "
	       "(write + as %2B)";
}

static const char *
set_q(struct query *q, const char *value)
{
	if (value[0] == '\0')
		return "q must not be empty";
	q->filter.substring = value;
	return NULL;
}

static const char *
set_order(struct query *q, const char *value)
{
	q->is_ascending = strcmp(value, "asc") == 0;
	if (q->is_ascending || strcmp(value, "desc") == 0)
		return NULL;
	return "order must be asc or desc";
}

static const char *
set_format(struct query *q, const char *value)
{
	q->is_ndjson = strcmp(value, "ndjson") == 0;
	if (q->is_ndjson || strcmp(value, "json") == 0)
		return NULL;
	return "format must be json or ndjson";
}

static const struct parameter {
	const char *name;
	const char *(*set)(struct query *q, const char *value);
	const char *repeated;
} parameters[] = {
	{"limit", set_limit, "limit is given twice"},
	{"before", set_before, "before is given twice"},
	{"after", set_after, "after is given twice"},
	{"since", set_since, "since is given twice"},
	{"until", set_until, "until is given twice"},
	{"q", set_q, "q is given twice"},
	{"order", set_order, "order is given twice"},
	{"format", set_format, "format is given twice"},
};

static const char *
set_field(struct query *q, const char *path, const char *value)
{
	struct filter *f = &q->filter;

	if (!filter_is_path(path))
		return "a field is named like .user.name";
	for (size_t i = 0; i < f->field_count; i++)
		if (strcmp(f->fields[i].path, path) == 0)
			return "a field is given twice";
	if (f->field_count == FILTER_FIELDS_MAX)
		return "too many fields";
	f->fields[f->field_count++] = (struct filter_field){path, value};
	return NULL;
}

void
query_init(struct query *q)
{
	*q = (struct query){0};
	filter_init(&q->filter);
}

const char *
query_set(struct query *q, const char *name, const char *value)
{
	if (name[0] == '.')
		return set_field(q, name, value);
	for (unsigned i = 0; i < COUNT_OF(parameters); i++) {
		if (strcmp(parameters[i].name, name) != 0)
			continue;
		if (q->seen & (1U << i))
			return parameters[i].repeated;
		q->seen |= 1U << i;
		return parameters[i].set(q, value);
	}
	return "unknown parameter; known are limit, before, after, since, until, q, "
	       "order, "
	       "format and .path.to.field";
}

void
query_finish(struct query *q)
{
	if (q->limit == 0 && !q->is_ndjson)
		q->limit = QUERY_LIMIT_DEFAULT;
}
