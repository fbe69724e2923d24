/*
 * sender: connections that send, each in a thread of its own.
 *
 * A thread owns its `struct link`; what all share is either constant while they run or
 * guarded by the lock.  Whatever a link waits for (the server, the input, the next due
 * time), it waits in poll(2), together with the stop descriptor and with what the server
 * may say: so a stop ends every wait at once, and a refusal is seen when it comes.  After
 * a stop no message is begun, and what was begun has a moment to get out.
 *
 * A function that answers -1 has reported why, or a stop came before anything was sent.
 * The first failure of all links is written out and decides the exit code; the others
 * end without a word, since a thousand connections tend to fail for one reason.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/sender.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/lock.h"
#include "wire/frame.h"

enum {
	OUT_BYTES = 64 * 1024,
	READ_BYTES = 64 * 1024,
	REPLY_MAX_BYTES = 4096,
	REPLY_DEPTH_MAX = 16,
	ERROR_MAX_BYTES = 1024,
	STACK_BYTES = 256 * 1024,
	STOP_GRACE_MS = 2000,
	OTHER_DESCRIPTORS = 32,
};

/* The longest unfinished message, and always room to read. */
#define INPUT_MAX_BYTES (FRAME_MESSAGE_MAX + FRAME_SLACK_BYTES + READ_BYTES)
/* While it grows there are two of it. */
#define INPUT_BUDGET_BYTES (2 * INPUT_MAX_BYTES)

struct sender {
	const struct options *options;
	struct address_list addresses;
	int stop_fd;  /* readable once the end was asked for */
	int input_fd; /* -1: one message is sent */
	const char *input_name;
	struct frame_item message; /* the operand; no text: built afresh each second */
	sigset_t signals;

	struct lock lock; /* guards everything below, and cJSON's parser */
	enum exit_code code;
	uint64_t messages, bytes, links; /* of the links that ended in good order */
};

struct link {
	struct sender *sender;
	pthread_t thread;
	int fd;
	bool is_stopping;
	bool is_finishing; /* our side has ended, and the server's may */
	bool has_peer_ended;
	uint64_t limit_ns; /* no wait goes beyond; a stop sets it */
	uint64_t start_ns;
	uint64_t messages, bytes;
	char *text; /* the built-in message as of `text_time` */
	time_t text_time;
	size_t out_len, reply_len;
	char reply[REPLY_MAX_BYTES]; /* the first bytes that the server wrote */
	uint8_t out[OUT_BYTES];      /* framed and not yet written */
};

struct input {
	struct buffer_pool *pool;
	struct buffer buffer;
	struct frame frame;
	uint64_t number; /* of the message that was found last */
	bool has_ended;
};

/* What ended a wait. */
enum wake { WAKE_READY, WAKE_TIME, WAKE_STOP, WAKE_FAILED };

static void fail(struct sender *s, enum exit_code code, const char *format, ...)
	PRINTF_LIKE(3, 4);

static void
fail(struct sender *s, enum exit_code code, const char *format, ...)
{
	char text[ERROR_MAX_BYTES];
	va_list arguments;
	bool is_first;

	lock_acquire(&s->lock);
	is_first = s->code == EXIT_CODE_DONE;
	if (is_first)
		s->code = code;
	lock_release(&s->lock);
	if (!is_first)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	options_complain("%s", text);
}

static void
stop(struct sender *s)
{
	int result = eventfd_write(s->stop_fd, 1);

	assert(result == 0);
	(void)result;
}

/* The reason in a line that the server wrote; NULL: it is no error. */
static cJSON *
parse_refusal(struct sender *s, const char *line, size_t len, const cJSON **code,
	const cJSON **message)
{
	struct frame_item item;
	cJSON *root;

	if (frame_judge((const uint8_t *)line, len, REPLY_DEPTH_MAX, &item) !=
		FRAME_MESSAGE)
		return NULL;
	/* cJSON keeps the place of the last error in a global variable. */
	lock_acquire(&s->lock);
	root = cJSON_ParseWithLength((const char *)item.text, item.len);
	lock_release(&s->lock);
	*message = cJSON_GetObjectItemCaseSensitive(root, "error");
	*code = cJSON_GetObjectItemCaseSensitive(root, "code");
	if (cJSON_IsObject(*message)) {
		*code = cJSON_GetObjectItemCaseSensitive(*message, "code");
		*message = cJSON_GetObjectItemCaseSensitive(*message, "message");
		return root;
	}
	if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root, "ok")))
		return root;
	cJSON_Delete(root);
	return NULL;
}

