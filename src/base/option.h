/*
 * option: command lines and environment names out of one table.
 *
 * A program lists its options in an `options.def`, which expands to the members of a
 * struct and to a table of `struct option_spec`.  Every option has an environment name,
 * made of its flag: --max-message is BIO_MAX_MESSAGE.  The command line beats the
 * environment, the environment beats the default; an empty variable is not set.  Every
 * program has --help, -h and --version.
 *
 * Called by main before the first thread.  Texts that are stored point into argv, the
 * environment or the table; nothing is allocated.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_OPTION_H
#define BIO_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define OPTION_LIST_MAX 16
/* One item of a list, with its NUL. */
#define OPTION_ITEM_MAX 320

struct option_list {
	char items[OPTION_LIST_MAX][OPTION_ITEM_MAX];
	size_t count;
};

enum option_kind {
	OPTION_FLAG, /* bool; no argument, or =yes / =no (so an environment can say it) */
	OPTION_COUNT,  /* uint64_t; a whole number */
	OPTION_BYTES,  /* uint64_t; a number with k, m or g, or KiB, MiB, GiB: powers of
			  1024 */
	OPTION_MS,     /* uint64_t milliseconds; "10", "10s", "500ms", "2m", "1h" */
	OPTION_REAL,   /* double */
	OPTION_TEXT,   /* const char *; NULL where the default is NULL */
	OPTION_LIST,   /* struct option_list; repeatable, or separated by commas */
	OPTION_WORDS,  /* struct option_list; repeatable, and a comma is part of it */
	OPTION_CHOICE, /* int; the index within the argument's "once|serial|threads" */
};

struct option_spec {
	const char *flag; /* without the dashes */
	/* As --help shows it; of a choice what is allowed, of a flag its letter: "-f". */
	const char *argument;
	const char *fallback; /* the default, as a user would write it */
	const char *help;     /* one line */
	enum option_kind kind;
	size_t place;      /* offsetof in the program's struct */
	double min, max;   /* of the stored value, for the kinds that are numbers */
	unsigned commands; /* bit mask: which commands of the program know it */
};

struct option_program {
	const char *name; /* as errors name it */
	const struct option_spec *specs;
	size_t count;
	unsigned command; /* the bit of the command that is parsed */
};

enum option_result { OPTION_OK, OPTION_BAD, OPTION_HELP, OPTION_VERSION };

/*
 * Fills `out` from defaults, environment and argv[1..].  OPTION_BAD: what is wrong and
 * the way out have been written to standard error.  `first_operand` is the index of the
 * first word in argv (reordered) that is no option.
 */
enum option_result option_parse(const struct option_program *program, int argc,
	char *argv[], void *out, int *first_operand) MUST_USE;

/*
 * Writes a line or more an option to standard output, with environment name and default,
 * and behind them what holds for all.
 */
void option_print_help(const struct option_program *program);

#endif
