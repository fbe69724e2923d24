/*
 * output_test: what stands beside the file of an export, and who else writes it.
 *
 * flock(2) is this file's own, so that another export can come to its end at the worst
 * moment: when ours has opened the unfinished file and does not have its lock yet.
 *
 * SPDX-License-Identifier: MIT
 */
#include "client/output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/options.h"
#include "tap.h"

static char folder[] = "/tmp/output_test.XXXXXX";
static char path[64], part[64], other[64];
static int ends_of_another;
static char complaint[256];

int
flock(int fd, int operation)
{
	(void)fd;
	(void)operation;
	if (ends_of_another > 0) {
		ends_of_another--;
		EXPECT_INT(0, rename(part, path));
	}
	return 0;
}

void
options_complain(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(complaint, sizeof complaint, format, arguments);
	va_end(arguments);
}

static void
put_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	EXPECT(file != NULL);
	if (file == NULL)
		return;
	(void)fputs(text, file);
	EXPECT_INT(0, fclose(file));
}

static void
expect_file(const char *name, const char *text)
{
	char bytes[64];
	FILE *file = fopen(name, "r");
	size_t len;

	EXPECT(file != NULL);
	if (file == NULL)
		return;
	len = fread(bytes, 1, sizeof bytes, file);
	EXPECT_BYTES(text, strlen(text), bytes, len);
	(void)fclose(file);
}

static mode_t
mode_of(const char *name)
{
	struct stat stat_buffer;

	return EXPECT_INT(0, stat(name, &stat_buffer)) ? stat_buffer.st_mode & 07777 : 0;
}

static void
remove_files(void)
{
	(void)unlink(path);
	(void)unlink(part);
	(void)unlink(other);
}

static void
an_export_that_ends_meanwhile_is_left_alone(void)
{
	struct output o;

	put_file(part, "theirs");
	ends_of_another = 1;
	if (!EXPECT_INT(0, output_open(&o, path)))
		return;
	EXPECT_INT(0, ends_of_another);
	expect_file(path, "theirs");
	EXPECT_INT(0, output_write(&o, "ours", 4));
	expect_file(path, "theirs");
	EXPECT_INT(0, output_finish(&o));
	expect_file(path, "ours");
	EXPECT_INT(-1, access(part, F_OK));
	remove_files();
}

static void
a_link_in_the_place_of_the_unfinished_file_is_not_followed(void)
{
	struct output o;

	put_file(other, "precious");
	EXPECT_INT(0, symlink(other, part));
	if (EXPECT_INT(-1, output_open(&o, path)))
		EXPECT(strstr(complaint, part) != NULL);
	expect_file(other, "precious");
	EXPECT_INT(-1, access(path, F_OK));
	remove_files();
}

static void
who_may_read_the_file_stays_as_it_was(void)
{
	struct output o;

	put_file(path, "old");
	EXPECT_INT(0, chmod(path, 0600));
	if (!EXPECT_INT(0, output_open(&o, path)))
		return;
	EXPECT_INT(0600, mode_of(part));
	EXPECT_INT(0, output_write(&o, "new", 3));
	EXPECT_INT(0, output_finish(&o));
	EXPECT_INT(0600, mode_of(path));
	expect_file(path, "new");
	remove_files();
	(void)umask(022);
	EXPECT_INT(0, output_open(&o, path));
	EXPECT_INT(0, output_finish(&o));
	EXPECT_INT(0644, mode_of(path));
	remove_files();
}

int
main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	(void)snprintf(path, sizeof path, "%s/file", folder);
	(void)snprintf(part, sizeof part, "%s/file.part", folder);
	(void)snprintf(other, sizeof other, "%s/other", folder);
	TAP_RUN(an_export_that_ends_meanwhile_is_left_alone);
	TAP_RUN(a_link_in_the_place_of_the_unfinished_file_is_not_followed);
	TAP_RUN(who_may_read_the_file_stays_as_it_was);
	(void)rmdir(folder);
	return tap_finish();
}
