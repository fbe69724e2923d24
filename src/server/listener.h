/*
 * listener: accepts connections and gives each a thread.
 *
 * The threads accept for themselves: on every listening socket at least one waits; when
 * it gets a connection and no other waits there, it starts one before it serves, and
 * afterwards it comes back to wait.  So a thread serves many connections and no
 * connection is handed from thread to thread.  In the modes `once` and `serial` the
 * threads take turns.
 *
 * The functions are called by main; the rest runs on its own.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_LISTENER_H
#define BIO_SERVER_LISTENER_H

#include "base/attr.h"
#include "server/endpoint.h"
#include "server/session.h"

struct listener;

/* What the process sends itself when the one connection of mode `once` has been served.
 */
#define LISTENER_DONE_SIGNAL SIGUSR1

/*
 * Starts accepting on the endpoints, which it takes.  `shared` stays the caller's and
 * must outlive the listener.  Returns owned; NULL: the reason has been logged and the
 * endpoints are closed.
 */
struct listener *listener_start(
	struct session_shared *shared, const struct endpoints *endpoints) MUST_USE;

/*
 * To be called about once a second: where no thread could be started to wait for the next
 * connection, it tries again.
 */
void listener_tend(struct listener *l);

/*
 * Stops accepting, has what arrived before framed and counted, the connections that wait
 * in the kernel's queue among them, and waits for the sessions until the deadline.  0:
 * all have ended.  -1: some have not (logged), and the process must end without freeing
 * what they use.
 */
int listener_drain(struct listener *l, uint64_t deadline_ns) MUST_USE;

/* After a complete drain. */
void listener_free(struct listener *l);

#endif
