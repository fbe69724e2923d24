/*
 * ledger: counts on, and writes naks and acks.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/ledger.h"

#include <errno.h>
#include <stdio.h>

#include "base/reason.h"

/* They are memory that no budget counts, and a peer may be slow to read them. */
#define NAKS_BYTES_MAX ((size_t)4 * 1024)

void
ledger_open(struct ledger *l, const struct hello *hello, uint64_t finished)
{
	l->is_open = true;
	l->wants_acks = hello->wants_acks;
	(void)snprintf(l->session, sizeof l->session, "%s", hello->session);
	l->finished = l->marked = l->acknowledged = finished;
}

void
ledger_free(struct ledger *l)
{
	text_free(&l->naks);
}

void
ledger_accept(struct ledger *l)
{
	if (l->is_open)
		l->finished++;
}

void
ledger_reject(struct ledger *l, const struct frame_item *item)
{
	char line[HELLO_LINE_MAX];

	if (!l->is_open || !item->finishes_number)
		return;
	l->finished++;
	text_append(&l->naks, line,
		hello_format_nak(line, l->finished, reason_reject_name(item->reason),
			item->offset, item->error));
}

bool
ledger_is_full(const struct ledger *l)
{
	return l->naks.len > NAKS_BYTES_MAX;
}

bool
ledger_take_mark(struct ledger *l, struct store_mark *mark)
{
	if (l->session[0] == '\0' || l->finished == l->marked)
		return false;
	*mark = (struct store_mark){.session = l->session, .last = l->finished};
	l->marked = l->finished;
	return true;
}

bool
ledger_owes(const struct ledger *l)
{
	/* Of those that there was no memory for, that the connection ends. */
	return l->naks.len > 0 || text_failed(&l->naks) ||
	       (l->wants_acks && l->finished != l->acknowledged);
}

int
ledger_tell(struct ledger *l, struct stream *stream, uint64_t deadline_ns)
{
	char line[HELLO_LINE_MAX];
	int result = -1;

	if (l->wants_acks)
		text_append(&l->naks, line, hello_format_ack(line, l->finished));
	if (text_failed(&l->naks))
		errno = ENOMEM;
	else
		result = stream_send(stream, l->naks.bytes, l->naks.len, deadline_ns);
	text_free(&l->naks);
	if (result == 0)
		l->acknowledged = l->finished;
	return result;
}
