/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements that are part of this program.  Each does what the element of its
 * name does in diskimage-builder, at the same place among the scripts; where
 * the caller's path holds an element of the name, that one is used instead.
 */
#include <fcntl.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

static const struct builtin builtin_cache_url = {
	.name = "cache-url",
	.summary = "the program cache-url, on the host and in the target",
	.deps = "install-bin",
};

const struct builtin *const builtins[] = {
	&builtin_cache_url,
	&builtin_dib_init_system,
	&builtin_directory,
	&builtin_element_manifest,
	&builtin_image,
	&builtin_install_bin,
	&builtin_install_static,
	&builtin_install_types,
	&builtin_manifests,
	&builtin_oci,
	&builtin_package_installs,
	&builtin_pkg_map,
	&builtin_source_repositories,
	&builtin_svc_map,
	&builtin_tarball,
	NULL,
};

int
builtin_put(const struct build *b, const char *path, mode_t mode,
    const struct strbuf *text, struct error *e)
{
	own_fd int tree = open(b->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_free char *dir = path_dir(path);

	if (tree == -1)
		return error_errno(e, "%s", b->tree);
	if (file_mkdirs(tree, dir, 0755, e) == -1)
		return -1;
	return file_put(tree, path, mode, strbuf_text(text), text->len, e);
}
