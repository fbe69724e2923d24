/*
 * process: what the kernel tells of this process.  Any thread may call.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_PROCESS_H
#define BIO_SERVER_PROCESS_H

#include <stdint.h>

/* 0 where the kernel does not tell; none of them is 0 otherwise. */
struct process {
	uint64_t rss_bytes, virtual_bytes, threads, open_fds;
	uint64_t max_fds; /* UINT64_MAX: no limit */
	double cpu_seconds;
};

void process_read(struct process *out);

#endif
