/*
 * bio-server: puts the modules together, waits for a signal, takes them apart again.
 *
 * The threads:
 *   main       starts and stops everything; in between it waits for a signal and looks
 *              after the listener once a second.
 *   session-N  accept and serve connections; started by the listener (the first ones by
 *              main, the others by one another), told to stop by listener_drain, joined
 *              by one another and the last by main.
 *   MHD-*      libmicrohttpd's: one a status address, one a connection there; started by
 *              http_start and by one another, stopped and joined by http_stop.
 *   store      commits what the sessions hand over; started by store_open, ended and
 *              joined by store_close.
 *   impatience ends the process at a second signal, or when the time is up, while main
 *              drains; ended by a signal of main's own and joined by main.
 *
 * Signals are blocked before the first thread starts and only waited for.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "server/endpoint.h"
#include "server/http.h"
#include "server/listener.h"
#include "server/options.h"
#include "server/session.h"

#define EXIT_USAGE 2
/* What a shell says of a process that a signal has ended, without the signal's number. */
#define EXIT_SIGNALLED 128
#define RECENT_BYTES_MAX ((size_t)16 * 1024 * 1024)
/* One in so many bytes of the budget. */
#define QUEUE_SHARE 4
/* Blocks of this size are the system's own, and go back to it at once. */
#define LARGE_BLOCK_BYTES (1024 * 1024)
/* For listening sockets, HTTP, files. */
#define SPARE_DESCRIPTORS 1024
/* Stop signals within this time of the first are taken for the same wish. */
#define REPEAT_MS 300
/* Beyond the time for the drain, for what needs no time if nothing is stuck. */
#define GRACE_MS 2000
#define TEND_INTERVAL_S 1
#define STACK_BYTES ((size_t)64 * 1024)

struct server {
	struct options options;
	struct counters counters;
	struct print print;
	struct ingest ingest;
	struct roster roster;
	struct rejections rejections;
	struct session_shared shared;
	struct store *store; /* NULL: none */
	struct history history;
	struct report report;
	struct turns turns;
	struct route_site site;
	struct endpoints bio_endpoints, http_endpoints;
	struct listener *listener;
	struct http *http;
};

/*
 * The C library would raise this bound to the largest block ever freed; what long
 * messages need would then lie among small blocks, with gaps that stay after use.
 */
static void
keep_large_blocks_apart(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BLOCK_BYTES);
}

/* Raises the limit as far as allowed; connections have to fit into it. */
static void
fit_descriptors(struct options *options)
{
	struct rlimit limit;
	rlim_t spare = SPARE_DESCRIPTORS + options->max_event_readers;
	rlim_t wanted = options->max_connections + spare;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
			log_info("limit on descriptors set to %llu",
				(unsigned long long)limit.rlim_cur);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= wanted)
		return;
	options->max_connections =
		limit.rlim_cur >= 2 * spare ? limit.rlim_cur - spare : limit.rlim_cur / 2;
	log_warn("only %llu connections fit into the limit on descriptors (ulimit -n)",
		(unsigned long long)options->max_connections);
}

