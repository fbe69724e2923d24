/*
 * filter: which messages a reader asks for.
 *
 * Criteria are joined by "and".  A field is a path of member names (or of indexes into
 * arrays) and the text that its scalar must have: a string's own text, case-sensitively;
 * a number written the same way or, up to 15 digits and within the range of doubles, of
 * the same value; true, false, null. Of members with the same name the first one counts.
 *
 * Texts are borrowed from the caller.  A filter is read-only while it is used; any
 * thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_MESSAGES_FILTER_H
#define BIO_MESSAGES_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILTER_FIELDS_MAX 16

struct filter_field {
	const char *path; /* ".user.name", with the leading dot */
	const char *value;
};

struct filter {
	uint64_t after, before;     /* ids, both exclusive */
	int64_t since_us, until_us; /* wall clock; inclusive, exclusive */
	const char *substring;      /* NULL: any */
	struct filter_field fields[FILTER_FIELDS_MAX];
	size_t field_count;
};

/* Matches everything. */
void filter_init(struct filter *f);

/* True for a path such as ".a" or ".a.0.b": no empty name. */
bool filter_is_path(const char *path);

/* Whether a valid text passes; ids and times are the caller's to compare. */
bool filter_match_text(const struct filter *f, const char *json, size_t len);

#endif
