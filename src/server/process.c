/*
 * process: reads /proc/self, as proc(5) has it, and asks for usage and limits.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/attr.h"

static void
read_status(struct process *out)
{
	const struct {
		const char *label;
		uint64_t *value, unit;
	} fields[] = {
		{"VmRSS:", &out->rss_bytes, 1024},
		{"VmSize:", &out->virtual_bytes, 1024},
		{"Threads:", &out->threads, 1},
	};
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];

	if (f == NULL)
		return;
	while (fgets(line, sizeof line, f) != NULL)
		for (size_t i = 0; i < COUNT_OF(fields); i++) {
			size_t len = strlen(fields[i].label);

			if (strncmp(line, fields[i].label, len) == 0)
				*fields[i].value =
					strtoull(line + len, NULL, 10) * fields[i].unit;
		}
	(void)fclose(f);
}

static uint64_t
count_open_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint64_t entries = 0;

	if (directory == NULL)
		return 0;
	while (readdir(directory) != NULL)
		entries++;
	(void)closedir(directory);
	/* Not ".", "..", and the directory's own descriptor. */
	return entries - 3;
}

static double
seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

void
process_read(struct process *out)
{
	struct rusage usage;
	struct rlimit limit;

	*out = (struct process){0};
	if (getrusage(RUSAGE_SELF, &usage) == 0)
		out->cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		out->max_fds =
			limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
	read_status(out);
	out->open_fds = count_open_fds();
}
