/*
 * uuid: names that nobody else has.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_UUID_H
#define BIO_BASE_UUID_H

#include "base/attr.h"

/* 36 characters and a NUL. */
#define UUID_MAX 37

/* A random one (RFC 9562, section 5.4).  -1: the system gave no random numbers. */
int uuid_make(char out[UUID_MAX]) MUST_USE;

#endif
