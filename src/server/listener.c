/*
 * listener: gates, workers and the register of open connections.
 *
 * A gate is a listening socket with the number of workers that wait at it.  Workers are
 * joined by one another: each, when it leaves, joins the one that left before it, and
 * main joins the last.
 *
 * The drain: main makes the gates non-blocking, takes the connections that were waiting
 * in the kernel's queues at that moment, shuts the gates (which wakes the workers that
 * wait there), shuts the reading side of every registered connection and waits until the
 * last worker has left.  A worker takes its connection out of the register before it
 * closes the descriptor, so main never shuts down a stranger's.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

/* Sessions are shallow; this is address space, of which two or three pages are touched.
 */
#define STACK_BYTES ((size_t)256 * 1024)
/* Workers that wait beyond this leave. */
#define SPARE_WORKERS_MAX 64
/* So many at a time are told why they are refused, which takes a while; others are not.
 */
#define REFUSALS_MAX 64
/* A pause when the system is out of descriptors or memory. */
#define EXHAUSTED_PAUSE_MS 50

struct gate {
	struct endpoint endpoint;
	size_t waiting; /* workers that wait here or are on their way; under the lock */
};

/* A connection that is being served; on its worker's stack. */
struct seat {
	int fd;
	struct seat *previous, *next;
};

struct listener {
	struct session_shared *shared;
	size_t gate_count;
	struct gate gates[ENDPOINT_MAX];
	struct lock lock; /* guards everything below, and the gates' `waiting` */
	struct condition changed;
	struct seat *seats;
	size_t workers;
	uint64_t next_worker, next_connection;
	pthread_t last_left;
	bool has_last_left;
	bool is_turn_taken; /* once, serial: a session runs */
	bool is_over;       /* once: it has run */
	bool is_stopping;   /* no more is accepted from the gates */
};

/* How a worker begins: at a gate, perhaps with a connection already accepted. */
struct start {
	struct listener *listener;
	struct gate *gate;
	int fd; /* -1: none yet */
};

static void *run_worker(void *argument);

static int
start_worker(struct listener *l, struct gate *gate, int fd)
{
	struct start *start = malloc(sizeof *start);
	char name[32];
	pthread_t thread;
	int error;

	if (start == NULL)
		return -1;
	*start = (struct start){.listener = l, .gate = gate, .fd = fd};
	lock_acquire(&l->lock);
	l->workers++;
	(void)snprintf(name, sizeof name, "session-%" PRIu64, ++l->next_worker);
	lock_release(&l->lock);
	if (thread_start(&thread, name, STACK_BYTES, run_worker, start) == 0)
		return 0;
	error = errno;
	lock_acquire(&l->lock);
	l->workers--;
	lock_release(&l->lock);
	free(start);
	errno = error;
	return -1;
}

/* Keeps somebody waiting at the gate that the caller is about to leave. */
static void
leave_gate(struct listener *l, struct gate *gate)
{
	bool is_last;

	lock_acquire(&l->lock);
	gate->waiting--;
	is_last = gate->waiting == 0 && !l->is_stopping &&
		  l->shared->options->mode == MODE_THREADS;
	if (is_last)
		gate->waiting++;
	lock_release(&l->lock);
	if (!is_last || start_worker(l, gate, -1) == 0)
		return;
	/* This worker comes back when its connection has ended; until then they queue. */
	log_warn("no thread for the next connection: %s", strerror(errno));
	lock_acquire(&l->lock);
	gate->waiting--;
	lock_release(&l->lock);
}

/* False: enough others wait. */
static bool
return_to_gate(struct listener *l, struct gate *gate)
{
	bool returns;

	lock_acquire(&l->lock);
	returns = !l->is_stopping && gate->waiting < SPARE_WORKERS_MAX;
	if (returns)
		gate->waiting++;
	lock_release(&l->lock);
	return returns;
}

