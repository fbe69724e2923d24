/*
 * answer_test: every line that the server writes, and lines that it does not.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/answer.h"

#include "tap.h"
#include "wire/hello.h"

static struct lock lock;

static struct answer
parse(const char *line, size_t len)
{
	struct answer answer;

	answer_parse(line, len, &lock, &answer);
	return answer;
}

static struct answer
parse_text(const char *line)
{
	return parse(line, strlen(line));
}

static void
what_the_server_formats_is_read_back(void)
{
	const struct hello_welcome welcome = {17, 1042, 1048576, 512};
	char line[HELLO_LINE_MAX];
	struct answer a;

	a = parse(line, hello_format_welcome(line, &welcome));
	EXPECT_INT(ANSWER_WELCOME, a.kind);
	EXPECT_INT(17, a.connection);
	EXPECT_INT(1042, a.number);
	EXPECT_INT(1048576, a.max_message_bytes);
	EXPECT_INT(512, a.max_depth);
	a = parse(line, hello_format_refusal(line, "bad_hello", "name: \"expected\""));
	EXPECT_INT(ANSWER_REFUSAL, a.kind);
	EXPECT_TEXT("bad_hello", a.code);
	EXPECT_TEXT("name: \"expected\"", a.error);
	a = parse(line, hello_format_unsupported(line, "this server speaks BIO/1"));
	EXPECT_INT(ANSWER_REFUSAL, a.kind);
	EXPECT_TEXT("unsupported_version", a.code);
	a = parse(line, hello_format_nak(line, 1043, "syntax", 57, "expected ','"));
	EXPECT_INT(ANSWER_NAK, a.kind);
	EXPECT_INT(1043, a.number);
	EXPECT_INT(57, a.offset);
	EXPECT_TEXT("syntax", a.code);
	EXPECT_TEXT("expected ','", a.error);
	a = parse(line, hello_format_ack(line, HELLO_NUMBER_MAX));
	EXPECT_INT(ANSWER_ACK, a.kind);
	EXPECT_INT(HELLO_NUMBER_MAX, a.number);
	a = parse(line, hello_format_bye(line, "draining", 9, 5));
	EXPECT_INT(ANSWER_BYE, a.kind);
	EXPECT_INT(9, a.number);
	EXPECT_INT(5, a.retry_after_s);
	EXPECT_TEXT("draining", a.code);
	a = parse(line, hello_format_bye(line, "idle", 0, 0));
	EXPECT_INT(ANSWER_BYE, a.kind);
	EXPECT_INT(0, a.number);
	EXPECT_INT(0, a.retry_after_s);
}

static void
a_refusal_without_a_hello_is_one(void)
{
	struct answer a = parse_text("{\"error\":{\"code\":\"max_connections\","
				     "\"message\":\"full\",\"offset\":0}}\n");

	EXPECT_INT(ANSWER_REFUSAL, a.kind);
	EXPECT_TEXT("max_connections", a.code);
	EXPECT_TEXT("full", a.error);
	EXPECT_INT(ANSWER_HTTP, parse_text("HTTP/1.1 400 Bad Request\r").kind);
}

static void
whatever_else_is_nothing_that_is_known(void)
{
	static const char *const lines[] = {"", "\n", "x", "{}", "17", "[]",
		"{\"ack\":", "{\"ack\":-1}", "{\"ack\":1.5}", "{\"ack\":\"1\"}",
		"{\"ack\":01}", "{\"ack\":9007199254740992}", "{\"Ack\":1}", "BIO/1 {}",
		"BIO/1 17", "BIO/1 {\"ok\":true}", "BIO/1 {\"ok\":true,\"next\":0}",
		"BIO/1 {\"ok\":1,\"next\":1}", "BIO/2 {\"ok\":true,\"next\":1}",
		"{\"error\":\"text\"}", "{\"ok\":true,\"next\":1}", "BIO/1", "HTTP"};

	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		tap_context("%s", lines[i]);
		EXPECT_INT(ANSWER_OTHER, parse_text(lines[i]).kind);
	}
}

static void
long_texts_are_cut(void)
{
	char line[1000];
	struct answer a;

	(void)snprintf(
		line, sizeof line, "{\"bye\":\"%0300d\",\"error\":\"%0600d\"}", 1, 1);
	a = parse_text(line);
	EXPECT_INT(ANSWER_BYE, a.kind);
	EXPECT_INT(ANSWER_CODE_MAX - 1, strlen(a.code));
	EXPECT_INT(ANSWER_ERROR_MAX - 1, strlen(a.error));
}

int
main(void)
{
	lock_init(&lock);
	TAP_RUN(what_the_server_formats_is_read_back);
	TAP_RUN(a_refusal_without_a_hello_is_one);
	TAP_RUN(whatever_else_is_nothing_that_is_known);
	TAP_RUN(long_texts_are_cut);
	lock_fini(&lock);
	return tap_finish();
}
