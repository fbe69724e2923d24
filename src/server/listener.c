/*
 * listener: gates, workers and the register of open connections.
 *
 * A gate is a listening socket with the number of workers that wait at it.  Workers are
 * joined by one another: each, when it leaves, joins the one that left before it, and
 * main joins the last.
 *
 * The drain: main stops the workers from starting others, shuts the reading side of every
 * registered connection, takes the connections that were waiting in the kernel's queues
 * at that moment, shuts the gates (which wakes the workers that wait there) and waits
 * until the last worker has left.  A worker takes its connection out of the register
 * before it closes the descriptor, so main never shuts down a stranger's.
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
/* For idle workers to wake up and leave. */
#define WAKE_TIMEOUT_MS 2000
/* A pause when the system is out of descriptors or memory. */
#define EXHAUSTED_PAUSE_MS 50
/* In the drain there is an end to that. */
#define TRIES_MAX 40

struct gate {
	struct endpoint endpoint;
	/* Both under the lock. */
	size_t waiting;   /* workers that wait here or are on their way */
	bool is_deserted; /* nobody does, since no thread could be started */
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
	struct lock lock; /* guards everything below, and what the gates say */
	struct condition changed;
	struct seat *seats;
	size_t seated, refused, workers;
	uint64_t next_worker;
	pthread_t last_left;
	bool has_last_left;
	bool is_turn_taken; /* once, serial: a session runs */
	bool is_over;       /* once: it has run */
	bool is_stopping;   /* no more is accepted from the gates */
	bool is_exhausted;  /* the system has no descriptor or memory for a connection */
};

/* A connection that has been accepted. */
struct arrival {
	int fd; /* -1: none */
	char peer[ADDRESS_TEXT_MAX];
};

/* How a worker begins: at a gate, perhaps with a connection already accepted. */
struct start {
	struct listener *listener;
	struct gate *gate;
	struct arrival arrival;
	uint64_t number;
};

static void *run_worker(void *argument);

static int
start_worker(struct listener *l, struct gate *gate, const struct arrival *arrival)
{
	struct start *start = malloc(sizeof *start);
	pthread_t thread;
	int error;

	if (start == NULL)
		return -1;
	*start = (struct start){.listener = l, .gate = gate, .arrival = *arrival};
	lock_acquire(&l->lock);
	l->workers++;
	start->number = ++l->next_worker;
	lock_release(&l->lock);
	if (thread_start(&thread, STACK_BYTES, run_worker, start) == 0)
		return 0;
	error = errno;
	lock_acquire(&l->lock);
	l->workers--;
	lock_release(&l->lock);
	free(start);
	errno = error;
	return -1;
}

/* One such gate is enough for all to hear of it: who connects there waits. */
static void
set_deserted_locked(struct listener *l, struct gate *gate, bool is_deserted)
	REQUIRES(l->lock)
{
	bool is_any = false;

	gate->is_deserted = is_deserted;
	for (size_t i = 0; i < l->gate_count; i++)
		is_any = is_any || l->gates[i].is_deserted;
	atomic_store(&l->shared->lacks_threads, is_any);
}

/* Sees to it that somebody waits at the gate. */
static void
attend_gate(struct listener *l, struct gate *gate)
{
	static const struct arrival none = {.fd = -1};
	bool is_unattended, has_failed;

	lock_acquire(&l->lock);
	is_unattended = gate->waiting == 0 && !l->is_stopping &&
			l->shared->options->mode == MODE_THREADS;
	if (is_unattended)
		gate->waiting++;
	lock_release(&l->lock);
	if (!is_unattended)
		return;
	has_failed = start_worker(l, gate, &none) != 0;
	if (has_failed)
		log_warn("no thread for the next connection: %s", strerror(errno));
	lock_acquire(&l->lock);
	gate->waiting -= has_failed;
	/* Where the new one has left already, it has had to find another itself. */
	set_deserted_locked(
		l, gate, gate->waiting == 0 && (has_failed || gate->is_deserted));
	lock_release(&l->lock);
}

/* Where there is no other thread, listener_tend tries again. */
static void
leave_gate(struct listener *l, struct gate *gate)
{
	lock_acquire(&l->lock);
	gate->waiting--;
	l->is_exhausted = false;
	lock_release(&l->lock);
	attend_gate(l, gate);
}

/* False: enough others wait. */
static bool
return_to_gate(struct listener *l, struct gate *gate)
{
	bool returns;

	lock_acquire(&l->lock);
	returns = !l->is_stopping && gate->waiting < SPARE_WORKERS_MAX;
	if (returns) {
		gate->waiting++;
		set_deserted_locked(l, gate, false);
	}
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
	l->seated++;
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
	l->seated--;
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
	bool is_once = l->shared->options->mode == MODE_ONCE;

	if (l->shared->options->mode == MODE_THREADS)
		return;
	lock_acquire(&l->lock);
	l->is_turn_taken = false;
	l->is_over = is_once;
	condition_broadcast(&l->changed);
	lock_release(&l->lock);
	if (is_once)
		(void)kill(getpid(), LISTENER_DONE_SIGNAL);
}

/* Those who are being refused take no place from those who are served. */
static void
refuse(struct listener *l, struct stream *stream, const char *peer)
{
	bool is_told;

	roster_refuse(l->shared->roster, peer, CLOSE_max_connections);
	counter_refuse_connection(l->shared->counters, CLOSE_max_connections);
	lock_acquire(&l->lock);
	is_told = l->refused < REFUSALS_MAX;
	l->refused += is_told;
	lock_release(&l->lock);
	if (!is_told)
		return;
	session_refuse(l->shared, stream, CLOSE_max_connections, "too many connections");
	lock_acquire(&l->lock);
	l->refused--;
	lock_release(&l->lock);
}

