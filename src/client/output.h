/*
 * output: where an export goes: standard output, or a file that is there whole or not at
 * all.
 *
 * A file is written beside its place, as FILE.part, and put there once all of it is on
 * the disk; until then what was there before stays, and who may read that may read the
 * new one.  What is no regular file, such as a pipe or a device, is written as it is.
 * One thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_OUTPUT_H
#define BIO_CLIENT_OUTPUT_H

#include <stdio.h>

#include "base/attr.h"

struct output {
	FILE *file;
	const char *name;  /* as errors say it */
	char *path, *part; /* owned; NULL: nothing has to be put in its place */
};

/* `path` is NULL for standard output.  -1: reported. */
int output_open(struct output *o, const char *path) MUST_USE;

/* -1: reported. */
int output_write(struct output *o, const void *bytes, size_t len) MUST_USE;

/* All is written.  -1: reported, and the file is as it was before. */
int output_finish(struct output *o) MUST_USE;

/* Something went wrong; the file stays as it was before. */
void output_abandon(struct output *o);

#endif
