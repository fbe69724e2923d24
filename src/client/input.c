/*
 * input: one buffer that grows only while one message fills it.
 *
 * Framed by the server's own `frame`, with the largest limits that any server can have:
 * what its own limits are is for each server to say.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024 };

/* The longest unfinished message, and always room to read. */
#define BYTES_MAX (FRAME_MESSAGE_MAX + FRAME_SLACK_BYTES + READ_BYTES)
/* While it grows there are two of it. */
#define BUDGET_BYTES (2 * BYTES_MAX)

static int
report_no_memory(struct input *input)
{
	link_group_fail(input->group, EXIT_CODE_FAILED, "out of memory");
	return -1;
}

static int
report_unreadable(struct input *input)
{
	link_group_fail(input->group, EXIT_CODE_FAILED, "cannot read %s: %s", input->name,
		strerror(errno));
	return -1;
}

static int
open_buffer(struct input *input)
{
	input->pool = buffer_pool_new(BUDGET_BYTES, 0);
	if (input->pool == NULL)
		return report_no_memory(input);
	if (buffer_borrow(input->pool, &input->buffer, BUFFER_STANDARD_BYTES, 0) == 0)
		return 0;
	buffer_pool_free(input->pool);
	return report_no_memory(input);
}

int
input_open(struct input *input, const char *operand, struct link_group *group)
{
	struct stat stat;

	*input = (struct input){.group = group, .name = "standard input"};
	if (operand[0] == '@') {
		input->name = operand + 1;
		/* Without O_NONBLOCK a FIFO would keep us here until it has a writer. */
		input->fd = open(input->name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (input->fd < 0)
			return report_unreadable(input);
	}
	input->is_file = fstat(input->fd, &stat) == 0 && S_ISREG(stat.st_mode);
	frame_init(&input->frame, FRAME_MESSAGE_MAX, SCAN_DEPTH_MAX);
	if (open_buffer(input) == 0)
		return 0;
	(void)close(input->fd);
	return -1;
}

void
input_close(struct input *input)
{
	buffer_return(input->pool, &input->buffer);
	buffer_pool_free(input->pool);
	(void)close(input->fd);
}

/* The limit here is not a server's own; and no protocol but JSON is expected. */
static void
report_bad(struct input *input, enum frame_event event, const struct frame_item *item)
{
	const char *why = item->error;
	uint64_t offset = item->offset;
	char line[32] = "";

	if (event == FRAME_FOREIGN) {
		why = "expected a value";
		offset = 0;
	} else if (item->reason == REJECT_too_large) {
		why = "longer than any server accepts";
	} else if (item->reason == REJECT_incomplete && input->group->options->resume) {
		/* Or it is a number, which a line feed would have ended. */
		why = "the input ends here, and more of the message may follow";
	}
	if (input->line > 0)
		(void)snprintf(line, sizeof line, " (line %" PRIu64 ")", input->line);
	link_group_fail(input->group, EXIT_CODE_BAD_JSON,
		"%s: bad JSON in message %" PRIu64 "%s at offset %" PRIu64
		": %s; neither it nor what follows it is sent",
		input->name, input->number, line, offset, why);
	input->is_bad = true;
}

static uint64_t
count_newlines(const uint8_t *begin, const uint8_t *end)
{
	uint64_t count = 0;

	while ((begin = memchr(begin, '\n', (size_t)(end - begin))) != NULL) {
		begin++;
		count++;
	}
	return count;
}

/* Of what was found; FRAME_MORE has found nothing. */
static const uint8_t *
find_begin(enum frame_event event, const uint8_t *bytes, const struct frame_item *item)
{
	switch (event) {
	case FRAME_MESSAGE:
		return item->text;
	case FRAME_REJECT:
	case FRAME_FATAL:
		return bytes + item->begin;
	case FRAME_MORE:
	case FRAME_FOREIGN:
		break;
	}
	return bytes;
}

/* Lengths are no text: a line feed among them ends no line. */
static void
count_lines(struct input *input, enum frame_event event, const uint8_t *bytes,
	const struct frame_item *item)
{
	const uint8_t *begin = find_begin(event, bytes, item);

	input->line = 0;
	if (input->frame.framing == FRAMING_length)
		return;
	input->newlines += count_newlines(bytes, begin);
	input->line = input->newlines + 1;
	input->newlines += count_newlines(begin, bytes + item->used);
}

enum input_event
input_next(struct input *input, struct frame_item *out)
{
	struct buffer *b = &input->buffer;
	const uint8_t *bytes = b->bytes + b->begin;
	enum frame_event event = frame_next(&input->frame, bytes, b->end - b->begin, out);

	count_lines(input, event, bytes, out);
	b->begin += out->used;
	if (event == FRAME_MORE)
		return input->has_ended ? INPUT_END : INPUT_MORE;
	input->number++;
	if (event == FRAME_MESSAGE)
		return INPUT_MESSAGE;
	report_bad(input, event, out);
	return INPUT_END;
}

/* Room for the next read. */
static int
make_room(struct input *input)
{
	struct buffer *b = &input->buffer;
	size_t capacity = b->capacity * 2;

	if (b->capacity - b->end >= READ_BYTES)
		return 0;
	buffer_compact(b);
	if (b->capacity - b->end >= READ_BYTES)
		return 0;
	if (capacity > BYTES_MAX)
		capacity = BYTES_MAX;
	assert(capacity > b->capacity);
	return buffer_resize(input->pool, b, capacity, 0);
}

int
input_read(struct input *input)
{
	struct buffer *b = &input->buffer;
	ssize_t n;

	if (make_room(input) != 0)
		return report_no_memory(input);
	n = read(input->fd, b->bytes + b->end, b->capacity - b->end);
	if (n > 0)
		b->end += (size_t)n;
	if (n == 0) {
		input->has_ended = true;
		frame_finish(&input->frame, !input->group->options->resume);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return report_unreadable(input);
	return 0;
}
