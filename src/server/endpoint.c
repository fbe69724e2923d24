/*
 * endpoint: socket, bind, listen.
 *
 * Accepted sockets inherit the options that are set here on the listening one, which
 * saves system calls on every connection.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* More than the kernel allows is cut to what it allows. */
#define BACKLOG 65535
/* How often another free port is tried when one family's is taken in the other. */
#define FREE_PORT_TRIES 20
/* A dead peer is found after 60 + 6 * 10 seconds. */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 6

static void
set_options(int fd, int family)
{
	const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_REUSEADDR, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{IPPROTO_IPV6, IPV6_V6ONLY, 1},
	};

	for (size_t i = 0; i < COUNT_OF(options); i++) {
		if (options[i].level == IPPROTO_IPV6 && family != AF_INET6)
			continue;
		if (setsockopt(fd, options[i].level, options[i].name, &options[i].value,
			    sizeof options[i].value) != 0)
			log_warn("setsockopt: %s", strerror(errno));
	}
}

/* 0, or an errno. */
static int
open_one(struct sockaddr_storage *address, struct endpoint *out)
{
	socklen_t len = address_length(address);
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return errno;
	set_options(fd, address->ss_family);
	if (bind(fd, (struct sockaddr *)address, len) != 0 || listen(fd, BACKLOG) != 0 ||
		getsockname(fd, (struct sockaddr *)address, &len) != 0) {
		error = errno;
		(void)close(fd);
		return error;
	}
	out->fd = fd;
	out->port = address_port(address);
	address_format(address, out->text);
	return 0;
}

static void
close_from(struct endpoints *endpoints, size_t first)
{
	while (endpoints->count > first)
		(void)close(endpoints->items[--endpoints->count].fd);
}

static bool
is_missing_family(int error)
{
	return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/*
 * Opens every address of one text, all at the same port.  0, or an errno; `at` then names
 * the address that failed.
 */
static int
open_list(struct address_list *list, uint16_t port, struct endpoints *out,
	char at[ADDRESS_TEXT_MAX])
{
	size_t first = out->count;
	int error = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (out->count == ENDPOINT_MAX) {
			error = E2BIG;
			break;
		}
		address_set_port(&list->items[i], port);
		address_format(&list->items[i], at);
		error = open_one(&list->items[i], &out->items[out->count]);
		if (error == 0)
			port = out->items[out->count++].port;
		else if (!is_missing_family(error))
			break;
	}
	if (out->count > first && (error == 0 || is_missing_family(error)))
		return 0;
	close_from(out, first);
	return error;
}

static int
open_text(const char *text, const char *flag, struct endpoints *out)
{
	struct address address;
	struct address_list list;
	char at[ADDRESS_TEXT_MAX] = "";
	const char *why;
	int error, tries = FREE_PORT_TRIES;

	if (address_parse(text, &address, &why) != 0 ||
		address_resolve(&address, &list, &why) != 0) {
		log_error("--%s %s: %s", flag, text, why);
		return -1;
	}
	do
		error = open_list(&list, address.port, out, at);
	while (error == EADDRINUSE && address.port == 0 && --tries > 0);
	if (error == 0)
		return 0;
	log_error("cannot listen on %s: %s; choose another address with --%s", at,
		strerror(error), flag);
	return -1;
}

int
endpoint_open_all(
	const struct option_list *texts, const char *flag, struct endpoints *out)
{
	out->count = 0;
	for (size_t i = 0; i < texts->count; i++) {
		if (open_text(texts->items[i], flag, out) != 0) {
			endpoint_close_all(out);
			return -1;
		}
	}
	return 0;
}

void
endpoint_close_all(struct endpoints *endpoints)
{
	close_from(endpoints, 0);
}
