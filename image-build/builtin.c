/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements that are part of this program.  Each does what the element of its
 * name does in diskimage-builder, at the same place among the scripts; where
 * the caller's path holds an element of the name, that one is used instead.
 */
#include "image-build/image-build.h"

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
