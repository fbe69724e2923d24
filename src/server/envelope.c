/*
 * envelope: one pass over a batch, and plain copying for each message.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/envelope.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"

int
envelope_open(struct envelope *e, const struct batch *batch)
{
	*e = (struct envelope){.batch = batch, .index = batch->index};
	if (batch->index == NULL)
		e->index = e->own_index = batch_index(batch);
	return e->index != NULL ? 0 : -1;
}

void
envelope_close(struct envelope *e)
{
	free(e->own_index);
	text_free(&e->shared);
}

static void
write_shared(struct envelope *e)
{
	const struct batch *batch = e->batch;
	char received_at[CLOCK_TEXT_MAX];

	clock_format_utc(batch->received_us, received_at);
	text_printf(&e->shared,
		",\"received_at\":\"%s\",\"connection\":%" PRIu64
		",\"peer\":\"%s\",\"name\":",
		received_at, batch->origin.connection, batch->origin.peer);
	if (batch->origin.name[0] != '\0')
		text_append_quoted(&e->shared, batch->origin.name);
	else
		text_append_string(&e->shared, "null");
	text_printf(&e->shared, ",\"framing\":\"%s\",\"size_bytes\":",
		reason_framing_name(batch->origin.framing));
}

static void
append_object(struct envelope *e, uint32_t i, bool is_line, struct text *out)
{
	struct batch_message message = envelope_message(e, i);

	text_append_string(out, "{\"id\":");
	text_append_number(out, e->batch->first_id + i);
	text_append(out, e->shared.bytes, e->shared.len);
	text_append_number(out, message.len);
	text_append_string(out, ",\"data\":");
	if (is_line)
		text_append_one_line(out, message.text, message.len);
	else
		text_append(out, message.text, message.len);
	text_append(out, "}", 1);
}

void
envelope_append(struct envelope *e, uint32_t i, enum envelope_form form, struct text *out)
{
	if (e->shared.len == 0)
		write_shared(e);
	if (text_failed(&e->shared))
		text_fail(out);
	if (form == ENVELOPE_EVENT) {
		text_append_string(out, "id: ");
		text_append_number(out, e->batch->first_id + i);
		text_append_string(out, "\ndata: ");
	}
	append_object(e, i, form != ENVELOPE_OBJECT, out);
	switch (form) {
	case ENVELOPE_OBJECT:
		break;
	case ENVELOPE_LINE:
		text_append(out, "\n", 1);
		break;
	case ENVELOPE_EVENT:
		text_append(out, "\n\n", 2);
		break;
	}
}

void
envelope_append_gap(struct text *out, uint64_t from, uint64_t to)
{
	text_printf(out,
		"event: gap\nid: %" PRIu64 "\ndata: {\"from\":%" PRIu64 ",\"to\":%" PRIu64
		"}\n\n",
		to, from, to);
}
