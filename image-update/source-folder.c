/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with the image's tree: a path is asked for, never followed out. */
#include <errno.h>
#include <fcntl.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/own.h"

static int
bring(struct carrier *c, const struct source *s, struct filling *f,
    struct error *e)
{
	own_fd int dir = open(c->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)s;
	if (dir == -1)
		return error_errno(e, "%s", c->place);
	for (size_t i = 0; i < f->new->n; i++)
		if (fill_wants(f, i) &&
		    fill_copy(
			f, (uint32_t)i, dir, f->new->entries[i].path, e) == -1)
			return -1;
	return 0;
}

const struct carrier_kind carrier_folder = {
	.name = "folder",
	.summary = "a folder that holds the image's tree",
	.bring = bring,
};
