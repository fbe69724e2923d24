/*
 * question: an array that is filled.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/question.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
question_begin(struct question *q)
{
	q->count = q->number_count = 0;
}

void
question_add(struct question *q, const char *name, const char *value)
{
	if (value == NULL)
		return;
	assert(q->count < QUESTION_PARAMETERS_MAX);
	q->parameters[q->count++] = (struct status_parameter){name, value};
}

void
question_add_number(struct question *q, const char *name, uint64_t number)
{
	char *text;

	assert(q->number_count < QUESTION_NUMBERS_MAX);
	text = q->numbers[q->number_count++];
	(void)snprintf(text, QUESTION_NUMBER_BYTES, "%" PRIu64, number);
	question_add(q, name, text);
}

void
question_add_filters(struct question *q, const struct options *options)
{
	question_add(q, "q", options->query);
	for (size_t i = 0; i < options->filter.count; i++) {
		char *field = q->fields[i], *value;

		memcpy(field, options->filter.items[i], sizeof q->fields[i]);
		value = strchr(field, '=');
		*value = '\0';
		question_add(q, field, value + 1);
	}
}
