/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a file at a URL, from any place in it on.
 *
 * What is cut off goes on where it was, by a range of the same file: that it
 * is the same its ETag or its date says (RFC 9110, "If-Range").  A server
 * without ranges is read once, forward.
 */
#ifndef IMAGE_FETCH_FETCH_H
#define IMAGE_FETCH_FETCH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/own.h"

struct error;

#define FETCH_END UINT64_MAX

struct fetch;

/* Nothing is asked yet. */
struct fetch *fetch_new(const char *url);
void fetch_free(struct fetch *f);
OWN_POINTER(fetch)

/* Next are length bytes from offset on; FETCH_END: all up to its end. */
void fetch_seek(struct fetch *f, uint64_t offset, uint64_t length);

/*
 * The next bytes, at most n: how many, or 0 at the end of what was asked for.
 * -1 has the code EAGAIN where trying again later may help, ENOENT where
 * there is no such file, EBADMSG where the server breaks the rules.
 */
ssize_t fetch_read(struct fetch *f, void *to, size_t n, struct error *e);

/* How long the file is, or FETCH_END while that is unknown. */
uint64_t fetch_size(const struct fetch *f);

#endif
