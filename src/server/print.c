/*
 * print: builds the lines in memory, then writes them under a lock of their own.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/print.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define THREAD_NAME_MAX 16
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

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
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

/* "session-3 127.0.0.1:40112 " */
static void
begin_line(struct text *lines, const struct origin *origin)
{
	char thread[THREAD_NAME_MAX] = "?";

	(void)pthread_getname_np(pthread_self(), thread, sizeof thread);
	text_printf(lines, "%s %s ", thread, origin->peer);
}

void
print_batch(struct print *p, const struct batch *batch)
{
	struct text lines = {0};
	uint32_t *index;

	if (!atomic_load_explicit(&p->is_on, memory_order_relaxed))
		return;
	index = batch_index(batch);
	lines.has_failed = index == NULL;
	for (uint32_t i = 0; index != NULL && i < batch->count; i++) {
		begin_line(&lines, &batch->origin);
		text_append_one_line(
			&lines, batch->body + index[i], index[i + 1] - 1 - index[i]);
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
	begin_line(&lines, origin);
	text_printf(&lines, "# %s\n", event);
	write_lines(p, &lines);
}
