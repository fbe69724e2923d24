/*
 * route_test: the table of routes and /openapi.json have the same paths.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/route.h"

#include <cjson/cJSON.h>

#include "tap.h"

extern const char openapi_json[];

/*
 * A path of the table, and one that the document has, such as "/messages/{id}".  The
 * page's own files are answered as the page is.
 */
static bool
covers(const char *route, const char *documented)
{
	size_t len = strlen(route);

	if (strcmp(documented, "/{file}") == 0)
		return strcmp(route, "/") == 0;
	return strcmp(route, documented) == 0 ||
	       (len > 1 && route[len - 1] == '/' && strncmp(route, documented, len) == 0);
}

static void
every_route_is_in_the_document(void)
{
	cJSON *root = cJSON_Parse(openapi_json);
	const cJSON *path, *paths = cJSON_GetObjectItemCaseSensitive(root, "paths");
	const char *route;

	EXPECT(cJSON_GetArraySize(paths) > 0);
	for (size_t i = 0; (route = route_path(i)) != NULL; i++) {
		bool is_there = false;

		cJSON_ArrayForEach(path, paths) is_there =
			is_there || covers(route, path->string);
		tap_context("%s", route);
		EXPECT(is_there);
	}
	cJSON_Delete(root);
}

static void
the_document_has_no_path_without_a_route(void)
{
	cJSON *root = cJSON_Parse(openapi_json);
	const cJSON *path, *paths = cJSON_GetObjectItemCaseSensitive(root, "paths");

	cJSON_ArrayForEach(path, paths)
	{
		bool is_there = false;

		for (size_t i = 0; route_path(i) != NULL; i++)
			is_there = is_there || covers(route_path(i), path->string);
		tap_context("%s", path->string);
		EXPECT(is_there);
	}
	cJSON_Delete(root);
}

int
main(void)
{
	TAP_RUN(every_route_is_in_the_document);
	TAP_RUN(the_document_has_no_path_without_a_route);
	return tap_finish();
}
