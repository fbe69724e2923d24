/*
 * address: "host:port" as people write it, and socket addresses as text.
 *
 * Accepted: "localhost:8888", "192.0.2.1:8888", "[::1]:8888", "name:8888", and "*:8888"
 * for every address of the machine.  "localhost" is both loopback addresses, whatever the
 * hosts file says (RFC 6761, section 6.3).  No state; any thread; address_resolve may ask
 * a name server and so block.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_ADDRESS_H
#define BIO_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"

/* The longest host name (RFC 1035, section 2.3.4) and its NUL. */
#define ADDRESS_HOST_MAX 256
/* "[ffff:…:255.255.255.255]:65535" and its NUL. */
#define ADDRESS_TEXT_MAX 56
/* More addresses of one name than this are not looked at. */
#define ADDRESS_LIST_MAX 16

struct address {
	char host[ADDRESS_HOST_MAX];
	uint16_t port;
};

struct address_list {
	struct sockaddr_storage items[ADDRESS_LIST_MAX];
	size_t count;
};

/* 0, or -1 and a sentence in `*why` that says what is wrong with the text. */
int address_parse(const char *text, struct address *out, const char **why) MUST_USE;

/* Every stream address behind a name.  0, or -1 and a sentence in `*why`. */
int address_resolve(const struct address *address, struct address_list *out,
	const char **why) MUST_USE;

socklen_t address_length(const struct sockaddr_storage *socket_address);
uint16_t address_port(const struct sockaddr_storage *socket_address);
void address_set_port(struct sockaddr_storage *socket_address, uint16_t port);

/* "192.0.2.1:8888" or "[::1]:8888"; an IPv4 address mapped into IPv6 is shown as IPv4. */
void address_format(
	const struct sockaddr_storage *socket_address, char out[ADDRESS_TEXT_MAX]);

#endif
