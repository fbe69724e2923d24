/*
 * option: a table-driven reader over getopt_long.
 *
 * One function stores a value, wherever it came from, so a default, a variable and a flag
 * obey the same rules.  A list given on the command line replaces the one that the
 * environment or the default gave; that is what `fresh` remembers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/option.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENVIRONMENT_PREFIX "BIO_"
#define NAME_MAX_BYTES 64
#define SPECS_MAX 64
/* What getopt_long wants: a colon, the letters of all flags, -h, and the end. */
#define LETTERS_MAX (SPECS_MAX + 3)
#define HELP_LETTER 'h'
/* Of a value as it is written. */
#define VALUE_MAX_BYTES 64

struct unit {
	const char *suffix;
	double factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit byte_units[] = {{"", 1}, {"k", 1024}, {"KiB", 1024},
	{"m", 1048576}, {"MiB", 1048576}, {"g", 1073741824}, {"GiB", 1073741824},
	{NULL, 0}};
static const struct unit ms_units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000},
	{"h", 3600000}, {"d", 86400000}, {NULL, 0}};

static void
environment_name(const struct option_spec *spec, char out[NAME_MAX_BYTES])
{
	size_t len = strlen(ENVIRONMENT_PREFIX);

	memcpy(out, ENVIRONMENT_PREFIX, len);
	for (const char *p = spec->flag; *p != '\0' && len < NAME_MAX_BYTES - 1; p++)
		out[len++] = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
	out[len] = '\0';
}

static const struct unit *
units_of(const struct option_spec *spec)
{
	switch (spec->kind) {
	case OPTION_BYTES:
		return byte_units;
	case OPTION_MS:
		return ms_units;
	case OPTION_FLAG:
	case OPTION_COUNT:
	case OPTION_REAL:
	case OPTION_TEXT:
	case OPTION_LIST:
	case OPTION_WORDS:
	case OPTION_CHOICE:
		break;
	}
	return no_units;
}

/* As a user would write it: in the largest unit that leaves no fraction. */
static void
write_value(const struct option_spec *spec, double value, char out[VALUE_MAX_BYTES])
{
	const struct unit *largest = no_units;

	for (const struct unit *unit = units_of(spec); unit->suffix != NULL; unit++)
		if (value >= unit->factor && unit->factor >= largest->factor &&
			fmod(value, unit->factor) == 0)
			largest = unit;
	(void)snprintf(out, VALUE_MAX_BYTES,
		spec->kind == OPTION_REAL ? "%g%s" : "%.0f%s", value / largest->factor,
		largest->suffix);
}

static const char *
say_range(const struct option_spec *spec)
{
	static char why[160];
	char min[VALUE_MAX_BYTES], max[VALUE_MAX_BYTES];

	write_value(spec, spec->min, min);
	write_value(spec, spec->max, max);
	(void)snprintf(why, sizeof why, "out of range (%s to %s)", min, max);
	return why;
}

/* A decimal number with one of the suffixes, in range. */
static const char *
read_number(const struct option_spec *spec, const char *text, double *out)
{
	const struct unit *unit = units_of(spec);
	const char *digits = "0123456789";
	char *end;
	double value;

	if (spec->kind == OPTION_REAL || spec->kind == OPTION_MS)
		digits = "0123456789.";
	if (text[0] == '-' && isdigit((unsigned char)text[1]))
		return "must not be negative";
	if (!isdigit((unsigned char)text[0]))
		return "expected a number";
	value = strtod(text, &end);
	if (strspn(text, digits) != (size_t)(end - text))
		return "expected a number";
	while (unit->suffix != NULL && strcasecmp(unit->suffix, end) != 0)
		unit++;
	if (unit->suffix == NULL)
		return "unknown unit behind the number";
	value *= unit->factor;
	if (!isfinite(value) || value < spec->min || value > spec->max)
		return say_range(spec);
	*out = value;
	return NULL;
}

static const char *
read_whole(const struct option_spec *spec, const char *text, uint64_t *out)
{
	double value = 0;
	const char *why = read_number(spec, text, &value);

	if (why == NULL)
		*out = (uint64_t)ceil(value);
	return why;
}

static const char *
read_flag(const char *text, bool *out)
{
	static const char *const yes[] = {"yes", "true", "on", "1"};
	static const char *const no[] = {"no", "false", "off", "0"};

	for (size_t i = 0; i < COUNT_OF(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*out = strcasecmp(text, yes[i]) == 0;
			return NULL;
		}
	}
	return "expected yes or no";
}

