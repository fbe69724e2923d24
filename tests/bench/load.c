/*
 * load: the sender that the server and the yardstick both get.
 *
 *   load flood --to HOST:PORT --connections N --seconds S    many messages a write
 *   load each  --to HOST:PORT --connections N --seconds S    one message a write
 *   load cycle --to HOST:PORT --threads N --count C          connect, send, close
 *
 * The clock runs from the first send until the receiver has closed every connection, so
 * what still waits in a socket is not taken for received.  A cycle only closes, as a
 * simple client does, and outruns the receiver until its queue of connections is full;
 * from then on the kernel's retry after a second would be measured.  So each worker's
 * every 100th cycle, and its last, waits for the receiver's end before it closes: by then
 * the receiver has accepted all before it.
 *
 * The main thread connects and keeps the time; each connection (cycle: each worker) has a
 * thread.  Whatever goes wrong ends the program: half a measurement is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WRITE_BYTES ((size_t)256 * 1024)
#define CYCLES_A_WAIT 100
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct buffer {
	char *bytes;
	size_t len;
	uint64_t messages;
};

struct worker {
	pthread_t thread;
	int fd; /* -1 in a cycle, which connects itself */
	uint64_t connections, messages, bytes;
};

struct kind {
	const char *name;
	void *(*run)(void *worker);
};

struct plan {
	const struct kind *kind;
	size_t workers;
	double seconds;
	size_t write_bytes;
};

static char seed_message[] =
	"{\"send_user\": \"Lyon\", \"send_time\": \"2026-01-01 00:00:00\", "
	"\"send_msg\": \"BIO test...\"}\n";

/* Set before the first worker starts and only read afterwards. */
static struct addrinfo *target;
static struct buffer payload = {seed_message, sizeof seed_message - 1, 0}, copies;
static size_t *line_ends; /* of the payload */
static uint64_t cycles_per_worker = 1;

static atomic_bool is_over;

static void *
allocate(size_t bytes)
{
	void *memory = malloc(bytes);

	if (memory == NULL)
		err(EXIT_FAILURE, "malloc");
	return memory;
}

static int
connect_to_target(void)
{
	int fd = socket(target->ai_family, SOCK_STREAM, 0);

	if (fd == -1)
		err(EXIT_FAILURE, "socket");
	if (connect(fd, target->ai_addr, target->ai_addrlen) != 0)
		err(EXIT_FAILURE, "connect");
	return fd;
}

static void
send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent < 0)
			err(EXIT_FAILURE, "send");
		bytes += sent;
		len -= (size_t)sent;
	}
}

/* Says that no more will come, and waits until the receiver has read everything. */
static void
finish(int fd)
{
	char reply[256];
	ssize_t len;

	if (shutdown(fd, SHUT_WR) != 0)
		err(EXIT_FAILURE, "shutdown");
	len = recv(fd, reply, sizeof reply, 0);
	if (len < 0)
		err(EXIT_FAILURE, "recv");
	if (len > 0)
		errx(EXIT_FAILURE, "the receiver said: %.*s", (int)len, reply);
	(void)close(fd);
}

static void *
run_flood(void *argument)
{
	struct worker *w = argument;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		send_all(w->fd, copies.bytes, copies.len);
		w->messages += copies.messages;
		w->bytes += copies.len;
	}
	finish(w->fd);
	return NULL;
}

static void *
run_each(void *argument)
{
	struct worker *w = argument;
	size_t line = 0, begin = 0;

	while (!atomic_load_explicit(&is_over, memory_order_relaxed)) {
		size_t end = line_ends[line];

		send_all(w->fd, payload.bytes + begin, end - begin);
		w->messages++;
		w->bytes += end - begin;
		line = line + 1 < payload.messages ? line + 1 : 0;
		begin = line > 0 ? end : 0;
	}
	finish(w->fd);
	return NULL;
}

static void *
run_cycle(void *argument)
{
	struct worker *w = argument;

	for (uint64_t i = 1; i <= cycles_per_worker; i++) {
		int fd = connect_to_target();

		send_all(fd, payload.bytes, payload.len);
		if (i % CYCLES_A_WAIT == 0 || i == cycles_per_worker)
			finish(fd);
		else if (close(fd) != 0)
			err(EXIT_FAILURE, "close");
		w->connections++;
		w->messages += payload.messages;
		w->bytes += payload.len;
	}
	return NULL;
}

static const struct kind kinds[] = {
	{"flood", run_flood},
	{"each", run_each},
	{"cycle", run_cycle},
};

static void
resolve_target(char *text)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char *colon = strrchr(text, ':');
	int result;

	if (colon == NULL)
		errx(EXIT_FAILURE, "expected HOST:PORT: %s", text);
	*colon = '\0';
	result = getaddrinfo(text, colon + 1, &hints, &target);
	if (result != 0)
		errx(EXIT_FAILURE, "%s: %s", text, gai_strerror(result));
}

static void
read_payload(const char *path)
{
	FILE *file = fopen(path, "rb");
	long len;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < 0)
		err(EXIT_FAILURE, "%s", path);
	rewind(file);
	payload.len = (size_t)len;
	payload.bytes = allocate(payload.len + 1);
	if (fread(payload.bytes, 1, payload.len, file) != payload.len)
		err(EXIT_FAILURE, "%s", path);
	(void)fclose(file);
	if (len == 0 || payload.bytes[len - 1] != '\n')
		errx(EXIT_FAILURE, "%s: the last line has no end", path);
}

