/*
 * filter_test: substrings, paths and scalars.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/filter.h"

#include "base/attr.h"
#include "guard.h"
#include "tap.h"

static const char message[] =
	"{\"user\":{\"name\":\"Ann\",\"Name\":\"Bob\",\"tags\":[\"x\",{\"deep\":7}]},"
	"\"n\":1.50,\"big\":1e3,\"yes\":true,\"no\":false,\"none\":null,\"\":0,"
	"\"esc\\u0061ped\":\"\\u00e9\",\"cut\":\"a\\u0000b\",\"id\":9007199254740993}";

static bool
match_field(const char *json, const char *path, const char *value)
{
	struct filter f;

	filter_init(&f);
	f.fields[f.field_count++] = (struct filter_field){path, value};
	return filter_match_text(&f, json, strlen(json));
}

static void
fields_match_by_text_and_numbers_by_value(void)
{
	static const struct {
		const char *path, *value;
		bool matches;
	} rows[] = {
		{".user.name", "Ann", true},
		{".user.name", "ann", false},
		{".user.name", "An", false},
		{".user.Name", "Bob", true},
		{".user.NAME", "Bob", false},
		{".user", "Ann", false},
		{".user.name.more", "Ann", false},
		{".user.tags.0", "x", true},
		{".user.tags.1.deep", "7", true},
		{".user.tags.2", "x", false},
		{".user.tags.x", "x", false},
		{".user.tags.99999999999999999999", "x", false},
		{".n", "1.5", true},
		{".n", "1.50", true},
		{".n", "15e-1", true},
		{".n", "1.51", false},
		{".n", "1.5x", false},
		{".n", " 1.5", false},
		{".n", "0x1.8", false},
		{".n", "", false},
		{".big", "1000", true},
		{".yes", "true", true},
		{".yes", "1", false},
		{".no", "false", true},
		{".none", "null", true},
		{".none", "", false},
		{".escaped", "\xc3\xa9", true},
		{".missing", "", false},
		{".cut", "a", false},
		{".id", "9007199254740993", true},
		{".id", "9007199254740992", false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tap_context("%s=%s", rows[i].path, rows[i].value);
		EXPECT_INT(rows[i].matches,
			match_field(message, rows[i].path, rows[i].value));
	}
}

static void
numbers_of_other_values_are_not_equal(void)
{
	static const struct {
		const char *number, *value;
		bool matches;
	} rows[] = {
		{"1e400", "1e400", true},
		{"1e400", "1e999", false},
		{"-1e400", "-1e999", false},
		{"1e400", "-1e400", false},
		{"1e-400", "0", false},
		{"0", "1e-400", false},
		{"1e-400", "1e-500", false},
		{"3e-324", "5e-324", false},
		{"1e-307", "10e-308", true},
		{"1e308", "10e307", true},
		{"0", "0.0", true},
		{"-0", "0", true},
		{"0e1", "0E-9", true},
		{"0.00", "0", true},
		{"1", "2", false},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char json[64];

		tap_context("%s=%s", rows[i].number, rows[i].value);
		(void)snprintf(json, sizeof json, "{\"n\":%s}", rows[i].number);
		EXPECT_INT(rows[i].matches, match_field(json, ".n", rows[i].value));
	}
}

static void
a_number_is_asked_for_as_json_writes_it(void)
{
	static const char *const bad[] = {"+1", "01", "1.", "1e", "1e+", "-", "--1", " 1",
		"1 ", "1,", "1]", "0x1", "1.0.0", "inf", "nan", ""};

	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		tap_context("%s", bad[i]);
		EXPECT(!match_field("{\"n\":1,\"m\":0}", ".n", bad[i]));
	}
	EXPECT(match_field("{\"n\":1}", ".n", "1.0e+0"));
	EXPECT(!match_field("{\"n\":0.1}", ".n", ".1"));
	EXPECT(!match_field("{\"n\":1.5}", ".n", "+1.5"));
}

static void
what_stands_beside_the_path_does_not_matter(void)
{
	EXPECT(!match_field("{\"a\":\"\\ud800\"}", ".a", ""));
	EXPECT(match_field("{\"a\":1,\"b\":\"\\ud800\"}", ".a", "1"));
	EXPECT(match_field("{\"a\":\"\\ud83d\\ude00!\"}", ".a", "\xf0\x9f\x98\x80!"));
	EXPECT(match_field("{\"a\":\"\\u20AC\\u00e9\\u0041\"}", ".a",
		"\xe2\x82\xac\xc3\xa9"
		"A"));
	EXPECT(match_field(
		"{\"a\":\"\\b\\f\\n\\r\\t\\/\\\\\\\"\"}", ".a", "\b\f\n\r\t/\\\""));
	EXPECT(!match_field("{\"a\":\"\\ud83d\\u0041\"}", ".a", "A"));
	EXPECT(!match_field("{\"a\":\"\\n\"}", ".a", ""));
	EXPECT(!match_field("{\"a\":\"\\n\"}", ".a", "\nx"));
	EXPECT(match_field("{ \"x\" : [ {\"a\":1} , {} ] , \"a\" : 2 }", ".a", "2"));
	EXPECT(match_field("{\"a\":1,\"a\":2}", ".a", "1"));
	EXPECT(match_field("[ [ ] , [ 7 ] ]", ".1.0", "7"));
	EXPECT(!match_field("[]", ".0", ""));
	EXPECT(!match_field("{}", ".a", ""));
	EXPECT(!match_field("7", ".a", "7"));
}

/*
 * What stands behind is memory that nobody may touch.  Were the end of each value on the
 * way looked for, a deep path would cost its depth times the message.
 */