static bool
report_refusal(struct link *link, const char *line, size_t len)
{
	struct sender *s = link->sender;
	const cJSON *code, *message;
	cJSON *root = parse_refusal(s, line, len, &code, &message);

	if (root == NULL)
		return false;
	fail(s, EXIT_CODE_REFUSED, "%s refused: %s: %s", s->options->server,
		cJSON_IsString(code) ? code->valuestring : "error",
		cJSON_IsString(message) ? message->valuestring : "no reason given");
	cJSON_Delete(root);
	return true;
}

/* Reads what the server has written so far.  True: that it refuses. */
static bool
is_refused(struct link *link)
{
	const char *line = link->reply, *end = link->reply + link->reply_len;

	if (link->reply_len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
		fail(link->sender, EXIT_CODE_REFUSED,
			"%s speaks HTTP; messages need another port",
			link->sender->options->server);
		return true;
	}
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *line_end = newline != NULL ? newline : end;

		if (report_refusal(link, line, (size_t)(line_end - line)))
			return true;
		line = line_end + 1;
	}
	return false;
}

/* What does not fit is dropped: the reason comes first. */
static ssize_t
receive_reply(struct link *link)
{
	char waste[512], *to = link->reply + link->reply_len;
	size_t room = sizeof link->reply - link->reply_len;
	ssize_t n;

	if (room == 0)
		return recv(link->fd, waste, sizeof waste, MSG_DONTWAIT);
	n = recv(link->fd, to, room, MSG_DONTWAIT);
	if (n > 0)
		link->reply_len += (size_t)n;
	return n;
}

/* The connection broke; the server may have said why before that. */
static int
lose(struct link *link, const char *why)
{
	while (receive_reply(link) > 0)
		;
	if (!is_refused(link))
		fail(link->sender, EXIT_CODE_UNREACHABLE, "%s: connection lost: %s",
			link->sender->options->server, why);
	return -1;
}

static int
take_reply(struct link *link)
{
	ssize_t n = receive_reply(link);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0)
		return lose(link, strerror(errno));
	if (is_refused(link))
		return -1;
	if (n > 0)
		return 0;
	if (!link->is_finishing)
		return lose(link, "the server closed it");
	link->has_peer_ended = true;
	return 0;
}

static int
poll_until(struct pollfd *items, nfds_t count, uint64_t deadline_ns)
{
	uint64_t now_ns = clock_mono_ns(), left_ns = 0;
	struct timespec left;

	if (deadline_ns == CLOCK_NEVER)
		return ppoll(items, count, NULL, NULL);
	if (deadline_ns > now_ns)
		left_ns = deadline_ns - now_ns;
	left.tv_sec = (time_t)(left_ns / CLOCK_NS_PER_S);
	left.tv_nsec = (long)(left_ns % CLOCK_NS_PER_S);
	return ppoll(items, count, &left, NULL);
}

/*
 * Waits until `fd` (-1: nothing) has one of the events, and meanwhile hears the server.
 * READY also where the server has closed and may.  STOP is answered once.
 */
static enum wake
wait_for(struct link *link, int fd, short events, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t until_ns =
			deadline_ns < link->limit_ns ? deadline_ns : link->limit_ns;
		struct pollfd items[] = {
			{.fd = link->is_stopping ? -1 : link->sender->stop_fd,
				.events = POLLIN},
			{.fd = link->fd, .events = POLLIN},
			{.fd = fd, .events = events},
		};
		int ready = poll_until(items, COUNT_OF(items), until_ns);

		if (ready == 0)
			return WAKE_TIME;
		if (ready < 0)
			continue; /* EINTR: a debugger or a terminal stopped us */
		if (items[0].revents != 0) {
			link->is_stopping = true;
			link->limit_ns = clock_deadline_ns(STOP_GRACE_MS);
			return WAKE_STOP;
		}
		if (items[1].revents != 0 && take_reply(link) != 0)
			return WAKE_FAILED;
		if (items[2].revents != 0 || link->has_peer_ended)
			return WAKE_READY;
	}
}

