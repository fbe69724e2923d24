/*
 * reason: the names behind the enums.  Constant; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/reason.h"

static const char *const reject_names[] = {
#define REJECT_REASON(name, meaning) #name,
#include "base/reasons.def"
};

static const char *const close_names[] = {
#define CLOSE_REASON(name, meaning) #name,
#include "base/reasons.def"
};

static const char *const framing_names[] = {
#define FRAMING(name, meaning) #name,
#include "base/reasons.def"
};

const char *
reason_reject_name(enum reject_reason reason)
{
	return reject_names[reason];
}

const char *
reason_close_name(enum close_reason reason)
{
	return close_names[reason];
}

const char *
reason_framing_name(enum framing framing)
{
	return framing_names[framing];
}