static void
take_seat(struct listener *l, struct seat *seat)
{
	lock_acquire(&l->lock);
	seat->previous = NULL;
	seat->next = l->seats;
	if (l->seats != NULL)
		l->seats->previous = seat;
	l->seats = seat;
	/* Main has passed the register already. */
	if (l->is_stopping)
		(void)shutdown(seat->fd, SHUT_RD);
	lock_release(&l->lock);
}

static void
leave_seat(struct listener *l, struct seat *seat)
{
	lock_acquire(&l->lock);
	if (seat->previous != NULL)
		seat->previous->next = seat->next;
	else
		l->seats = seat->next;
	if (seat->next != NULL)
		seat->next->previous = seat->previous;
	lock_release(&l->lock);
}

/* In the modes with turns, waits for one.  False: there will be none. */
static bool
take_turn(struct listener *l)
{
	bool has_turn;

	if (l->shared->options->mode == MODE_THREADS)
		return true;
	lock_acquire(&l->lock);
	while (l->is_turn_taken)
		(void)condition_wait(&l->changed, &l->lock, CLOCK_NEVER);
	has_turn = !l->is_over;
	if (has_turn)
		l->is_turn_taken = true;
	lock_release(&l->lock);
	return has_turn;
}

static void
end_turn(struct listener *l)
{
	if (l->shared->options->mode == MODE_THREADS)
		return;
	lock_acquire(&l->lock);
	l->is_turn_taken = false;
	l->is_over = l->shared->options->mode == MODE_ONCE;
	condition_broadcast(&l->changed);
	lock_release(&l->lock);
	/* Main waits for signals and for nothing else. */
	if (l->shared->options->mode == MODE_ONCE)
		(void)kill(getpid(), SIGTERM);
}

static void
serve(struct listener *l, struct stream *stream)
{
	struct session_shared *shared = l->shared;
	uint64_t open, limit = shared->options->max_connections;
	struct seat seat = {.fd = stream->fd};
	struct origin origin = {0};
	struct sockaddr_storage peer = {0};
	socklen_t peer_len = sizeof peer;
	enum close_reason reason = CLOSE_max_connections;

	if (getpeername(stream->fd, (struct sockaddr *)&peer, &peer_len) == 0)
		address_format(&peer, origin.peer);
	take_seat(l, &seat);
	lock_acquire(&l->lock);
	origin.connection = ++l->next_connection;
	lock_release(&l->lock);
	open = counter_open_connection(shared->counters);
	if (open <= limit)
		reason = session_run(shared, stream, &origin);
	else if (open <= limit + REFUSALS_MAX)
		session_refuse(shared, stream, reason, "too many connections");
	leave_seat(l, &seat);
	/* Counted before the peer sees the end of it. */
	counter_close_connection(shared->counters, reason);
}

static void
serve_in_turn(struct listener *l, int fd)
{
	struct stream stream;

	stream_init(&stream, fd);
	if (take_turn(l)) {
		serve(l, &stream);
		stream_close(&stream);
		end_turn(l);
	} else {
		stream_close(&stream);
	}
}

/* A pause that a drain ends. */
static void
pause_exhausted(struct listener *l)
{
	uint64_t deadline_ns = clock_deadline_ns(EXHAUSTED_PAUSE_MS);

	lock_acquire(&l->lock);
	while (!l->is_stopping && condition_wait(&l->changed, &l->lock, deadline_ns))
		;
	lock_release(&l->lock);
}