static void
a_path_is_followed_without_a_look_behind_what_it_leads_to(void)
{
	static const char way[] = "{\"a\":[{},{\"b\":{\"c\":7,\"pad\":\"";
	struct guard g = guard_new(1);
	size_t room = (size_t)(g.end - g.begin);
	struct filter f;

	filter_init(&f);
	f.fields[f.field_count++] = (struct filter_field){".a.1.b.c", "7"};
	memset(g.begin, 'x', room);
	memcpy(g.begin, way, strlen(way));
	EXPECT(filter_match_text(&f, (const char *)g.begin, 2 * room));
}

static void
criteria_are_joined_by_and(void)
{
	struct filter f;

	filter_init(&f);
	EXPECT(filter_match_text(&f, "1", 1));
	f.substring = "Ann";
	EXPECT(filter_match_text(&f, message, sizeof message - 1));
	EXPECT(!filter_match_text(&f, "1", 1));
	f.fields[f.field_count++] = (struct filter_field){".yes", "true"};
	EXPECT(filter_match_text(&f, message, sizeof message - 1));
	f.fields[f.field_count++] = (struct filter_field){".no", "true"};
	EXPECT(!filter_match_text(&f, message, sizeof message - 1));
}

static void
paths_have_no_empty_name(void)
{
	EXPECT(filter_is_path(".a"));
	EXPECT(filter_is_path(".a.0.b"));
	EXPECT(!filter_is_path("a"));
	EXPECT(!filter_is_path("."));
	EXPECT(!filter_is_path(".a..b"));
	EXPECT(!filter_is_path(".a."));
}

int
main(void)
{
	TAP_RUN(fields_match_by_text_and_numbers_by_value);
	TAP_RUN(numbers_of_other_values_are_not_equal);
	TAP_RUN(a_number_is_asked_for_as_json_writes_it);
	TAP_RUN(what_stands_beside_the_path_does_not_matter);
	TAP_RUN(a_path_is_followed_without_a_look_behind_what_it_leads_to);
	TAP_RUN(criteria_are_joined_by_and);
	TAP_RUN(paths_have_no_empty_name);
	return tap_finish();
}
