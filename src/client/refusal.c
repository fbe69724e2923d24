/*
 * refusal: the codes of src/PROTOCOL.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/refusal.h"

#include <string.h>

#include "base/attr.h"

static const struct refusal refusals[] = {
	{"draining", REFUSAL_PASSES, " (the server is stopping)"},
	{"idle", REFUSAL_PASSES, ""},
	{"message_timeout", REFUSAL_PASSES, ""},
	{"max_connections", REFUSAL_PASSES, ""},
	{"no_memory", REFUSAL_PASSES, ""},
	{"store_unavailable", REFUSAL_PASSES,
		" (the server cannot write its store now; its log says why)"},
	/* At the hello it is a connection that takes its time to end, perhaps our own. */
	{"session_taken", REFUSAL_PASSES_AT_HELLO,
		" (another sender goes on with this session: each needs its own "
		"--session)"},
	{"session_gap", REFUSAL_IS_FINAL,
		" (the server no longer knows what it had acknowledged: has it another "
		"store? begin a new --session)"},
	{"acks_unavailable", REFUSAL_IS_FINAL, " (send without --ack)"},
	{"max_errors", REFUSAL_IS_FINAL, " (too many refused messages in a row)"},
	{"unsupported_version", REFUSAL_IS_FINAL,
		" (the server does not speak this program's protocol: update one)"},
	{"auth_required", REFUSAL_IS_FINAL, " (give the secret with --token-file)"},
	{"auth_failed", REFUSAL_IS_FINAL, " (is it the right --token-file?)"},
};

const struct refusal *
refusal_find(const char *code)
{
	static const struct refusal unknown = {"", REFUSAL_IS_FINAL, ""};

	for (size_t i = 0; i < COUNT_OF(refusals); i++)
		if (strcmp(refusals[i].code, code) == 0)
			return &refusals[i];
	return &unknown;
}
