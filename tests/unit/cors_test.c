/*
 * cors_test: who may read, and what the options take for an origin.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/cors.h"

#include "tap.h"

static const struct option_list none = {.count = 0};
static const struct option_list any = {.items = {"https://a.example", "*"}, .count = 2};
static const struct option_list two = {
	.items = {"https://a.example", "http://localhost:3000"}, .count = 2};

static void
nobody_is_allowed_unless_named(void)
{
	EXPECT_TEXT(NULL, cors_allow(&none, NULL));
	EXPECT_TEXT(NULL, cors_allow(&none, "https://a.example"));
	EXPECT_TEXT(NULL, cors_allow(&none, "null"));
	EXPECT(!cors_varies(&none));
}

static void
who_is_named_is_echoed(void)
{
	static const char *const strangers[] = {"", "null", "*", "https://b.example",
		"http://a.example", "https://a.example:8443", "https://a.example.org",
		"https://a.example/", "https://a.exampl", "http://localhost",
		"https://a.example https://a.example"};

	EXPECT_TEXT("https://a.example", cors_allow(&two, "https://a.example"));
	EXPECT_TEXT("http://localhost:3000", cors_allow(&two, "http://localhost:3000"));
	EXPECT_TEXT("HTTPS://A.example", cors_allow(&two, "HTTPS://A.example"));
	EXPECT_TEXT(NULL, cors_allow(&two, NULL));
	for (size_t i = 0; i < COUNT_OF(strangers); i++) {
		tap_context("Origin: %s", strangers[i]);
		EXPECT_TEXT(NULL, cors_allow(&two, strangers[i]));
	}
	EXPECT(cors_varies(&two));
}

static void
a_star_is_everybody(void)
{
	EXPECT_TEXT("*", cors_allow(&any, NULL));
	EXPECT_TEXT("*", cors_allow(&any, "null"));
	EXPECT_TEXT("*", cors_allow(&any, "https://b.example"));
	EXPECT(!cors_varies(&any));
}

static void
an_option_takes_origins(void)
{
	static const char *const good[] = {"*", "https://example.org",
		"http://localhost:3000", "http://[::1]:8080", "http://192.0.2.1",
		"moz-extension://abc", "http://example.org:443", "https://example.org:80",
		"http://[::80]", "https://example.org:8443"};
	static const char *const bad[] = {"", "null", "**", "example.org",
		"https://example.org/", "https://example.org/page", "https://", "://x",
		"https:/x", "https://*.example.org", "https://a b", "1http://x",
		"https://user@example.org", "http://example.org:80",
		"https://example.org:443", "HTTPS://example.org:443", "http://[::1]:80"};

	for (size_t i = 0; i < COUNT_OF(good); i++) {
		tap_context("%s", good[i]);
		EXPECT(cors_is_origin(good[i]));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		tap_context("%s", bad[i]);
		EXPECT(!cors_is_origin(bad[i]));
	}
}

int
main(void)
{
	TAP_RUN(nobody_is_allowed_unless_named);
	TAP_RUN(who_is_named_is_echoed);
	TAP_RUN(a_star_is_everybody);
	TAP_RUN(an_option_takes_origins);
	return tap_finish();
}
