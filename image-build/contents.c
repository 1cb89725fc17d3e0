/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME.contents and usr/lib/ingot/contents: what the image holds, as
 * image-update believes it (lib/contents.h).  Written before the formats, so
 * that each has it inside.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "image-build/known.h"
#include "image-build/target.h"
#include "lib/clock.h"
#include "lib/contents.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

static int
fill_head(const struct settings *s, struct contents *c, struct error *e)
{
	int64_t version = s->epoch >= 0 ? s->epoch : (int64_t)time(NULL);

	if (options_number("--image-version", s->image_version, &version, e) ==
		-1 ||
	    options_number("--expires", s->expires, &c->expires, e) == -1)
		return -1;
	c->version = (uint64_t)version;
	return 0;
}

/* Another kind of key signs the manifest, which lists the contents. */
static int
sign(const struct settings *s, struct contents *c, struct error *e)
{
	bool openssh;

	if (s->sign == NULL)
		return 0;
	if (sign_is_openssh(s->sign, &openssh, e) == -1)
		return -1;
	if (!openssh)
		return contents_sign(c, s->sign, e);
	log_info(
	    "the contents are not signed: %s is a key of OpenSSH's", s->sign);
	return 0;
}

static struct contents *
list_tree(const struct build *b, int tree, struct error *e)
{
	const struct settings *s = b->settings;
	own(known_clear) struct known k = { 0 };
	ownp(contents_free) struct contents *c = NULL;

	if (known_load(b, tree, &k, e) == -1)
		return NULL;
	c = contents_scan_known(tree, path_base(s->name), known_find, &k, e);
	if (c == NULL || known_save(b, &k, c, e) == -1 ||
	    fill_head(s, c, e) == -1 || contents_describe(c, tree, e) == -1)
		return NULL;
	contents_seal(c);
	return sign(s, c, e) == -1 ? NULL : take(c);
}

int
contents_put_beside(const struct build *b, struct error *e)
{
	own_free char *path = mem_printf("%s.contents", b->settings->name);

	return file_replace(
	    AT_FDCWD, path, 0644, b->contents, strlen(b->contents), e);
}

/*
 * A tree that is only packed is the caller's and stays as it is; one in which
 * something else is in the way, say a link to nowhere, is as its base wants it.
 */
static int
make_place(const struct build *b, bool *inside, struct error *e)
{
	own_free char *folder = path_dir(CONTENTS_INSIDE);
	own_fd int made = -1;

	*inside = false;
	if (b->nchosen == 0)
		return 0;
	made = target_folder(b->tree, folder, 0755, e);
	*inside = made != -1;
	if (made == -1 && e->code != EEXIST && e->code != ENOTDIR)
		return -1;
	if (made == -1)
		log_warn("the image will not hold its list of contents: %s",
		    e->text);
	return 0;
}

int
contents_make(struct build *b, struct error *e)
{
	own_fd int tree = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own(strbuf_clear) struct strbuf text = { 0 };
	ownp(contents_free) struct contents *c = NULL;
	bool inside;
	double start = clock_seconds();

	if (tree == -1)
		return error_errno(e, "%s", b->tree);
	log_status("contents");
	if (make_place(b, &inside, e) == -1)
		return -1;
	c = list_tree(b, tree, e);
	if (c == NULL)
		return error_prefix(e, "contents");
	contents_print(c, &text);
	if (inside &&
	    target_put(b->tree, CONTENTS_INSIDE, 0644, &text, e) == -1)
		return -1;
	b->contents = strbuf_take(&text);
	b->contents_id = mem_dup(c->id);
	log_status("%s", "");
	report_part(b->report, "contents", clock_seconds() - start);
	return 0;
}
