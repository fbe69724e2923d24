/*
 * identity: cJSON writes the object, which cares for quotes in names.
 *
 * A session of one's own is random: nothing else is certain to be new, however many
 * senders there are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/identity.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/reason.h"

static int
fail(struct link_group *g, enum exit_code code, const char *what, const char *why)
{
	link_group_fail(g, code, "%s: %s", what, why);
	return -1;
}

static int
read_token(struct identity *identity, struct link_group *g)
{
	const char *path = identity->options->token_file;
	/* A character more than fits, and the line feed. */
	char line[IDENTITY_TOKEN_MAX + 3] = "";
	FILE *file;
	size_t len;

	if (path == NULL)
		return 0;
	file = fopen(path, "re");
	if (file == NULL)
		return fail(g, EXIT_CODE_FAILED, path, strerror(errno));
	if (fgets(line, sizeof line, file) == NULL && ferror(file)) {
		(void)fclose(file);
		return fail(g, EXIT_CODE_FAILED, path, strerror(errno));
	}
	(void)fclose(file);
	len = strcspn(line, "\r\n");
	line[len] = '\0';
	if (len == 0 || len > IDENTITY_TOKEN_MAX)
		return fail(g, EXIT_CODE_USAGE, path,
			"expected a token of 1 to 256 characters in its first line");
	for (size_t i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			return fail(
				g, EXIT_CODE_USAGE, path, "a token is printable ASCII");
	memcpy(identity->token, line, len + 1);
	explicit_bzero(line, sizeof line);
	return 0;
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

static bool
add_text(cJSON *root, const char *name, const char *text)
{
	return text == NULL || text[0] == '\0' ||
	       cJSON_AddStringToObject(root, name, text) != NULL;
}

size_t
identity_format(
	const struct identity *identity, uint64_t next, char out[IDENTITY_HELLO_MAX])
{
	cJSON *root = cJSON_CreateObject();
	char *text = NULL;
	int len = 0;

	if (add_text(root, "token", identity->token) &&
		add_text(root, "name", identity->options->name) &&
		add_text(root, "session", identity->session) &&
		(next == 0 ||
			cJSON_AddNumberToObject(root, "next", (double)next) != NULL) &&
		add_text(root, "ack", "store") &&
		add_text(root, "framing", framing_name(identity->options)))
		text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (text != NULL)
		len = snprintf(out, IDENTITY_HELLO_MAX, "BIO/1 %s\n", text);
	cJSON_free(text);
	return (size_t)len;
}
