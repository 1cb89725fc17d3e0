/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source-repositories: what elements name in source-repository-* files is
 * fetched into the cache once and put into the target.
 *
 * A line is "NAME TYPE DEST LOCATION [REF]", which the shell evaluates first.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/pins.h"
#include "image-build/sources.h"
#include "image-build/target.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/tar.h"
#include "lib/tree.h"

#define LOCK_SECONDS 600
#define GIT_TRIES 5
#define GIT_PAUSE 5 /* seconds */

struct repository {
	struct source_line line;
	char *from; /* the location, or what stands in for it */
	char *cache; /* path of its copy in the cache */
	char *git; /* ... in it, the repository */
	struct strbuf state; /* what the cache has: a commit, a digest */
};

/* ---- lines ------------------------------------------------------------------ */

/* Each line's words, after their number, all ended by a NUL. */
static const char split_lines[] = "set -f\n"
				  "while read -r line || [ -n \"$line\" ]; do\n"
				  "  line=${line%$'\\r'}\n"
				  "  case $line in ''|'#'*) continue ;; esac\n"
				  "  eval \"set -- $line\"\n"
				  "  printf '%s\\0' $# \"$@\"\n"
				  "done\n";

static int
read_lines(const struct build *b, const char *path, struct strlist *words,
    struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 }, out = { 0 }, tail = { 0 };
	struct speaker sp = { .name = path_base(path), .tail = &tail };
	struct proc run = { .envp = strlist_argv(&b->phase_env),
		.out = &out,
		.line = step_speak,
		.ctx = &sp };
	struct proc_status status;

	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	strlist_add(&argv, "bash");
	strlist_add(&argv, "-eu");
	strlist_add(&argv, "-c");
	strlist_add(&argv, split_lines);
	run.argv = strlist_argv(&argv);
	run.input = strbuf_text(&text);
	run.input_len = text.len;
	if (proc_run(&run, &status, e) == -1 || proc_check(&status, e) == -1)
		return step_failed(&sp, NULL, e);
	for (const char *s = strbuf_text(&out); s < out.s + out.len;
	     s += strlen(s) + 1)
		strlist_add(words, s);
	return 0;
}

static bool
is_source(const struct build *b, const char *name)
{
	const char *type =
	    source_override(&b->phase_env, "DIB_INSTALLTYPE_", name);

	if (type == NULL)
		type =
		    strlist_env_get(&b->phase_env, "DIB_DEFAULT_INSTALLTYPE");
	return type == NULL || strcmp(type, "source") == 0;
}

/* ---- git --------------------------------------------------------------------- */

static int
git_in(const struct build *b, const char *cwd, const char *const *args,
    struct strbuf *out, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf tail = { 0 };
	struct speaker sp = { .name = "git", .tail = &tail };
	struct proc run = { .line = step_speak,
		.ctx = &sp,
		.out = out,
		.envp = strlist_argv(&b->phase_env),
		.cwd = cwd,
		.seconds = LIMIT_BUILD_SECONDS,
		.tick = log_tick };
	struct proc_status status;

	strlist_add(&argv, "git");
	for (; *args != NULL; args++)
		strlist_add(&argv, *args);
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1)
		return -1;
	return proc_check(&status, e) == -1 ? step_failed(&sp, NULL, e) : 0;
}

static int
git(const struct build *b, const char *const *args, struct strbuf *out,
    struct error *e)
{
	return git_in(b, NULL, args, out, e);
}

/* The network may fail now and then: try again. */
static int
git_again(const struct build *b, const char *const *args, struct error *e)
{
	for (int i = 1;; i++) {
		if (git(b, args, NULL, e) == 0)
			return 0;
		if (i == GIT_TRIES)
			return -1;
		log_warn("%s; trying again", e->text);
		sleep(GIT_PAUSE);
	}
}

/* The ref "*": all of them are wanted, and what the repository is at. */
static bool
is_any(const struct repository *r)
{
	return strcmp(r->line.ref, "*") == 0;
}

/* The commit that a ref names in the cache; empty when it is not there. */
static bool
git_resolve(
    const struct build *b, const struct repository *r, struct strbuf *commit)
{
	static const char *const places[] = { "refs/heads/", "refs/tags/", "",
		NULL };
	const char *pinned = pins_revision(b, r->line.name);
	struct error none;

	for (const char *const *p = places; *p != NULL; p++) {
		own_free char *what = pinned != NULL
		    ? mem_printf("%s^{commit}", pinned)
		    : is_any(r) ? mem_dup("HEAD^{commit}")
				: mem_printf("%s%s^{commit}", *p, r->line.ref);
		const char *const args[] = { "--git-dir", r->git, "rev-parse",
			"--quiet", "--verify", what, NULL };

		strbuf_cut(commit, 0);
		if (git(b, args, commit, &none) == 0) {
			while (commit->len > 0 &&
			    isspace((unsigned char)commit->s[commit->len - 1]))
				strbuf_cut(commit, commit->len - 1);
			return true;
		}
	}
	return false;
}

