/*
 * replay: feeds a kept corpus to its fuzz target, as an ordinary test without a fuzzer.
 *
 *   NAME_replay [FOLDER]     default: tests/fuzz/corpus/NAME, from the project's folder
 *
 * A finding aborts within the target; the line written last then names the file.
 *
 * SPDX-License-Identifier: MIT
 */
#include <dirent.h>

#include "../unit/tap.h"
#include "fuzz.h"

static void
replay_file(const char *folder, const char *name)
{
	static uint8_t room[FUZZ_INPUT_MAX + 1];
	char path[2 * TAP_TEXT_MAX];
	uint8_t *bytes;
	size_t len;
	FILE *file;

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	tap_comment("%s", path);
	tap_context("%s", name);
	file = fopen(path, "rb");
	if (file == NULL) {
		tap_fail(__FILE__, __LINE__, "it cannot be opened");
		return;
	}
	len = fread(room, 1, sizeof room, file);
	EXPECT(ferror(file) == 0);
	(void)fclose(file);
	/* A longer file would be skipped by its target. */
	EXPECT(len <= FUZZ_INPUT_MAX);
	/* Allocated, so that a sanitizer knows where it ends. */
	bytes = malloc(len + (len == 0));
	if (bytes == NULL)
		abort();
	memcpy(bytes, room, len);
	EXPECT_INT(0, LLVMFuzzerTestOneInput(bytes, len));
	free(bytes);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
replay_folder(const char *folder)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_visible, alphasort);

	tap_begin("corpus of %s: %d files", fuzz_name, count);
	EXPECT(count > 0);
	for (int i = 0; i < count; i++) {
		replay_file(folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	tap_end();
}

int
main(int argc, char **argv)
{
	char folder[TAP_TEXT_MAX];

	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", fuzz_name);
	replay_folder(argc > 1 ? argv[1] : folder);
	tap_begin("corpus of %s: nothing is missing", fuzz_name);
	EXPECT_TEXT(NULL, fuzz_missing());
	tap_end();
	return tap_finish();
}
