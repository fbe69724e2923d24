/*
 * endpoint: listening sockets for addresses as the options name them.
 *
 * One text may stand for several sockets: "localhost" and "*" are IPv4 and IPv6, and port
 * 0 is then one free port for both.  A family that the machine does not have is no error
 * as long as one socket remains.  Called by main before the first thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_ENDPOINT_H
#define BIO_SERVER_ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/option.h"

#define ENDPOINT_MAX 64

struct endpoint {
	int fd;
	uint16_t port;
	char text[ADDRESS_TEXT_MAX];
};

struct endpoints {
	struct endpoint items[ENDPOINT_MAX];
	size_t count;
};

/*
 * Opens all or none.  -1: the mistake and the way out, by the name of the option, have
 * been logged.
 */
int endpoint_open_all(const struct option_list *texts, const char *flag,
	struct endpoints *out) MUST_USE;

void endpoint_close_all(struct endpoints *endpoints);

#endif
