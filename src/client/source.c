/*
 * source: an input, or one message again and again.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/source.h"

#include "base/clock.h"

int
source_open(struct source *s, struct link_group *group, struct input *input)
{
	*s = (struct source){.options = group->options, .input = input};
	if (input == NULL)
		return message_open(&s->message, group);
	return 0;
}

void
source_close(struct source *s)
{
	if (s->input == NULL)
		message_close(&s->message);
}

void
source_begin(struct source *s, uint64_t to_skip)
{
	s->start_ns = clock_mono_ns();
	s->to_skip = to_skip;
}

static enum source_event
next_of_input(struct source *s, struct source_item *out)
{
	struct frame_item item;

	for (;;) {
		switch (input_next(s->input, &item)) {
		case INPUT_MORE:
			return SOURCE_WANTS_INPUT;
		case INPUT_END:
			return SOURCE_END;
		case INPUT_MESSAGE:
			break;
		}
		if (s->to_skip == 0)
			break;
		s->to_skip--;
		s->skipped++;
	}
	*out = (struct source_item){
		.text = item.text, .len = item.len, .line = s->input->line};
	return SOURCE_MESSAGE;
}

static enum source_event
next_of_message(struct source *s, struct source_item *out)
{
	uint64_t repeat = s->options->repeat;

	if (repeat != 0 && s->count == repeat)
		return SOURCE_END;
	out->line = 0;
	return message_make(&s->message, &out->text, &out->len) == 0 ? SOURCE_MESSAGE
								     : SOURCE_FAILED;
}

enum source_event
source_next(struct source *s, struct source_item *out)
{
	uint64_t due_ns = message_due_ns(s->options, s->start_ns, s->count);
	enum source_event event;

	/* What is left out is in nobody's way. */
	if (s->to_skip == 0 && due_ns > 0 && clock_mono_ns() < due_ns) {
		out->due_ns = due_ns;
		return SOURCE_NOT_DUE;
	}
	event = s->input != NULL ? next_of_input(s, out) : next_of_message(s, out);
	s->count += event == SOURCE_MESSAGE;
	return event;
}

const char *
source_name(const struct source *s)
{
	return s->input != NULL ? s->input->name : "";
}

int
source_fd(const struct source *s)
{
	return s->input != NULL ? s->input->fd : -1;
}

int
source_read(struct source *s)
{
	return input_read(s->input);
}
