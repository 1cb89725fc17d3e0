/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifests and element-manifest: what was built, told in files in the image
 * and beside it.  Values of variables that look like secrets are left out,
 * which diskimage-builder does not do.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

/* A folder of the manifests in the target, relative to its root. */
static const char *
image_dir(const struct build *b)
{
	const char *dir =
	    strlist_env_get(&b->phase_env, "DIB_MANIFEST_IMAGE_DIR");

	return path_relative(dir != NULL ? dir : "/etc/dib-manifests");
}

static int
make_folder(struct build *b, const struct step *s, struct error *e)
{
	own_fd int dir = target_folder(b->tree, image_dir(b), 0755, e);

	(void)s;
	return dir == -1 ? -1 : 0;
}

/* ---- secrets ------------------------------------------------------------ */

static bool
contains(const char *name, const char *word)
{
	size_t n = strlen(word);

	for (; *name != '\0'; name++)
		if (strncasecmp(name, word, n) == 0)
			return true;
	return false;
}

bool
manifest_is_secret(const char *name)
{
	static const char *const words[] = { "PASSW", "SECRET", "TOKEN",
		"PRIVATE", "CREDENTIAL", "_KEY", NULL };

	for (const char *const *w = words; *w != NULL; w++)
		if (contains(name, *w))
			return true;
	return false;
}

#define DECLARE "declare -x "

/* DIB_ENV holds bash's declarations; a value may go on over several lines. */
static void
masked(const char *text, struct strbuf *out)
{
	bool hidden = false;

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		own_free char *line = strndup(text, n);
		char *eq = strchr(line, '=');
		bool begins = eq != NULL &&
		    strncmp(line, DECLARE "DIB_", strlen(DECLARE "DIB_")) == 0;

		if (begins) {
			*eq = '\0';
			hidden = manifest_is_secret(line + strlen(DECLARE));
			strbuf_printf(out, "%s=%s\n", line,
			    hidden ? "\"********\"" : eq + 1);
		} else if (!hidden) {
			strbuf_printf(out, "%s\n", line);
		}
		text += n + (text[n] == '\n');
	}
}

/* ---- what is written ------------------------------------------------------ */

static int
put(struct build *b, const char *name, const struct strbuf *text,
    struct error *e)
{
	own_free char *path = path_join(image_dir(b), name);

	return target_put(b->tree, path, 0600, text, e);
}

static int
own_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	(void)ctx;
	if (!S_ISREG(t->st->st_mode))
		return 0;
	if (fchownat(t->dir, t->name, 0, 0, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fchmodat(t->dir, t->name, 0600, 0) == -1)
		return error_errno(e, "%s", t->path);
	return 0;
}

static int
save(struct build *b, const struct step *s, struct error *e)
{
	const char *to =
	    strlist_env_get(&b->phase_env, "DIB_MANIFEST_SAVE_DIR");
	const char *args = strlist_env_get(&b->env, "DIB_ARGS");
	own(strbuf_clear) struct strbuf env = { 0 }, arguments = { 0 };
	own_free char *from = NULL, *beside = NULL;

	(void)s;
	masked(strlist_env_get(&b->env, "DIB_ENV"), &env);
	strbuf_printf(&arguments, "%s\n", args);
	if (put(b, "dib_environment", &env, e) == -1 ||
	    put(b, "dib_arguments", &arguments, e) == -1)
		return -1;
	from = target_path(b->tree, image_dir(b), e);
	if (from == NULL || tree_walk(AT_FDCWD, from, own_entry, NULL, e) == -1)
		return -1;
	if (to == NULL || *to == '\0')
		return 0;
	beside = path_join(to, path_base(from));
	if (file_mkdirs(AT_FDCWD, beside, 0755, e) == -1)
		return -1;
	return tree_copy(AT_FDCWD, from, AT_FDCWD, beside, e);
}

static const struct native_step manifest_steps[] = {
	{ "extra-data", "20-manifest-dir", make_folder, NULL },
	{ "cleanup", "01-copy-manifests-dir", save, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_manifests = {
	.name = "manifests",
	.summary = "what was built, told in the image and beside it",
	.deps = "",
	.steps = manifest_steps,
};

/* ---- element-manifest ------------------------------------------------------ */

static int
list_elements(struct build *b, const struct step *s, struct error *e)
{
	const char *path =
	    strlist_env_get(&b->phase_env, "DIB_ELEMENT_MANIFEST_PATH");
	own_free char *usual = path_join(image_dir(b), "dib-element-manifest");
	own(strbuf_clear) struct strbuf text = { 0 };

	(void)s;
	for (size_t i = 0; i < b->nchosen; i++)
		strbuf_printf(&text, "%s\n", b->chosen[i]->name);
	return target_put(b->tree, path != NULL ? path_relative(path) : usual,
	    0644, &text, e);
}

static const struct native_step element_steps[] = {
	{ "extra-data", "75-inject-element-manifest", list_elements, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_element_manifest = {
	.name = "element-manifest",
	.summary = "the list of elements, in the image",
	.deps = "manifests",
	.steps = element_steps,
};
