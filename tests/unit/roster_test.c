/*
 * roster_test: who is listed, in which order, and that numbers are those of one read.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/roster.h"

#include "tap.h"

#define STACK_BYTES ((size_t)256 * 1024)

enum { VISITORS = 6, VISITS = 3000, LOOKS = 2000, READS = 20 };

/* Of zeros, as the server's own; too large for a stack. */
static struct roster roster;

/* What a view shows, as "+3 -2": newest first, + is open, - is closed. */
static void
expect_shown(enum roster_states states, size_t limit, const char *expected)
{
	struct roster_view view;
	char shown[TAP_TEXT_MAX] = "";
	size_t len = 0;

	if (!EXPECT_INT(0, roster_view_open(&roster, states, limit, &view)))
		return;
	for (size_t i = 0; i < view.count; i++)
		len += (size_t)snprintf(shown + len, sizeof shown - len, "%s%c%llu",
			i > 0 ? " " : "", view.items[i].is_open ? '+' : '-',
			(unsigned long long)view.items[i].connection);
	EXPECT_TEXT(expected, shown);
	roster_view_close(&view);
}

static void
expect_totals(size_t open, size_t closed)
{
	struct roster_view view;

	if (!EXPECT_INT(0, roster_view_open(&roster, ROSTER_ALL, 1, &view)))
		return;
	EXPECT_INT(open, view.open);
	EXPECT_INT(closed, view.closed);
	roster_view_close(&view);
}

static void
the_newest_comes_first_whichever_leaves(void)
{
	struct roster_entry entries[4];

	roster_init(&roster);
	expect_shown(ROSTER_ALL, 10, "");
	for (int i = 0; i < 4; i++)
		roster_open(&roster, &entries[i], "peer");
	expect_shown(ROSTER_OPEN, 10, "+4 +3 +2 +1");
	expect_shown(ROSTER_OPEN, 2, "+4 +3");
	expect_shown(ROSTER_CLOSED, 10, "");
	roster_close(&roster, &entries[1], CLOSE_eof);
	expect_shown(ROSTER_OPEN, 10, "+4 +3 +1");
	roster_close(&roster, &entries[3], CLOSE_eof);
	expect_shown(ROSTER_OPEN, 10, "+3 +1");
	expect_shown(ROSTER_CLOSED, 10, "-4 -2");
	expect_shown(ROSTER_CLOSED, 1, "-4");
	expect_shown(ROSTER_ALL, 10, "-4 -2 +3 +1");
	expect_totals(2, 2);
	roster_close(&roster, &entries[0], CLOSE_eof);
	roster_close(&roster, &entries[2], CLOSE_eof);
	expect_shown(ROSTER_OPEN, 10, "");
	expect_totals(0, 4);
	roster_fini(&roster);
}

static void
open_and_closed_are_merged_by_what_happened_last(void)
{
	struct roster_entry entries[3];

	roster_init(&roster);
	roster_open(&roster, &entries[0], "peer");
	roster_open(&roster, &entries[1], "peer");
	roster_close(&roster, &entries[0], CLOSE_eof);
	roster_open(&roster, &entries[2], "peer");
	roster_refuse(&roster, "peer", CLOSE_max_connections);
	expect_shown(ROSTER_ALL, 10, "-4 +3 -1 +2");
	expect_shown(ROSTER_ALL, 3, "-4 +3 -1");
	roster_close(&roster, &entries[1], CLOSE_eof);
	roster_close(&roster, &entries[2], CLOSE_eof);
	roster_fini(&roster);
}

static void
what_is_shown_is_what_was_counted(void)
{
	const struct roster_numbers first = {10, 1, 2, FRAMING_stream},
				    second = {100, 20, 0, FRAMING_rs};
	const struct roster_connection *shown;
	struct roster_entry entry;
	struct roster_view view;

	roster_init(&roster);
	roster_open(&roster, &entry, "[2001:db8::1]:5555");
	for (int is_open = 1; is_open >= 0; is_open--) {
		if (is_open) {
			roster_count(&entry, &first);
			roster_name(&roster, &entry, "pump-7");
			roster_count(&entry, &second);
		} else {
			roster_close(&roster, &entry, CLOSE_max_errors);
		}
		if (!EXPECT_INT(0, roster_view_open(&roster, ROSTER_ALL, 1000, &view)))
			return;
		EXPECT_INT(1, view.count);
		shown = &view.items[0];
		EXPECT_INT(is_open, shown->is_open);
		EXPECT_TEXT("[2001:db8::1]:5555", shown->peer);
		EXPECT_TEXT("pump-7", shown->name);
		EXPECT_INT(110, shown->numbers.received_bytes);
		EXPECT_INT(21, shown->numbers.messages);
		EXPECT_INT(2, shown->numbers.rejected);
		EXPECT_INT(FRAMING_rs, shown->numbers.framing);
		EXPECT(shown->closed_ns >= shown->opened_ns);
		if (!is_open) {
			EXPECT_INT(CLOSE_max_errors, shown->reason);
			EXPECT(shown->closed_us > 0);
		}
		roster_view_close(&view);
	}
	roster_fini(&roster);
}

