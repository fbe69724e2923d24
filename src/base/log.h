/*
 * log: lines for the operator, on standard error.
 *
 * One line is one write(2), so lines of several threads never mix.  Any thread may call.
 * A foreign error is logged once, where its text still exists; above that it is counted.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_BASE_LOG_H
#define BIO_BASE_LOG_H

#include "base/attr.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are left out (INFO until told).  Call before the first thread.
 */
void log_set_level(enum log_level level);

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
