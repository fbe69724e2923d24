/*
 * answer: one line of what the server writes to a sender; src/PROTOCOL.md has them all.
 *
 * What a line says beyond what is known here is ignored: a newer server may say more.
 * The texts come from the peer and are shortened, not trusted.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_ANSWER_H
#define BIO_CLIENT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"

enum { ANSWER_CODE_MAX = 64, ANSWER_ERROR_MAX = 256 };

enum answer_kind {
	ANSWER_OTHER,   /* nothing that is known */
	ANSWER_HTTP,    /* the beginning of an answer in that protocol */
	ANSWER_WELCOME, /* `number` comes next; `connection` and the limits */
	ANSWER_REFUSAL, /* `code` and `error`; the server closes the connection */
	ANSWER_NAK,     /* `number` was rejected: `code`, `offset`, `error` */
	ANSWER_ACK,     /* all up to `number` is finished */
	ANSWER_BYE,     /* `code`; `number`, unless 0, as in an ack; `retry_after_s` */
};

struct answer {
	enum answer_kind kind;
	uint64_t number, offset, connection;
	uint64_t max_message_bytes, max_depth; /* 0: not said */
	uint64_t retry_after_s;                /* 0: not said */
	char code[ANSWER_CODE_MAX], error[ANSWER_ERROR_MAX];
};

/*
 * Reads one line, with or without its line feed.  cJSON's parser serves one thread at a
 * time; `parser_lock` is the one that all its users take.
 */
void answer_parse(
	const char *line, size_t len, struct lock *parser_lock, struct answer *out);

#endif
