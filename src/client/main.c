/*
 * main: bio-client, which sends messages to a bio-server and asks how it is.
 *
 * Threads of `send` (the other commands have none):
 *   sender   one a connection; started and joined by main; ends by itself, or soon after
 *            the stop descriptor has become readable.  With --ack there is one connection
 *            and main serves it
 *   signals  started and joined by main; waits for SIGINT or SIGTERM, which all threads
 *            block, and makes the stop descriptor readable; main ends it with a SIGINT
 * Signals that are blocked and taken with sigwait, or by `tail` from a descriptor, also
 * reach process 1 of a container, for which the kernel ignores others.
 *
 * SPDX-License-Identifier: MIT
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "client/history.h"
#include "client/options.h"
#include "client/sender.h"
#include "client/status.h"
#include "client/tail.h"

/*
 * A closed standard descriptor's number must not go to a socket, which would then get our
 * error lines.  What is put there fails as a closed one does.
 */
static void
hold_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			(void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static enum exit_code
run_command(const struct options *options)
{
	switch (options->command) {
	case COMMAND_SEND:
		return sender_run(options);
	case COMMAND_STATS:
		return status_print_stats(options);
	case COMMAND_HEALTH:
		return status_check_health(options);
	case COMMAND_HISTORY:
		return history_run(options);
	case COMMAND_TAIL:
		return tail_run(options);
	case COMMAND_NONE:
		break;
	}
	return EXIT_CODE_USAGE;
}

static enum exit_code
run(int argc, char *argv[])
{
	struct options options;

	switch (options_parse(argc, argv, &options)) {
	case OPTION_OK:
		return run_command(&options);
	case OPTION_BAD:
		return EXIT_CODE_USAGE;
	case OPTION_HELP:
		options_print_help(options.command);
		return EXIT_CODE_DONE;
	case OPTION_VERSION:
		(void)printf("bio-client %s\n", BIO_VERSION);
		return EXIT_CODE_DONE;
	}
	return EXIT_CODE_FAILED;
}

int
main(int argc, char *argv[])
{
	enum exit_code code;

	hold_standard_descriptors();
	(void)signal(SIGPIPE, SIG_IGN);
	code = run(argc, argv);
	errno = 0;
	/* What a command has told already is not told again. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == EXIT_CODE_DONE) {
		options_complain("cannot write to standard output%s%s",
			errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
		return EXIT_CODE_FAILED;
	}
	return (int)code;
}