/* The index of `text` among the words of "a|b|c". */
static const char *
read_choice(const char *choices, const char *text, int *out)
{
	size_t len = strlen(text);
	int index = 0;

	for (const char *word = choices; word != NULL; index++) {
		const char *bar = strchr(word, '|');
		size_t word_len = bar != NULL ? (size_t)(bar - word) : strlen(word);

		if (word_len == len && memcmp(word, text, len) == 0) {
			*out = index;
			return NULL;
		}
		word = bar != NULL ? bar + 1 : NULL;
	}
	return "not one of the choices";
}

/* Splits at each character of `separators`. */
static const char *
read_list(const char *text, const char *separators, struct option_list *out)
{
	for (size_t len; *text != '\0'; text += len + (text[len] != '\0')) {
		len = strcspn(text, separators);
		if (len == 0)
			continue;
		if (out->count == OPTION_LIST_MAX)
			return "too many of them";
		if (len >= OPTION_ITEM_MAX)
			return "too long";
		memcpy(out->items[out->count], text, len);
		out->items[out->count++][len] = '\0';
	}
	return NULL;
}

/* NULL, or what is wrong with the text. */
static const char *
store_value(const struct option_spec *spec, const char *text, void *out)
{
	void *member = (char *)out + spec->place;

	switch (spec->kind) {
	case OPTION_FLAG:
		return read_flag(text, member);
	case OPTION_COUNT:
	case OPTION_BYTES:
	case OPTION_MS:
		return read_whole(spec, text, member);
	case OPTION_REAL:
		return read_number(spec, text, member);
	case OPTION_TEXT:
		*(const char **)member = text;
		return NULL;
	case OPTION_LIST:
		return read_list(text, ",", member);
	case OPTION_WORDS:
		return read_list(text, "", member);
	case OPTION_CHOICE:
		return read_choice(spec->argument, text, member);
	}
	return "unknown kind of option";
}

static bool
belongs(const struct option_program *program, const struct option_spec *spec)
{
	return (spec->commands & program->command) != 0;
}

static enum option_result
refuse(const struct option_program *program, const char *source, const char *text,
	const struct option_spec *spec, const char *why)
{
	(void)fprintf(stderr, "%s: %s '%s': %s", program->name, source, text, why);
	if (spec->kind == OPTION_CHOICE)
		(void)fprintf(stderr, " (%s)", spec->argument);
	(void)fprintf(stderr, "\nTry '%s --help'.\n", program->name);
	return OPTION_BAD;
}

/* Defaults and environment. */
static enum option_result
parse_environment(const struct option_program *program, void *out)
{
	for (size_t i = 0; i < program->count; i++) {
		const struct option_spec *spec = &program->specs[i];
		char name[NAME_MAX_BYTES];
		const char *text, *why;

		environment_name(spec, name);
		text = belongs(program, spec) ? getenv(name) : NULL;
		if (text == NULL || text[0] == '\0')
			text = spec->fallback;
		if (text == NULL)
			continue;
		why = store_value(spec, text, out);
		if (why != NULL)
			return refuse(program, name, text, spec, why);
	}
	return OPTION_OK;
}

static enum option_result
parse_argument(const struct option_program *program, const struct option_spec *spec,
	const char *text, void *out, bool *fresh)
{
	char source[NAME_MAX_BYTES];
	const char *why;

	if (spec->kind == OPTION_FLAG && text == NULL)
		text = "yes";
	if ((spec->kind == OPTION_LIST || spec->kind == OPTION_WORDS) && *fresh)
		((struct option_list *)((char *)out + spec->place))->count = 0;
	*fresh = false;
	why = store_value(spec, text, out);
	if (why == NULL)
		return OPTION_OK;
	(void)snprintf(source, sizeof source, "--%s", spec->flag);
	return refuse(program, source, text, spec, why);
}

static bool
has_letter(const struct option_spec *spec)
{
	return spec->kind == OPTION_FLAG && spec->argument[0] == '-';
}

/*
 * The tables as getopt_long wants them; `val` is the index + 1, help and version come
 * last.
 */
static void
build_getopt_tables(const struct option_program *program, struct option *table,
	char letters[LETTERS_MAX])
{
	size_t n = 0, letter_count = 0;

	for (size_t i = 0; i < program->count; i++) {
		const struct option_spec *spec = &program->specs[i];

		if (!belongs(program, spec))
			continue;
		if (has_letter(spec))
			letters[++letter_count] = spec->argument[1];
		table[n++] = (struct option){.name = spec->flag,
			.has_arg = spec->kind == OPTION_FLAG ? optional_argument
							     : required_argument,
			.val = (int)i + 1};
	}
	table[n++] = (struct option){.name = "help", .val = -OPTION_HELP};
	table[n++] = (struct option){.name = "version", .val = -OPTION_VERSION};
	table[n] = (struct option){0};
	letters[0] = ':'; /* an argument that is missing is told apart */
	letters[++letter_count] = HELP_LETTER;
	letters[letter_count + 1] = '\0';
}

