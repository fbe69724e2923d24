/*
 * events: readers of /events that cost little and take nothing on trust.
 *
 *   events --from HOST:PORT --readers N
 *
 * Says so when all have been greeted.  A word on standard input, or its end, is the end:
 * when each has come to the message that is the newest then, what they had is written as
 * JSON.  Whoever gets an id twice, or out of its order, or misses one outside a gap, ends
 * the program with a word; and so does a stream that ends.
 *
 * One thread and one poll(2) for all.  Of a line no more is kept than it takes to tell
 * what it is.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sender.h"
#include "tool.h"

#define READ_BYTES ((size_t)256 * 1024)
#define LINE_BYTES 96
#define PATIENCE_MS 60000

/* Where a reader stands in the chunks of its answer (RFC 9112, section 7.1). */
enum part { PART_HEAD, PART_SIZE, PART_DATA, PART_DATA_END };

/* The beginning of a line that is being read, and how long it is so far. */
struct line {
	char text[LINE_BYTES];
	size_t len;
};

struct reader {
	int fd;
	enum part part;
	size_t chunk_left;
	/* A line of events may go on in the next chunk, behind what frames the chunks. */
	struct line frame, line;
	/* The event that is being read. */
	bool is_gap, has_id, is_hello;
	uint64_t event_id, from, to;
	bool is_greeted;
	uint64_t id; /* up to here each id was there once */
	uint64_t messages, gaps, missing;
};

static const char *from;
static struct addrinfo *target;
static struct reader *readers;
static size_t reader_count = 1;
/* Where all have all; it is not known at first. */
static uint64_t last_id = UINT64_MAX;

static void
check_event(struct reader *r)
{
	uint64_t first = r->is_gap ? r->from : r->event_id;

	if (r->is_hello) {
		r->is_greeted = true;
		r->id = r->event_id;
		return;
	}
	if (!r->has_id)
		return;
	if (!r->is_greeted || first != r->id + 1 || r->event_id < first ||
		(r->is_gap && r->to != r->event_id))
		errx(EXIT_FAILURE, "%s of %" PRIu64 " to %" PRIu64 " behind %" PRIu64,
			r->is_gap ? "a gap" : "a message", first, r->event_id, r->id);
	r->gaps += r->is_gap;
	r->missing += r->is_gap ? r->event_id - r->id : 0;
	r->messages += !r->is_gap;
	r->id = r->event_id;
}

static uint64_t
number_at(const char *text)
{
	return strtoull(text, NULL, 10);
}

static void
take_line(struct reader *r)
{
	static const char gap[] = "data: {\"from\":";
	const char *line = r->line.text, *to;

	if (r->line.len == 0) {
		check_event(r);
		r->is_gap = r->has_id = r->is_hello = false;
	} else if (strncmp(line, "id: ", 4) == 0) {
		r->has_id = true;
		r->event_id = number_at(line + 4);
	} else if (strcmp(line, "event: gap") == 0) {
		r->is_gap = true;
	} else if (strcmp(line, "event: hello") == 0) {
		r->is_hello = true;
	} else if (r->is_gap && strncmp(line, gap, strlen(gap)) == 0) {
		to = strstr(line, "\"to\":");
		r->from = number_at(line + strlen(gap));
		r->to = to != NULL ? number_at(to + strlen("\"to\":")) : 0;
	}
}

static void
take_frame(struct reader *r)
{
	const char *line = r->frame.text;

	if (r->part == PART_SIZE) {
		r->chunk_left = strtoull(line, NULL, 16);
		if (r->chunk_left == 0)
			errx(EXIT_FAILURE, "the stream has ended at %" PRIu64, r->id);
		r->part = PART_DATA;
	} else if (r->part == PART_DATA_END || strcmp(line, "\r") == 0) {
		r->part = PART_SIZE;
	} else if (strncmp(line, "HTTP/", 5) == 0 &&
		   strcmp(line, "HTTP/1.1 200 OK\r") != 0) {
		errx(EXIT_FAILURE, "the answer is %s", line);
	}
}

/* Goes on with a line; how many bytes it took.  `*is_whole`: its end was among them. */
static size_t
collect(struct line *line, const char *bytes, size_t len, bool *is_whole)
{
	const char *end = memchr(bytes, '\n', len);
	size_t part = end != NULL ? (size_t)(end - bytes) : len;

	for (size_t i = 0; i < part && line->len + i < LINE_BYTES - 1; i++)
		line->text[line->len + i] = bytes[i];
	line->len += part;
	line->text[line->len < LINE_BYTES ? line->len : LINE_BYTES - 1] = '\0';
	*is_whole = end != NULL;
	return part + *is_whole;
}

static void
take_bytes(struct reader *r, const char *bytes, size_t len)
{
	while (len > 0) {
		bool is_data = r->part == PART_DATA, is_whole;
		struct line *line = is_data ? &r->line : &r->frame;
		size_t used = collect(line, bytes,
			is_data && r->chunk_left < len ? r->chunk_left : len, &is_whole);

		if (is_data)
			r->chunk_left -= used;
		if (is_data && r->chunk_left == 0)
			r->part = PART_DATA_END;
		if (is_whole && is_data)
			take_line(r);
		else if (is_whole)
			take_frame(r);
		if (is_whole)
			line->len = 0;
		bytes += used;
		len -= used;
	}
}