static void
block_signals(sigset_t *stop)
{
	(void)sigemptyset(stop);
	(void)sigaddset(stop, SIGTERM);
	(void)sigaddset(stop, SIGINT);
	(void)sigaddset(stop, LISTENER_DONE_SIGNAL);
	(void)pthread_sigmask(SIG_BLOCK, stop, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* In between, the listener's gates are looked after. */
static void
wait_for_stop(const struct server *server, const sigset_t *stop)
{
	const struct timespec interval = {.tv_sec = TEND_INTERVAL_S};

	while (sigtimedwait(stop, NULL, &interval) < 0)
		listener_tend(server->listener);
}

/* The process is going to end without having stored all that it took. */
static void
log_unstored(struct server *server)
{
	struct counter_snapshot now;
	uint64_t unstored;

	counter_read(&server->counters, &now);
	unstored = now.values[COUNTER_messages_received] -
		   now.values[COUNTER_messages_stored];
	if (unstored > 0)
		log_error("%llu messages are not known to be stored",
			(unsigned long long)unstored);
}

/* While the server drains. */
struct impatience {
	struct server *server;
	const sigset_t *stop;
	uint64_t repeat_deadline_ns, deadline_ns;
	atomic_bool is_over;
	pthread_t thread;
};

/* Waits for a signal until the deadline; 0: none has come. */
static int
await_signal(const struct impatience *impatience, uint64_t deadline_ns)
{
	int left_ms, number = 0;

	while (number <= 0 && !atomic_load(&impatience->is_over) &&
		(left_ms = clock_left_ms(deadline_ns)) > 0) {
		const struct timespec left = {.tv_sec = left_ms / 1000,
			.tv_nsec = left_ms % 1000 * (long)CLOCK_NS_PER_MS};

		number = sigtimedwait(impatience->stop, NULL, &left);
	}
	return number > 0 ? number : 0;
}

/*
 * Another stop signal ends the process at once, but not one that came with the first, as
 * those of a terminal and of timeout(1) do.
 */
static void *
run_impatience(void *argument)
{
	struct impatience *impatience = argument;
	int number = LISTENER_DONE_SIGNAL;

	thread_name_self("impatience");
	while (!atomic_load(&impatience->is_over) &&
		await_signal(impatience, impatience->repeat_deadline_ns) != 0)
		;
	while (number == LISTENER_DONE_SIGNAL && !atomic_load(&impatience->is_over))
		number = await_signal(impatience, impatience->deadline_ns);
	if (atomic_load(&impatience->is_over))
		return NULL;
	if (number == 0) {
		log_error("not everything had ended when the time was up");
		log_unstored(impatience->server);
		_exit(EXIT_FAILURE);
	}
	(void)signal(number, SIG_DFL);
	(void)pthread_sigmask(SIG_UNBLOCK, impatience->stop, NULL);
	(void)raise(number);
	/* Process 1, as in a container, is not ended by its own signals. */
	_exit(EXIT_SIGNALLED + number);
}

static void
end_impatience(struct impatience *impatience)
{
	atomic_store(&impatience->is_over, true);
	(void)pthread_kill(impatience->thread, LISTENER_DONE_SIGNAL);
	(void)pthread_join(impatience->thread, NULL);
}

static int
write_addresses(FILE *f, const struct server *server)
{
	const struct endpoints *bio = &server->bio_endpoints,
			       *http = &server->http_endpoints;

	for (size_t i = 0; i < bio->count; i++)
		if (fprintf(f, "bio %s\n", bio->items[i].text) < 0)
			return -1;
	for (size_t i = 0; i < http->count; i++)
		if (fprintf(f, "http %s\n", http->items[i].text) < 0)
			return -1;
	return 0;
}

/* Written beside it and renamed, so that the file is whole once it exists. */
static int
write_ready_file(const struct server *server)
{
	const char *path = server->options.ready_file;
	size_t len = strlen(path) + sizeof ".new";
	char *beside = malloc(len);
	FILE *f = NULL;
	int result = -1;

	if (beside == NULL)
		goto log;
	(void)snprintf(beside, len, "%s.new", path);
	f = fopen(beside, "we");
	if (f == NULL)
		goto log;
	result = write_addresses(f, server);
	if (fclose(f) != 0 || result != 0 || rename(beside, path) != 0) {
		result = -1;
		(void)unlink(beside);
	}
log:
	if (result != 0)
		log_error("--ready-file %s: %s", path, strerror(errno));
	free(beside);
	return result;
}

static void
remove_ready_file(const struct server *server)
{
	if (server->options.ready_file != NULL)
		(void)unlink(server->options.ready_file);
}

static void
log_addresses(const struct server *server)
{
	for (size_t i = 0; i < server->bio_endpoints.count; i++)
		log_info("messages on %s", server->bio_endpoints.items[i].text);
	for (size_t i = 0; i < server->http_endpoints.count; i++)
		log_info("status on http://%s/", server->http_endpoints.items[i].text);
}

/* What may wait for the disk. */
static size_t
queue_bytes(const struct options *options)
{
	return options->store != NULL ? options->memory_bytes / QUEUE_SHARE : 0;
}

/*
 * What may be lent for reading: half of the rest, since what is read becomes a batch of
 * about the same size before the buffer is free again.
 */
static size_t
pool_bytes(const struct options *options)
{
	size_t bytes = (options->memory_bytes - queue_bytes(options)) / 2;
	size_t least = session_reserve_bytes(options) + 4 * BUFFER_STANDARD_BYTES;

	return bytes > least ? bytes : least;
}

/* Everything that holds no thread, no socket and no file. */
static int
init_modules(struct server *server)
{
	struct options *options = &server->options;
	struct recent *recent = recent_new(options->recent, RECENT_BYTES_MAX);
	struct live *live = live_new(&(struct live_options){.history = &server->history,
		.report = &server->report,
		.turns = &server->turns,
		.counters = &server->counters,
		.max_readers = (unsigned)options->max_event_readers});
	struct buffer_pool *pool =
		buffer_pool_new(pool_bytes(options), session_reserve_bytes(options));

	if (recent == NULL || live == NULL || pool == NULL) {
		log_error("out of memory");
		goto fail;
	}
	if (report_init(&server->report, &server->shared) != 0) {
		log_error("the system gives no random numbers");
		goto fail;
	}
	counter_init(&server->counters);
	print_init(&server->print, options->print);
	ingest_init(&server->ingest, &server->counters, recent, &server->print);
	ingest_tell(&server->ingest, live_note, live);
	roster_init(&server->roster);
	rejections_init(&server->rejections);
	claim_init(&server->shared.claims);
	turn_init(&server->turns);
	server->history.recent = recent;
	server->shared.options = options;
	server->shared.pool = pool;
	server->shared.counters = &server->counters;
	server->shared.ingest = &server->ingest;
	server->shared.print = &server->print;
	server->shared.roster = &server->roster;
	server->shared.rejections = &server->rejections;
	server->site = (struct route_site){.report = &server->report,
		.hosts = &options->http_hosts,
		.origins = &options->http_origins,
		.turns = &server->turns,
		.archive = {.history = &server->history, .turns = &server->turns},
		.census = {.roster = &server->roster, .rejections = &server->rejections},
		.live = live};
	return 0;
fail:
	buffer_pool_free(pool);
	live_free(live);
	recent_free(recent);
	return -1;
}

static void
fini_modules(struct server *server)
{
	live_free(server->site.live);
	turn_fini(&server->turns);
	claim_fini(&server->shared.claims);
	rejections_fini(&server->rejections);
	roster_fini(&server->roster);
	ingest_fini(&server->ingest);
	print_fini(&server->print);
	counter_fini(&server->counters);
	buffer_pool_free(server->shared.pool);
	recent_free(server->history.recent);
}

static int
open_store(struct server *server)
{
	const struct options *options = &server->options;
	const struct store_options store_options = {
		.path = options->store,
		.sync = (enum store_sync)options->sync,
		.queue_bytes = queue_bytes(options),
		.retain = {.messages = options->retain_messages,
			.bytes = options->retain_bytes,
			.age_s = (options->retain_age_ms + 999) / 1000},
		.session_ttl_s = (options->session_ttl_ms + 999) / 1000,
		.committed = ingest_show,
		.argument = &server->ingest,
	};

	if (options->store == NULL)
		return 0;
	server->store = store_open(&store_options);
	if (server->store == NULL)
		goto advise;
	if (ingest_use_store(&server->ingest, server->store, RECENT_BYTES_MAX) != 0) {
		(void)store_close(server->store, clock_mono_ns());
		goto advise;
	}
	server->history.store = server->store;
	(void)snprintf(server->report.instance, sizeof server->report.instance, "%s",
		store_instance(server->store));
	log_info("messages are kept in %s", store_path(server->store));
	return 0;
advise:
	log_error("choose another file with --store, or none to keep messages in memory "
		  "only");
	return -1;
}

/* Returns how many messages were lost. */
static uint64_t
close_store(struct server *server, uint64_t deadline_ns)
{
	return server->store != NULL ? store_close(server->store, deadline_ns) : 0;
}

/* Both sides are bound before either answers; who connects before that is queued. */
static int
start(struct server *server)
{
	const struct options *options = &server->options;

	if (endpoint_open_all(&options->listen, "listen", &server->bio_endpoints) != 0)
		return -1;
	if (endpoint_open_all(
		    &options->http_listen, "http-listen", &server->http_endpoints) != 0)
		goto close_bio;
	memcpy(server->shared.status_address, server->http_endpoints.items[0].text,
		sizeof server->shared.status_address);
	server->http = http_start(&server->site, &server->counters,
		(unsigned)options->max_event_readers, &server->http_endpoints);
	if (server->http == NULL)
		goto close_bio;
	if (options->ready_file != NULL && write_ready_file(server) != 0) {
		http_stop(server->http);
		goto close_bio;
	}
	server->listener = listener_start(&server->shared, &server->bio_endpoints);
	if (server->listener == NULL) {
		remove_ready_file(server);
		http_stop(server->http);
		return -1;
	}
	log_addresses(server);
	return 0;
close_bio:
	endpoint_close_all(&server->bio_endpoints);
	return -1;
}

/* -1: threads still run, or messages were lost. */
static int
stop(struct server *server, sigset_t *signals)
{
	uint64_t timeout_ms = server->options.drain_timeout_ms;
	uint64_t deadline_ns = clock_deadline_ns(timeout_ms);
	struct impatience impatience = {.server = server,
		.stop = signals,
		.repeat_deadline_ns = clock_deadline_ns(REPEAT_MS),
		.deadline_ns = clock_deadline_ns(timeout_ms + GRACE_MS)};
	bool is_impatient = thread_start(&impatience.thread, STACK_BYTES, run_impatience,
				    &impatience) == 0;
	uint64_t lost;

	log_info("draining");
	remove_ready_file(server);
	if (listener_drain(server->listener, deadline_ns) != 0) {
		log_unstored(server);
		return -1;
	}
	http_stop(server->http);
	listener_free(server->listener);
	lost = close_store(server, deadline_ns);
	if (is_impatient)
		end_impatience(&impatience);
	return lost == 0 ? 0 : -1;
}

static void
log_totals(struct server *server)
{
	struct counter_snapshot now;
	uint64_t accepted, connections;

	counter_read(&server->counters, &now);
	accepted = now.values[COUNTER_messages_received];
	connections = now.values[COUNTER_connections_accepted];
	log_info("stopped: %llu message%s accepted and %llu rejected on %llu "
		 "connection%s",
		(unsigned long long)accepted, accepted == 1 ? "" : "s",
		(unsigned long long)now.values[COUNTER_messages_rejected],
		(unsigned long long)connections, connections == 1 ? "" : "s");
}

/* Started without them, sockets would become standard output and error. */
static void
open_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

static int
run(struct server *server)
{
	sigset_t signals;

	if (strcmp(server->options.store, "none") == 0)
		server->options.store = NULL;
	log_set_level((enum log_level)server->options.log_level);
	keep_large_blocks_apart();
	fit_descriptors(&server->options);
	block_signals(&signals);
	if (init_modules(server) != 0)
		return EXIT_FAILURE;
	if (open_store(server) != 0)
		goto fini;
	if (start(server) != 0) {
		(void)close_store(server, clock_mono_ns());
		goto fini;
	}
	wait_for_stop(server, &signals);
	/* Threads still run then: nothing can be freed, nor what exit would tidy up. */
	if (stop(server, &signals) != 0)
		_exit(EXIT_FAILURE);
	log_totals(server);
	fini_modules(server);
	return EXIT_SUCCESS;
fini:
	fini_modules(server);
	return EXIT_FAILURE;
}

int
main(int argc, char *argv[])
{
	static struct server server;

	open_standard_descriptors();
	switch (options_parse(argc, argv, &server.options)) {
	case OPTION_OK:
		return run(&server);
	case OPTION_HELP:
	case OPTION_VERSION:
		if (fflush(stdout) == 0)
			return EXIT_SUCCESS;
		(void)fprintf(
			stderr, "bio-server: standard output: %s\n", strerror(errno));
		return EXIT_FAILURE;
	case OPTION_BAD:
		break;
	}
	return EXIT_USAGE;
}
