/*
 * query_test: every parameter of /messages, good and bad.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/query.h"

#include "tap.h"

static void
good_values_are_taken(void)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{"limit", "1"},
		{"limit", "1000"},
		{"before", "0"},
		{"before", "9223372036854775807"},
		{"after", "17"},
		{"since", "2026-01-31T12:00:00Z"},
		{"until", "2026-01-31T12:00:00.5+02:00"},
		{"q", "x"},
		{".a.b", ""},
		{"order", "asc"},
		{"order", "desc"},
		{"format", "json"},
		{"format", "ndjson"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct query q;

		query_init(&q);
		tap_context("%s=%s", rows[i].name, rows[i].value);
		EXPECT_TEXT(NULL, query_set(&q, rows[i].name, rows[i].value));
	}
}

static void
bad_values_are_refused_by_name(void)
{
	static const struct {
		const char *name, *value;
	} rows[] = {
		{"limit", ""},
		{"limit", "0"},
		{"limit", "1001"},
		{"limit", "-1"},
		{"limit", "+1"},
		{"limit", " 1"},
		{"limit", "1.5"},
		{"limit", "0x10"},
		{"before", ""},
		{"before", "9223372036854775808"},
		{"before", "99999999999999999999"},
		{"after", "one"},
		{"since", "yesterday"},
		{"since", "2026-01-31"},
		{"until", "2026-01-31T12:00:00 02:00"},
		{"q", ""},
		{"order", "ASC"},
		{"order", ""},
		{"format", "xml"},
		{"Limit", "1"},
		{"", ""},
		{".", "x"},
		{".a..b", "x"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct query q;
		const char *mistake;

		query_init(&q);
		tap_context("%s=%s", rows[i].name, rows[i].value);
		mistake = query_set(&q, rows[i].name, rows[i].value);
		if (EXPECT(mistake != NULL) && rows[i].name[0] >= 'a')
			EXPECT(strncmp(mistake, rows[i].name, strlen(rows[i].name)) == 0);
	}
}

static void
a_parameter_may_stand_once(void)
{
	static const char *const values[][2] = {{"limit", "1"}, {"before", "1"},
		{"after", "1"}, {"since", "2026-01-31T12:00:00Z"},
		{"until", "2026-01-31T12:00:00Z"}, {"q", "x"}, {"order", "asc"},
		{"format", "json"}, {".a", "1"}};

	for (size_t i = 0; i < COUNT_OF(values); i++) {
		struct query q;

		query_init(&q);
		tap_context("%s", values[i][0]);
		EXPECT_TEXT(NULL, query_set(&q, values[i][0], values[i][1]));
		EXPECT(query_set(&q, values[i][0], values[i][1]) != NULL);
	}
}

static void
fields_are_many_but_bounded(void)
{
	char names[FILTER_FIELDS_MAX + 1][8];
	struct query q;

	query_init(&q);
	for (int i = 0; i <= FILTER_FIELDS_MAX; i++) {
		(void)snprintf(names[i], sizeof names[i], ".f%d", i);
		EXPECT_INT(i == FILTER_FIELDS_MAX, query_set(&q, names[i], "1") != NULL);
	}
	EXPECT_INT(FILTER_FIELDS_MAX, q.filter.field_count);
}

static void
the_limit_has_a_default_except_for_the_stream(void)
{
	struct query q;

	query_init(&q);
	query_finish(&q);
	EXPECT_INT(QUERY_LIMIT_DEFAULT, q.limit);
	query_init(&q);
	EXPECT_TEXT(NULL, query_set(&q, "format", "ndjson"));
	query_finish(&q);
	EXPECT_INT(0, q.limit);
	EXPECT_TEXT(NULL, query_set(&q, "limit", "5"));
	query_finish(&q);
	EXPECT_INT(5, q.limit);
}

int
main(void)
{
	TAP_RUN(good_values_are_taken);
	TAP_RUN(bad_values_are_refused_by_name);
	TAP_RUN(a_parameter_may_stand_once);
	TAP_RUN(fields_are_many_but_bounded);
	TAP_RUN(the_limit_has_a_default_except_for_the_stream);
	return tap_finish();
}
