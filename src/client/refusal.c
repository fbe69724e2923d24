/*
 * refusal: the codes of src/PROTOCOL.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/refusal.h"

#include <string.h>

#include "base/attr.h"

static const struct refusal refusals[] = {
	{"draining", true, " (the server is stopping)"},
	{"idle", true, ""},
	{"message_timeout", true, ""},
	{"max_connections", true, ""},
	{"no_memory", true, ""},
	{"store_unavailable", true, " (the server's store can take no more)"},
	{"session_taken", false,
		" (another sender goes on with this session: each needs its own "
		"--session)"},
	{"session_gap", false,
		" (the server no longer knows what it had acknowledged: has it another "
		"store? begin a new --session)"},
	{"acks_unavailable", false, " (the server stores nothing: send without --ack)"},
	{"max_errors", false, " (too many refused messages in a row)"},
	{"unsupported_version", false,
		" (the server does not speak this program's protocol: update one)"},
	{"auth_required", false, " (give the secret with --token-file)"},
	{"auth_failed", false, " (is it the right --token-file?)"},
};

const struct refusal *
refusal_find(const char *code)
{
	static const struct refusal unknown = {"", false, ""};

	for (size_t i = 0; i < COUNT_OF(refusals); i++)
		if (strcmp(refusals[i].code, code) == 0)
			return &refusals[i];
	return &unknown;
}
