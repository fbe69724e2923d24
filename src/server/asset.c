/*
 * asset: a table of files, and the comparison of entity tags.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/asset.h"

#include <string.h>

/* What make calls the bytes of a file, their number and their tag. */
#define EMBEDDED(name)                            \
	extern const char(name)[], name##_etag[]; \
	extern const size_t name##_len;
#define FILE_OF(name) (name), &(name##_len), (name##_etag)

#define TYPE_SCRIPT "text/javascript; charset=utf-8"

EMBEDDED(index_html)
EMBEDDED(page_css)
EMBEDDED(icon_svg)
EMBEDDED(page_js)
EMBEDDED(chart_js)
EMBEDDED(connections_js)
EMBEDDED(feed_js)
EMBEDDED(json_js)
EMBEDDED(list_js)
EMBEDDED(log_js)
EMBEDDED(rejected_js)
EMBEDDED(words_js)

static const struct asset assets[] = {
	{"/", "text/html; charset=utf-8", FILE_OF(index_html)},
	{"/page.css", "text/css; charset=utf-8", FILE_OF(page_css)},
	{"/icon.svg", "image/svg+xml", FILE_OF(icon_svg)},
	{"/page.js", TYPE_SCRIPT, FILE_OF(page_js)},
	{"/chart.js", TYPE_SCRIPT, FILE_OF(chart_js)},
	{"/connections.js", TYPE_SCRIPT, FILE_OF(connections_js)},
	{"/feed.js", TYPE_SCRIPT, FILE_OF(feed_js)},
	{"/json.js", TYPE_SCRIPT, FILE_OF(json_js)},
	{"/list.js", TYPE_SCRIPT, FILE_OF(list_js)},
	{"/log.js", TYPE_SCRIPT, FILE_OF(log_js)},
	{"/rejected.js", TYPE_SCRIPT, FILE_OF(rejected_js)},
	{"/words.js", TYPE_SCRIPT, FILE_OF(words_js)},
};

const struct asset *
asset_find(const char *path)
{
	for (size_t i = 0; i < COUNT_OF(assets); i++)
		if (strcmp(assets[i].path, path) == 0)
			return &assets[i];
	return NULL;
}

/* A tag within a list, and where it ends; false where the list is none any more. */
static bool
read_tag(const char **list, const char **tag, size_t *len)
{
	const char *p = *list + strspn(*list, " \t,");

	/* Compared weakly, as If-None-Match is. */
	if (strncmp(p, "W/", 2) == 0)
		p += 2;
	if (p[0] != '"')
		return false;
	*tag = p;
	*len = strcspn(p + 1, "\"") + 2;
	if (p[*len - 1] != '"')
		return false;
	*list = p + *len;
	return true;
}

bool
asset_is_known(const char *if_none_match, const char *etag)
{
	const char *tag;
	size_t len;

	if (if_none_match == NULL)
		return false;
	if (strcmp(if_none_match, "*") == 0)
		return true;
	while (read_tag(&if_none_match, &tag, &len))
		if (len == strlen(etag) && memcmp(tag, etag, len) == 0)
			return true;
	return false;
}

void
asset_get(const struct asset *a, const struct exchange_request *request,
	struct exchange_reply *reply)
{
	if (exchange_refuse_parameters(request, reply))
		return;
	reply->etag = a->etag;
	reply->type = a->type;
	reply->fixed = a->bytes;
	reply->fixed_len = *a->len;
	if (asset_is_known(request->if_none_match, a->etag)) {
		/* The body is not sent, but its length is said (section 8.6). */
		reply->status = EXCHANGE_NOT_MODIFIED;
		reply->type = NULL;
	}
}