/* What getopt_long answered: an index + 1, or the letter of a flag. */
static const struct option_spec *
find_spec(const struct option_program *program, int value)
{
	if (value <= (int)program->count)
		return &program->specs[value - 1];
	for (size_t i = 0; i < program->count; i++)
		if (belongs(program, &program->specs[i]) &&
			has_letter(&program->specs[i]) &&
			program->specs[i].argument[1] == value)
			return &program->specs[i];
	return NULL;
}

/* A word that getopt_long does not take; of a cluster of letters it names the letter. */
static enum option_result
refuse_word(const struct option_program *program, bool lacks_argument, const char *word)
{
	const char letter[] = {'-', (char)optopt, '\0'};

	if (lacks_argument)
		(void)fprintf(stderr, "%s: an argument is missing behind '%s'\n",
			program->name, word);
	else
		(void)fprintf(stderr, "%s: unknown option '%s'%s\n", program->name,
			optopt > ' ' && optopt <= '~' ? letter : word,
			isdigit(optopt) ? " (a number goes behind --)" : "");
	(void)fprintf(stderr, "Try '%s --help'.\n", program->name);
	return OPTION_BAD;
}

/*
 * Finds --help and words that are no options, before anything is taken: a broken
 * environment must not hide the help.  getopt_long moves the operands behind the options
 * here, so that the second time there is nothing left to move.
 */
static enum option_result
look_over(const struct option_program *program, const struct option *table,
	const char *letters, int argc, char *argv[])
{
	int value;

	optind = 0;
	opterr = 0;
	while ((value = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		if (value == -OPTION_HELP || value == HELP_LETTER)
			return OPTION_HELP;
		if (value == -OPTION_VERSION)
			return OPTION_VERSION;
		if (value == '?' || value == ':')
			return refuse_word(program, value == ':', argv[optind - 1]);
	}
	return OPTION_OK;
}

enum option_result
option_parse(const struct option_program *program, int argc, char *argv[], void *out,
	int *first_operand)
{
	struct option table[SPECS_MAX + 3];
	char letters[LETTERS_MAX];
	bool fresh[SPECS_MAX];
	const struct option_spec *spec;
	enum option_result result;
	int value;

	assert(program->count <= SPECS_MAX);
	memset(fresh, true, sizeof fresh);
	build_getopt_tables(program, table, letters);
	result = look_over(program, table, letters, argc, argv);
	if (result == OPTION_OK)
		result = parse_environment(program, out);
	optind = 0;
	while (result == OPTION_OK &&
		(value = getopt_long(argc, argv, letters, table, NULL)) != -1) {
		spec = find_spec(program, value);
		assert(spec != NULL);
		result = parse_argument(
			program, spec, optarg, out, &fresh[spec - program->specs]);
	}
	*first_operand = optind;
	return result;
}

void
option_print_help(const struct option_program *program)
{
	for (size_t i = 0; i < program->count; i++) {
		const struct option_spec *spec = &program->specs[i];
		char name[NAME_MAX_BYTES], left[NAME_MAX_BYTES * 2];

		if (!belongs(program, spec))
			continue;
		environment_name(spec, name);
		if (has_letter(spec))
			(void)snprintf(left, sizeof left, "%s, --%s", spec->argument,
				spec->flag);
		else
			(void)snprintf(left, sizeof left, "--%s%s%s%s", spec->flag,
				spec->argument[0] != '\0' ? " " : "", spec->argument,
				spec->kind == OPTION_LIST ? ",..." : "");
		(void)printf("  %s\n", left);
		(void)printf("        %s\n        [%s", spec->help, name);
		if (spec->fallback != NULL && spec->kind != OPTION_FLAG)
			(void)printf("; default: %s", spec->fallback);
		(void)printf("]\n");
	}
	(void)printf("  -h, --help\n        Print this text.\n"
		     "  --version\n        Print the version.\n\n"
		     "Every option can be set by the environment name in brackets: one "
		     "without an\n"
		     "argument by yes or no.  An empty variable is not set.\n"
		     "Sizes take k, m, g (powers of 1024), times ms, s, m, h, d; without "
		     "a unit a "
		     "size is\n"
		     "in bytes, a time in seconds.\n");
}
