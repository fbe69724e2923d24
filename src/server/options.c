/*
 * options: the table of bio-server's options, its help, and what no single option can
 * check.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/options.h"

#include <stdio.h>

#include "base/address.h"
#include "server/cors.h"
#include "server/host.h"

#define PROGRAM "bio-server"

static const struct option_spec specs[] = {
#define OPTION(kind_, type, member, flag_, argument_, fallback_, min_, max_, help_) \
	{.flag = (flag_),                                                           \
		.argument = (argument_),                                            \
		.fallback = (fallback_),                                            \
		.help = (help_),                                                    \
		.kind = OPTION_##kind_,                                             \
		.place = offsetof(struct options, member),                          \
		.min = (min_),                                                      \
		.max = (max_),                                                      \
		.commands = 1},
#include "server/options.def"
};

static const struct option_program program = {
	.name = PROGRAM, .specs = specs, .count = COUNT_OF(specs), .command = 1};

static void
print_help(void)
{
	(void)printf("Usage: " PROGRAM " [OPTION]...\n\n"
		     "Takes JSON messages from TCP connections, checks and counts them,\n"
		     "keeps them in a file, and shows them over HTTP.\n\n");
	option_print_help(&program);
	(void)printf(
		"\nSIGTERM and SIGINT end the server once what has arrived is stored.\n\n"
		"Exit codes: 0 done and nothing lost, 1 failure, 2 bad usage.\n");
}

/* False: the mistake has been written to standard error. */
static bool
are_addresses(const char *flag, const struct option_list *list)
{
	struct address address;
	const char *why = "expected an address";

	for (size_t i = 0; i < list->count; i++) {
		if (address_parse(list->items[i], &address, &why) == 0)
			continue;
		(void)fprintf(
			stderr, PROGRAM ": --%s '%s': %s\n", flag, list->items[i], why);
		return false;
	}
	if (list->count == 0)
		(void)fprintf(stderr, PROGRAM ": --%s: %s\n", flag, why);
	return list->count > 0;
}

/* False: the mistake has been written to standard error. */
static bool
is_name(const char *flag, const char *file)
{
	if (file == NULL || file[0] != '\0')
		return true;
	(void)fprintf(stderr, PROGRAM ": --%s needs a name\n", flag);
	return false;
}

/* False: the mistake has been written to standard error. */
static bool
are_all(const char *flag, const struct option_list *list,
	bool (*is_one)(const char *text), const char *wanted)
{
	for (size_t i = 0; i < list->count; i++) {
		if (is_one(list->items[i]))
			continue;
		(void)fprintf(stderr, PROGRAM ": --%s '%s': expected %s\n", flag,
			list->items[i], wanted);
		return false;
	}
	return true;
}

enum option_result
options_parse(int argc, char *argv[], struct options *out)
{
	enum option_result result;
	int operand = argc;

	result = option_parse(&program, argc, argv, out, &operand);
	if (result == OPTION_HELP)
		print_help();
	if (result == OPTION_VERSION)
		(void)printf(PROGRAM " " BIO_VERSION "\n");
	if (result != OPTION_OK)
		return result;
	if (operand < argc) {
		(void)fprintf(stderr,
			PROGRAM ": unexpected word '%s'\nTry '" PROGRAM " --help'.\n",
			argv[operand]);
		return OPTION_BAD;
	}
	if (!are_addresses("listen", &out->listen) ||
		!are_addresses("http-listen", &out->http_listen))
		return OPTION_BAD;
	if (!are_all("http-host", &out->http_hosts, host_is_name,
		    "a name without a port, such as bio.example.org") ||
		!are_all("http-cors", &out->http_origins, cors_is_origin,
			"*, or an origin such as https://example.org, without its "
			"scheme's own port"))
		return OPTION_BAD;
	if (!is_name("ready-file", out->ready_file) || !is_name("store", out->store))
		return OPTION_BAD;
	if (out->mode == MODE_ONCE)
		out->print = true;
	return OPTION_OK;
}

const char *
options_mode_name(enum mode mode)
{
	static const char *const names[] = {"once", "serial", "threads"};

	return names[mode];
}
