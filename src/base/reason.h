/*
 * reason: the enums and names that `reasons.def` lists.  Constant; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_REASON_H
#define BIO_BASE_REASON_H

enum reject_reason {
#define REJECT_REASON(name, meaning) REJECT_##name,
#include "base/reasons.def"
	REJECT_COUNT
};

enum close_reason {
#define CLOSE_REASON(name, meaning) CLOSE_##name,
#include "base/reasons.def"
	CLOSE_COUNT
};

enum framing {
#define FRAMING(name, meaning) FRAMING_##name,
#include "base/reasons.def"
	FRAMING_COUNT
};

/* The three lists, for who treats them alike. */
enum reason_list { REASON_REJECT, REASON_CLOSE, REASON_FRAMING };

unsigned reason_list_count(enum reason_list list);

/* `i` is below the list's count. */
const char *reason_list_name(enum reason_list list, unsigned i);

const char *reason_reject_name(enum reject_reason reason);
const char *reason_close_name(enum close_reason reason);
const char *reason_framing_name(enum framing framing);

#endif
