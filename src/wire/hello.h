/*
 * hello: the line with which a sender says who it is and what it wants, and the lines
 * that the server answers from there on; src/PROTOCOL.md has both sides.
 *
 * Its texts are printable ASCII and nothing else: they go to logs, terminals and pages.
 * The token alone is never shown, in no message and no log.
 *
 * Pure: bytes in, values out.  Blocks never; any thread, as long as nobody calls
 * cJSON_GetErrorPtr, cJSON_InitHooks or setlocale meanwhile.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_WIRE_HELLO_H
#define BIO_WIRE_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/reason.h"

/* Of the whole line, its line feed among them. */
#define HELLO_MAX_BYTES 4096
/* Of the texts in it. */
#define HELLO_TOKEN_MAX 256
#define HELLO_NAME_MAX 64
#define HELLO_SESSION_MAX 64
/* A number survives a double, which is what JSON has in most languages. */
#define HELLO_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

enum hello_result {
	HELLO_MORE,    /* the line has not ended */
	HELLO_OK,      /* all is set; a text that was not said is empty */
	HELLO_BAD,     /* `error` says what is wrong, and with which member if with one */
	HELLO_VERSION, /* another version than 1; `error` says so */
	HELLO_NO_MEMORY, /* `error` says so */
};

struct hello {
	char token[HELLO_TOKEN_MAX + 1];
	char name[HELLO_NAME_MAX + 1];
	char session[HELLO_SESSION_MAX + 1];
	uint64_t next; /* 0: not said */
	bool wants_acks;
	enum framing framing; /* lines, rs or length */
	const char *error;    /* a constant */
};

/*
 * Reads the hello at the front of the bytes, which begin with "BIO/"; `*used` is its
 * length after HELLO_OK, else 0.  May be called again with more bytes after HELLO_MORE.
 * Unless the answer is HELLO_OK, no text is left in `hello`.  The bytes hold the token as
 * well, and are the caller's to wipe.
 */
enum hello_result hello_parse(
	const uint8_t *bytes, size_t len, size_t *used, struct hello *hello) MUST_USE;

/* Wipes the token. */
void hello_fini(struct hello *hello);

/*
 * The server's lines, with their line feed and no NUL behind it.  `out` has room for
 * HELLO_LINE_MAX bytes, which is more than any line takes.  Each returns its length.
 * Codes and error texts are constants of ours, shorter than HELLO_ERROR_MAX.
 */
#define HELLO_ERROR_MAX 160
#define HELLO_LINE_MAX 512

struct hello_welcome {
	uint64_t connection;
	uint64_t next; /* the number that the server gives the next message */
	size_t max_message;
	unsigned max_depth;
};

size_t hello_format_welcome(char *out, const struct hello_welcome *welcome);
size_t hello_format_refusal(char *out, const char *code, const char *error);

/* The refusal after HELLO_VERSION: it names the versions that there are. */
size_t hello_format_unsupported(char *out, const char *error);

size_t hello_format_nak(
	char *out, uint64_t number, const char *code, uint64_t offset, const char *error);
size_t hello_format_ack(char *out, uint64_t number);

/*
 * `ack` is the last finished number; 0: no number is, or no acks were asked for.
 * `retry_after_seconds` is 0 where coming back would not help.
 */
size_t hello_format_bye(
	char *out, const char *code, uint64_t ack, unsigned retry_after_seconds);

#endif
