/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An index, and the blobs it may ask for: the input's parts, between NUL
 * bytes.  The first is index.json; a blob is the part that the last digit of
 * its digest says, so that any document can lead to any other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/base.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define PARTS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct parts {
	const char *at[PARTS];
	size_t len[PARTS];
	size_t n;
};

static int
give(void *ctx, const struct oci_blob *blob, size_t max, struct strbuf *text,
    struct error *e)
{
	const struct parts *p = ctx;
	char last[2] = { blob->digest[DIGEST_TEXT - 2], '\0' };
	size_t i = strtoul(last, NULL, 16);

	if (strlen(blob->digest) != DIGEST_TEXT - 1)
		abort();
	if (i >= p->n || p->len[i] > max)
		return error_set(e, 0, "no such blob");
	strbuf_add(text, p->at[i], p->len[i]);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own(oci_image_clear) struct oci_image image = { 0 };
	struct parts p = { 0 };
	const char *s = (const char *)data, *end = s + size;
	struct error e;

	while (s < end && p.n < PARTS) {
		size_t n = strnlen(s, (size_t)(end - s));

		p.at[p.n] = s;
		p.len[p.n++] = n;
		s += n + 1;
	}
	if (p.n == 0)
		return 0;
	if (oci_choose(
		p.at[0], p.len[0], "amd64", NULL, give, &p, &image, &e) == 0 &&
	    image.nlayers == 0)
		abort();
	return 0;
}
