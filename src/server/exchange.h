/*
 * exchange: one request to the status side and its reply, without an HTTP library.
 *
 * Whoever answers fills a reply of all zeros: with a body, with bytes that are part of
 * the program, or with a stream that is read while it is sent.  Failures are problem
 * documents (RFC 9457).  No locks; an exchange belongs to one thread at a time.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_SERVER_EXCHANGE_H
#define BIO_SERVER_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/text.h"

#define EXCHANGE_PARAMETERS_MAX 32
#define EXCHANGE_STATUSES_MAX 16
#define EXCHANGE_STREAM_BLOCK_BYTES ((size_t)64 * 1024)

/* RFC 9110, section 15. */
enum exchange_status {
	EXCHANGE_OK = 200,
	EXCHANGE_NO_CONTENT = 204,
	EXCHANGE_NOT_MODIFIED = 304,
	EXCHANGE_BAD_REQUEST = 400,
	EXCHANGE_NOT_FOUND = 404,
	EXCHANGE_METHOD_NOT_ALLOWED = 405,
	EXCHANGE_MISDIRECTED = 421,
	EXCHANGE_INTERNAL_ERROR = 500,
	EXCHANGE_UNAVAILABLE = 503,
};

struct exchange_parameter {
	const char *name, *value; /* the value is "" where there is none */
	bool has_value;           /* there is a =, though there may be nothing behind */
};

struct exchange_request {
	bool is_get, is_head; /* a HEAD is both */
	bool is_preflight;    /* a browser asks whether a page may ask */
	const char *path;
	/* Header fields; NULL where there is none. */
	const char *host, *origin, *last_event_id, *if_none_match;
	struct exchange_parameter parameters[EXCHANGE_PARAMETERS_MAX];
	size_t parameter_count;
	const char *mistake; /* found while the request was read; or NULL */
};

/* A body of unknown length, which is made while it is sent. */
struct exchange_stream {
	/* The next bytes, 0 where there are none yet; or one of the two below. */
	ssize_t (*read)(struct exchange_stream *self, char *out, size_t capacity);
	void (*free)(struct exchange_stream *self);
};

#define EXCHANGE_STREAM_END (-1)
#define EXCHANGE_STREAM_BROKEN (-2)

/* At most one of `body`, `fixed` and `stream` is used. */
struct exchange_reply {
	enum exchange_status status;
	unsigned
		path; /* a number for what was asked for, by which requests are counted */
	const char *type;  /* NULL where there is no body */
	const char *etag;  /* of what a reader may keep; NULL: nothing is to be kept */
	const char *allow; /* the methods, where it was another one; NULL: GET, HEAD */
	struct text body;  /* the caller's to free */
	const void *fixed; /* lives as long as the program */
	size_t fixed_len;
	struct exchange_stream *stream; /* the caller's to free */
	/* Who else's pages may read it, and whether that depends on who asks. */
	const char *allowed_origin;
	bool varies_by_origin;
};

/* Every status there is, in ascending order, and how many; and a status's place there. */
unsigned exchange_list_statuses(unsigned codes[EXCHANGE_STATUSES_MAX]);
unsigned exchange_status_number(enum exchange_status status);

/* Replies with a problem document instead of whatever the reply was. */
void exchange_fail(
	struct exchange_reply *reply, enum exchange_status status, const char *detail);

/* The same, with one member more, whose value is a JSON text. */
void exchange_fail_with(struct exchange_reply *reply, enum exchange_status status,
	const char *detail, const char *name, const char *json);

/* The same where memory is short, which is logged. */
void exchange_fail_no_memory(struct exchange_reply *reply);

/* True, and a reply that says so, where a path that takes no parameters has some. */
bool exchange_refuse_parameters(
	const struct exchange_request *request, struct exchange_reply *reply);

#endif
