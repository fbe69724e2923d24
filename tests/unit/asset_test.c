/*
 * asset_test: the embedded files, and which If-None-Match knows a tag.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/asset.h"

#include "tap.h"

static void
a_file_is_found_by_its_whole_path(void)
{
	const struct asset *page = asset_find("/");

	if (!EXPECT(page != NULL))
		return;
	EXPECT_TEXT("text/html; charset=utf-8", page->type);
	EXPECT(strncmp(page->bytes, "<!DOCTYPE html>", 15) == 0);
	EXPECT_INT('\n', page->bytes[*page->len - 1]);
	EXPECT_INT('\0', page->bytes[*page->len]);
	EXPECT(asset_find("/page.js") != NULL);
	EXPECT(asset_find("/page.j") == NULL);
	EXPECT(asset_find("/page.js/") == NULL);
	EXPECT(asset_find("") == NULL);
}

static void
a_tag_is_quoted_and_the_file_s_own(void)
{
	const struct asset *page = asset_find("/"), *style = asset_find("/page.css");

	if (!EXPECT(page != NULL && style != NULL))
		return;
	EXPECT_INT(34, strlen(page->etag));
	EXPECT(page->etag[0] == '"' && page->etag[33] == '"');
	EXPECT(strcmp(page->etag, style->etag) != 0);
}

static void
a_known_tag_is_found(void)
{
	static const char *const rows[] = {"\"a\"", "W/\"a\"", "*", "\"b\", \"a\"",
		"\"b\",W/\"c\" ,\t\"a\"", "\"x, y\", \"a\"", ", \"a\"", "\"a\", junk"};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tap_context("%s", rows[i]);
		EXPECT(asset_is_known(rows[i], "\"a\""));
	}
}

static void
another_tag_is_not(void)
{
	static const char *const rows[] = {NULL, "", "a", "\"A\"", "\"ab\"", "\"\"",
		"w/\"a\"", "W/a", "\"a", "junk, \"a\"", "**", "\"b\" *", "\"x \"a\" y\""};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tap_context("%s", rows[i] != NULL ? rows[i] : "no field");
		EXPECT(!asset_is_known(rows[i], "\"a\""));
	}
}

static void
a_reply_has_the_file_or_says_that_it_is_the_same(void)
{
	const struct asset *page = asset_find("/");
	struct exchange_request request = {.is_get = true, .path = "/"};
	struct exchange_reply reply = {.status = EXCHANGE_OK}, again = reply;

	if (!EXPECT(page != NULL))
		return;
	asset_get(page, &request, &reply);
	EXPECT_INT(EXCHANGE_OK, reply.status);
	EXPECT_TEXT(page->etag, reply.etag);
	EXPECT(reply.fixed == page->bytes && reply.fixed_len == *page->len);
	request.if_none_match = reply.etag;
	asset_get(page, &request, &again);
	EXPECT_INT(EXCHANGE_NOT_MODIFIED, again.status);
	EXPECT_TEXT(page->etag, again.etag);
	EXPECT_TEXT(NULL, again.type);
}

int
main(void)
{
	TAP_RUN(a_file_is_found_by_its_whole_path);
	TAP_RUN(a_tag_is_quoted_and_the_file_s_own);
	TAP_RUN(a_known_tag_is_found);
	TAP_RUN(another_tag_is_not);
	TAP_RUN(a_reply_has_the_file_or_says_that_it_is_the_same);
	return tap_finish();
}
