/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one file, here or at a URL, from any place in it on.  What has
 * to do with networks is left to image-fetch(8).
 */
#ifndef IMAGE_UPDATE_FETCH_H
#define IMAGE_UPDATE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/own.h"

struct error;
struct strbuf;

#define FETCH_END UINT64_MAX

struct fetch;

/* Whether it is a URL that is asked by HTTP. */
bool fetch_is_url(const char *place);

/* The path that a place is, "file://" taken off, borrowed. */
const char *fetch_path(const char *place);

/* A path, or a URL of http, https or file.  Nothing is asked yet. */
struct fetch *fetch_new(const char *place);
void fetch_free(struct fetch *f);
OWN_POINTER(fetch)

/* Next are length bytes from offset on; FETCH_END: all up to its end. */
void fetch_seek(struct fetch *f, uint64_t offset, uint64_t length);

/*
 * The next bytes, at most n: how many, or 0 at the end of what was asked for.
 * -1 has the code EAGAIN where trying again later may help, ENOENT where
 * there is no such file, else EBADMSG or an errno of its own.
 */
ssize_t fetch_read(struct fetch *f, void *to, size_t n, struct error *e);

/* All n bytes from offset on; a file that ends before is EBADMSG. */
int fetch_exactly(
    struct fetch *f, uint64_t offset, void *to, size_t n, struct error *e);

/* Add all that was asked for to b, at most max bytes. */
int fetch_all(struct fetch *f, size_t max, struct strbuf *b, struct error *e);

/* How long the file is, or FETCH_END while that is unknown. */
uint64_t fetch_size(const struct fetch *f);

#endif
