/*
 * address: parsing, resolving and writing of host:port.  No state of its own; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
parse_port(const char *text, uint16_t *out)
{
	char *end;
	unsigned long port;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	port = strtoul(text, &end, 10);
	if (*end != '\0' || port > 65535)
		return -1;
	*out = (uint16_t)port;
	return 0;
}

int
address_parse(const char *text, struct address *out, const char **why)
{
	const char *host = text, *colon = strrchr(text, ':');
	size_t host_len;

	if (strstr(text, "://") != NULL) {
		*why = "expected HOST:PORT, without http:// or what is like it";
		return -1;
	}
	*why = "expected HOST:PORT, [IPV6]:PORT or *:PORT";
	if (colon == NULL)
		return -1;
	host_len = (size_t)(colon - text);
	if (text[0] == '[') {
		if (host_len < 2 || colon[-1] != ']')
			return -1;
		host++;
		host_len -= 2;
	} else if (memchr(text, ':', host_len) != NULL) {
		if (text[strspn(text, "0123456789abcdefABCDEF:")] == '\0')
			*why = "an IPv6 address needs brackets: [::1]:8888";
		return -1;
	}
	if (host_len == 0)
		return -1;
	if (host_len >= sizeof out->host) {
		*why = "the host name is too long";
		return -1;
	}
	memcpy(out->host, host, host_len);
	out->host[host_len] = '\0';
	if (parse_port(colon + 1, &out->port) != 0) {
		*why = "the port must be a number from 0 to 65535";
		return -1;
	}
	return 0;
}

/* Appends what getaddrinfo says of one host; NULL is every address of the machine. */
static int
append_host(const char *host, uint16_t port, struct address_list *out)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *first, *item;
	char port_text[6];
	int result;

	(void)snprintf(port_text, sizeof port_text, "%u", (unsigned)port);
	result = getaddrinfo(host, port_text, &hints, &first);
	if (result != 0)
		return result;
	for (item = first; item != NULL && out->count < ADDRESS_LIST_MAX;
		item = item->ai_next) {
		if (item->ai_family != AF_INET && item->ai_family != AF_INET6)
			continue;
		memcpy(&out->items[out->count++], item->ai_addr, item->ai_addrlen);
	}
	freeaddrinfo(first);
	return 0;
}

int
address_resolve(const struct address *address, struct address_list *out, const char **why)
{
	int result;

	memset(out, 0, sizeof *out);
	if (strcmp(address->host, "localhost") == 0) {
		result = append_host("127.0.0.1", address->port, out);
		if (result == 0)
			result = append_host("::1", address->port, out);
	} else if (strcmp(address->host, "*") == 0) {
		result = append_host(NULL, address->port, out);
	} else {
		result = append_host(address->host, address->port, out);
	}
	if (result == 0 && out->count > 0)
		return 0;
	*why = result == 0 ? "the name has no IP address" : gai_strerror(result);
	return -1;
}

socklen_t
address_length(const struct sockaddr_storage *socket_address)
{
	return socket_address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						     : sizeof(struct sockaddr_in);
}

/* The port stands at the same place in both families. */
_Static_assert(offsetof(struct sockaddr_in, sin_port) ==
		       offsetof(struct sockaddr_in6, sin6_port),
	"sin_port and sin6_port");

uint16_t
address_port(const struct sockaddr_storage *socket_address)
{
	return ntohs(((const struct sockaddr_in *)socket_address)->sin_port);
}

void
address_set_port(struct sockaddr_storage *socket_address, uint16_t port)
{
	((struct sockaddr_in *)socket_address)->sin_port = htons(port);
}

void
address_format(const struct sockaddr_storage *socket_address, char out[ADDRESS_TEXT_MAX])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)socket_address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)socket_address;
	const void *bytes = &v4->sin_addr;
	char host[INET6_ADDRSTRLEN] = "?";
	int family = AF_INET;

	if (socket_address->ss_family == AF_INET6) {
		family = AF_INET6;
		bytes = &v6->sin6_addr;
		if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
			family = AF_INET;
			bytes = &v6->sin6_addr.s6_addr[12];
		}
	}
	(void)inet_ntop(family, bytes, host, sizeof host);
	(void)snprintf(out, ADDRESS_TEXT_MAX, family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		host, (unsigned)address_port(socket_address));
}
