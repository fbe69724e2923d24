/*
 * receiver: the yardstick, a TCP receiver as a competent engineer writes it in a quarter
 * of an hour: it blocks, it has a thread a connection, and it knows nothing of JSON.
 *
 * "receiver count" counts newlines and bytes, "receiver discard" bytes alone; "receiver
 * sync" also writes each read to the file "messages", syncs it and replies.  Main
 * accepts; a connection's thread adds to the totals before it closes, so whoever has seen
 * the end is counted.  On SIGTERM the open ones are waited for and the totals printed.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)
#define STACK_BYTES ((size_t)64 * 1024)
/* A fixed number of steps and sums of one byte: so gcc -O2 makes vector code of it. */
#define BLOCK_BYTES 480

struct connection {
	int fd;
	char bytes[READ_BYTES];
};

static bool counts_messages;
static int file = -1; /* what is received is kept there */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_closed = PTHREAD_COND_INITIALIZER;
static uintmax_t total_messages, total_bytes, open_connections; /* under mutex */

static size_t
count_newlines(const char *p, size_t len)
{
	const char *end = p + len;
	size_t newlines = 0;

	for (; end - p >= BLOCK_BYTES; p += BLOCK_BYTES) {
		uint8_t first = 0, second = 0;

		for (int i = 0; i < BLOCK_BYTES / 2; i++) {
			first += p[i] == '\n';
			second += p[i + BLOCK_BYTES / 2] == '\n';
		}
		newlines += (size_t)first + second;
	}
	for (; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		newlines++;
	return newlines;
}

/* The sender sends a message, which comes in one read, and waits for this. */
static void
keep_and_reply(const struct connection *c, size_t len, uintmax_t messages)
{
	char reply[64];
	int reply_len = snprintf(reply, sizeof reply, "{\"ack\":%ju}\n", messages);

	if (write(file, c->bytes, len) != (ssize_t)len || fdatasync(file) != 0)
		err(EXIT_FAILURE, "write");
	if (send(c->fd, reply, (size_t)reply_len, MSG_NOSIGNAL) != reply_len)
		err(EXIT_FAILURE, "send");
}

static void *
run_connection(void *argument)
{
	struct connection *c = argument;
	uintmax_t messages = 0, received = 0;
	ssize_t len;

	while ((len = recv(c->fd, c->bytes, sizeof c->bytes, 0)) > 0) {
		received += (size_t)len;
		if (counts_messages)
			messages += count_newlines(c->bytes, (size_t)len);
		if (file != -1)
			keep_and_reply(c, (size_t)len, messages);
	}
	(void)pthread_mutex_lock(&mutex);
	total_messages += messages;
	total_bytes += received;
	if (--open_connections == 0)
		(void)pthread_cond_signal(&all_closed);
	(void)pthread_mutex_unlock(&mutex);
	(void)close(c->fd);
	free(c);
	return NULL;
}

static void *
wait_for_end(void *signals)
{
	int signal;

	(void)sigwait(signals, &signal);
	(void)pthread_mutex_lock(&mutex);
	while (open_connections > 0)
		(void)pthread_cond_wait(&all_closed, &mutex);
	(void)printf("messages %ju bytes %ju\n", total_messages, total_bytes);
	exit(EXIT_SUCCESS);
}

static int
listen_on_loopback(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
		listen(fd, SOMAXCONN) != 0 ||
		getsockname(fd, (struct sockaddr *)&address, &len) != 0)
		err(EXIT_FAILURE, "listen");
	(void)printf("ready 127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
	(void)fflush(stdout);
	return fd;
}

static void
start_thread(void *(*run)(void *), void *argument)
{
	pthread_attr_t attributes;
	pthread_t thread;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if ((errno = pthread_create(&thread, &attributes, run, argument)) != 0)
		err(EXIT_FAILURE, "pthread_create");
}

static void
choose(const char *kind)
{
	bool syncs = strcmp(kind, "sync") == 0;

	counts_messages = syncs || strcmp(kind, "count") == 0;
	if (!counts_messages && strcmp(kind, "discard") != 0)
		errx(EXIT_FAILURE, "usage: receiver count|discard|sync");
	if (syncs)
		file = open("messages", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (syncs && file == -1)
		err(EXIT_FAILURE, "messages");
}

int
main(int argc, char *argv[])
{
	static sigset_t signals;
	int listener;

	choose(argc == 2 ? argv[1] : "");
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
	start_thread(wait_for_end, &signals);
	listener = listen_on_loopback();
	for (;;) {
		struct connection *c = malloc(sizeof *c);

		if (c == NULL || (c->fd = accept(listener, NULL, NULL)) == -1)
			err(EXIT_FAILURE, "accept");
		(void)pthread_mutex_lock(&mutex);
		open_connections++;
		(void)pthread_mutex_unlock(&mutex);
		start_thread(run_connection, c);
	}
}
