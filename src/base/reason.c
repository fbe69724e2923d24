/*
 * reason: the names behind the enums.  Constant; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/reason.h"

#include <stddef.h>

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

unsigned
reason_list_count(enum reason_list list)
{
	switch (list) {
	case REASON_REJECT:
		return REJECT_COUNT;
	case REASON_CLOSE:
		return CLOSE_COUNT;
	case REASON_FRAMING:
		return FRAMING_COUNT;
	}
	return 0;
}

const char *
reason_list_name(enum reason_list list, unsigned i)
{
	switch (list) {
	case REASON_REJECT:
		return reject_names[i];
	case REASON_CLOSE:
		return close_names[i];
	case REASON_FRAMING:
		return framing_names[i];
	}
	return NULL;
}

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
