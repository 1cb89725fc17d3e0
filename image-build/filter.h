/* SPDX-License-Identifier: Apache-2.0 */
/* The system-call filter of scripts: see filter.c. */
#ifndef IMAGE_BUILD_FILTER_H
#define IMAGE_BUILD_FILTER_H

#include <stdbool.h>

/*
 * In the child: filter this process and all that it starts.  Returns a
 * descriptor on which the calls of interest are told, 0 if they need not be
 * (tell), or -1 with errno.
 */
int filter_install(bool tell);

/* Hand a descriptor over to the parent through a socket, and take it. */
int filter_send(int socket, int listener);
int filter_receive(int socket); /* the descriptor, or -1: none is there */

/* Answer one call; false if there was none (its maker is gone). */
bool filter_answer(int listener);

#endif