/*
 * The cache has its repositories where diskimage-builder's has them, so that
 * either program can go on with what the other one fetched.
 */
static int
git_clone(const struct build *b, const struct repository *r, struct error *e)
{
	own_free char *temp = mem_printf("%s.tmp", r->cache);
	own_free char *git = path_join(temp, ".git");
	const char *const args[] = { "clone", "--bare", r->from, git, NULL };

	if (tree_remove(AT_FDCWD, temp, e) == -1 ||
	    tree_remove(AT_FDCWD, r->cache, e) == -1 ||
	    git_again(b, args, e) == -1)
		return -1;
	if (rename(temp, r->cache) == -1)
		return error_errno(e, "%s", r->cache);
	return 0;
}

static int
git_update(const struct build *b, const struct repository *r, struct error *e)
{
	own(strbuf_clear) struct strbuf commit = { 0 };
	own_free char *one = mem_printf("+%s:%s", r->line.ref, r->line.ref);
	const char *const fetch_one[] = { "--git-dir", r->git, "fetch",
		"--quiet", "--prune", "--update-head-ok", r->from, one, NULL };
	const char *const fetch_all[] = { "--git-dir", r->git, "fetch",
		"--quiet", "--prune", "--update-head-ok", r->from,
		"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
		NULL };

	if ((b->settings->offline || pins_revision(b, r->line.name) != NULL) &&
	    git_resolve(b, r, &commit))
		return 0;
	if (strncmp(r->line.ref, "refs/", 5) == 0 &&
	    git(b, fetch_one, NULL, e) == 0)
		return 0;
	return git_again(b, fetch_all, e);
}

static int
git_manifest(const struct build *b, const struct repository *r,
    const char *commit, struct error *e)
{
	const char *name = path_base(b->settings->name);
	const char *dir =
	    strlist_env_get(&b->phase_env, "DIB_MANIFEST_IMAGE_DIR");
	own_free char *path = mem_printf(
	    "%s/dib-manifest-git-%s", dir ? dir : "etc/dib-manifests", name);
	own_free char *line = mem_printf(
	    "%s git %s %s %s\n", r->line.name, r->line.dest, r->from, commit);

	return target_append(b->tree, path, 0644, line, e);
}

