/*
 * address_test: host:port as people write it, and socket addresses as text.
 *
 * No name server is asked: the names are numbers, "localhost" and "*".
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tap.h"

#define NAME_50 "a123456789.b123456789.c123456789.d123456789.e12345"
#define NAME_255 NAME_50 NAME_50 NAME_50 NAME_50 NAME_50 "f1234"

static void
good_texts_are_read(void)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
	} rows[] = {
		{"localhost:8888", "localhost", 8888},
		{"192.0.2.1:8888", "192.0.2.1", 8888},
		{"[::1]:8888", "::1", 8888},
		{"[2001:db8::42]:1", "2001:db8::42", 1},
		{"[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80},
		{"[fe80::1%eth0]:80", "fe80::1%eth0", 80},
		{"*:8888", "*", 8888},
		{"name:8888", "name", 8888},
		{"some-name.example:65535", "some-name.example", 65535},
		{"name:0", "name", 0},
		{NAME_255 ":1", NAME_255, 1},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct address address;
		const char *why;

		tap_context("%s", rows[i].text);
		if (!EXPECT_INT(0, address_parse(rows[i].text, &address, &why)))
			continue;
		EXPECT_TEXT(rows[i].host, address.host);
		EXPECT_INT(rows[i].port, address.port);
	}
}

static void
bad_texts_are_refused(void)
{
	static const char form[] = "expected HOST:PORT, [IPV6]:PORT or *:PORT";
	static const char brackets[] = "an IPv6 address needs brackets: [::1]:8888";
	static const char url[] =
		"expected HOST:PORT, without http:// or what is like it";
	static const char port[] = "the port must be a number from 0 to 65535";
	static const struct {
		const char *text, *why;
	} rows[] = {
		{"", form},
		{"localhost", form},
		{"8888", form},
		{":8888", form},
		{":", form},
		{"[]:8888", form},
		{"[::1]", form},
		{"[::1:8888", form},
		{"[::1]8888", form},
		{"::1:8888", brackets},
		{"::1", brackets},
		{"2001:db8::42:80", brackets},
		{"http://localhost:8888", url},
		{"http://localhost:8888/", url},
		{"https://[::1]:8888", url},
		{"http://localhost", url},
		{"localhost:0 127.0.0.1:0", form},
		{"localhost:8888:", form},
		{"localhost:", port},
		{"localhost:http", port},
		{"localhost:65536", port},
		{"localhost:99999999999999999999999", port},
		{"localhost:-1", port},
		{"localhost:+1", port},
		{"localhost: 1", port},
		{"localhost:1 ", port},
		{"localhost:1x", port},
		{"localhost:0x50", port},
		{"localhost:1.5", port},
		{"[::1]:", port},
		{"*:", port},
		{NAME_255 "6:1", "the host name is too long"},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct address address;
		const char *why = NULL;

		tap_context("%s", rows[i].text);
		EXPECT_INT(-1, address_parse(rows[i].text, &address, &why));
		EXPECT_TEXT(rows[i].why, why);
	}
}

/* The addresses behind a text, each followed by a space. */
static const char *
resolve(const char *text)
{
	static char out[ADDRESS_LIST_MAX * ADDRESS_TEXT_MAX];
	struct address address;
	struct address_list list;
	const char *why = NULL;
	size_t len = 0;

	out[0] = '\0';
	if (!EXPECT_INT(0, address_parse(text, &address, &why)))
		return out;
	if (address_resolve(&address, &list, &why) != 0)
		return EXPECT(why != NULL && why[0] != '\0') ? "nothing" : out;
	for (size_t i = 0; i < list.count; i++) {
		char one[ADDRESS_TEXT_MAX];

		address_format(&list.items[i], one);
		len += (size_t)snprintf(out + len, sizeof out - len, "%s ", one);
	}
	return out;
}

static void
names_are_resolved(void)
{
	EXPECT_TEXT("127.0.0.1:8888 [::1]:8888 ", resolve("localhost:8888"));
	EXPECT_TEXT("127.0.0.1:0 [::1]:0 ", resolve("localhost:0"));
	EXPECT_TEXT("192.0.2.1:80 ", resolve("192.0.2.1:80"));
	EXPECT_TEXT("[2001:db8::42]:65535 ", resolve("[2001:db8::42]:65535"));
	EXPECT_TEXT("[::1]:80 ", resolve("[::1]:80"));
	EXPECT_TEXT("nothing", resolve("[fe80::1%no-such-interface]:80"));
}

static void
a_star_is_every_address(void)
{
	const char *all = resolve("*:8888");

	EXPECT(strstr(all, "0.0.0.0:8888 ") != NULL);
	EXPECT(strstr(all, "[::]:8888 ") != NULL);
}

static struct sockaddr_storage
make_address(int family, const char *host, uint16_t port)
{
	struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	void *bytes = &v4->sin_addr;

	if (family == AF_INET6)
		bytes = &v6->sin6_addr;
	EXPECT_INT(1, inet_pton(family, host, bytes));
	if (family == AF_INET6)
		v6->sin6_port = htons(port);
	else
		v4->sin_port = htons(port);
	return storage;
}

static void
socket_addresses_are_written(void)
{
	static const struct {
		const char *host, *text;
		int family;
		uint16_t port;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1:8888", AF_INET, 8888},
		{"0.0.0.0", "0.0.0.0:0", AF_INET, 0},
		{"255.255.255.255", "255.255.255.255:65535", AF_INET, 65535},
		{"::1", "[::1]:8888", AF_INET6, 8888},
		{"2001:db8:0:0:0:0:0:42", "[2001:db8::42]:80", AF_INET6, 80},
		{"::ffff:192.0.2.1", "192.0.2.1:8888", AF_INET6, 8888},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", AF_INET6,
			65535},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sockaddr_storage address =
			make_address(rows[i].family, rows[i].host, rows[i].port);
		char text[ADDRESS_TEXT_MAX];

		address_format(&address, text);
		EXPECT_TEXT(rows[i].text, text);
	}
}

static void
ports_and_lengths_of_both_families(void)
{
	static const struct {
		int family;
		const char *host;
		size_t len;
	} rows[] = {
		{AF_INET, "192.0.2.1", sizeof(struct sockaddr_in)},
		{AF_INET6, "::1", sizeof(struct sockaddr_in6)},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct sockaddr_storage address =
			make_address(rows[i].family, rows[i].host, 258);
		struct sockaddr_storage expected =
			make_address(rows[i].family, rows[i].host, 65534);

		EXPECT_INT(rows[i].len, address_length(&address));
		EXPECT_INT(258, address_port(&address));
		address_set_port(&address, 65534);
		EXPECT_BYTES(&expected, rows[i].len, &address, rows[i].len);
	}
}

int
main(void)
{
	TAP_RUN(good_texts_are_read);
	TAP_RUN(bad_texts_are_refused);
	TAP_RUN(names_are_resolved);
	TAP_RUN(a_star_is_every_address);
	TAP_RUN(socket_addresses_are_written);
	TAP_RUN(ports_and_lengths_of_both_families);
	return tap_finish();
}
