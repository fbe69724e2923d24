/*
 * store_fault_test: what broken disks and power losses do to a store.
 *
 * A script appends, reads, checkpoints, lets batches leave, closes and opens again, while
 * one operation of the disk after the other fails, or the power goes at any of them.
 * Whatever had been acknowledged or shown must then be in the file, once, byte for byte.
 *
 * STORE_FAULTS=all breaks every operation and not one in a few; STORE_CUTS=n is how many
 * power losses there are; with STORE_LOG the log is shown.
 *
 * SPDX-License-Identifier: MIT
 */
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>

#include "cuts.h"
#include "faulty_vfs.h"
#include "store_kit.h"

#define BATCHES 24
/* Of the 72 messages of the script; the others leave. */
#define RETAINED 30
#define RESTART_AT 14
#define RUNS_OF_ONE_KIND 60
#define CUTS 240

static struct kit kit;

/* What the outside has seen of one run of the script. */
struct witness {
	struct batch *seen[BATCHES * 2]; /* by the callback; held */
	unsigned seen_count;
	uint64_t acknowledged_id;   /* up to this */
	uint64_t marked;            /* the session's number of an acknowledged batch */
	struct store_extent extent; /* what the store said at its end */
	bool is_out_of_order;
};

static void
see(void *argument, struct batch *batches)
{
	struct witness *w = argument;

	while (batches != NULL) {
		struct batch *next = batches->next;

		if (w->seen_count > 0 &&
			w->seen[w->seen_count - 1]->first_id +
					w->seen[w->seen_count - 1]->count !=
				batches->first_id)
			w->is_out_of_order = true;
		w->seen[w->seen_count++] = batches;
		batches = next;
	}
}

static void
forget(struct witness *w)
{
	for (unsigned i = 0; i < w->seen_count; i++)
		batch_release(w->seen[i]);
	*w = (struct witness){0};
}

static struct store *
open_store(struct witness *w, enum store_sync sync)
{
	struct store_options options = kit_options(&kit);

	options.sync = sync;
	options.wal_bytes = 200000;
	options.busy_ms = 1;
	options.session_ttl_s = 3600;
	options.retain.messages = RETAINED;
	options.committed = see;
	options.argument = w;
	return store_open(&options);
}

/* A store whose disk is broken says so, and heals with it. */
static bool
wait_until_committed(struct store *s, uint64_t ticket)
{
	uint64_t deadline_ns = kit_soon();
	enum store_result result;

	do {
		result = store_wait(s, ticket, deadline_ns);
		if (result != STORE_UNAVAILABLE)
			return EXPECT_INT(STORE_OK, result);
		if (faulty_is_dark())
			return false;
		faulty_heal();
		(void)sched_yield();
	} while (clock_mono_ns() < deadline_ns);
	return EXPECT(!"the store did not recover");
}

/* Broken disks may refuse; nothing wrong may come of it. */
static void
read_some(struct store *s, uint64_t id)
{
	struct batch *page = NULL;
	enum store_result result = store_read(s, id, STORE_DESCENDING, 5000, &page);

	if (result != STORE_OK)
		EXPECT(page == NULL);
	else if (page != NULL)
		EXPECT(page->first_id <= id);
	batch_release_chain(page);
}

/* False: the power went. */
static bool
append_one(struct store *s, struct witness *w, unsigned i)
{
	struct batch *batch = kit_batch(i, i % 5 + 1, i % 3 == 0 ? 3000 : 80);
	struct store_mark mark = {"session", i};
	uint64_t ticket, last_id;

	batch_hold(batch);
	if (!EXPECT_INT(STORE_OK, kit_append(s, batch, &mark, kit_soon(), &ticket))) {
		batch_release(batch);
		batch_release(batch);
		return false;
	}
	last_id = batch->first_id + batch->count - 1;
	batch_release(batch);
	if (!wait_until_committed(s, ticket))
		return false;
	w->acknowledged_id = last_id;
	w->marked = i;
	return true;
}

/* An open that fails says so, and succeeds when the disk is well. */
static struct store *
open_again(struct witness *w, enum store_sync sync)
{
	struct store *s = open_store(w, sync);

	if (s != NULL || faulty_is_dark())
		return s;
	EXPECT(faulty_has_struck());
	faulty_heal();
	s = open_store(w, sync);
	EXPECT(s != NULL);
	return s;
}

static void
end_life(struct store *s, struct witness *w)
{
	struct store_numbers numbers;

	store_numbers(s, &numbers);
	w->extent = numbers.extent;
	(void)store_close(s, 0);
}

/*
 * Two lives of a store.  The power may go in either, which ends the script.
 */
