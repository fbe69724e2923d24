/*
 * host: takes a Host apart, strictly, and compares its name.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

/* RFC 1035, section 2.3.4. */
#define NAME_LEN_MAX 253
#define LABEL_LEN_MAX 63
#define PORT_DIGITS_MAX 5

/* What may stand behind the name: nothing, or a colon with a port, which may be empty
 * (RFC 3986, section 3.2.3). */
static bool
is_rest(const char *text)
{
	if (text[0] == ':') {
		size_t digits = strspn(text + 1, "0123456789");

		if (digits > PORT_DIGITS_MAX)
			return false;
		text += 1 + digits;
	}
	return text[0] == '\0';
}

static bool
is_address(int family, const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];
	unsigned char address[sizeof(struct in6_addr)];

	if (len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

/* Labels with a dot between each two.  Of "localhost." the dot is not part of `len`. */
static bool
is_name(const char *name, size_t len)
{
	size_t label_len = 0;

	if (len > NAME_LEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '.' && label_len == 0)
			return false;
		label_len = name[i] == '.' ? 0 : label_len + 1;
		if (label_len > LABEL_LEN_MAX)
			return false;
		/* Container names have the underscore, whatever DNS says of it. */
		if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
			return false;
	}
	return label_len > 0;
}

static size_t
length_without_dot(const char *name, size_t len)
{
	return len > 0 && name[len - 1] == '.' ? len - 1 : len;
}

static bool
is_listed(const char *name, size_t len, const struct option_list *names)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *listed = names->items[i];

		if (length_without_dot(listed, strlen(listed)) == len &&
			strncasecmp(listed, name, len) == 0)
			return true;
	}
	return false;
}

enum host_verdict
host_judge(const char *host, const struct option_list *names)
{
	size_t len = strcspn(host, host[0] == '[' ? "]" : ":");

	if (host[0] == '[')
		return host[len] == ']' && is_rest(host + len + 1) &&
				       is_address(AF_INET6, host + 1, len - 1)
			       ? HOST_OURS
			       : HOST_BAD;
	if (!is_rest(host + len))
		return HOST_BAD;
	len = length_without_dot(host, len);
	if (!is_name(host, len))
		return HOST_BAD;
	/* The first covers localhost. */
	if (memchr(host, '.', len) == NULL || is_address(AF_INET, host, len) ||
		is_listed(host, len, names))
		return HOST_OURS;
	return HOST_FOREIGN;
}

bool
host_is_name(const char *text)
{
	return is_name(text, length_without_dot(text, strlen(text)));
}
