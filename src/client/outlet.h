/*
 * outlet: standard output of a command that goes on until it is stopped.
 *
 * What is gathered goes out with outlet_flush, in steps that do not block: a reader that
 * takes nothing must not keep the command from hearing that it is to stop.  A stop ends
 * the output behind a whole line, where the reader takes that line within a second.
 *
 * A reader that went away, as `head` does, is no error.  One thread.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_OUTLET_H
#define BIO_CLIENT_OUTLET_H

#include "base/attr.h"
#include "base/text.h"

enum outlet_result {
	OUTLET_OK,
	OUTLET_OVER,   /* to be stopped, or nobody reads any more */
	OUTLET_FAILED, /* reported */
};

struct outlet {
	struct text text; /* whole lines; its owner's to append to */
	int stop_fd;      /* readable: the command is to stop; -1: nothing says that */
};

/* Writes all of the text and empties it. */
enum outlet_result outlet_flush(struct outlet *o) MUST_USE;

void outlet_fini(struct outlet *o);

#endif
