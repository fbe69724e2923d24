/*
 * host_test: which Host is ours, which is a stranger's, and which is none.
 *
 * SPDX-License-Identifier: MIT
 */
#include "server/host.h"

#include "tap.h"

static const struct option_list no_names = {.count = 0};
static const struct option_list names = {
	.items = {"bio.example.org", "Dotted.Example.ORG."}, .count = 2};

static void
judge_all(const char *const rows[], size_t count, const struct option_list *list,
	enum host_verdict expected)
{
	for (size_t i = 0; i < count; i++) {
		tap_context("Host: %s", rows[i]);
		EXPECT_INT(expected, host_judge(rows[i], list));
	}
}

static void
addresses_and_names_without_a_dot_are_ours(void)
{
	static const char *const rows[] = {
		"127.0.0.1",
		"127.0.0.1:8889",
		"192.0.2.1:1",
		"127.0.0.1.",
		"[::1]",
		"[::1]:8889",
		"[2001:db8::1]:65535",
		"[::ffff:192.0.2.1]",
		"[FE80::1]:",
		"localhost",
		"localhost:8889",
		"localhost:",
		"LocalHost.:80",
		"server:8889",
		"my_server",
		"xn--bcher-kva",
		"2130706433",
	};

	judge_all(rows, COUNT_OF(rows), &no_names, HOST_OURS);
	judge_all(rows, COUNT_OF(rows), &names, HOST_OURS);
}

static void
names_with_a_dot_are_foreign(void)
{
	static const char *const rows[] = {
		"bio.example.org",
		"example.org:8889",
		"attacker.example.",
		"localhost.example.org",
		"localhost.localdomain",
		"127.0.0.1.example.org",
		"1.2.3",
		"1.2.3.4.5",
		"256.0.0.1",
		"0x7f.0.0.1",
		"127.000.000.001",
		"a.b",
	};

	judge_all(rows, COUNT_OF(rows), &no_names, HOST_FOREIGN);
}

static void
listed_names_are_ours_and_no_others(void)
{
	static const char *const ours[] = {
		"bio.example.org",
		"bio.example.org:443",
		"BIO.Example.Org",
		"bio.example.org.",
		"bio.example.org.:80",
		"dotted.example.org",
		"dotted.example.org.",
	};
	static const char *const foreign[] = {
		"example.org",
		"org.example.org",
		"a.bio.example.org",
		"xbio.example.org",
		"bio.example.orgx",
		"bio.example.or",
		"bio-example.org",
	};

	judge_all(ours, COUNT_OF(ours), &names, HOST_OURS);
	judge_all(foreign, COUNT_OF(foreign), &names, HOST_FOREIGN);
}

static void
what_is_no_host_is_bad(void)
{
	static const char *const rows[] = {
		"",
		".",
		"..",
		":8889",
		".:80",
		".example.org",
		"bio..example.org",
		"bio.example.org..",
		"local host",
		" localhost",
		"localhost ",
		"localhost:80\t ",
		"[::1]:80 ",
		"localhost :80",
		"localhost: 80",
		"localhost a",
		" ",
		"a,b",
		"a/b",
		"user@localhost",
		"http://localhost",
		"localhost:x",
		"localhost:80x",
		"localhost:-1",
		"localhost:123456",
		"localhost:80:80",
		"::1",
		"[::1",
		"[",
		"[]",
		"[:]",
		"::1]",
		"[::1]x",
		"[::1]80",
		"[127.0.0.1]",
		"[::1%eth0]",
		"[v1.x]",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]",
		"b\xc3\xbc",
		"a%2eb",
		"*",
	};

	judge_all(rows, COUNT_OF(rows), &names, HOST_BAD);
}

static void
lengths_have_bounds(void)
{
	char name[400];

	memset(name, 'a', sizeof name);
	name[63] = '\0';
	EXPECT_INT(HOST_OURS, host_judge(name, &no_names));
	name[63] = 'a';
	name[64] = '\0';
	EXPECT_INT(HOST_BAD, host_judge(name, &no_names));
	name[64] = 'a';
	for (size_t i = 1; i < sizeof name; i += 2)
		name[i] = '.';
	name[253] = '\0';
	EXPECT_INT(HOST_FOREIGN, host_judge(name, &no_names));
	name[253] = '.';
	name[254] = '\0';
	EXPECT_INT(HOST_FOREIGN, host_judge(name, &no_names));
	name[254] = 'a';
	name[255] = '\0';
	EXPECT_INT(HOST_BAD, host_judge(name, &no_names));
}

static void
an_option_takes_names_without_a_port(void)
{
	EXPECT(host_is_name("bio.example.org"));
	EXPECT(host_is_name("bio.example.org."));
	EXPECT(host_is_name("bio"));
	EXPECT(!host_is_name(""));
	EXPECT(!host_is_name("."));
	EXPECT(!host_is_name("bio.example.org:80"));
	EXPECT(!host_is_name("*.example.org"));
	EXPECT(!host_is_name("*"));
	EXPECT(!host_is_name("http://bio.example.org"));
}

int
main(void)
{
	TAP_RUN(addresses_and_names_without_a_dot_are_ours);
	TAP_RUN(names_with_a_dot_are_foreign);
	TAP_RUN(listed_names_are_ours_and_no_others);
	TAP_RUN(what_is_no_host_is_bad);
	TAP_RUN(lengths_have_bounds);
	TAP_RUN(an_option_takes_names_without_a_port);
	return tap_finish();
}