/* 0, or an error number; ECANCELED where a stop came first. */
static int
wait_connected(struct link *link, int fd)
{
	const struct options *o = link->sender->options;
	socklen_t len = sizeof(int);
	int error = ECANCELED;

	switch (wait_for(link, fd, POLLOUT, clock_deadline_ns(o->connect_timeout_ms))) {
	case WAKE_READY:
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
			error = errno;
		return error;
	case WAKE_TIME:
		return ETIMEDOUT;
	case WAKE_STOP:
	case WAKE_FAILED:
		break;
	}
	return error;
}

/* 0, or an error number. */
static int
connect_to(struct link *link, const struct sockaddr_storage *address)
{
	int fd =
		socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)address, address_length(address)) != 0)
		error = errno == EINPROGRESS ? wait_connected(link, fd) : errno;
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	/* Paced messages must not wait for the acknowledgement of the one before. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	link->fd = fd;
	link->start_ns = clock_mono_ns();
	return 0;
}

static int
report_unreachable(struct sender *s, const char *why)
{
	fail(s, EXIT_CODE_UNREACHABLE,
		"cannot connect to %s: %s (is bio-server running? "
		"choose another with --server)",
		s->options->server, why);
	return -1;
}

static int
connect_any(struct link *link)
{
	struct sender *s = link->sender;
	int first_error = 0;

	for (size_t i = 0; i < s->addresses.count; i++) {
		int error = connect_to(link, &s->addresses.items[i]);

		if (error == 0)
			return 0;
		if (link->is_stopping)
			return -1;
		/* That IPv6 is missing says less than that IPv4 was refused. */
		if (first_error == 0)
			first_error = error;
	}
	return report_unreachable(s, strerror(first_error));
}

static int
report_timeout(struct link *link, const char *what)
{
	struct sender *s = link->sender;
	uint64_t waited_ms = s->options->timeout_ms;

	if (link->is_stopping && waited_ms > STOP_GRACE_MS)
		waited_ms = STOP_GRACE_MS;
	fail(s, EXIT_CODE_UNREACHABLE, "%s: connection lost: the server %s for %g s",
		s->options->server, what, (double)waited_ms / 1000);
	return -1;
}

