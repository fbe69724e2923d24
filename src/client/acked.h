/*
 * acked: `bio-client send --ack store`, the whole conversation.
 *
 * One connection at a time, one session.  What is not acknowledged is kept in a window;
 * when that is full, nothing more is read from the input.  A connection that breaks is
 * opened again until --retry-timeout has passed without any progress, and the server
 * says with which number it goes on, so that nothing is stored twice and nothing is left
 * out.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef BIO_CLIENT_ACKED_H
#define BIO_CLIENT_ACKED_H

#include "client/input.h"
#include "client/link.h"

/*
 * Sends what `input` holds, or without one (NULL) the message of the options, and says
 * what came of it: the group's code is DONE only if the server has stored everything.
 * Blocks; a stop of the group ends it soon.
 */
void acked_run(struct link_group *group, struct input *input);

#endif