/* A connection, or -1: the gate is shut. */
static int
accept_at(struct listener *l, const struct gate *gate)
{
	for (;;) {
		int fd = accept4(gate->endpoint.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			return fd;
		switch (errno) {
		case EINVAL: /* shut down */
		case EAGAIN: /* draining */
			return -1;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			log_warn("cannot accept: %s", strerror(errno));
			pause_exhausted(l);
			break;
		default: /* an error of that connection, accept(2) */
			break;
		}
	}
}

static void
leave(struct listener *l)
{
	pthread_t before;
	bool has_before;

	lock_acquire(&l->lock);
	before = l->last_left;
	has_before = l->has_last_left;
	l->last_left = pthread_self();
	l->has_last_left = true;
	l->workers--;
	condition_broadcast(&l->changed);
	lock_release(&l->lock);
	if (has_before)
		(void)pthread_join(before, NULL);
}

static void *
run_worker(void *argument)
{
	struct start start = *(struct start *)argument;
	struct listener *l = start.listener;
	int fd = start.fd;

	free(argument);
	if (fd >= 0)
		serve_in_turn(l, fd);
	else
		while ((fd = accept_at(l, start.gate)) >= 0) {
			leave_gate(l, start.gate);
			serve_in_turn(l, fd);
			if (!return_to_gate(l, start.gate))
				break;
		}
	leave(l);
	return NULL;
}

struct listener *
listener_start(struct session_shared *shared, const struct endpoints *endpoints)
{
	struct listener *l = calloc(1, sizeof *l);
	struct endpoints rest = *endpoints;

	if (l == NULL) {
		log_error("out of memory");
		endpoint_close_all(&rest);
		return NULL;
	}
	l->shared = shared;
	lock_init(&l->lock);
	condition_init(&l->changed);
	l->gate_count = endpoints->count;
	for (size_t i = 0; i < l->gate_count; i++)
		l->gates[i] =
			(struct gate){.endpoint = endpoints->items[i], .waiting = 1};
	for (size_t i = 0; i < l->gate_count; i++) {
		if (start_worker(l, &l->gates[i], -1) == 0)
			continue;
		log_error("cannot start a thread: %s", strerror(errno));
		if (listener_drain(l, UINT64_MAX) == 0)
			listener_free(l);
		return NULL;
	}
	return l;
}

/* How many connections wait in the kernel's queue: what a listening socket's info says.
 */
static unsigned
queued_at(const struct gate *gate)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	if (getsockopt(gate->endpoint.fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return 0;
	return info.tcpi_unacked;
}

/* Those who had connected before the drain are served; workers take some of them too. */
static void
take_queued(struct listener *l, struct gate *gate)
{
	unsigned queued = l->shared->options->mode == MODE_ONCE ? 0 : queued_at(gate);

	while (queued-- > 0) {
		int fd = accept4(gate->endpoint.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			break;
		if (start_worker(l, gate, fd) != 0)
			serve_in_turn(l, fd);
	}
}

static void
shut_gates(struct listener *l)
{
	for (size_t i = 0; i < l->gate_count; i++) {
		int fd = l->gates[i].endpoint.fd;

		(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
		take_queued(l, &l->gates[i]);
		/* Wakes the workers that wait in accept. */
		(void)shutdown(fd, SHUT_RD);
	}
}

int
listener_drain(struct listener *l, uint64_t timeout_ms)
{
	uint64_t deadline_ns = clock_deadline_ns(timeout_ms);
	bool in_time = true, has_last_left;
	pthread_t last_left;
	size_t workers;

	atomic_store_explicit(&l->shared->is_draining, true, memory_order_release);
	shut_gates(l);
	lock_acquire(&l->lock);
	l->is_stopping = true;
	for (struct seat *seat = l->seats; seat != NULL; seat = seat->next)
		(void)shutdown(seat->fd, SHUT_RD);
	condition_broadcast(&l->changed);
	while (l->workers > 0 && in_time)
		in_time = condition_wait(&l->changed, &l->lock, deadline_ns);
	workers = l->workers;
	last_left = l->last_left;
	has_last_left = l->has_last_left;
	l->has_last_left = false;
	lock_release(&l->lock);
	if (has_last_left)
		(void)pthread_join(last_left, NULL);
	if (workers == 0)
		return 0;
	log_error("%zu connections had not ended when the time was up", workers);
	return -1;
}

void
listener_free(struct listener *l)
{
	for (size_t i = 0; i < l->gate_count; i++)
		(void)close(l->gates[i].endpoint.fd);
	condition_fini(&l->changed);
	lock_fini(&l->lock);
	free(l);
}
