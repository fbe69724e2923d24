/*
 * question: the parameters of one question to /messages.
 *
 * Texts are borrowed, numbers and the parts of a filter are kept in it.  It points into
 * itself, so it is not to be copied.  Pure; one thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_QUESTION_H
#define BIO_CLIENT_QUESTION_H

#include <stddef.h>
#include <stdint.h>

#include "base/option.h"
#include "client/options.h"
#include "client/status.h"

enum { QUESTION_NUMBERS_MAX = 3, QUESTION_NUMBER_BYTES = 24 };
enum { QUESTION_PARAMETERS_MAX = 8 + OPTION_LIST_MAX };

struct question {
	struct status_parameter parameters[QUESTION_PARAMETERS_MAX];
	size_t count;
	char numbers[QUESTION_NUMBERS_MAX][QUESTION_NUMBER_BYTES];
	size_t number_count;
	char fields[OPTION_LIST_MAX][OPTION_ITEM_MAX];
};

void question_begin(struct question *q);

/* A value of NULL is left out. */
void question_add(struct question *q, const char *name, const char *value);

/* Up to QUESTION_NUMBERS_MAX of them. */
void question_add_number(struct question *q, const char *name, uint64_t number);

/* What --query and --filter say. */
void question_add_filters(struct question *q, const struct options *options);

#endif
