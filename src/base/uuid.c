/*
 * uuid: random digits in the shape of version 4.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/uuid.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/types.h>

int
uuid_make(char out[UUID_MAX])
{
	static const char shape[UUID_MAX] = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx";
	uint8_t random[UUID_MAX];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return -1;
	for (size_t i = 0; i < sizeof shape; i++)
		out[i] = shape[i] == 'x' ? "0123456789abcdef"[random[i] & 15] : shape[i];
	return 0;
}
