/*
 * options: what the user of bio-client asked for, and how the program answers
 * where it cannot do it: exit codes and error lines.
 *
 * Parsed by main before the first thread and only read afterwards.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_OPTIONS_H
#define BIO_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/attr.h"
#include "base/option.h"

/* The numbers are part of the interface: scripts test them and --help lists
 * them. */
enum exit_code {
	EXIT_CODE_DONE = 0,
	EXIT_CODE_FAILED = 1,
	EXIT_CODE_USAGE = 2,
	EXIT_CODE_UNREACHABLE = 3, /* or the connection was lost */
	EXIT_CODE_BAD_JSON = 4,
	EXIT_CODE_REFUSED = 5, /* or the server is not ready */
};

enum command {
	COMMAND_NONE = 0,
	COMMAND_SEND = 1,
	COMMAND_STATS = 2,
	COMMAND_HEALTH = 4,
	COMMAND_HISTORY = 8,
	COMMAND_TAIL = 16,
};

/* The choices of --framing; once the options are parsed it is one of them. */
enum wire_framing {
	WIRE_FRAMING_UNSAID = -1,
	WIRE_FRAMING_LINES,
	WIRE_FRAMING_RS,
	WIRE_FRAMING_LENGTH,
};

/* The choices of --ack, --order, history's --format and --color. */
enum ack_choice { ACK_NONE, ACK_STORE };
enum order_choice { ORDER_ASCENDING, ORDER_DESCENDING };
enum format_choice { FORMAT_NDJSON, FORMAT_JSON, FORMAT_RAW };
enum color_choice { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

/* The choices of tail's --format, which only knows at the terminal what was not said. */
enum look_choice { LOOK_UNSAID = -1, LOOK_PRETTY, LOOK_JSON };

/* Tail's --limit and --after where they are not given. */
#define NUMBER_UNSAID UINT64_MAX

struct options {
#define OPTION(kind, type, member, ...) type member;
#include "client/options.def"
	enum command command;
	const char *operand;                         /* NULL: none was given */
	struct address server_address, http_address; /* of the command's own option */
};

/*
 * Reads the command and its options.  OPTION_BAD: what is wrong has been said.
 * OPTION_HELP: for `out->command`, which is COMMAND_NONE where the whole
 * program was meant.
 */
enum option_result options_parse(int argc, char *argv[], struct options *out) MUST_USE;

/* Prints the help of one command, or of the program for COMMAND_NONE. */
void options_print_help(enum command command);

/* The operand names standard input or a file, not a message. */
bool options_is_stream(const struct options *options);

/*
 * Writes one line to standard error with the program's name in front.  Control
 * characters become '?', since some texts come from the server.  Any thread.
 */
void options_complain(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