static void
serve(struct listener *l, struct stream *stream, const struct arrival *arrival)
{
	struct session_shared *shared = l->shared;
	struct seat seat = {.fd = stream->fd};
	struct roster_entry entry;
	enum close_reason reason;

	if (!counter_open_connection(
		    shared->counters, shared->options->max_connections)) {
		refuse(l, stream, arrival->peer);
		return;
	}
	take_seat(l, &seat);
	roster_open(shared->roster, &entry, arrival->peer);
	reason = session_run(shared, stream, &entry);
	leave_seat(l, &seat);
	/*
	 * Before the descriptor is closed: who sees that finds it counted.  After a last
	 * word the peer sees an end before that, while its place here is still taken.
	 */
	roster_close(shared->roster, &entry, reason);
	counter_close_connection(shared->counters, reason);
}

static void
serve_in_turn(struct listener *l, const struct arrival *arrival)
{
	struct stream stream;

	stream_init(&stream, arrival->fd);
	if (take_turn(l)) {
		serve(l, &stream, arrival);
		stream_close(&stream);
		end_turn(l);
	} else {
		stream_close(&stream);
	}
}

/* A pause; said once for as long as it lasts.  False: the drain has begun. */
static bool
pause_exhausted(struct listener *l, int error)
{
	uint64_t deadline_ns = clock_deadline_ns(EXHAUSTED_PAUSE_MS);
	bool is_known, is_stopping;

	lock_acquire(&l->lock);
	is_known = l->is_exhausted;
	l->is_exhausted = true;
	/* Woken early when a worker leaves, perhaps with what was missing. */
	(void)condition_wait(&l->changed, &l->lock, deadline_ns);
	is_stopping = l->is_stopping;
	lock_release(&l->lock);
	if (!is_known)
		log_warn("cannot accept: %s", strerror(error));
	return !is_stopping;
}

/* Waits for a connection.  False: the gate is shut, or has none when it does not block.
 */
static bool
accept_at(struct listener *l, const struct gate *gate, struct arrival *out)
{
	int tries = 0;

	for (;;) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof peer;

		out->fd = accept4(
			gate->endpoint.fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC);
		if (out->fd >= 0) {
			address_format(&peer, out->peer);
			return true;
		}
		switch (errno) {
		case EINVAL: /* shut down */
		case EAGAIN: /* draining */
			return false;
		case EMFILE:
		case ENFILE:
		case ENOBUFS:
		case ENOMEM:
			if (!pause_exhausted(l, errno) && ++tries > TRIES_MAX)
				return false;
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
	char name[32];

	free(argument);
	(void)snprintf(name, sizeof name, "session-%" PRIu64, start.number);
	thread_name_self(name);
	if (start.arrival.fd >= 0)
		serve_in_turn(l, &start.arrival);
	else
		while (accept_at(l, start.gate, &start.arrival)) {
			leave_gate(l, start.gate);
			serve_in_turn(l, &start.arrival);
			if (!return_to_gate(l, start.gate))
				break;
		}
	leave(l);
	return NULL;
}

struct listener *
listener_start(struct session_shared *shared, const struct endpoints *endpoints)
{
	static const struct arrival none = {.fd = -1};
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
		if (start_worker(l, &l->gates[i], &none) == 0)
			continue;
		log_error("cannot start a thread: %s", strerror(errno));
		if (listener_drain(
			    l, clock_deadline_ns(shared->options->drain_timeout_ms)) != 0)
			_exit(EXIT_FAILURE);
		listener_free(l);
		return NULL;
	}
	return l;
}

void
listener_tend(struct listener *l)
{
	for (size_t i = 0; i < l->gate_count; i++)
		attend_gate(l, &l->gates[i]);
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
	struct arrival arrival;

	while (queued-- > 0 && accept_at(l, gate, &arrival))
		if (start_worker(l, gate, &arrival) != 0)
			serve_in_turn(l, &arrival);
}

static void
stop_workers(struct listener *l)
{
	lock_acquire(&l->lock);
	l->is_stopping = true;
	for (struct seat *seat = l->seats; seat != NULL; seat = seat->next)
		(void)shutdown(seat->fd, SHUT_RD);
	condition_broadcast(&l->changed);
	lock_release(&l->lock);
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

/*
 * True: all workers have left.  Those without a connection have only to wake up, which
 * the timeout is not about.
 */
static bool
wait_for_workers(struct listener *l, uint64_t deadline_ns)
{
	uint64_t wake_deadline_ns = clock_deadline_ns(WAKE_TIMEOUT_MS);
	bool have_left, has_last_left;
	pthread_t last_left;
	size_t seated;

	if (wake_deadline_ns < deadline_ns)
		wake_deadline_ns = deadline_ns;
	lock_acquire(&l->lock);
	while (l->workers > 0)
		if (!condition_wait(&l->changed, &l->lock,
			    l->seats != NULL ? deadline_ns : wake_deadline_ns))
			break;
	have_left = l->workers == 0;
	last_left = l->last_left;
	has_last_left = l->has_last_left;
	l->has_last_left = false;
	seated = l->seated;
	lock_release(&l->lock);
	if (!have_left)
		log_error("%zu connections had not ended when the time was up", seated);
	if (has_last_left)
		(void)pthread_join(last_left, NULL);
	return have_left;
}

int
listener_drain(struct listener *l, uint64_t deadline_ns)
{
	atomic_store_explicit(&l->shared->is_draining, true, memory_order_release);
	stop_workers(l);
	shut_gates(l);
	return wait_for_workers(l, deadline_ns) ? 0 : -1;
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
