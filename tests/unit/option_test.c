/*
 * option_test: what stands on a command line or in the environment, and what comes of it.
 *
 * A command line is written as one text with a space between its words.  What goes to
 * standard error is caught in a pipe and compared.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/option.h"

#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

#define COMMAND_SEND 1u
#define COMMAND_TAIL 2u
#define COMMAND_BOTH (COMMAND_SEND | COMMAND_TAIL)
#define WORDS_MAX 32
#define OUTPUT_MAX 4096

struct settings {
	bool flag, follow;
	uint64_t count, bytes, ms;
	double real;
	const char *text, *unset;
	struct option_list list;
	int choice;
	uint64_t tail_only, ranged;
};

#define MEMBER(name) offsetof(struct settings, name)
static const struct option_spec specs[] = {
	{"flag", "", "no", "A switch.", OPTION_FLAG, MEMBER(flag), 0, 0, COMMAND_BOTH},
	{"follow", "-f", "no", "Another switch.", OPTION_FLAG, MEMBER(follow), 0, 0,
		COMMAND_TAIL},
	{"count", "N", "7", "A number.", OPTION_COUNT, MEMBER(count), 1, 100,
		COMMAND_BOTH},
	{"max-bytes", "SIZE", "1m", "A size.", OPTION_BYTES, MEMBER(bytes), 1, 0x1p40,
		COMMAND_BOTH},
	{"wait", "TIME", "30s", "A time.", OPTION_MS, MEMBER(ms), 0, 86400000,
		COMMAND_BOTH},
	{"real", "X", "0.5", "A fraction.", OPTION_REAL, MEMBER(real), 0, 10,
		COMMAND_BOTH},
	{"text", "TEXT", "some", "A text.", OPTION_TEXT, MEMBER(text), 0, 0,
		COMMAND_BOTH},
	{"unset", "TEXT", NULL, "A text.", OPTION_TEXT, MEMBER(unset), 0, 0,
		COMMAND_BOTH},
	{"list", "A,B", "a,b", "A list.", OPTION_LIST, MEMBER(list), 0, 0, COMMAND_BOTH},
	{"choice", "once|serial|threads", "threads", "A mode.", OPTION_CHOICE,
		MEMBER(choice), 0, 0, COMMAND_BOTH},
	{"buffer", "SIZE", "64k", "Another size.", OPTION_BYTES, MEMBER(ranged), 65536,
		15728641, COMMAND_BOTH},
	{"pause", "TIME", "2s", "Another time.", OPTION_MS, MEMBER(ranged), 1500, 5400000,
		COMMAND_BOTH},
	{"many", "N", "5", "Another number.", OPTION_COUNT, MEMBER(ranged), 0, 1e15,
		COMMAND_BOTH},
	{"tail-only", "N", "3", "Of tail.", OPTION_COUNT, MEMBER(tail_only), 0, 9,
		COMMAND_TAIL},
};

static const struct option_program program = {
	"prog", specs, COUNT_OF(specs), COMMAND_SEND};

/* What one option_parse did. */
struct parsed {
	enum option_result result;
	struct settings settings;
	char words[512];
	char *argv[WORDS_MAX + 1];
	int argc, first_operand;
	char errors[OUTPUT_MAX];
};

/* Lets a descriptor write into a pipe until capture_end, which puts it back. */
struct capture {
	int fd, saved_fd, pipe_fd;
};

static void
capture_begin(struct capture *c, int fd)
{
	int ends[2];

	(void)fflush(NULL);
	c->fd = fd;
	c->saved_fd = dup(fd);
	if (c->saved_fd < 0 || pipe(ends) != 0 || dup2(ends[1], fd) < 0)
		abort();
	(void)close(ends[1]);
	c->pipe_fd = ends[0];
}