/* Writes out what is buffered. */
static int
flush(struct link *link)
{
	uint64_t timeout_ms = link->sender->options->timeout_ms;
	uint64_t deadline_ns = clock_deadline_ns(timeout_ms);
	size_t done = 0;

	while (done < link->out_len) {
		enum wake wake = wait_for(link, link->fd, POLLOUT, deadline_ns);
		ssize_t n;

		if (wake == WAKE_FAILED)
			return -1;
		if (wake == WAKE_TIME)
			return report_timeout(link, "took nothing");
		if (wake == WAKE_STOP)
			continue;
		n = send(link->fd, link->out + done, link->out_len - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return lose(link, strerror(errno));
		if (n > 0) {
			done += (size_t)n;
			deadline_ns = clock_deadline_ns(timeout_ms);
		}
	}
	link->bytes += done;
	link->out_len = 0;
	return 0;
}

static int
put(struct link *link, const void *bytes, size_t len, bool on_one_line)
{
	const uint8_t *from = bytes;

	while (len > 0) {
		uint8_t *to = link->out + link->out_len;
		size_t n = OUT_BYTES - link->out_len;

		if (n > len)
			n = len;
		memcpy(to, from, n);
		for (size_t i = 0; on_one_line && i < n; i++)
			to[i] = to[i] == '\n' || to[i] == '\r' ? ' ' : to[i];
		link->out_len += n;
		from += n;
		len -= n;
		if (len > 0 && flush(link) != 0)
			return -1;
	}
	return 0;
}

/* Frames one message; it is written with others unless they are paced. */
static int
put_message(struct link *link, const uint8_t *text, size_t len)
{
	const struct options *o = link->sender->options;
	uint8_t head[FRAME_LENGTH_BYTES] = {FRAME_RECORD_SEPARATOR};
	size_t head_len = 0, tail_len = 1;

	switch ((enum wire_framing)o->framing) {
	case WIRE_FRAMING_LINES:
		break;
	case WIRE_FRAMING_RS:
		head_len = 1;
		break;
	case WIRE_FRAMING_LENGTH:
		head_len = FRAME_LENGTH_BYTES;
		for (size_t i = 0; i < FRAME_LENGTH_BYTES; i++)
			head[i] = (uint8_t)(len >> (24 - 8 * i));
		tail_len = 0;
		break;
	}
	if (link->out_len + head_len + len + tail_len > OUT_BYTES && flush(link) != 0)
		return -1;
	if (put(link, head, head_len, false) != 0 ||
		put(link, text, len, o->framing == WIRE_FRAMING_LINES) != 0 ||
		put(link, "\n", tail_len, false) != 0)
		return -1;
	link->messages++;
	return o->rate > 0 ? flush(link) : 0;
}

/*
 * Waits until the next message is due.  Due times are counted from the start, so that
 * lateness does not add up.
 */
static int
pace(struct link *link)
{
	double rate = link->sender->options->rate, wait_ns;
	enum wake wake = WAKE_READY;
	uint64_t due_ns;

	if (rate <= 0)
		return 0;
	wait_ns = (double)link->messages * (double)CLOCK_NS_PER_S / rate;
	due_ns = wait_ns < 1e18 ? link->start_ns + (uint64_t)wait_ns : CLOCK_NEVER;
	while (wake == WAKE_READY)
		wake = wait_for(link, -1, 0, due_ns);
	return wake == WAKE_FAILED ? -1 : 0;
}

/* Returns owned; NULL: out of memory. */
static char *
compose_message(const struct options *options, time_t now)
{
	cJSON *root = cJSON_CreateObject();
	char time_text[32], *text = NULL;
	struct tm tm;

	(void)localtime_r(&now, &tm);
	(void)strftime(time_text, sizeof time_text, "%Y-%m-%d %H:%M:%S", &tm);
	if (cJSON_AddStringToObject(root, "send_user", options->user) != NULL &&
		cJSON_AddStringToObject(root, "send_time", time_text) != NULL &&
		cJSON_AddStringToObject(root, "send_msg", options->message) != NULL)
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static int
put_built_in(struct link *link)
{
	time_t now = time(NULL);

	if (link->text == NULL || link->text_time != now) {
		cJSON_free(link->text);
		link->text = compose_message(link->sender->options, now);
		link->text_time = now;
	}
	if (link->text == NULL) {
		fail(link->sender, EXIT_CODE_FAILED, "out of memory");
		return -1;
	}
	return put_message(link, (const uint8_t *)link->text, strlen(link->text));
}

static int
send_repeated(struct link *link)
{
	const struct frame_item *message = &link->sender->message;
	uint64_t repeat = link->sender->options->repeat;

	while (repeat == 0 || link->messages < repeat) {
		int result = pace(link);

		if (link->is_stopping)
			break;
		if (result == 0)
			result = message->text == NULL
					 ? put_built_in(link)
					 : put_message(link, message->text, message->len);
		if (result != 0)
			return -1;
	}
	return flush(link);
}

/* Room for the next read; the buffer grows only while one message fills it. */
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
	if (capacity > INPUT_MAX_BYTES)
		capacity = INPUT_MAX_BYTES;
	assert(capacity > b->capacity);
	return buffer_grow(input->pool, b, capacity, 0);
}

static int
read_input(struct link *link, struct input *input)
{
	struct sender *s = link->sender;
	struct buffer *b = &input->buffer;
	ssize_t n;

	if (make_room(input) != 0) {
		fail(s, EXIT_CODE_FAILED, "out of memory");
		return -1;
	}
	switch (wait_for(link, s->input_fd, POLLIN, CLOCK_NEVER)) {
	case WAKE_READY:
		break;
	case WAKE_FAILED:
		return -1;
	case WAKE_TIME:
	case WAKE_STOP:
		return 0;
	}
	n = read(s->input_fd, b->bytes + b->end, b->capacity - b->end);
	if (n > 0)
		b->end += (size_t)n;
	if (n == 0) {
		input->has_ended = true;
		frame_finish(&input->frame, true);
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		fail(s, EXIT_CODE_FAILED, "cannot read %s: %s", s->input_name,
			strerror(errno));
		return -1;
	}
	return 0;
}

/* In the words of somebody who looks at the input, not at a connection. */
static void
report_bad_input(struct sender *s, uint64_t number, enum frame_event event,
	const struct frame_item *item)
{
	const char *why = item->error;
	uint64_t offset = item->offset;

	if (event == FRAME_FOREIGN) {
		why = "expected a value";
		offset = 0;
	} else if (item->reason == REJECT_incomplete) {
		why = "the input ends within the message";
	} else if (item->reason == REJECT_too_large) {
		why = "longer than any server accepts";
	}
	fail(s, EXIT_CODE_BAD_JSON,
		"%s: bad JSON in message %" PRIu64 " at offset %" PRIu64 ": %s",
		s->input_name, number, offset, why);
}

/* 0 also behind a bad message: what was good before it ends in good order. */
static int
send_input(struct link *link, struct input *input)
{
	struct buffer *b = &input->buffer;

	while (!link->is_stopping) {
		struct frame_item item;
		enum frame_event event = frame_next(
			&input->frame, b->bytes + b->begin, b->end - b->begin, &item);

		b->begin += item.used;
		if (event == FRAME_MORE) {
			if (input->has_ended)
				break;
			/* What has been read goes out before a wait for more. */
			if (flush(link) != 0 || read_input(link, input) != 0)
				return -1;
			continue;
		}
		input->number++;
		if (event != FRAME_MESSAGE) {
			report_bad_input(link->sender, input->number, event, &item);
			break;
		}
		if (pace(link) != 0)
			return -1;
		if (!link->is_stopping && put_message(link, item.text, item.len) != 0)
			return -1;
	}
	return flush(link);
}

static int
send_stream(struct link *link)
{
	struct input input = {.pool = buffer_pool_new(INPUT_BUDGET_BYTES)};
	int result = -1;

	frame_init(&input.frame, FRAME_MESSAGE_MAX, SCAN_DEPTH_MAX);
	if (input.pool == NULL ||
		buffer_borrow(input.pool, &input.buffer, BUFFER_STANDARD_BYTES, 0) != 0) {
		fail(link->sender, EXIT_CODE_FAILED, "out of memory");
		goto free_pool;
	}
	result = send_input(link, &input);
	buffer_return(input.pool, &input.buffer);
free_pool:
	buffer_pool_free(input.pool);
	return result;
}

/* Half-closes, and waits until the server has read all and closed too. */
static int
finish(struct link *link)
{
	uint64_t deadline_ns = clock_deadline_ns(link->sender->options->timeout_ms);

	link->is_finishing = true;
	if (shutdown(link->fd, SHUT_WR) != 0)
		return lose(link, strerror(errno));
	while (!link->has_peer_ended) {
		switch (wait_for(link, -1, 0, deadline_ns)) {
		case WAKE_READY:
		case WAKE_STOP:
			break;
		case WAKE_TIME:
			return report_timeout(link, "did not close it");
		case WAKE_FAILED:
			return -1;
		}
	}
	return 0;
}

static void *
run_link(void *argument)
{
	struct link *link = argument;
	struct sender *s = link->sender;
	int result = connect_any(link);

	if (result == 0)
		result = s->input_fd >= 0 ? send_stream(link) : send_repeated(link);
	if (result == 0)
		result = finish(link);
	if (result == 0) {
		lock_acquire(&s->lock);
		s->links++;
		s->messages += link->messages;
		s->bytes += link->bytes;
		lock_release(&s->lock);
	}
	if (link->fd >= 0)
		(void)close(link->fd);
	cJSON_free(link->text);
	return NULL;
}

static void *
run_signals(void *argument)
{
	struct sender *s = argument;
	int number;

	if (sigwait(&s->signals, &number) == 0)
		stop(s);
	return NULL;
}

static int
start_thread(struct sender *s, pthread_t *out, const char *name, void *(*run)(void *),
	void *argument)
{
	if (thread_start(out, name, STACK_BYTES, run, argument) == 0)
		return 0;
	fail(s, EXIT_CODE_FAILED, "cannot start a thread: %s", strerror(errno));
	return -1;
}

static void
run_links(struct sender *s)
{
	uint64_t count = s->options->connections, started;
	/* Zeroed by the system page by page: a link that sends little takes little. */
	struct link *links = calloc(count, sizeof *links);

	if (links == NULL) {
		fail(s, EXIT_CODE_FAILED, "out of memory");
		return;
	}
	for (started = 0; started < count; started++) {
		struct link *link = &links[started];

		link->sender = s;
		link->fd = -1;
		link->limit_ns = CLOCK_NEVER;
		if (start_thread(s, &link->thread, "sender", run_link, link) != 0) {
			stop(s);
			break;
		}
	}
	while (started > 0)
		(void)pthread_join(links[--started].thread, NULL);
	free(links);
}

static void
run_threads(struct sender *s)
{
	pthread_t signals;

	if (start_thread(s, &signals, "signals", run_signals, s) != 0)
		return;
	run_links(s);
	(void)pthread_kill(signals, SIGINT);
	(void)pthread_join(signals, NULL);
}

static int
judge_message(
	struct sender *s, const char *text, const char *what, struct frame_item *out)
{
	size_t white = strspn(text, " \t\r\n");

	if (frame_judge((const uint8_t *)text, strlen(text), SCAN_DEPTH_MAX, out) ==
		FRAME_MESSAGE)
		return 0;
	fail(s, EXIT_CODE_BAD_JSON, "bad JSON in %s at offset %" PRIu64 ": %s", what,
		out->offset + white, out->error);
	return -1;
}

/* The texts of --user and --message may be no UTF-8. */
static int
judge_built_in(struct sender *s)
{
	char *text = compose_message(s->options, time(NULL));
	struct frame_item item;
	int result = -1;

	if (text == NULL)
		fail(s, EXIT_CODE_FAILED, "out of memory");
	else
		result = judge_message(s, text, "the message", &item);
	cJSON_free(text);
	return result;
}

static int
open_source(struct sender *s)
{
	const char *operand = s->options->operand;

	if (operand == NULL)
		return judge_built_in(s);
	if (!options_is_stream(s->options))
		return judge_message(s, operand, "the operand", &s->message);
	if (operand[0] == '-') {
		s->input_fd = STDIN_FILENO;
		s->input_name = "standard input";
		return 0;
	}
	s->input_name = operand + 1;
	/* Without O_NONBLOCK a FIFO would keep us here until it has a writer. */
	s->input_fd = open(s->input_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->input_fd >= 0)
		return 0;
	fail(s, EXIT_CODE_FAILED, "cannot read %s: %s", s->input_name, strerror(errno));
	return -1;
}

static int
find_server(struct sender *s)
{
	const char *why;

	if (address_resolve(&s->options->server_address, &s->addresses, &why) == 0)
		return 0;
	return report_unreachable(s, why);
}

/* Where it cannot be raised, the connections beyond it fail and say so. */
static void
raise_descriptor_limit(uint64_t connections)
{
	rlim_t wanted = (rlim_t)connections + OTHER_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void
print_summary(const struct sender *s)
{
	uint64_t wanted = s->options->connections;
	char of[32] = "";

	if (s->options->quiet || (s->code != EXIT_CODE_DONE && s->messages == 0))
		return;
	if (s->links < wanted)
		(void)snprintf(of, sizeof of, " of %" PRIu64, wanted);
	(void)fprintf(stderr,
		"sent %" PRIu64 " message%s (%" PRIu64 " bytes) on %" PRIu64
		"%s connection%s\n",
		s->messages, s->messages == 1 ? "" : "s", s->bytes, s->links, of,
		wanted == 1 ? "" : "s");
}

enum exit_code
sender_run(const struct options *options)
{
	struct sender s = {.options = options, .input_fd = -1, .code = EXIT_CODE_DONE};

	lock_init(&s.lock);
	/* Before anything that takes time: process 1 loses what is not blocked. */
	(void)sigemptyset(&s.signals);
	(void)sigaddset(&s.signals, SIGINT);
	(void)sigaddset(&s.signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &s.signals, NULL);
	raise_descriptor_limit(options->connections);
	s.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s.stop_fd < 0) {
		fail(&s, EXIT_CODE_FAILED, "cannot start: %s", strerror(errno));
		goto fini_lock;
	}
	if (open_source(&s) == 0 && find_server(&s) == 0)
		run_threads(&s);
	print_summary(&s);
	if (s.input_fd >= 0)
		(void)close(s.input_fd);
	(void)close(s.stop_fd);
fini_lock:
	lock_fini(&s.lock);
	return s.code;
}
