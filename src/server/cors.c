/*
 * cors: compares origins.  No state of its own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/cors.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define ANY "*"

static bool
is_any(const struct option_list *origins)
{
	for (size_t i = 0; i < origins->count; i++)
		if (strcmp(origins->items[i], ANY) == 0)
			return true;
	return false;
}

const char *
cors_allow(const struct option_list *origins, const char *origin)
{
	if (is_any(origins))
		return ANY;
	for (size_t i = 0; origin != NULL && i < origins->count; i++)
		if (strcasecmp(origins->items[i], origin) == 0)
			return origin;
	return NULL;
}

bool
cors_varies(const struct option_list *origins)
{
	return origins->count > 0 && !is_any(origins);
}

/* A port that goes without saying for its scheme, and that browsers do not say. */
static bool
has_default_port(const char *origin)
{
	const char *port = strrchr(origin, ':');

	return (strncasecmp(origin, "http://", strlen("http://")) == 0 &&
		       strcmp(port, ":80") == 0) ||
	       (strncasecmp(origin, "https://", strlen("https://")) == 0 &&
		       strcmp(port, ":443") == 0);
}

/*
 * "null" is none: every page in a sandbox, of whomever, has it.  Nor is what ends in a
 * slash, which people copy out of an address line and no browser sends, nor what no
 * browser would send with its port.
 */
bool
cors_is_origin(const char *text)
{
	size_t scheme_len = strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
	const char *host = text + scheme_len + strlen("://");

	if (strcmp(text, ANY) == 0)
		return true;
	if (!isalpha((unsigned char)text[0]) ||
		strncmp(text + scheme_len, "://", strlen("://")) != 0 || host[0] == '\0')
		return false;
	for (; *host != '\0'; host++)
		if (!isalnum((unsigned char)*host) && strchr("-._:[]", *host) == NULL)
			return false;
	return !has_default_port(text);
}
