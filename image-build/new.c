/* SPDX-License-Identifier: Apache-2.0 */
/* image-build new ELEMENT...: a folder to begin an element with. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

/* In names and texts @ stands for the element's name. */
static const struct {
	const char *path;
	mode_t mode;
	const char *text;
} skeleton[] = {
	{ "README.md", 0644,
	    "# @\n"
	    "\n"
	    "What an image with this element has, and what it needs.\n"
	    "\n"
	    "Variables:\n"
	    "\n"
	    "* `DIB_@_COLOUR`: an example of a setting (blue)\n" },
	{ "element-deps", 0644,
	    "# Elements that this one needs, sorted, one a line.\n"
	    "package-installs\n" },
	{ "package-installs.yaml", 0644,
	    "# Packages that this element wants; each is a name, and if need "
	    "be\n"
	    "#   phase: pre-install.d, install.d (if nothing is said) or "
	    "post-install.d\n"
	    "#   build-only: true, gone from the image again\n"
	    "#   uninstall: true, taken away\n"
	    "#   arch, not-arch: amd64, arm64\n"
	    "#   when: VARIABLE = value\n"
	    "#\n"
	    "# curl:\n"
	    "# gcc:\n"
	    "#   build-only: true\n" },
	{ "environment.d/50-@.bash", 0644,
	    "# Sourced before each phase: settings with their defaults.\n"
	    "# What the caller has set stays.\n"
	    "export DIB_@_COLOUR=${DIB_@_COLOUR:-blue}\n" },
	{ "install.d/50-@", 0755,
	    "#!/bin/bash\n"
	    "# Runs in the image once packages are installed. Other phases:\n"
	    "# on the host root.d, extra-data.d, post-root.d, pre-finalise.d "
	    "and\n"
	    "# cleanup.d, in the image pre-install.d, post-install.d and "
	    "finalise.d.\n"
	    "if [ \"${DIB_DEBUG_TRACE:-0}\" -gt 0 ]; then\n"
	    "    set -x\n"
	    "fi\n"
	    "set -eu\n"
	    "set -o pipefail\n"
	    "\n"
	    "# This element's other folders are beside this one:\n"
	    "# here=$(dirname \"$0\")/..\n"
	    "\n"
	    "echo \"colour=$DIB_@_COLOUR\" >/etc/@.conf\n" },
};

static struct options command = {
	.program = "image-build new",
	.operands = "ELEMENT...",
	.summary = "Make a folder to begin an element with.",
	.defs = (const struct option_def[]){ { 0, NULL, NULL, OPTION_FLAG, NULL,
	    NULL, NULL } },
};

/* Variables have _ where names of elements have -. */
static void
fill(struct strbuf *b, const char *text, const char *name)
{
	for (const char *s = text; *s != '\0'; s++) {
		bool variable = s > text && s[-1] == '_';

		if (*s != '@') {
			strbuf_putc(b, *s);
			continue;
		}
		for (const char *c = name; *c != '\0'; c++)
			strbuf_putc(b,
			    !variable			     ? *c
				: isalnum((unsigned char)*c) ? *c
							     : '_');
	}
}

static int
write_file(const char *dir, const char *name, size_t i, struct error *e)
{
	own(strbuf_clear) struct strbuf path = { 0 }, text = { 0 };
	own_free char *full = NULL, *parent = NULL;

	fill(&path, skeleton[i].path, name);
	fill(&text, skeleton[i].text, name);
	full = path_join(dir, strbuf_text(&path));
	parent = path_dir(full);
	if (file_mkdirs(AT_FDCWD, parent, 0755, e) == -1)
		return -1;
	return file_replace(
	    AT_FDCWD, full, skeleton[i].mode, strbuf_text(&text), text.len, e);
}

/* All of it beside its place, then renamed: it is there whole or not. */
static int
make_element(const char *dir, struct error *e)
{
	const char *name = path_base(dir);
	own_free char *parent = path_dir(dir);
	own_free char *temp = mem_printf("%s/.%s.new", parent, name);
	struct error other;

	if (*name == '-' || *name == '.' ||
	    name[strspn(name,
		"0123456789abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ_-")] != '\0' ||
	    !path_is_name(name))
		return error_set(e, EINVAL,
		    "%s: an element's name is of letters, digits, _ and -",
		    dir);
	if (file_exists(AT_FDCWD, dir))
		return error_set(e, EEXIST, "%s is there already", dir);
	if (tree_remove(AT_FDCWD, temp, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(skeleton) / sizeof(*skeleton); i++)
		if (write_file(temp, name, i, e) == -1) {
			(void)tree_remove(AT_FDCWD, temp, &other);
			return -1;
		}
	if (rename(temp, dir) == -1)
		return error_errno(e, "%s", dir);
	printf("%s\n", dir);
	return 0;
}

int
new_verb(int argc, char **argv, struct error *e)
{
	int first = options_parse(&command, argc, argv, e);

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	if (first == argc) {
		error_set(e, EINVAL, "no element is named");
		return 2;
	}
	for (int i = first; i < argc; i++)
		if (make_element(argv[i], e) == -1)
			return 1;
	return 0;
}
