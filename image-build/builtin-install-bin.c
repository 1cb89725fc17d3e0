/* SPDX-License-Identifier: Apache-2.0 */
/*
 * install-bin: the programs in elements' bin/ folders go to the target's
 * /usr/local/bin.
 */
#include <fcntl.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

static int
install_bin(struct build *b, const struct step *s, struct error *e)
{
	own_free char *dir = path_join(b->hooks, "bin");
	own(strlist_clear) struct strlist names = { 0 };

	(void)s;
	if (!file_is_dir(AT_FDCWD, dir))
		return 0;
	if (file_names(AT_FDCWD, dir, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own(strbuf_clear) struct strbuf text = { 0 };
		own_free char *from = path_join(dir, names.items[i]);
		own_free char *to = path_join("usr/local/bin", names.items[i]);

		if (*names.items[i] == '.')
			continue;
		if (file_read(AT_FDCWD, from, LIMIT_DOC_BYTES, &text, e) ==
			-1 ||
		    target_put(b->tree, to, 0755, &text, e) == -1)
			return -1;
	}
	return 0;
}

static const struct native_step install_bin_steps[] = {
	{ "pre-install", "01-install-bin", install_bin, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_install_bin = {
	.name = "install-bin",
	.summary = "programs of elements' bin/ in the target's /usr/local/bin",
	.deps = "",
	.steps = install_bin_steps,
};
