/* SPDX-License-Identifier: Apache-2.0 */
/* An archive of any bytes: paths stay inside, and so does what comes out. */
#include "lib/tar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/path.h"

#define MOST_BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t left;
	size_t out; /* bytes that came of the archive */
};

static ssize_t
read_input(void *ctx, void *to, size_t n, struct error *e)
{
	struct input *in = ctx;

	(void)e;
	if (n > in->left)
		n = in->left;
	memcpy(to, in->data, n);
	in->data += n;
	in->left -= n;
	return (ssize_t)n;
}

static int
visit(void *ctx, const char *path, struct tar_entry *entry, struct error *e)
{
	struct input *in = ctx;
	char bytes[4096];
	ssize_t n;

	if (!path_is_inside(path))
		abort();
	while ((n = tar_next(entry, bytes, sizeof(bytes), e)) > 0) {
		in->out += (size_t)n;
		if (in->out > MOST_BYTES)
			abort();
	}
	return n == 0 ? 0 : -1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tar_bounds bounds = { .entries = 100,
		.bytes = MOST_BYTES };
	struct input in = { .data = data, .left = size };
	struct error e;

	(void)tar_walk(read_input, &in, &bounds, visit, &in, &e);
	return 0;
}
