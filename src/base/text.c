/*
 * text: a growing array of bytes; room is doubled.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define FIRST_CAPACITY 1024

void
text_free(struct text *t)
{
	free(t->bytes);
	*t = (struct text){0};
}

bool
text_failed(const struct text *t)
{
	return t->has_failed;
}

void
text_fail(struct text *t)
{
	t->has_failed = true;
}

void
text_fit(struct text *t)
{
	char *bytes = t->len > 0 ? realloc(t->bytes, t->len) : NULL;

	if (bytes == NULL)
		return;
	t->bytes = bytes;
	t->capacity = t->len;
}

/* Room for `more` bytes behind what is there. */
static bool
reserve(struct text *t, size_t more)
{
	size_t capacity = t->capacity > 0 ? t->capacity : FIRST_CAPACITY;
	char *bytes;

	if (t->has_failed)
		return false;
	if (t->len + more <= t->capacity)
		return true;
	while (capacity < t->len + more)
		capacity *= 2;
	bytes = realloc(t->bytes, capacity);
	if (bytes == NULL) {
		t->has_failed = true;
		return false;
	}
	t->bytes = bytes;
	t->capacity = capacity;
	return true;
}

void
text_append(struct text *t, const void *bytes, size_t len)
{
	if (len == 0 || !reserve(t, len))
		return;
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

void
text_append_string(struct text *t, const char *string)
{
	text_append(t, string, strlen(string));
}

void
text_append_number(struct text *t, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	text_append(t, digits + at, sizeof digits - at);
}

void
text_printf(struct text *t, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (len < 0 || !reserve(t, (size_t)len + 1)) {
		t->has_failed = true;
		return;
	}
	va_start(arguments, format);
	(void)vsnprintf(t->bytes + t->len, (size_t)len + 1, format, arguments);
	va_end(arguments);
	t->len += (size_t)len;
}

void
text_append_one_line(struct text *t, const void *json, size_t len)
{
	size_t begin = t->len;

	text_append(t, json, len);
	for (size_t i = begin; i < t->len; i++)
		if (t->bytes[i] == '\n' || t->bytes[i] == '\r')
			t->bytes[i] = ' ';
}

void
text_append_quoted(struct text *t, const char *string)
{
	text_append_quoted_bytes(t, string, strlen(string));
}

void
text_append_quoted_bytes(struct text *t, const void *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = at + len;

	text_append(t, "\"", 1);
	while (at < end) {
		size_t character = utf8_length(at, (size_t)(end - at));

		if (character == 0)
			text_append_string(t, UTF8_REPLACEMENT);
		else if (*at < ' ')
			text_printf(t, "\\u%04x", *at);
		else if (*at == '"' || *at == '\\')
			text_printf(t, "\\%c", *at);
		else
			text_append(t, at, character);
		at += character > 0 ? character : 1;
	}
	text_append(t, "\"", 1);
}
