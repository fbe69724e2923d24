/*
 * options: the table out of options.def, the commands, and the help.
 *
 * The first word is the command, which decides what options there are.  What
 * one option alone cannot know is checked here too, so that the commands find
 * nothing left to refuse.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "messages/filter.h"

#define PROGRAM_NAME "bio-client"
#define LINE_MAX_BYTES 1024
/* Of --session and --name, as src/PROTOCOL.md has it. */
#define HELLO_TEXT_MAX 64

struct command_spec {
	enum command command;
	const char *name;
	const char *full_name; /* as errors name it */
	const char *operands;
	const char *summary;
	const char *details;
};

static const struct command_spec commands[] = {
	{COMMAND_SEND, "send", PROGRAM_NAME " send", " [JSON | @FILE | -]",
		"send messages to a bio-server",
		"JSON is one message.  @FILE and - (standard input) hold any number of "
		"them:\n"
		"one a line, one behind the other, spread over lines, as a JSON text "
		"sequence\n"
		"(RFC 7464) or each behind its length.  Without an operand a test "
		"message goes\n"
		"out.  Put -- before a JSON number that is negative.  A signal before "
		"the end "
		"of a\n"
		"file or of --repeat N makes the exit code 1.\n\n"
		"With --ack store the server says of each message that it is stored, or "
		"refused\n"
		"and why; after a broken connection the rest is sent again, and nothing "
		"twice.\n"
		"With --session and --resume, the same command again goes on with an "
		"input that\n"
		"was broken off.\n"},
	{COMMAND_TAIL, "tail", PROGRAM_NAME " tail", "",
		"print the newest messages, and go on with what comes in",
		"Prints the newest messages, the oldest of them first; with --follow "
		"also each\n"
		"one that comes, until SIGINT, SIGTERM or the end of who reads it. It "
		"connects\n"
		"again when the server went away, without leaving a message out or "
		"printing one\n"
		"twice; what the server cannot give any more is said on standard "
		"error.\n"},
	{COMMAND_HISTORY, "history", PROGRAM_NAME " history", "",
		"print or export the messages that the server keeps",
		"Prints what there is when it begins, the oldest first.  The formats "
		"ndjson and\n"
		"raw end each message with a line feed; raw and json keep every byte of "
		"it, and\n"
		"'" PROGRAM_NAME " send' reads raw.\n"},
	{COMMAND_STATS, "stats", PROGRAM_NAME " stats", "", "print the server's counters",
		"Prints the counters of a running bio-server as JSON.\n"},
	{COMMAND_HEALTH, "health", PROGRAM_NAME " health", "",
		"tell whether the server is ready",
		"Prints \"ready\" when the server takes messages.\n"},
};

static const struct option_spec specs[] = {
#define OPTION(                                                                         \
	kind_, type, member, flag_, argument_, fallback_, min_, max_, commands_, help_) \
	{.flag = (flag_),                                                               \
		.argument = (argument_),                                                \
		.fallback = (fallback_),                                                \
		.help = (help_),                                                        \
		.kind = OPTION_##kind_,                                                 \
		.place = offsetof(struct options, member),                              \
		.min = (min_),                                                          \
		.max = (max_),                                                          \
		.commands = (commands_)},
#include "client/options.def"
};

/* In place.  C1 controls (U+0080 to U+009F), which are C2 80 to C2 9F, are none less. */
static void
blot_controls(char *line, size_t len)
{
	unsigned char before = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];

		if (c < ' ' || c == 0x7f)
			line[i] = '?';
		if (before == 0xc2 && c >= 0x80 && c < 0xa0)
			line[i - 1] = line[i] = '?';
		before = c;
	}
}

void
options_complain(const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;
	size_t len;

	(void)snprintf(line, sizeof line - 1, "%s: ", PROGRAM_NAME);
	len = strlen(line);
	va_start(arguments, format);
	(void)vsnprintf(line + len, sizeof line - 1 - len, format, arguments);
	va_end(arguments);
	len = strlen(line);
	/* A line of progress that stands there is wiped; see progress. */
	if (isatty(STDERR_FILENO))
		(void)!write(STDERR_FILENO, "\033[K", 3);
	blot_controls(line, len);
	line[len++] = '\n';
	/* Nobody is left to tell when standard error itself fails. */
	(void)!write(STDERR_FILENO, line, len);
}

static enum option_result
refuse(const char *full_name, const char *text, const char *why)
{
	(void)fprintf(stderr, "%s: '%s': %s\nTry '%s --help'.\n", full_name, text, why,
		full_name);
	return OPTION_BAD;
}

static enum option_result
refuse_value(
	const char *full_name, const char *option, const char *value, const char *why)
{
	(void)fprintf(stderr, "%s: %s '%s': %s\nTry '%s --help'.\n", full_name, option,
		value, why, full_name);
	return OPTION_BAD;
}