static void
capture_end(struct capture *c, char out[OUTPUT_MAX])
{
	ssize_t n;
	size_t len = 0;

	(void)fflush(NULL);
	if (dup2(c->saved_fd, c->fd) < 0)
		abort();
	while ((n = read(c->pipe_fd, out + len, OUTPUT_MAX - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	(void)close(c->saved_fd);
	(void)close(c->pipe_fd);
}

static struct parsed *
parse_for(const struct option_program *who, const char *words)
{
	static struct parsed p;
	struct capture capture;
	char *rest = NULL;

	memset(&p, 0, sizeof p);
	p.first_operand = -1;
	(void)snprintf(p.words, sizeof p.words, "prog %s", words);
	for (char *word = strtok_r(p.words, " ", &rest);
		word != NULL && p.argc < WORDS_MAX; word = strtok_r(NULL, " ", &rest))
		p.argv[p.argc++] = word;
	tap_context("%s", words);
	capture_begin(&capture, STDERR_FILENO);
	p.result = option_parse(who, p.argc, p.argv, &p.settings, &p.first_operand);
	capture_end(&capture, p.errors);
	return &p;
}

static struct parsed *
parse(const char *words)
{
	return parse_for(&program, words);
}

static void
set_environment(const char *name, const char *value)
{
	if (value == NULL ? unsetenv(name) != 0 : setenv(name, value, 1) != 0)
		abort();
}

static void
nothing_given_means_defaults(void)
{
	struct parsed *p = parse("");

	EXPECT_INT(OPTION_OK, p->result);
	EXPECT(!p->settings.flag);
	EXPECT_INT(7, p->settings.count);
	EXPECT_INT(1048576, p->settings.bytes);
	EXPECT_INT(30000, p->settings.ms);
	EXPECT(p->settings.real == 0.5);
	EXPECT_TEXT("some", p->settings.text);
	EXPECT_TEXT(NULL, p->settings.unset);
	EXPECT_INT(2, p->settings.list.count);
	EXPECT_TEXT("a", p->settings.list.items[0]);
	EXPECT_TEXT("b", p->settings.list.items[1]);
	EXPECT_INT(2, p->settings.choice);
	EXPECT_INT(3, p->settings.tail_only);
	EXPECT_INT(1, p->first_operand);
	EXPECT_TEXT("", p->errors);
}

static void
whole_numbers(void)
{
	static const struct {
		const char *words;
		size_t place;
		uint64_t value;
	} rows[] = {
		{"--count 5", MEMBER(count), 5},
		{"--count=5", MEMBER(count), 5},
		{"--count=1", MEMBER(count), 1},
		{"--count=100", MEMBER(count), 100},
		{"--count=007", MEMBER(count), 7},
		{"--count=5 --count=6", MEMBER(count), 6},
		{"--max-bytes=1", MEMBER(bytes), 1},
		{"--max-bytes=100", MEMBER(bytes), 100},
		{"--max-bytes=10k", MEMBER(bytes), 10240},
		{"--max-bytes=10K", MEMBER(bytes), 10240},
		{"--max-bytes=10KiB", MEMBER(bytes), 10240},
		{"--max-bytes=3m", MEMBER(bytes), 3145728},
		{"--max-bytes=3MiB", MEMBER(bytes), 3145728},
		{"--max-bytes=2g", MEMBER(bytes), UINT64_C(2147483648)},
		{"--max-bytes=2GiB", MEMBER(bytes), UINT64_C(2147483648)},
		{"--max-bytes=1024g", MEMBER(bytes), UINT64_C(1) << 40},
		{"--wait=0", MEMBER(ms), 0},
		{"--wait=10", MEMBER(ms), 10000},
		{"--wait=10s", MEMBER(ms), 10000},
		{"--wait=500ms", MEMBER(ms), 500},
		{"--wait=2m", MEMBER(ms), 120000},
		{"--wait=1h", MEMBER(ms), 3600000},
		{"--wait=1.5", MEMBER(ms), 1500},
		{"--wait=1.5h", MEMBER(ms), 5400000},
		{"--wait=0.25s", MEMBER(ms), 250},
		{"--wait=24h", MEMBER(ms), 86400000},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed *p = parse(rows[i].words);
		uint64_t value;

		EXPECT_INT(OPTION_OK, p->result);
		memcpy(&value, (char *)&p->settings + rows[i].place, sizeof value);
		EXPECT_INT(rows[i].value, value);
		EXPECT_TEXT("", p->errors);
	}
}

static void
real_numbers(void)
{
	EXPECT(parse("--real=2")->settings.real == 2.0);
	EXPECT(parse("--real=2.25")->settings.real == 2.25);
	EXPECT(parse("--real 0")->settings.real == 0.0);
	EXPECT(parse("--real=10")->settings.real == 10.0);
}

static void
flags(void)
{
	static const struct {
		const char *words;
		bool value;
	} rows[] = {
		{"--flag", true}, {"--flag=yes", true}, {"--flag=true", true},
		{"--flag=on", true}, {"--flag=1", true}, {"--flag=YES", true},
		{"--flag=no", false}, {"--flag=false", false}, {"--flag=off", false},
		{"--flag=0", false}, {"--flag --flag=no", false},
		{"--flag no", true}, /* no argument, but an operand */
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed *p = parse(rows[i].words);

		EXPECT_INT(OPTION_OK, p->result);
		EXPECT_INT(rows[i].value, p->settings.flag);
	}
}

static void
texts_and_choices(void)
{
	EXPECT_TEXT("other", parse("--text other")->settings.text);
	EXPECT_TEXT("a=b,c", parse("--text=a=b,c")->settings.text);
	EXPECT_TEXT("", parse("--text=")->settings.text);
	EXPECT_TEXT("--flag", parse("--text --flag")->settings.text);
	EXPECT_TEXT("set", parse("--unset=set")->settings.unset);
	EXPECT_INT(0, parse("--choice=once")->settings.choice);
	EXPECT_INT(1, parse("--choice serial")->settings.choice);
	EXPECT_INT(2, parse("--choice=threads")->settings.choice);
}

/* The items of a list, with a space behind each. */
static const char *
list_of(const struct parsed *p)
{
	static char out[OUTPUT_MAX];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < p->settings.list.count; i++)
		len += (size_t)snprintf(
			out + len, sizeof out - len, "%s ", p->settings.list.items[i]);
	return out;
}

static void
lists(void)
{
	static const struct {
		const char *words, *items;
	} rows[] = {
		{"--list c", "c "},
		{"--list c,d,e", "c d e "},
		{"--list c --list d", "c d "},
		{"--list c,d --list e --list=f,g", "c d e f g "},
		{"--list ,c,,d,", "c d "},
		{"--list=", ""},
		{"--list 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
			"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 "},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed *p = parse(rows[i].words);

		EXPECT_INT(OPTION_OK, p->result);
		EXPECT_TEXT(rows[i].items, list_of(p));
	}
}

static void
the_item_of_a_list_has_a_length(void)
{
	char words[512] = "--list=";
	size_t len = strlen(words);

	memset(words + len, 'x', OPTION_ITEM_MAX - 1);
	words[len + OPTION_ITEM_MAX - 1] = '\0';
	EXPECT_INT(OPTION_OK, parse(words)->result);
	words[len + OPTION_ITEM_MAX - 1] = 'x';
	words[len + OPTION_ITEM_MAX] = '\0';
	EXPECT_INT(OPTION_BAD, parse(words)->result);
}

struct refusal {
	const char *words, *error; /* what stands behind "prog: " */
};

static void
check_refusals(const struct refusal *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct parsed *p = parse(rows[i].words);
		char expected[256];

		(void)snprintf(expected, sizeof expected,
			"prog: %s\nTry 'prog --help'.\n", rows[i].error);
		EXPECT_INT(OPTION_BAD, p->result);
		EXPECT_TEXT(expected, p->errors);
	}
}

static void
bad_values_are_refused(void)
{
	static const struct refusal rows[] = {
		{"--count=x", "--count 'x': expected a number"},
		{"--count=", "--count '': expected a number"},
		{"--count=-5", "--count '-5': must not be negative"},
		{"--wait=-1s", "--wait '-1s': must not be negative"},
		{"--count=-x", "--count '-x': expected a number"},
		{"--count=+5", "--count '+5': expected a number"},
		{"--count=0x10", "--count '0x10': expected a number"},
		{"--count=1e1", "--count '1e1': expected a number"},
		{"--count=1.5", "--count '1.5': expected a number"},
		{"--count=inf", "--count 'inf': expected a number"},
		{"--count=5k", "--count '5k': unknown unit behind the number"},
		{"--count=0", "--count '0': out of range (1 to 100)"},
		{"--count=101", "--count '101': out of range (1 to 100)"},
		{"--count=99999999999999999999",
			"--count '99999999999999999999': out of range (1 to 100)"},
		{"--max-bytes=1.5m", "--max-bytes '1.5m': expected a number"},
		{"--max-bytes=m", "--max-bytes 'm': expected a number"},
		{"--max-bytes=5kb", "--max-bytes '5kb': unknown unit behind the number"},
		{"--max-bytes=5s", "--max-bytes '5s': unknown unit behind the number"},
		{"--max-bytes=0", "--max-bytes '0': out of range (1 to 1024GiB)"},
		{"--max-bytes=1025g", "--max-bytes '1025g': out of range (1 to 1024GiB)"},
		{"--wait=5w", "--wait '5w': unknown unit behind the number"},
		{"--wait=5k", "--wait '5k': unknown unit behind the number"},
		{"--wait=.5", "--wait '.5': expected a number"},
		{"--wait=1.2.3", "--wait '1.2.3': expected a number"},
		{"--wait=1e3", "--wait '1e3': expected a number"},
		{"--wait=25h", "--wait '25h': out of range (0 to 1d)"},
		{"--buffer=1", "--buffer '1': out of range (64KiB to 15728641)"},
		{"--pause=2h", "--pause '2h': out of range (1500ms to 90m)"},
		{"--many=9999999999999999", "--many '9999999999999999': out of range (0 "
					    "to 1000000000000000)"},
		{"--real=x", "--real 'x': expected a number"},
		{"--real=nan", "--real 'nan': expected a number"},
		{"--real=1s", "--real '1s': unknown unit behind the number"},
		{"--real=10.1", "--real '10.1': out of range (0 to 10)"},
		{"--flag=maybe", "--flag 'maybe': expected yes or no"},
		{"--flag=", "--flag '': expected yes or no"},
		{"--choice=two",
			"--choice 'two': not one of the choices (once|serial|threads)"},
		{"--choice=onc",
			"--choice 'onc': not one of the choices (once|serial|threads)"},
		{"--choice=once|serial", "--choice 'once|serial': not one of the choices "
					 "(once|serial|threads)"},
		{"--choice=",
			"--choice '': not one of the choices (once|serial|threads)"},
		{"--list 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 --list 17",
			"--list '17': too many of them"},
		{"--count=1 --count=x --wait=1", "--count 'x': expected a number"},
	};

	check_refusals(rows, COUNT_OF(rows));
}

static void
unknown_and_unfinished_options(void)
{
	static const struct refusal rows[] = {
		{"--nonsense", "unknown option '--nonsense'"},
		{"--nonsense=5", "unknown option '--nonsense=5'"},
		{"operand --nonsense", "unknown option '--nonsense'"},
		{"--count=5 --nonsense operand", "unknown option '--nonsense'"},
		{"--no-flag", "unknown option '--no-flag'"},
		{"--tail-only=1", "unknown option '--tail-only=1'"},
		{"--count", "an argument is missing behind '--count'"},
		{"--flag --text", "an argument is missing behind '--text'"},
	};

	check_refusals(rows, COUNT_OF(rows));
}

/* Letters behind one dash are read one by one, and so the first of them is unknown. */
static void
unknown_letters(void)
{
	static const struct refusal rows[] = {
		{"-x", "unknown option '-x'"},
		{"-xyz", "unknown option '-x'"},
		{"--count=5 -xyz operand", "unknown option '-x'"},
		{"operand -5", "unknown option '-5' (a number goes behind --)"},
		{"-x --nonsense", "unknown option '-x'"},
		{"--nonsense -x", "unknown option '--nonsense'"},
	};

	check_refusals(rows, COUNT_OF(rows));
}

static void
a_letter_stands_for_a_flag(void)
{
	struct option_program tail = program;
	struct parsed *p;

	tail.command = COMMAND_TAIL;
	EXPECT(parse_for(&tail, "-f")->settings.follow);
	EXPECT(parse_for(&tail, "--follow")->settings.follow);
	EXPECT(!parse_for(&tail, "-f --follow=no")->settings.follow);
	EXPECT(!parse_for(&tail, "-- -f")->settings.follow);
	p = parse_for(&tail, "one -f --count 5");
	EXPECT(p->settings.follow);
	EXPECT_INT(5, p->settings.count);
	EXPECT_TEXT("one", p->argv[p->first_operand]);
	EXPECT_TEXT("prog: unknown option '-x'\nTry 'prog --help'.\n",
		parse_for(&tail, "-fx")->errors);
	/* Another command does not know it. */
	EXPECT_TEXT(
		"prog: unknown option '-f'\nTry 'prog --help'.\n", parse("-f")->errors);
}

/* Words are reordered, but none becomes the argument of an option that stood behind it.
 */
static void
an_operand_is_no_argument(void)
{
	static const struct refusal rows[] = {
		{"operand --text", "an argument is missing behind '--text'"},
		{"operand --flag --choice", "an argument is missing behind '--choice'"},
		{"--count=5 operand --count", "an argument is missing behind '--count'"},
	};

	check_refusals(rows, COUNT_OF(rows));
}

static void
operands_come_last(void)
{
	static const struct {
		const char *words;
		int first, count;
		const char *operand;
	} rows[] = {
		{"one two", 1, 2, "one"},
		{"--count=5 one two", 2, 2, "one"},
		{"one --count=5 two", 2, 2, "one"},
		{"one two --count 5", 3, 2, "one"},
		{"--count=5 -- --flag", 3, 1, "--flag"},
		{"one -- --flag", 2, 2, "one"},
		{"-- -", 2, 1, "-"},
		{"- --count=5", 2, 1, "-"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed *p = parse(rows[i].words);

		EXPECT_INT(OPTION_OK, p->result);
		EXPECT(!p->settings.flag);
		EXPECT_INT(rows[i].first, p->first_operand);
		EXPECT_INT(rows[i].count, p->argc - p->first_operand);
		EXPECT_TEXT(rows[i].operand, p->argv[rows[i].first]);
	}
}

static void
the_environment_beats_the_default(void)
{
	static const char *const rows[][2] = {
		{"BIO_COUNT", "11"}, {"BIO_MAX_BYTES", "2k"}, {"BIO_FLAG", "yes"},
		{"BIO_LIST", "x,y,z"}, {"BIO_UNSET", "set"}, {"BIO_CHOICE", "once"},
		{"BIO_TEXT", ""}, /* empty is not set */
		{"WAIT", "1"},    /* another's variable */
	};
	struct parsed *p;

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		set_environment(rows[i][0], rows[i][1]);
	p = parse("");
	EXPECT_INT(11, p->settings.count);
	EXPECT_INT(2048, p->settings.bytes);
	EXPECT(p->settings.flag);
	EXPECT_TEXT("x y z ", list_of(p));
	EXPECT_TEXT("set", p->settings.unset);
	EXPECT_INT(0, p->settings.choice);
	EXPECT_TEXT("some", p->settings.text);
	EXPECT_INT(30000, p->settings.ms);

	p = parse("--count=5 --flag=no --list=c --list=d --choice=serial --unset=");
	EXPECT_INT(5, p->settings.count);
	EXPECT_INT(2048, p->settings.bytes);
	EXPECT(!p->settings.flag);
	EXPECT_TEXT("c d ", list_of(p));
	EXPECT_INT(1, p->settings.choice);
	EXPECT_TEXT("", p->settings.unset);

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		set_environment(rows[i][0], NULL);
	EXPECT_INT(7, parse("")->settings.count);
}

static void
a_bad_environment_is_named(void)
{
	struct parsed *p;

	set_environment("BIO_MAX_BYTES", "lots");
	p = parse("");
	EXPECT_INT(OPTION_BAD, p->result);
	EXPECT_TEXT("prog: BIO_MAX_BYTES 'lots': expected a number\nTry 'prog --help'.\n",
		p->errors);
	EXPECT_INT(OPTION_HELP, parse("--help")->result);
	EXPECT_INT(OPTION_VERSION, parse("--version")->result);
	set_environment("BIO_MAX_BYTES", NULL);
}

static void
a_command_knows_only_its_options(void)
{
	struct option_program tail = program;

	tail.command = COMMAND_TAIL;
	set_environment("BIO_TAIL_ONLY", "8");
	EXPECT_INT(8, parse_for(&tail, "")->settings.tail_only);
	EXPECT_INT(9, parse_for(&tail, "--tail-only=9")->settings.tail_only);
	EXPECT_INT(3, parse("")->settings.tail_only);
	set_environment("BIO_TAIL_ONLY", "nonsense");
	EXPECT_INT(OPTION_OK, parse("")->result);
	EXPECT_INT(OPTION_BAD, parse_for(&tail, "")->result);
	set_environment("BIO_TAIL_ONLY", NULL);
}

static void
help_and_version_come_first(void)
{
	static const struct {
		const char *words;
		enum option_result result;
	} rows[] = {
		{"--help", OPTION_HELP},
		{"--version", OPTION_VERSION},
		{"-h", OPTION_HELP},
		{"--count=x -h", OPTION_HELP},
		{"operand -h", OPTION_HELP},
		{"-- -h", OPTION_OK},
		{"--count=x --help", OPTION_HELP},
		{"--version --nonsense", OPTION_VERSION},
		{"operand --help", OPTION_HELP},
		{"--help --version", OPTION_HELP},
		{"-- --help", OPTION_OK},
		{"--text --help", OPTION_OK},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct parsed *p = parse(rows[i].words);

		EXPECT_INT(rows[i].result, p->result);
		EXPECT_TEXT("", p->errors);
	}
}

static void
help_lists_every_option(void)
{
	static const char *const lines[] = {
		"--flag\n",
		"--count N\n",
		"A number.\n",
		"[BIO_COUNT; default: 7]\n",
		"--max-bytes SIZE\n",
		"[BIO_MAX_BYTES; default: 1m]\n",
		"[BIO_FLAG]\n",
		"[BIO_UNSET]\n",
		"--choice once|serial|threads\n",
		"[BIO_CHOICE; default: threads]\n",
		"--list A,B,...\n",
		"  -h, --help\n",
		"An empty variable is not set.\n",
		"a time in seconds.\n",
		"--version\n",
	};
	struct option_program tail = program;
	struct capture capture;
	char help[OUTPUT_MAX];

	capture_begin(&capture, STDOUT_FILENO);
	option_print_help(&program);
	capture_end(&capture, help);
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		tap_context("%s", lines[i]);
		EXPECT(strstr(help, lines[i]) != NULL);
	}
	EXPECT(strstr(help, "tail-only") == NULL);
	EXPECT(strstr(help, "follow") == NULL);
	tail.command = COMMAND_TAIL;
	capture_begin(&capture, STDOUT_FILENO);
	option_print_help(&tail);
	capture_end(&capture, help);
	EXPECT(strstr(help, "  -f, --follow\n") != NULL);
}

int
main(void)
{
	(void)clearenv();
	TAP_RUN(nothing_given_means_defaults);
	TAP_RUN(whole_numbers);
	TAP_RUN(real_numbers);
	TAP_RUN(flags);
	TAP_RUN(texts_and_choices);
	TAP_RUN(lists);
	TAP_RUN(the_item_of_a_list_has_a_length);
	TAP_RUN(bad_values_are_refused);
	TAP_RUN(unknown_and_unfinished_options);
	TAP_RUN(unknown_letters);
	TAP_RUN(a_letter_stands_for_a_flag);
	TAP_RUN(an_operand_is_no_argument);
	TAP_RUN(operands_come_last);
	TAP_RUN(the_environment_beats_the_default);
	TAP_RUN(a_bad_environment_is_named);
	TAP_RUN(a_command_knows_only_its_options);
	TAP_RUN(help_and_version_come_first);
	TAP_RUN(help_lists_every_option);
	return tap_finish();
}
