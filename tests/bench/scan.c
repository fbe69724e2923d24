/*
 * scan: the server's scanner against cJSON, without sockets and without a server.
 *
 *   scan --payload FILE --rounds N --seconds S    S is how long each measurement takes
 *
 * A subject goes over all messages of the payload, each on its own, as often as fits into
 * the time.  Every message must come out valid and whole, in every pass.  A round
 * measures the subjects there and back, so that a machine which gets slower or faster
 * meanwhile does so for all.  cJSON builds its tree and frees it; memchr only finds the
 * newlines, and stands for the speed at which bytes can be looked at.
 *
 * SPDX-License-Identifier: MIT
 */
#include <cjson/cJSON.h>
#include <err.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "tool.h"
#include "wire/scan.h"

#define DEPTH 512

struct subject {
	const char *name;
	size_t (*pass)(const struct payload *p); /* how many messages were valid */
	enum scan_path path;
	double *rates; /* bytes a second, two a round */
};

static size_t
pass_scan(const struct payload *p)
{
	size_t valid = 0, begin = 0, used = 0;

	for (size_t i = 0; i < p->messages; begin = p->line_ends[i++]) {
		const uint8_t *text = (const uint8_t *)p->bytes + begin;
		size_t len = p->line_ends[i] - 1 - begin;
		struct scan scan;

		scan_begin(&scan, DEPTH, used);
		if (scan_feed(&scan, text, len, &used) == SCAN_DONE && used == len)
			valid++;
	}
	return valid;
}

static size_t
pass_cjson(const struct payload *p)
{
	size_t valid = 0, begin = 0;

	for (size_t i = 0; i < p->messages; begin = p->line_ends[i++]) {
		cJSON *tree = cJSON_ParseWithLength(
			p->bytes + begin, p->line_ends[i] - 1 - begin);

		if (tree != NULL)
			valid++;
		cJSON_Delete(tree);
	}
	return valid;
}

static size_t
pass_memchr(const struct payload *p)
{
	const char *at = p->bytes, *end = p->bytes + p->len;
	size_t newlines = 0;

	for (; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
		newlines++;
	return newlines;
}

/* The scanner's paths that the machine has, the best first, which is what the server
 * takes and the runner judges; then the others. */
static struct subject subjects[SCAN_PATH_COUNT + 2];
static size_t subject_count;

static void
add_subject(const char *name, size_t (*pass)(const struct payload *), enum scan_path path)
{
	subjects[subject_count++] =
		(struct subject){.name = name, .pass = pass, .path = path};
}

static void
prepare_subjects(void)
{
	for (unsigned path = SCAN_PATH_COUNT; path-- > 0;)
		if (scan_use_path((enum scan_path)path))
			add_subject(scan_path_name((enum scan_path)path), pass_scan,
				(enum scan_path)path);
	add_subject("cjson", pass_cjson, SCAN_PATH_PORTABLE);
	add_subject("memchr", pass_memchr, SCAN_PATH_PORTABLE);
}

static double
measure_rate(const struct subject *s, const struct payload *p, double seconds)
{
	double start_s = tool_now_s(), took_s;
	size_t passes = 0;

	if (!scan_use_path(s->path))
		errx(EXIT_FAILURE, "the path %s is gone", s->name);
	do {
		size_t valid = s->pass(p);

		if (valid != p->messages)
			errx(EXIT_FAILURE, "%s found %zu of %zu messages valid", s->name,
				valid, p->messages);
		passes++;
		took_s = tool_now_s() - start_s;
	} while (took_s < seconds);
	return (double)passes * (double)p->len / took_s;
}

static void
measure_all(const struct payload *p, size_t rounds, double seconds)
{
	size_t count = subject_count;

	for (size_t i = 0; i < count; i++)
		subjects[i].rates =
			tool_allocate(2 * rounds * sizeof subjects[i].rates[0]);
	for (size_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++)
			subjects[i].rates[2 * round] =
				measure_rate(&subjects[i], p, seconds);
		for (size_t i = count; i-- > 0;)
			subjects[i].rates[2 * round + 1] =
				measure_rate(&subjects[i], p, seconds);
	}
}

static void
report(size_t rounds)
{
	for (size_t i = 0; i < subject_count; i++) {
		(void)printf("%s\"%s\": [", i == 0 ? "{" : ", ", subjects[i].name);
		for (size_t j = 0; j < 2 * rounds; j++)
			(void)printf("%s%.0f", j == 0 ? "" : ", ", subjects[i].rates[j]);
		(void)printf("]");
		free(subjects[i].rates);
	}
	(void)printf("}\n");
}

int
main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"payload", required_argument, NULL, 'p'},
		{"rounds", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 's'},
		{NULL, 0, NULL, 0},
	};
	static struct payload payload;
	double seconds = 0.25;
	size_t rounds = 1;
	int which, index = 0;

	while ((which = getopt_long(argc, argv, "", options, &index)) != -1) {
		const char *name = options[index].name;

		if (which == 'p')
			payload_init_file(&payload, optarg);
		else if (which == 'r')
			rounds = (size_t)tool_parse_number(name, optarg, 1, 1000);
		else if (which == 's')
			seconds = tool_parse_number(name, optarg, 0, 60);
		else
			return EXIT_FAILURE;
	}
	if (optind < argc || payload.bytes == NULL)
		errx(EXIT_FAILURE,
			"usage: scan --payload FILE [--rounds N] [--seconds S]");
	prepare_subjects();
	measure_all(&payload, rounds, seconds);
	report(rounds);
	return EXIT_SUCCESS;
}
