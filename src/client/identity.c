/*
 * identity: the hello is written where it is sent from, without a tree or a buffer in
 * between, so that no copy of the token is left behind on the heap.
 *
 * A session of one's own is random: nothing else is certain to be new, however many
 * senders there are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/identity.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/reason.h"

enum { NUMBER_MAX = 24 };

static int
fail(struct link_group *g, enum exit_code code, const char *what, const char *why)
{
	link_group_fail(g, code, "%s: %s", what, why);
	return -1;
}

/* How many bytes of the file there are, as far as they fit; -1: errno. */
static ssize_t
read_file(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = 0, n = 1;

	if (fd < 0)
		return -1;
	while (n > 0 && (size_t)len < size) {
		n = read(fd, out + len, size - (size_t)len);
		len += n > 0 ? n : 0;
	}
	if (n < 0)
		len = -1;
	(void)close(fd);
	return len;
}

/* The first line of `text`, which may be longer.  NULL, or what is wrong with it. */
static const char *
take_token(const char *text, size_t len, char out[IDENTITY_TOKEN_MAX + 1])
{
	const char *newline = memchr(text, '\n', len);

	if (newline != NULL)
		len = (size_t)(newline - text);
	if (len > 0 && text[len - 1] == '\r')
		len--;
	if (len == 0 || len > IDENTITY_TOKEN_MAX)
		return "expected a token of 1 to 256 characters in its first line";
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return "a token is printable ASCII";
	memcpy(out, text, len);
	out[len] = '\0';
	return NULL;
}

static int
read_token(struct identity *identity, struct link_group *g)
{
	const char *path = identity->options->token_file, *why;
	/* A character more than fits, and the end of the line. */
	char text[IDENTITY_TOKEN_MAX + 3];
	ssize_t len;

	if (path == NULL)
		return 0;
	len = read_file(path, text, sizeof text);
	if (len < 0)
		return fail(g, EXIT_CODE_FAILED, path, strerror(errno));
	why = take_token(text, (size_t)len, identity->token);
	explicit_bzero(text, sizeof text);
	return why != NULL ? fail(g, EXIT_CODE_USAGE, path, why) : 0;
}

static int
make_session(struct identity *identity, struct link_group *g)
{
	unsigned char bytes[IDENTITY_SESSION_BYTES];

	identity->session = identity->options->session;
	if (identity->session != NULL)
		return 0;
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return fail(
			g, EXIT_CODE_FAILED, "cannot make a session", strerror(errno));
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(identity->made_session + 2 * i, 3, "%02x", bytes[i]);
	identity->session = identity->made_session;
	return 0;
}

int
identity_init(struct identity *identity, struct link_group *group)
{
	*identity = (struct identity){.options = group->options};
	if (make_session(identity, group) != 0)
		return -1;
	return read_token(identity, group);
}

void
identity_fini(struct identity *identity)
{
	explicit_bzero(identity->token, sizeof identity->token);
}

static const char *
framing_name(const struct options *options)
{
	switch ((enum wire_framing)options->framing) {
	case WIRE_FRAMING_UNSAID:
	case WIRE_FRAMING_LINES:
		break;
	case WIRE_FRAMING_RS:
		return reason_framing_name(FRAMING_rs);
	case WIRE_FRAMING_LENGTH:
		return reason_framing_name(FRAMING_length);
	}
	return reason_framing_name(FRAMING_lines);
}

static char *
put_name(char *to, const char *name)
{
	to = stpcpy(to, to[-1] == '{' ? "\"" : ",\"");
	to = stpcpy(to, name);
	return stpcpy(to, "\":");
}

/* Where there is a text.  All of them are printable ASCII. */
static char *
put_text(char *to, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return to;
	to = put_name(to, name);
	*to++ = '"';
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			*to++ = '\\';
		*to++ = *text;
	}
	*to++ = '"';
	return to;
}

size_t
identity_format(
	const struct identity *identity, uint64_t next, char out[IDENTITY_HELLO_MAX])
{
	char *to = stpcpy(out, "BIO/1 {");

	to = put_text(to, "token", identity->token);
	to = put_text(to, "name", identity->options->name);
	to = put_text(to, "session", identity->session);
	if (next > 0) {
		to = put_name(to, "next");
		to += snprintf(to, NUMBER_MAX, "%" PRIu64, next);
	}
	to = put_text(to, "ack", "store");
	to = put_text(to, "framing", framing_name(identity->options));
	to = stpcpy(to, "}\n");
	assert(to - out < IDENTITY_HELLO_MAX);
	return (size_t)(to - out);
}