/* The new folder DEST, opened: git is given no path that a link could bend. */
static int
make_place(const struct build *b, const struct repository *r, struct error *e)
{
	own_fd int above = target_parent(b->tree, r->line.dest, e);
	const char *name = path_base(r->line.dest);
	int fd;

	if (above == -1)
		return -1;
	if (mkdirat(above, name, 0755) == -1)
		return errno == EEXIST
		    ? error_set(e, EEXIST, "%s is there already", r->line.dest)
		    : error_errno(e, "%s", r->line.dest);
	fd = openat(
	    above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd == -1 ? error_errno(e, "%s", r->line.dest) : fd;
}

/* Whether another line put the same repository and ref there before. */
static bool
is_there(const struct build *b, const struct repository *r)
{
	own_free char *config = path_join(r->line.dest, ".git/config");
	own_free char *branch = mem_printf(
	    "%s/.git/refs/heads/fetch_%s", r->line.dest, r->line.ref);
	own_free char *origin = mem_printf("\turl = %s\n", r->cache);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;

	return target_read(b->tree, config, LIMIT_TEXT_BYTES, &text, &none) ==
	    0 &&
	    strstr(strbuf_text(&text), origin) != NULL &&
	    (is_any(r) || target_exists(b->tree, branch));
}

/* A clone that knows the commit by a branch of its own. */
static int
git_check_out(const struct build *b, const struct repository *r,
    const char *commit, struct error *e)
{
	own_free char *branch = mem_printf("fetch_%s", r->line.ref);
	own_free char *one = mem_printf("+%s:%s", commit, branch);
	own_fd int to = make_place(b, r, e);
	own_free char *cwd = mem_printf("/proc/self/fd/%d", to);
	const char *const clone[] = { "clone", "--quiet", "--no-checkout",
		"--no-hardlinks", r->cache, ".", NULL };
	const char *const fetch[] = { "fetch", "--quiet", "--update-head-ok",
		r->cache, is_any(r) ? "+refs/heads/*:refs/heads/*" : one,
		NULL };
	const char *const reset[] = { "reset", "--quiet", "--hard", commit,
		NULL };

	if (to == -1 || git_in(b, cwd, clone, NULL, e) == -1 ||
	    git_in(b, cwd, fetch, NULL, e) == -1)
		return -1;
	return git_in(b, cwd, reset, NULL, e);
}

static int
no_commit(const struct build *b, const struct repository *r, struct error *e)
{
	const char *pinned = pins_revision(b, r->line.name);

	return error_set(e, ENOENT, "%s has no %s %s", r->from,
	    pinned != NULL ? "commit" : "ref", pinned ? pinned : r->line.ref);
}

static int
get_git(struct build *b, struct repository *r, struct error *e)
{
	bool fresh = !file_exists(AT_FDCWD, r->git);

	if (fresh && git_clone(b, r, e) == -1)
		return -1;
	if (fresh && git_resolve(b, r, &r->state))
		return 0;
	if (git_update(b, r, e) == -1)
		return -1;
	return git_resolve(b, r, &r->state) ? 0 : no_commit(b, r, e);
}

static int
put_git(struct build *b, struct repository *r, struct error *e)
{
	if (!git_resolve(b, r, &r->state))
		return no_commit(b, r, e);
	if (is_there(b, r))
		return 0;
	if (git_check_out(b, r, strbuf_text(&r->state), e) == -1)
		return -1;
	return git_manifest(b, r, strbuf_text(&r->state), e);
}

/* ---- tar and file -------------------------------------------------------------- */

/* "." is all of the archive, "*" what is in its top folders, else a folder. */
static int
copy_part(const struct repository *r, const char *temp, int to, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };

	if (strcmp(r->line.ref, "*") != 0) {
		own_free char *from = path_join(temp, r->line.ref);

		if (!file_exists(AT_FDCWD, from))
			return error_set(
			    e, ENOENT, "the archive has no %s", r->line.ref);
		return tree_copy(AT_FDCWD, from, to, ".", e);
	}
	if (file_names(AT_FDCWD, temp, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *from = path_join(temp, names.items[i]);

		if (file_is_dir(AT_FDCWD, from) &&
		    tree_copy(AT_FDCWD, from, to, ".", e) == -1)
			return -1;
	}
	return 0;
}

static int
get_file(struct build *b, struct repository *r, struct error *e)
{
	own_fd int fd = -1;
	char text[DIGEST_TEXT];

	if (fetch_file(b, r->line.location, r->cache, e) == -1)
		return -1;
	fd = open(r->cache, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || digest_file(fd, text, NULL) == -1)
		return error_errno(e, "%s", r->cache);
	strbuf_puts(&r->state, text);
	return 0;
}

static int
put_tar(struct build *b, struct repository *r, struct error *e)
{
	own_free char *temp = path_join(b->dir, "source.tmp");
	struct error other;
	own_fd int to = -1, in = -1;
	int result;

	if (r->line.ref == NULL)
		r->line.ref = "*";
	if (strcmp(r->line.ref, "*") != 0 && strcmp(r->line.ref, ".") != 0 &&
	    !path_is_inside(r->line.ref))
		return error_set(
		    e, EINVAL, "%s is no folder of the archive", r->line.ref);
	to = target_folder(b->tree, r->line.dest, 0755, e);
	if (to == -1 || file_mkdirs(AT_FDCWD, temp, 0700, e) == -1)
		return -1;
	in = open(temp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	result = in == -1 ? error_errno(e, "%s", temp)
			  : tar_extract(AT_FDCWD, r->cache, in, 0, e);
	if (result == 0)
		result = copy_part(r, temp, to, e);
	if (tree_remove(AT_FDCWD, temp, &other) == -1)
		log_warn("%s", other.text);
	return result;
}

static int
put_file(struct build *b, struct repository *r, struct error *e)
{
	return target_copy(r->cache, b->tree, r->line.dest, e);
}

/* ---- all of them ----------------------------------------------------------------- */

static void
repository_clear(struct repository *r)
{
	free(r->from);
	free(r->cache);
	free(r->git);
	strbuf_clear(&r->state);
}

/* Where its copy is: named by type and location, as it always was. */
static char *
cache_path(const struct build *b, const struct repository *r)
{
	own_free char *key = mem_printf("%s_%s\n", r->line.type, r->from);
	own_free char *name = mem_dup(r->line.name);
	char sum[DIGEST_SHA1_TEXT];

	digest_sha1_text(key, strlen(key), sum);
	for (char *s = name; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s))
			*s = '_';
	return mem_printf(
	    "%s/source-repositories/%s_%s", b->settings->cache, name, sum);
}

/* From where to where it goes. */
static void
find_places(const struct build *b, struct repository *r)
{
	bool is_git = strcmp(r->line.type, "git") == 0;

	if (is_git && r->line.ref == NULL)
		r->line.ref = "master";
	r->from = is_git ? source_rebased(&r->line, &b->phase_env)
			 : mem_dup(r->line.location);
	r->cache = cache_path(b, r);
	r->git = path_join(r->cache, ".git");
}

static const struct source_type {
	const char *name;
	/* Bring the cache up to date and say what it has. */
	int (*get)(struct build *b, struct repository *r, struct error *e);
	/* Put it into the tree. */
	int (*put)(struct build *b, struct repository *r, struct error *e);
} types[] = {
	{ "git", get_git, put_git },
	{ "tar", get_file, put_tar },
	{ "file", get_file, put_file },
	{ NULL, NULL, NULL },
};

static int
remember(const struct build *b, const struct repository *r, struct error *e)
{
	own_free char *line = mem_printf("%s\n", r->line.dest);

	return target_append(
	    b->tree, "etc/dib-source-repositories", 0644, line, e);
}

/* Get one for its state, which is added to states; or put it (NULL). */
static int
do_one(struct build *b, struct repository *r, struct strbuf *states,
    struct error *e)
{
	const struct source_type *t = types;

	if (!is_source(b, r->line.name)) {
		if (states == NULL)
			return 0;
		log_info("%s install type not set to source", r->line.name);
		strbuf_printf(states, "%s -\n", r->line.name);
		return 0;
	}
	while (t->name != NULL && strcmp(t->name, r->line.type) != 0)
		t++;
	if (t->name == NULL)
		return error_set(e, EINVAL,
		    "Unsupported repository type: %s (git, tar or file)",
		    r->line.type);
	find_places(b, r);
	if (states == NULL) {
		log_info(
		    "source %s: %s %s", r->line.name, r->line.type, r->from);
		return t->put(b, r, e) == -1 ? -1 : remember(b, r, e);
	}
	if (t->get(b, r, e) == -1 ||
	    pins_source(b, &r->line, strbuf_text(&r->state), e) == -1)
		return -1;
	strbuf_printf(states, "%s %s %s %s %s %s\n", r->line.name, r->line.type,
	    r->line.dest, r->line.location,
	    r->line.ref != NULL ? r->line.ref : "", strbuf_text(&r->state));
	return 0;
}

static int
do_line(struct build *b, const char *path, char *const *words, size_t n,
    struct strbuf *states, struct error *e)
{
	own(repository_clear) struct repository r = { 0 };

	if (source_line_read(&r.line, words, n, &b->phase_env, e) == -1)
		return error_prefix(e, "%s", path);
	if (do_one(b, &r, states, e) == -1)
		return error_prefix(e, "%s: %s", path_base(path), r.line.name);
	return 0;
}

static int
do_file(
    struct build *b, const char *path, struct strbuf *states, struct error *e)
{
	own(strlist_clear) struct strlist words = { 0 };

	if (read_lines(b, path, &words, e) == -1)
		return -1;
	for (size_t i = 0; i < words.len;) {
		size_t n = strtoul(words.items[i], NULL, 10);

		if (n > words.len - i - 1)
			return error_set(e, EINVAL, "%s: not readable", path);
		if (n > 0 &&
		    do_line(b, path, words.items + i + 1, n, states, e) == -1)
			return -1;
		i += n + 1;
	}
	return 0;
}

/* All of them, under the lock that other builds take for it too. */
static int
do_all(struct build *b, struct strbuf *states, struct error *e)
{
	const char *no =
	    strlist_env_get(&b->phase_env, "NO_SOURCE_REPOSITORIES");
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *dir =
	    path_join(b->settings->cache, "source-repositories");
	own_free char *lock = path_join(dir, "repositories_flock");
	own_fd int fd = -1;

	if (no != NULL && *no != '\0')
		return 0;
	if (file_names(AT_FDCWD, b->hooks, &names, e) == -1)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		const char *name = names.items[i];
		own_free char *path = path_join(b->hooks, name);

		if (strncmp(name, "source-repository-", 18) != 0 ||
		    name[strlen(name) - 1] == '~')
			continue;
		if (fd == -1 && file_mkdirs(AT_FDCWD, dir, 0755, e) == -1)
			return -1;
		if (fd == -1 && (fd = lock_take(lock, LOCK_SECONDS, e)) == -1)
			return -1;
		if (do_file(b, path, states, e) == -1)
			return -1;
	}
	return 0;
}

/* What there is to be put: the caches are brought up to date for it. */
static int
source_inputs(
    struct build *b, const struct step *s, struct strbuf *text, struct error *e)
{
	(void)s;
	return do_all(b, text, e);
}

static int
put_sources(struct build *b, const struct step *s, struct error *e)
{
	(void)s;
	return do_all(b, NULL, e);
}

static const struct native_step steps[] = {
	{ "extra-data", "98-source-repositories", put_sources, source_inputs },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_source_repositories = {
	.name = "source-repositories",
	.summary = "git repositories, tarballs and files that elements name",
	.deps = "cache-url manifests",
	.steps = steps,
};