/* Finds the payload's lines, and fills one buffer with as many whole copies as it holds.
 */
static void
prepare_buffers(size_t write_bytes)
{
	size_t len = payload.len, count = write_bytes > len ? write_bytes / len : 1;

	line_ends = allocate(len * sizeof line_ends[0]);
	for (size_t i = 0; i < len; i++)
		if (payload.bytes[i] == '\n')
			line_ends[payload.messages++] = i + 1;
	copies.len = count * len;
	copies.messages = count * payload.messages;
	copies.bytes = allocate(copies.len);
	for (size_t i = 0; i < count; i++)
		memcpy(copies.bytes + i * len, payload.bytes, len);
}

static double
now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
sleep_s(double seconds)
{
	struct timespec time = {.tv_sec = (time_t)seconds};

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	(void)nanosleep(&time, NULL);
}

/* Runs the workers, adds up what they sent and returns how many seconds it took. */
static double
measure(const struct plan *plan, struct worker *sum)
{
	struct worker *workers = allocate(plan->workers * sizeof workers[0]);
	bool is_cycle = plan->kind->run == run_cycle;
	double start_s, took_s;

	for (size_t i = 0; i < plan->workers; i++) {
		workers[i] = (struct worker){.fd = -1};
		if (is_cycle)
			continue;
		workers[i].fd = connect_to_target();
		workers[i].connections = 1;
	}
	start_s = now_s();
	for (size_t i = 0; i < plan->workers; i++) {
		errno = pthread_create(
			&workers[i].thread, NULL, plan->kind->run, &workers[i]);
		if (errno != 0)
			err(EXIT_FAILURE, "pthread_create");
	}
	if (!is_cycle)
		sleep_s(plan->seconds);
	atomic_store(&is_over, true);
	for (size_t i = 0; i < plan->workers; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		sum->connections += workers[i].connections;
		sum->messages += workers[i].messages;
		sum->bytes += workers[i].bytes;
	}
	took_s = now_s() - start_s;
	free(workers);
	return took_s;
}

static void
report(const struct plan *plan, double took_s, const struct worker *sum)
{
	(void)printf("{");
	if (plan->kind->run == run_cycle) {
		uint64_t cycles = plan->workers * cycles_per_worker;

		(void)printf("\"cycles\": %ju, \"cycles_per_second\": %.1f, ",
			(uintmax_t)cycles, (double)cycles / took_s);
	}
	(void)printf("\"connections\": %ju, \"messages\": %ju, \"bytes\": %ju, "
		     "\"seconds\": %.6f, \"messages_per_second\": %.1f}\n",
		(uintmax_t)sum->connections, (uintmax_t)sum->messages,
		(uintmax_t)sum->bytes, took_s, (double)sum->messages / took_s);
}

static double
parse_number(const char *name, const char *text, double min, double max)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number >= min && number <= max))
		errx(EXIT_FAILURE, "--%s: expected a number from %g to %g", name, min,
			max);
	return number;
}

static _Noreturn void
usage(void)
{
	errx(EXIT_FAILURE, "usage: load flood|each --to HOST:PORT [--connections N] "
			   "[--seconds S], load cycle --to HOST:PORT [--threads N] "
			   "[--count C]; with [--payload FILE] [--write-bytes N]");
}

static const struct kind *
find_kind(int argc, char *argv[])
{
	for (size_t i = 0; argc > 1 && i < COUNT_OF(kinds); i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			return &kinds[i];
	usage();
}

/* Fills the plan, and prepares the target and the payload. */
static void
parse_options(int argc, char *argv[], struct plan *plan)
{
	static const struct option options[] = {
		{"to", required_argument, NULL, 't'},
		{"connections", required_argument, NULL, 'n'},
		{"threads", required_argument, NULL, 'n'},
		{"seconds", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'c'},
		{"payload", required_argument, NULL, 'p'},
		{"write-bytes", required_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	int which, index = 0;

	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		const char *name = options[index].name;

		switch (which) {
		case 't':
			resolve_target(optarg);
			break;
		case 'n':
			plan->workers = (size_t)parse_number(name, optarg, 1, 10000);
			break;
		case 's':
			plan->seconds = parse_number(name, optarg, 0, 3600);
			break;
		case 'c':
			cycles_per_worker = (uint64_t)parse_number(name, optarg, 1, 1e6);
			break;
		case 'p':
			read_payload(optarg);
			break;
		case 'w':
			plan->write_bytes =
				(size_t)parse_number(name, optarg, 1, 1 << 30);
			break;
		default:
			exit(EXIT_FAILURE);
		}
	}
	if (optind < argc || target == NULL)
		usage();
}

int
main(int argc, char *argv[])
{
	struct plan plan = {.workers = 1, .seconds = 1, .write_bytes = WRITE_BYTES};
	struct worker sum = {.fd = -1};
	double took_s;

	plan.kind = find_kind(argc, argv);
	parse_options(argc - 1, argv + 1, &plan);
	prepare_buffers(plan.write_bytes);
	took_s = measure(&plan, &sum);
	report(&plan, took_s, &sum);
	return EXIT_SUCCESS;
}