static const struct command_spec *
find_command(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static struct option_program
program_of(const struct command_spec *spec)
{
	return (struct option_program){.name = spec->full_name,
		.specs = specs,
		.count = COUNT_OF(specs),
		.command = spec->command};
}

bool
options_is_stream(const struct options *options)
{
	return options->operand != NULL &&
	       (options->operand[0] == '@' || strcmp(options->operand, "-") == 0);
}

/* "*" is how a server says "every address of mine"; a client finds it on this
 * machine. */
static enum option_result
parse_address(const struct command_spec *spec, const char *option, const char *text,
	struct address *out)
{
	const char *why;

	if (address_parse(text, out, &why) != 0)
		return refuse_value(spec->full_name, option, text, why);
	if (strcmp(out->host, "*") == 0)
		memcpy(out->host, "localhost", sizeof "localhost");
	return OPTION_OK;
}

static enum option_result
check_operands(
	const struct command_spec *spec, int count, char *operands[], struct options *out)
{
	int allowed = spec->command == COMMAND_SEND ? 1 : 0;

	if (count > allowed)
		return refuse(spec->full_name, operands[allowed],
			allowed == 0
				? "the command takes no operand"
				: "one message at a time (JSON needs quotes around it)");
	if (count == 1)
		out->operand = operands[0];
	if (!options_is_stream(out))
		return OPTION_OK;
	if (strcmp(out->operand, "@") == 0)
		return refuse(spec->full_name, out->operand, "expected @FILE");
	if (out->repeat != 1 || out->connections != 1)
		return refuse(spec->full_name, out->operand,
			"--repeat and --connections send one message again and again; "
			"they cannot be used with a file or standard input");
	return OPTION_OK;
}

static bool
is_hello_text(const char *text)
{
	size_t len = strlen(text);

	if (len < 1 || len > HELLO_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

/* What belongs to acknowledgements would be lost in silence without them. */
static enum option_result
check_without_acks(const struct command_spec *spec, const struct options *o)
{
	static const char needs[] = "needs --ack store";

	if (o->session != NULL)
		return refuse(spec->full_name, "--session", needs);
	if (o->resume)
		return refuse(spec->full_name, "--resume", needs);
	if (o->name != NULL)
		return refuse(spec->full_name, "--name", needs);
	if (o->token_file != NULL)
		return refuse(spec->full_name, "--token-file", needs);
	return OPTION_OK;
}

static enum option_result
check_acks(const struct command_spec *spec, const struct options *o)
{
	static const char expected[] = "expected 1 to 64 printable ASCII characters";

	if (o->connections != 1)
		return refuse(spec->full_name, "--connections",
			"a session has one connection (--ack store)");
	if (o->session != NULL && !is_hello_text(o->session))
		return refuse_value(spec->full_name, "--session", o->session, expected);
	if (o->name != NULL && !is_hello_text(o->name))
		return refuse_value(spec->full_name, "--name", o->name, expected);
	if (o->resume && o->session == NULL)
		return refuse(spec->full_name, "--resume", "needs --session");
	if (o->resume && !options_is_stream(o))
		return refuse(spec->full_name, "--resume", "needs an input, @FILE or -");
	return OPTION_OK;
}

static enum option_result
check_send(const struct command_spec *spec, struct options *o)
{
	bool wants_acks = o->ack == ACK_STORE;

	/* Behind a length every byte of a message stays what it is. */
	if (o->framing == WIRE_FRAMING_UNSAID)
		o->framing = wants_acks ? WIRE_FRAMING_LENGTH : WIRE_FRAMING_LINES;
	return wants_acks ? check_acks(spec, o) : check_without_acks(spec, o);
}

static enum option_result
check_time(const struct command_spec *spec, const char *option, const char *text)
{
	int64_t ignored;

	if (text == NULL || clock_parse_rfc3339(text, &ignored) == 0)
		return OPTION_OK;
	return refuse_value(spec->full_name, option, text,
		"expected a time as in RFC 3339, such as 2026-01-31T12:00:00Z");
}

static enum option_result
check_history(const struct command_spec *spec, const struct options *o)
{
	enum option_result result = check_time(spec, "--since", o->since);

	if (result == OPTION_OK)
		result = check_time(spec, "--until", o->until);
	return result;
}

static enum option_result
check_filter(const struct command_spec *spec, const struct options *o)
{
	for (size_t i = 0; i < o->filter.count; i++) {
		const char *item = o->filter.items[i];

		if (strncmp(item, "q=", 2) != 0 &&
			(item[0] != '.' || strchr(item, '=') == NULL))
			return refuse_value(spec->full_name, "--filter", item,
				"expected .FIELD=VALUE or q=TEXT");
	}
	return OPTION_OK;
}

/* NULL, or what the server would refuse of it; with --follow we sort messages out too. */
static const char *
judge_filter(const struct options *o, size_t index)
{
	const char *item = o->filter.items[index], *value = strchr(item, '=') + 1;
	size_t name_len = (size_t)(value - item);
	char path[OPTION_ITEM_MAX] = "";

	memcpy(path, item, name_len - 1);
	if (item[0] == 'q' && value[0] == '\0')
		return "the text is empty";
	if (item[0] == 'q' && o->query != NULL)
		return "a text is given twice";
	if (item[0] != 'q' && !filter_is_path(path))
		return "a field is named like .user.name";
	for (size_t i = 0; i < index; i++)
		if (strncmp(o->filter.items[i], item, name_len) == 0)
			return "given twice";
	return NULL;
}

static enum option_result
check_tail(const struct command_spec *spec, const struct options *o)
{
	if (o->query != NULL && o->query[0] == '\0')
		return refuse(spec->full_name, "--query", "the text is empty");
	for (size_t i = 0; i < o->filter.count; i++) {
		const char *why = judge_filter(o, i);

		if (why != NULL)
			return refuse_value(
				spec->full_name, "--filter", o->filter.items[i], why);
	}
	return OPTION_OK;
}

static enum option_result
parse_command(
	const struct command_spec *spec, int argc, char *argv[], struct options *out)
{
	struct option_program program = program_of(spec);
	enum option_result result;
	int first;

	out->command = spec->command;
	result = option_parse(&program, argc, argv, out, &first);
	if (result == OPTION_OK)
		result = check_operands(spec, argc - first, argv + first, out);
	if (result == OPTION_OK && spec->command == COMMAND_SEND)
		result = check_send(spec, out);
	if (result == OPTION_OK)
		result = check_filter(spec, out);
	if (result == OPTION_OK && spec->command == COMMAND_HISTORY)
		result = check_history(spec, out);
	if (result == OPTION_OK && spec->command == COMMAND_TAIL)
		result = check_tail(spec, out);
	if (result != OPTION_OK)
		return result;
	if (spec->command == COMMAND_SEND)
		return parse_address(spec, "--server", out->server, &out->server_address);
	return parse_address(spec, "--http", out->http, &out->http_address);
}

enum option_result
options_parse(int argc, char *argv[], struct options *out)
{
	const struct command_spec *spec;

	*out = (struct options){.command = COMMAND_NONE,
		.framing = WIRE_FRAMING_UNSAID,
		.look = LOOK_UNSAID,
		.newest = NUMBER_UNSAID,
		.behind = NUMBER_UNSAID};
	if (argc < 2) {
		(void)fprintf(stderr,
			"Usage: %s send|tail|history|stats|health [OPTIONS]\nTry '%s "
			"--help'.\n",
			PROGRAM_NAME, PROGRAM_NAME);
		return OPTION_BAD;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return OPTION_HELP;
	if (strcmp(argv[1], "--version") == 0)
		return OPTION_VERSION;
	spec = find_command(argv[1]);
	if (spec == NULL)
		return refuse(PROGRAM_NAME, argv[1],
			"expected send, tail, history, stats or health");
	return parse_command(spec, argc - 1, argv + 1, out);
}

static void
print_exit_codes(void)
{
	(void)printf("\nExit codes:\n"
		     "  0  done\n"
		     "  1  another failure than these\n"
		     "  2  wrong usage\n"
		     "  3  the server cannot be reached, or the connection was lost\n"
		     "  4  bad JSON in what was to be sent\n"
		     "  5  refused by the server, or the server is not ready\n");
}

void
options_print_help(enum command command)
{
	if (command == COMMAND_NONE) {
		(void)printf("Usage: %s COMMAND [OPTIONS]\n\n"
			     "Sends JSON messages to a bio-server and asks how it is.\n\n"
			     "Commands:\n",
			PROGRAM_NAME);
		for (size_t i = 0; i < COUNT_OF(commands); i++)
			(void)printf("  %-8s%s\n", commands[i].name, commands[i].summary);
		(void)printf("\n'%s COMMAND --help' lists a command's options;"
			     " '%s --version' prints the version.\n",
			PROGRAM_NAME, PROGRAM_NAME);
		print_exit_codes();
		return;
	}
	for (size_t i = 0; i < COUNT_OF(commands); i++) {
		const struct command_spec *spec = &commands[i];
		struct option_program program = program_of(spec);

		if (spec->command != command)
			continue;
		(void)printf("Usage: %s [OPTIONS]%s\n\n%s\nOptions:\n", spec->full_name,
			spec->operands, spec->details);
		option_print_help(&program);
		print_exit_codes();
	}
}
