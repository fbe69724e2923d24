/*
 * refusal: what the codes mean with which a server ends a connection, for a sender that
 * could come back.
 *
 * Constant; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_REFUSAL_H
#define BIO_CLIENT_REFUSAL_H

enum refusal_duration {
	REFUSAL_IS_FINAL,
	REFUSAL_PASSES,          /* the same may be taken later */
	REFUSAL_PASSES_AT_HELLO, /* the same, where it answers a hello */
};

struct refusal {
	const char *code;
	enum refusal_duration duration;
	const char *advice; /* what happened and the way out, in brackets; or "" */
};

/* Never NULL: an unknown code is final and has no advice. */
const struct refusal *refusal_find(const char *code);

#endif
