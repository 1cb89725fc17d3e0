/* SPDX-License-Identifier: Apache-2.0 */
/* tarball: the root file system is what an archive holds. */
#include "image-build/base.h"
#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/tar.h"

#include <fcntl.h>

static int
tarball_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };

	(void)s;
	if (base_find(b, &source, e) == -1)
		return -1;
	if (base_pin(b, "tarball", &source, NULL, e) == -1)
		return -1;
	return base_state(b, &source, text, e);
}

static int
unpack_tarball(struct build *b, const struct step *s, struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };
	own_fd int tree = base_open_tree(b, e);
	int flags = TAR_OWNERS;

	(void)s;
	if (tree == -1 || base_find(b, &source, e) == -1 ||
	    base_fetch(b, &source, e) == -1)
		return -1;
	log_info("unpacking %s", source.path);
	if (!base_has_devices(tree))
		flags |= TAR_NO_DEVICES;
	if (tar_extract(AT_FDCWD, source.path, tree, flags, e) == -1)
		return -1;
	return base_check(b, e);
}

static const struct native_step steps[] = {
	{ "root", "10-tarball", unpack_tarball, tarball_inputs },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_tarball = {
	.name = "tarball",
	.summary = "begin with what an archive holds",
	.deps = "",
	.steps = steps,
};