static void
a_refused_one_is_closed_from_the_start(void)
{
	struct roster_view view;

	roster_init(&roster);
	roster_refuse(&roster, "192.0.2.1:7", CLOSE_max_connections);
	if (!EXPECT_INT(0, roster_view_open(&roster, ROSTER_CLOSED, 10, &view)))
		return;
	EXPECT_INT(1, view.count);
	EXPECT_TEXT("192.0.2.1:7", view.items[0].peer);
	EXPECT_TEXT("", view.items[0].name);
	EXPECT_INT(CLOSE_max_connections, view.items[0].reason);
	EXPECT_INT(view.items[0].opened_us, view.items[0].closed_us);
	EXPECT_INT(view.items[0].opened_ns, view.items[0].closed_ns);
	EXPECT_INT(0, view.items[0].numbers.received_bytes);
	roster_view_close(&view);
	roster_fini(&roster);
}

static void
a_thousand_closed_ones_are_remembered(void)
{
	struct roster_entry entry;
	struct roster_view view;

	roster_init(&roster);
	for (int i = 0; i < 2345; i++) {
		roster_open(&roster, &entry, "peer");
		roster_close(&roster, &entry, CLOSE_eof);
	}
	if (!EXPECT_INT(0, roster_view_open(&roster, ROSTER_CLOSED, 1000, &view)))
		return;
	EXPECT_INT(1000, view.count);
	EXPECT_INT(1000, view.closed);
	EXPECT_INT(0, view.open);
	for (size_t i = 0; i < view.count; i++)
		if (!EXPECT_INT(2345 - i, view.items[i].connection))
			break;
	roster_view_close(&view);
	roster_fini(&roster);
}

/* Each read brings as many messages as rejections, and ten bytes for each. */
static void *
run_visitor(void *argument)
{
	const struct roster_numbers read = {20, 1, 1, FRAMING_lines};
	struct roster_entry entry;

	for (int i = 0; i < VISITS; i++) {
		roster_open(&roster, &entry, "peer");
		for (int n = 0; n < READS; n++)
			roster_count(&entry, &read);
		roster_name(&roster, &entry, "visitor");
		roster_close(&roster, &entry, CLOSE_eof);
	}
	return argument;
}

/* True: the numbers are those of some number of whole reads. */
static bool
is_whole(const struct roster_connection *shown)
{
	const struct roster_numbers *numbers = &shown->numbers;

	return numbers->messages == numbers->rejected &&
	       numbers->received_bytes == 20 * numbers->messages &&
	       (shown->is_open || numbers->messages == READS) &&
	       (numbers->messages == 0 || numbers->framing == FRAMING_lines);
}

static void
readers_never_see_half_a_read(void)
{
	pthread_t threads[VISITORS];
	size_t torn = 0, misplaced = 0;
	struct roster_view view;

	roster_init(&roster);
	for (int i = 0; i < VISITORS; i++)
		if (!EXPECT_INT(
			    0, thread_start(&threads[i], STACK_BYTES, run_visitor, NULL)))
			return;
	for (int look = 0; look < LOOKS; look++) {
		if (!EXPECT_INT(0, roster_view_open(&roster, ROSTER_ALL, 50, &view)))
			break;
		for (size_t i = 0; i < view.count; i++)
			torn += !is_whole(&view.items[i]);
		misplaced += view.open > VISITORS || view.closed > ROSTER_CLOSED_MAX;
		roster_view_close(&view);
	}
	for (int i = 0; i < VISITORS; i++)
		(void)pthread_join(threads[i], NULL);
	EXPECT_INT(0, torn);
	EXPECT_INT(0, misplaced);
	EXPECT_INT((int64_t)VISITORS * VISITS, roster.connections);
	EXPECT_INT((int64_t)VISITORS * VISITS, roster.closed);
	expect_totals(0, ROSTER_CLOSED_MAX);
	roster_fini(&roster);
}

int
main(void)
{
	TAP_RUN(the_newest_comes_first_whichever_leaves);
	TAP_RUN(open_and_closed_are_merged_by_what_happened_last);
	TAP_RUN(what_is_shown_is_what_was_counted);
	TAP_RUN(a_refused_one_is_closed_from_the_start);
	TAP_RUN(a_thousand_closed_ones_are_remembered);
	TAP_RUN(readers_never_see_half_a_read);
	return tap_finish();
}
