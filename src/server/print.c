/*
 * print: builds the lines in memory, then writes them under a lock of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/print.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define EVENT_MAX 256

void
print_init(struct print *p, bool is_on)
{
	atomic_init(&p->is_on, is_on);
	lock_init(&p->lock);
}

void
print_fini(struct print *p)
{
	lock_fini(&p->lock);
}

static int
write_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody made it non-blocking; it may be shared. */
			struct pollfd room = {.fd = STDOUT_FILENO, .events = POLLOUT};

			(void)poll(&room, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

static void
write_lines(struct print *p, struct text *lines)
{
	if (text_failed(lines)) {
		log_error("out of memory: lines are missing on standard output");
	} else {
		lock_acquire(&p->lock);
		if (atomic_load(&p->is_on) && write_all(lines->bytes, lines->len) != 0) {
			atomic_store(&p->is_on, false);
			log_warn("standard output: %s; nothing more is printed",
				strerror(errno));
		}
		lock_release(&p->lock);
	}
	text_free(lines);
}

struct prefix {
	char bytes[ORIGIN_THREAD_MAX + ADDRESS_TEXT_MAX + 2];
};

/* "session-3 127.0.0.1:40112 " */
static struct prefix
line_prefix(const struct origin *origin)
{
	struct prefix prefix;

	(void)snprintf(prefix.bytes, sizeof prefix.bytes, "%s %s ", origin->thread,
		origin->peer);
	return prefix;
}

void
print_batch(struct print *p, const struct batch *batch)
{
	struct text lines = {0};
	struct prefix prefix;
	uint32_t *index;

	if (!atomic_load_explicit(&p->is_on, memory_order_relaxed))
		return;
	prefix = line_prefix(&batch->origin);
	index = batch_index(batch);
	lines.has_failed = index == NULL;
	for (uint32_t i = 0; index != NULL && i < batch->count; i++) {
		struct batch_message message = batch_message(batch, index, i);

		text_append_string(&lines, prefix.bytes);
		text_append_one_line(&lines, message.text, message.len);
		text_append(&lines, "\n", 1);
	}
	free(index);
	write_lines(p, &lines);
}

void
print_event(struct print *p, const struct origin *origin, const char *format, ...)
{
	struct text lines = {0};
	char event[EVENT_MAX];
	va_list arguments;

	if (!atomic_load_explicit(&p->is_on, memory_order_relaxed))
		return;
	va_start(arguments, format);
	(void)vsnprintf(event, sizeof event, format, arguments);
	va_end(arguments);
	text_printf(&lines, "%s# %s\n", line_prefix(origin).bytes, event);
	write_lines(p, &lines);
}
