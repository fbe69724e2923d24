/*
 * sender: a connection to the receiver, as all senders of the bench make and end it.
 *
 * Everything blocks, may be called by any thread, and ends the program on an error.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BENCH_SENDER_H
#define BIO_BENCH_SENDER_H

#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>

/* Returns owned: the address of HOST:PORT. */
struct addrinfo *sender_resolve(const char *host_port);

int sender_connect(const struct addrinfo *target);

/* The same from a certain address, where both are IPv4. */
int sender_connect_from(const struct addrinfo *target, struct in_addr source);

void sender_send(int fd, const char *bytes, size_t len);

/* Says that no more will come. */
void sender_half_close(int fd);

/* Waits until the receiver has closed as well, which says nothing, and closes. */
void sender_wait_for_end(int fd);

#endif
