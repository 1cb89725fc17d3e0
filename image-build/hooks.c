/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All elements' files in one tree, as scripts rely on it: they address each
 * other by $(dirname $0)/.. in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

struct merge {
	struct build *b;
	const struct element *el;
	int from, to; /* the element's folder, the hooks tree */
};

/* What ls shows: no dot-files. */
static int
names_in(int dir, const char *path, struct strlist *names, struct error *e)
{
	if (file_names(dir, path, names, e) == -1)
		return -1;
	for (size_t i = names->len; i > 0; i--)
		if (*names->items[i - 1] == '.')
			strlist_remove(names, i - 1);
	return 0;
}

/* One entry of one of the element's folders. */
static int
merge_hook(struct merge *m, const char *sub, const char *name, struct error *e)
{
	own_free char *path = path_join(sub, name);
	struct stat st;

	if (fstatat(m->to, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISDIR(st.st_mode))
		return error_set(e, EEXIST,
		    "There is a duplicated hook in your elements: %s (in %s "
		    "and %s)",
		    path, hooks_origin(m->b, sub, name), m->el->name);
	if (tree_copy(m->from, path, m->to, path, e) == -1)
		return -1;
	strlist_printf(&m->b->origins, "%s\t%s", path, m->el->name);
	return 0;
}

static int
merge_folder(struct merge *m, const char *sub, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (strcmp(sub, "tests") == 0 || strcmp(sub, "__pycache__") == 0)
		return 0;
	if (names_in(m->from, sub, &names, e) == -1 ||
	    file_mkdirs(m->to, sub, 0755, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		if (merge_hook(m, sub, names.items[i], e) == -1)
			return -1;
	return 0;
}

static int
merge_element(struct merge *m, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (names_in(m->from, ".", &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		size_t n = strlen(name);

		if (file_is_dir(m->from, name)) {
			if (merge_folder(m, name, e) == -1)
				return -1;
		} else if (n < 4 || strcmp(name + n - 4, ".pyc") != 0) {
			if (tree_copy(m->from, name, m->to, name, e) == -1)
				return -1;
		}
	}
	return 0;
}

/*
 * The default install type gives way to what a fragment of an element that
 * comes before this one says.  Without fragments it is a variable like others.
 */
static int
put_install_type(struct build *b, int to, struct error *e)
{
	static const char text[] = "export DIB_DEFAULT_INSTALLTYPE="
				   "${DIB_DEFAULT_INSTALLTYPE:-source}\n";

	if (file_is_dir(to, "environment.d"))
		return file_replace(to,
		    "environment.d/11-dib-install-type.bash", 0644, text,
		    strlen(text), e);
	if (b->settings->install_type == NULL)
		strlist_env_set(&b->env, "DIB_DEFAULT_INSTALLTYPE", "source");
	return 0;
}

/* Scripts may call the runner, and some programs of ours in the target. */
static int
copy_programs(const struct build *b, int to, struct error *e)
{
	own_free char *from = path_join(b->settings->shell, "dib-run-parts");
	own_free char *bin = path_join(b->settings->shell, "target");

	if (tree_copy(AT_FDCWD, from, to, "dib-run-parts", e) == -1)
		return -1;
	return tree_copy(AT_FDCWD, bin, to, TARGET_BIN, e);
}

int
hooks_merge(struct build *b, struct error *e)
{
	own_fd int to = -1;

	if (file_mkdirs(AT_FDCWD, b->hooks, 0755, e) == -1)
		return -1;
	to = open(b->hooks, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to == -1)
		return error_errno(e, "%s", b->hooks);
	for (size_t i = 0; i < b->nchosen; i++) {
		struct merge m = { .b = b, .el = b->chosen[i], .to = to };
		own_fd int from = -1;

		if (m.el->path == NULL)
			continue;
		from = open(m.el->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (from == -1)
			return error_errno(e, "%s", m.el->path);
		m.from = from;
		if (merge_element(&m, e) == -1)
			return error_prefix(e, "element %s", m.el->name);
	}
	if (put_install_type(b, to, e) == -1)
		return -1;
	return copy_programs(b, to, e);
}

const char *
hooks_origin(const struct build *b, const char *phase, const char *name)
{
	own_free char *key = mem_printf("%s/%s\t", phase, name);
	size_t n = strlen(key);

	for (size_t i = 0; i < b->origins.len; i++)
		if (strncmp(b->origins.items[i], key, n) == 0)
			return b->origins.items[i] + n;
	return "?";
}
