/*
 * store: the writer's thread, and the face of the parts behind it.
 *
 * The file belongs to store_file, what is written to it to store_writer, what is read to
 * store_reader, what waits to store_queue; here they are put together.
 *
 * SPDX-License-Identifier: MIT
 */
#include "messages/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"
#include "messages/store_file.h"

/* SQLite keeps a page or two and its parser on the stack. */
#define STACK_BYTES ((size_t)512 * 1024)
/* How often the writer looks whether something has grown too old. */
#define TEND_INTERVAL_MS 1000
#define RETRY_MS 100
#define RETRY_GROWTH 10
#define BUSY_MS 2000
/* Clocks that are set right jump by less. */
#define AHEAD_US (60 * CLOCK_US_PER_S)
#define WAL_BYTES ((uint64_t)16 * 1024 * 1024)

struct store {
	struct store_options options;
	struct store_file file;
	struct store_writer *writer;
	struct store_readers *readers;
	struct store_queue *queue;
	pthread_t thread;
};

enum step { STEP_COMMIT, STEP_CHECKPOINT };

/* The bulk is copied while readers read; only for what is left do they wait. */
static int
checkpoint(struct store *s, char error[STORE_ERROR_MAX])
{
	int result;

	if (store_writer_checkpoint(s->writer, false, error) != 0)
		return -1;
	store_readers_hold(s->readers);
	result = store_writer_checkpoint(s->writer, true, error);
	store_readers_resume(s->readers);
	return result;
}

static int
take_step(struct store *s, enum step step, const struct store_work *work,
	char error[STORE_ERROR_MAX])
{
	switch (step) {
	case STEP_COMMIT:
		return store_writer_commit(
			s->writer, work->entries, work->forward_mark, error);
	case STEP_CHECKPOINT:
		return checkpoint(s, error);
	}
	return -1;
}

/* Tries again until it succeeds.  False: the store is closing, and its time is up. */
static bool
insist(struct store *s, enum step step, const struct store_work *work)
{
	uint64_t first_pause_ms = s->options.retry_ms, pause_ms = first_pause_ms;
	char error[STORE_ERROR_MAX];

	while (take_step(s, step, work, error) != 0) {
		if (store_queue_fail(s->queue, error))
			log_error("the store fails, and tries again: %s", error);
		if (!store_queue_pause(s->queue, pause_ms))
			return false;
		pause_ms *= 2;
		if (pause_ms > first_pause_ms * RETRY_GROWTH)
			pause_ms = first_pause_ms * RETRY_GROWTH;
	}
	if (store_queue_recover(s->queue))
		log_info("the store works again: %s", s->file.path);
	return true;
}

static void
show(struct store *s, struct store_work *work)
{
	struct batch *batches = store_queue_unwrap(work);

	if (batches != NULL && s->options.committed != NULL)
		s->options.committed(s->options.argument, batches);
	else
		batch_release_chain(batches);
}

/* False: the store is closing, and what it was to do was given up. */
static bool
work_on(struct store *s, struct store_work *work)
{
	uint64_t begin_ns = clock_mono_ns();
	struct store_progress progress;

	if (!insist(s, STEP_COMMIT, work)) {
		batch_release_chain(store_queue_unwrap(work));
		return false;
	}
	progress.commit_us = (clock_mono_ns() - begin_ns) / 1000;
	progress.extent = *store_writer_extent(s->writer);
	progress.evicted = store_writer_evicted(s->writer);
	show(s, work);
	store_queue_release(s->queue, work, &progress);
	return !store_writer_wants_checkpoint(s->writer) ||
	       insist(s, STEP_CHECKPOINT, NULL);
}

static void *
run_writer(void *argument)
{
	struct store *s = argument;
	struct store_work work;

	thread_name_self("store");
	do {
		bool is_behind = store_writer_is_behind(s->writer);

		store_queue_take(s->queue,
			clock_deadline_ns(is_behind ? 0 : TEND_INTERVAL_MS), &work);
	} while (work_on(s, &work) && !work.is_last);
	return NULL;
}

/* Everything but the thread. */
static int
open_parts(struct store *s, char error[STORE_ERROR_MAX])
{
	const struct store_writer_options options = {
		.retain = s->options.retain,
		.session_ttl_s = s->options.session_ttl_s,
		.wal_bytes = s->options.wal_bytes,
		.busy_ms = s->options.busy_ms,
	};

	if (store_file_open(&s->file, s->options.path, s->options.sync, error) != 0)
		return -1;
	s->writer = store_writer_open(&s->file, &options, error);
	if (s->writer == NULL)
		return -1;
	s->readers = store_readers_open(s->file.path, error);
	if (s->readers == NULL)
		return -1;
	s->queue = store_queue_new(s->options.queue_bytes, store_writer_extent(s->writer),
		store_writer_newest_us(s->writer), store_writer_forward_mark(s->writer));
	if (s->queue == NULL) {
		(void)snprintf(error, STORE_ERROR_MAX, "%s: out of memory", s->file.path);
		return -1;
	}
	return 0;
}

