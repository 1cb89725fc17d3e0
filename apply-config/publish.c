/* SPDX-License-Identifier: Apache-2.0 */
/* Each file is written beside its place, made durable, and renamed. */
#include "apply-config/publish.h"

#include <errno.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/output.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"

static int
remove_file(struct output *o, const struct change *c, struct error *e)
{
	int dir = output_dir(o, c->path, e);

	if (dir == -1)
		return -1;
	if (unlinkat(dir, path_base(c->path), 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", c->path);
	return 0;
}

static int
write_file(struct output *o, const struct change *c, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };
	int dir = output_mkdirs(o, c->path, e);

	if (dir == -1 ||
	    file_begin(&w, dir, path_base(c->path), c->mode, e) == -1)
		return -1;
	w.uid = c->uid;
	w.gid = c->gid;
	file_add(&w, strbuf_text(&c->from->body), c->from->body.len);
	return file_publish(&w, e);
}

int
publish(struct output *o, const struct changes *c, struct error *e)
{
	for (size_t i = 0; i < c->len; i++) {
		const struct change *one = &c->items[i];
		int r = one->kind == CHANGE_DELETE ? remove_file(o, one, e)
						   : write_file(o, one, e);

		if (r == -1)
			return -1;
	}
	return 0;
}
