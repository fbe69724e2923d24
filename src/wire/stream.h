/*
 * stream: the bytes of one connection, with deadlines.
 *
 * Belongs to its session's thread, which alone closes the descriptor; another thread may
 * shut it down to wake the session.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_STREAM_H
#define BIO_WIRE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

struct stream {
	int fd;
	uint64_t sent_bytes;
};

/* A deadline that has passed already: take what is there and do not wait. */
#define STREAM_NO_WAIT UINT64_C(0)

/* Takes the descriptor of a connected TCP socket. */
void stream_init(struct stream *s, int fd);

/*
 * Reads what is there, waiting for the first byte until the deadline (clock_mono_ns).
 * 0: the peer has finished, or the reading side was shut down.  -1: errno; ETIMEDOUT
 * where the deadline passed.
 */
ssize_t stream_receive(
	struct stream *s, void *bytes, size_t capacity, uint64_t deadline_ns) MUST_USE;

/* Writes all, waiting for room until the deadline.  0, or -1 and errno. */
int stream_send(
	struct stream *s, const void *bytes, size_t len, uint64_t deadline_ns) MUST_USE;

/* From now on what is sent does not wait for more to go with it (TCP_NODELAY). */
void stream_send_at_once(struct stream *s);

/* How many bytes have arrived and were not read yet. */
size_t stream_unread_bytes(const struct stream *s);

/* True once the peer's end of input has arrived, also where our reading side is shut. */
bool stream_peer_has_finished(const struct stream *s);

/*
 * Ends our side and reads on for a little, so that the peer can read what was written
 * last: closing with unread input would make the kernel drop it.
 */
void stream_linger(struct stream *s, uint64_t deadline_ns);

void stream_close(struct stream *s);

#endif
