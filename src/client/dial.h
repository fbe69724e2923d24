/*
 * dial: a TCP connection to the first of several addresses that takes one.
 *
 * No state; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_DIAL_H
#define BIO_CLIENT_DIAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"

/*
 * Tries each address for `timeout_ms`.  0 and a socket that does not block and sends at
 * once; or an error number: that of the first address, since that IPv6 is missing says
 * less than that IPv4 was refused.  ECANCELED: `stop_fd` became readable meanwhile.
 */
int dial(const struct address_list *addresses, uint64_t timeout_ms, int stop_fd,
	int *out_fd) MUST_USE;

/* What an error line says behind an error of dial; 0: the name has no address. */
const char *dial_hint(int error);

/*
 * Of the bytes that were written to a connection, how many the other side's system has
 * not taken yet.  The kernel takes a megabyte at once, which a slow link needs a while
 * for; so that this becomes less is progress where nothing else can be seen of it.
 */
size_t dial_unsent(int fd) MUST_USE;

#endif