static void
run_script(struct witness *w, enum store_sync sync)
{
	struct store *s = open_again(w, sync);

	for (unsigned i = 1; s != NULL && i <= BATCHES; i++) {
		if (!append_one(s, w, i))
			break;
		if (i % 4 == 0)
			read_some(s, i);
		if (i == RESTART_AT) {
			end_life(s, w);
			s = faulty_is_dark() ? NULL : open_again(w, sync);
		}
	}
	if (s != NULL)
		end_life(s, w);
}

static void
expect_whole_file(void)
{
	EXPECT_TEXT("ok", kit_query(&kit, "PRAGMA integrity_check"));
	EXPECT_TEXT(
		"0", kit_query(&kit, "SELECT count(*) FROM batch AS b"
				     " WHERE first_id > (SELECT min(first_id) FROM batch)"
				     " AND NOT EXISTS (SELECT 1 FROM batch AS a"
				     " WHERE a.first_id + a.count = b.first_id)"));
}

/* Everything up to `id` that was seen, and did not have to leave, is there as it was. */
static void
expect_kept(struct store *s, const struct witness *w, uint64_t id)
{
	struct batch *page = NULL, *b;
	struct store_numbers numbers;

	store_numbers(s, &numbers);
	if (numbers.extent.oldest_id > 1)
		EXPECT(numbers.extent.messages >= RETAINED);
	EXPECT_INT(STORE_OK, store_read(s, 1, STORE_ASCENDING, (size_t)1 << 30, &page));
	b = page;
	for (unsigned i = 0; i < w->seen_count && w->seen[i]->first_id <= id; i++) {
		const struct batch *seen = w->seen[i];

		if (seen->first_id < numbers.extent.oldest_id)
			continue;
		if (!EXPECT(b != NULL))
			break;
		EXPECT_INT(seen->first_id, b->first_id);
		EXPECT_INT(seen->count, b->count);
		EXPECT_INT(seen->received_us, b->received_us);
		EXPECT_BYTES(seen->body, seen->body_len, b->body, b->body_len);
		b = b->next;
	}
	batch_release_chain(page);
}

/* After the script, with a disk that works. */
static void
expect_nothing_lost(const struct witness *w)
{
	struct witness next = {0};
	struct store *s;
	uint64_t last = 0, newest_seen = 0;

	EXPECT(!w->is_out_of_order);
	if (w->seen_count > 0)
		newest_seen = w->seen[w->seen_count - 1]->first_id +
			      w->seen[w->seen_count - 1]->count - 1;
	EXPECT(newest_seen >= w->acknowledged_id);
	s = open_store(&next, STORE_SYNC_FULL);
	if (!EXPECT(s != NULL))
		return;
	expect_kept(s, w, UINT64_MAX);
	EXPECT_INT(STORE_OK, store_session_find(s, "session", kit_soon(), &last));
	EXPECT(last >= w->marked);
	EXPECT(append_one(s, &next, BATCHES));
	if (next.seen_count > 0)
		EXPECT(next.seen[0]->first_id > newest_seen);
	EXPECT_INT(0, kit_close(s));
	expect_whole_file();
	forget(&next);
}

static void
run_with_fault(enum faulty_operation operation, uint64_t n, bool goes_on, int code)
{
	struct witness witness = {0};

	tap_context("%s %llu %s, code %d", faulty_name(operation), (unsigned long long)n,
		goes_on ? "and on" : "once", code);
	faulty_break(operation, n, goes_on, code);
	run_script(&witness, STORE_SYNC_FULL);
	faulty_heal();
	EXPECT_INT(BATCHES, witness.marked);
	EXPECT_INT(witness.extent.oldest_id,
		strtoull(kit_query(&kit, "SELECT min(first_id) FROM batch"), NULL, 10));
	expect_nothing_lost(&witness);
	forget(&witness);
	kit_clear(&kit);
}

static uint64_t
count_in_script(enum faulty_operation operation)
{
	struct witness witness = {0};
	uint64_t count;

	faulty_heal();
	run_script(&witness, STORE_SYNC_FULL);
	count = faulty_count(operation);
	EXPECT_INT(BATCHES, witness.seen_count);
	forget(&witness);
	kit_clear(&kit);
	return count;
}

static void
break_each(enum faulty_operation operation, int code)
{
	uint64_t count = count_in_script(operation), step = count / RUNS_OF_ONE_KIND + 1;
	unsigned runs = 0;

	if (getenv("STORE_FAULTS") != NULL)
		step = 1;
	EXPECT(count > 0);
	for (uint64_t n = 1; n <= count; n += step) {
		run_with_fault(operation, n, false, code);
		run_with_fault(operation, n, true, code);
		runs += 2;
	}
	tap_comment("%s: %llu in the script, %u runs", faulty_name(operation),
		(unsigned long long)count, runs);
}

static void
a_write_fails(void)
{
	break_each(FAULTY_WRITE, SQLITE_IOERR_WRITE);
}

static void
the_disk_is_full(void)
{
	break_each(FAULTY_WRITE, SQLITE_FULL);
}