static void
close_parts(struct store *s)
{
	store_queue_free(s->queue);
	store_readers_close(s->readers);
	store_writer_close(s->writer);
	store_file_close(&s->file);
	free(s);
}

static void
set_defaults(struct store_options *options)
{
	if (options->wal_bytes == 0)
		options->wal_bytes = WAL_BYTES;
	if (options->retry_ms == 0)
		options->retry_ms = RETRY_MS;
	if (options->busy_ms == 0)
		options->busy_ms = BUSY_MS;
}

/* Times never fall, so all that comes gets the time of a clock that was ahead once. */
static void
warn_of_times_ahead(const struct store *s)
{
	int64_t now_us = clock_wall_us(), newest_us = store_writer_newest_us(s->writer);

	if (newest_us > now_us + AHEAD_US)
		log_warn("%s: the time of its newest message is %lld seconds ahead of "
			 "this clock; until then what comes gets that time, and is too "
			 "young for --retain-age",
			s->file.path, (long long)((newest_us - now_us) / CLOCK_US_PER_S));
}

struct store *
store_open(const struct store_options *options)
{
	struct store *s = calloc(1, sizeof *s);
	char error[STORE_ERROR_MAX] = "";

	if (s == NULL) {
		log_error("%s: out of memory", options->path);
		return NULL;
	}
	s->file.lock_fd = s->file.file_fd = -1;
	s->options = *options;
	set_defaults(&s->options);
	if (open_parts(s, error) != 0) {
		log_error("%s", error);
		goto close;
	}
	warn_of_times_ahead(s);
	if (thread_start(&s->thread, STACK_BYTES, run_writer, s) != 0) {
		log_error("%s: no thread for it: %s", s->file.path, strerror(errno));
		goto close;
	}
	return s;
close:
	close_parts(s);
	return NULL;
}

void
store_refuse(struct store *s)
{
	store_queue_refuse(s->queue);
}

uint64_t
store_close(struct store *s, uint64_t deadline_ns)
{
	struct store_numbers numbers;
	struct store_state state;

	store_queue_refuse(s->queue);
	store_writer_hurry(s->writer, deadline_ns);
	store_queue_hurry(s->queue, deadline_ns);
	(void)pthread_join(s->thread, NULL);
	store_queue_numbers(s->queue, &numbers);
	store_queue_state(s->queue, &state);
	if (numbers.queued_messages > 0)
		log_error("%llu messages are lost: %s",
			(unsigned long long)numbers.queued_messages, state.text);
	close_parts(s);
	return numbers.queued_messages;
}

enum store_result
store_admit(struct store *s, struct batch *batch, const struct store_mark *mark,
	uint64_t deadline_ns, struct store_entry **out)
{
	return store_queue_admit(s->queue, batch, mark, deadline_ns, out);
}

uint64_t
store_append(struct store *s, struct store_entry *entry)
{
	return store_queue_append(s->queue, entry);
}

enum store_result
store_wait(struct store *s, uint64_t ticket, uint64_t deadline_ns)
{
	return store_queue_wait(s->queue, ticket, deadline_ns);
}

static enum store_result
translate(enum store_read_result result)
{
	switch (result) {
	case STORE_READ_OK:
		return STORE_OK;
	case STORE_READ_FAILED:
		return STORE_UNAVAILABLE;
	case STORE_READ_NO_MEMORY:
		break;
	}
	return STORE_NO_MEMORY;
}

enum store_result
store_session_find(
	struct store *s, const char *session, uint64_t deadline_ns, uint64_t *out_last)
{
	uint64_t ticket = store_queue_last_ticket(s->queue);
	enum store_result result = store_queue_wait(s->queue, ticket, deadline_ns);

	if (result != STORE_OK)
		return result;
	return translate(store_readers_find_session(s->readers, session, out_last));
}

void
store_state(struct store *s, struct store_state *out)
{
	store_queue_state(s->queue, out);
}

void
store_numbers(struct store *s, struct store_numbers *out)
{
	store_queue_numbers(s->queue, out);
}

const char *
store_instance(const struct store *s)
{
	return s->file.instance;
}

const char *
store_path(const struct store *s)
{
	return s->file.path;
}

enum store_result
store_read(struct store *s, uint64_t id, enum store_order order, size_t max_bytes,
	struct batch **out)
{
	return translate(store_readers_read(s->readers, id, order, max_bytes, out));
}

enum store_result
store_find_time(struct store *s, int64_t received_us, uint64_t *out_id)
{
	return translate(store_readers_find_time(s->readers, received_us, out_id));
}

uint64_t
store_forward_mark(struct store *s)
{
	return store_queue_forward_mark(s->queue);
}

void
store_set_forward_mark(struct store *s, uint64_t id)
{
	store_queue_set_forward_mark(s->queue, id);
}