static void
read_some(struct reader *r)
{
	static char bytes[READ_BYTES];
	ssize_t len = read(r->fd, bytes, sizeof bytes);

	if (len < 0 && errno == EINTR)
		return;
	if (len < 0)
		err(EXIT_FAILURE, "read");
	if (len == 0)
		errx(EXIT_FAILURE, "the connection was closed at %" PRIu64, r->id);
	take_bytes(r, bytes, (size_t)len);
}

static bool
have_all(bool (*has)(const struct reader *r))
{
	for (size_t i = 0; i < reader_count; i++)
		if (!has(&readers[i]))
			return false;
	return true;
}

static bool
is_greeted(const struct reader *r)
{
	return r->is_greeted;
}

static bool
is_at_end(const struct reader *r)
{
	return r->id >= last_id;
}

static int
ask(const char *path, const char *header)
{
	char request[256];
	int fd = sender_connect(target);
	int len = snprintf(request, sizeof request,
		"GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, from, header);

	sender_send(fd, request, (size_t)len);
	return fd;
}

/* The newest message's id, 0 where there is none. */
static uint64_t
ask_newest_id(void)
{
	static char answer[READ_BYTES];
	int fd = ask("/messages/latest", "Connection: close\r\n");
	const char *id;
	size_t len = 0;
	ssize_t more = 1;

	while (more > 0 && len < sizeof answer - 1) {
		more = read(fd, answer + len, sizeof answer - 1 - len);
		len += more > 0 ? (size_t)more : 0;
	}
	(void)close(fd);
	answer[len] = '\0';
	id = strstr(answer, "\r\n\r\n{\"id\":");
	if (id == NULL && strncmp(answer, "HTTP/1.1 404 ", 13) != 0)
		errx(EXIT_FAILURE, "the newest message is not shown");
	return id != NULL ? number_at(id + strlen("\r\n\r\n{\"id\":")) : 0;
}

/* Reads until all of them have it, or until standard input has said its word. */
static void
read_until(bool (*has)(const struct reader *r), struct pollfd *polled, size_t count)
{
	while (!have_all(has)) {
		int ready = poll(polled, count, PATIENCE_MS);

		if (ready == 0)
			errx(EXIT_FAILURE, "nothing has come for too long");
		if (ready < 0 && errno != EINTR)
			err(EXIT_FAILURE, "poll");
		for (size_t i = 0; ready > 0 && i < reader_count; i++)
			if (polled[i].revents != 0)
				read_some(&readers[i]);
		if (ready > 0 && count > reader_count &&
			polled[reader_count].revents != 0)
			return;
	}
}

static void
connect_all(struct pollfd *polled)
{
	for (size_t i = 0; i < reader_count; i++) {
		readers[i] = (struct reader){.fd = ask("/events", "")};
		polled[i] = (struct pollfd){.fd = readers[i].fd, .events = POLLIN};
	}
	polled[reader_count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
}

static void
report(void)
{
	uint64_t messages = 0, least = UINT64_MAX, gaps = 0, missing = 0;

	for (size_t i = 0; i < reader_count; i++) {
		const struct reader *r = &readers[i];

		messages += r->messages;
		gaps += r->gaps;
		missing += r->missing;
		least = r->messages < least ? r->messages : least;
	}
	(void)printf("{\"readers\": %zu, \"messages\": %" PRIu64
		     ", \"least_messages\": %" PRIu64 ", \"gaps\": %" PRIu64
		     ", \"missing\": %" PRIu64 "}\n",
		reader_count, messages, least, gaps, missing);
}

static void
parse_options(int argc, char *argv[])
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},
		{"readers", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	int which, index = 0;

	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (which == 'f')
			from = optarg;
		else if (which == 'r')
			reader_count = (size_t)tool_parse_number(
				options[index].name, optarg, 1, 1000);
		else
			exit(EXIT_FAILURE);
	}
	if (optind < argc || from == NULL)
		errx(EXIT_FAILURE, "usage: events --from HOST:PORT [--readers N]");
}

int
main(int argc, char *argv[])
{
	struct pollfd *polled;

	parse_options(argc, argv);
	target = sender_resolve(from);
	readers = tool_allocate(reader_count * sizeof readers[0]);
	polled = tool_allocate((reader_count + 1) * sizeof polled[0]);
	connect_all(polled);
	read_until(is_greeted, polled, reader_count);
	(void)printf("{\"ready\": %zu}\n", reader_count);
	(void)fflush(stdout);
	read_until(is_at_end, polled, reader_count + 1);
	last_id = ask_newest_id();
	read_until(is_at_end, polled, reader_count);
	report();
	for (size_t i = 0; i < reader_count; i++)
		(void)close(readers[i].fd);
	free(readers);
	free(polled);
	freeaddrinfo(target);
	return EXIT_SUCCESS;
}