static void
a_sync_fails(void)
{
	break_each(FAULTY_SYNC, SQLITE_IOERR_FSYNC);
}

static void
a_truncate_fails(void)
{
	break_each(FAULTY_TRUNCATE, SQLITE_IOERR_TRUNCATE);
}

static void
a_read_fails(void)
{
	break_each(FAULTY_READ, SQLITE_IOERR_READ);
}

static void
an_open_fails(void)
{
	break_each(FAULTY_OPEN, SQLITE_CANTOPEN);
}

static void
a_delete_fails(void)
{
	break_each(FAULTY_DELETE, SQLITE_IOERR_DELETE);
}

static void
a_lock_fails(void)
{
	break_each(FAULTY_LOCK, SQLITE_IOERR_LOCK);
}

static void
shared_memory_fails(void)
{
	break_each(FAULTY_SHM, SQLITE_IOERR_SHMMAP);
}

/* What is left must be an unbroken beginning of what was seen. */
static void
expect_beginning(const struct witness *w)
{
	struct witness next = {0};
	struct store *s = open_store(&next, STORE_SYNC_FULL);
	struct store_numbers numbers;

	if (!EXPECT(s != NULL))
		return;
	store_numbers(s, &numbers);
	expect_kept(s, w, numbers.extent.newest_id);
	EXPECT_INT(0, kit_close(s));
	expect_whole_file();
}

/* How many acknowledged messages were gone. */
static uint64_t
cut_power_once(enum store_sync sync, uint64_t changes, uint64_t seed)
{
	struct witness witness = {0};
	uint64_t random = seed, lost = 0;

	faulty_cut_power(1 + random_below(&random, changes));
	run_script(&witness, sync);
	faulty_restore_power((enum faulty_loss)(seed % 3), seed);
	if (sync == STORE_SYNC_FULL) {
		expect_nothing_lost(&witness);
	} else {
		expect_beginning(&witness);
		lost = strtoull(kit_query(&kit, "SELECT ifnull(max(first_id + count), 1)"
						" FROM batch"),
			NULL, 10);
		lost = witness.acknowledged_id + 1 > lost
			       ? witness.acknowledged_id + 1 - lost
			       : 0;
	}
	forget(&witness);
	kit_clear(&kit);
	return lost;
}

static uint64_t
cut_power_often(enum store_sync sync, uint64_t cuts)
{
	struct witness witness = {0};
	uint64_t changes, lost = 0;

	faulty_heal();
	faulty_cut_power(0);
	run_script(&witness, sync);
	changes = faulty_changes();
	faulty_restore_power(FAULTY_LOSE_NOTHING, 0);
	forget(&witness);
	kit_clear(&kit);
	for (uint64_t seed = 1; seed <= cuts; seed++) {
		tap_context("cut with seed %llu", (unsigned long long)seed);
		lost += cut_power_once(sync, changes, seed);
	}
	tap_comment("%llu cuts in %llu changes of files, %llu acknowledged messages gone",
		(unsigned long long)cuts, (unsigned long long)changes,
		(unsigned long long)lost);
	return lost;
}

static void
a_power_loss_takes_nothing_that_was_acknowledged(void)
{
	const char *cuts = getenv("STORE_CUTS");

	EXPECT_INT(0, cut_power_often(STORE_SYNC_FULL,
			      cuts != NULL ? strtoull(cuts, NULL, 10) : CUTS));
}

/* This also shows that the disk forgets: with FULL the same losses take nothing. */
static void
without_full_sync_it_takes_the_newest_and_breaks_nothing(void)
{
	EXPECT(cut_power_often(STORE_SYNC_NORMAL, CUTS / 4) > 0);
}

/* Each of thousands of failures would be in it. */
static int
silence_log(void)
{
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (quiet < 0 || dup2(quiet, STDERR_FILENO) < 0)
		return -1;
	return close(quiet);
}

int
main(void)
{
	int log = dup(STDERR_FILENO);

	if (log < 0 || (getenv("STORE_LOG") == NULL && silence_log() != 0))
		return 1;
	kit_begin(&kit);
	faulty_install();
	TAP_RUN(a_write_fails);
	TAP_RUN(the_disk_is_full);
	TAP_RUN(a_sync_fails);
	TAP_RUN(a_truncate_fails);
	TAP_RUN(a_read_fails);
	TAP_RUN(an_open_fails);
	TAP_RUN(a_delete_fails);
	TAP_RUN(a_lock_fails);
	TAP_RUN(shared_memory_fails);
	TAP_RUN(a_power_loss_takes_nothing_that_was_acknowledged);
	TAP_RUN(without_full_sync_it_takes_the_newest_and_breaks_nothing);
	kit_end(&kit);
	/* A sanitizer's last word is to be heard. */
	if (dup2(log, STDERR_FILENO) < 0)
		return 1;
	return tap_finish();
}
