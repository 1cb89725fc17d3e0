/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON files in folders of this machine, each a document of its own under the
 * name of its file.  What others could write to is refused.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collect-config/cache.h"
#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/path.h"

#define FILES 10000 /* in one folder */

static const struct setting settings[] = {
	{ .name = "path",
	    .kind = SETTING_LIST,
	    .value = "/var/lib/os-collect-config/local-data",
	    .help = "folder of JSON files" },
	{ .name = NULL },
};

static int
trust_folder(int fd, const char *path, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	if (st.st_uid != geteuid())
		return error_set(e, EPERM, "%s: belongs to user %u, not to %u",
		    path, st.st_uid, geteuid());
	if (st.st_mode & S_IWOTH)
		return error_set(e, EPERM, "%s: anybody may write to it", path);
	return 0;
}

/* The names of plain files in fd, in byte order. */
static int
list_files(int fd, struct strlist *names, struct error *e)
{
	own_fd int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *d = copy == -1 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (d == NULL)
		return error_errno(e, "listing");
	take_fd(&copy);
	while ((entry = readdir(d)) != NULL) {
		if (entry->d_name[0] == '.' || file_is_dir(fd, entry->d_name))
			continue;
		if (names->len >= FILES)
			return error_set(e, EFBIG, "more than %d files", FILES);
		strlist_add(names, entry->d_name);
	}
	strlist_sort(names);
	return 0;
}

/* One folder, its files, and what stat(2) says of them. */
struct folder {
	const char *path;
	int fd; /* -1: there is none */
	struct strlist names;
};

static void
folder_clear(struct folder *f)
{
	if (f->fd != -1)
		close(f->fd);
	strlist_clear(&f->names);
}

static int
folder_open(struct folder *f, const struct config *c, struct error *e)
{
	f->fd = openat(config_root(c), config_at(c, f->path),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd == -1 && errno == ENOENT) {
		log_debug("local: %s not found. Skipping", f->path);
		return 0;
	}
	if (f->fd == -1)
		return error_errno(e, "%s", f->path);
	if (trust_folder(f->fd, f->path, e) == -1)
		return -1;
	return list_files(f->fd, &f->names, e);
}

/* Refuse what is not ours; describe the rest in stamp. */
static int
folder_check(const struct folder *f, struct strbuf *stamp, struct error *e)
{
	for (size_t i = 0; i < f->names.len; i++) {
		const char *name = f->names.items[i];
		struct stat st;

		if (cache_check_name(name, e) == -1)
			return -1;
		if (fstatat(f->fd, name, &st, 0) == -1)
			return error_errno(e, "%s", name);
		if (st.st_mode & S_IWOTH)
			return error_set(
			    e, EPERM, "%s: anybody may write to it", name);
		strbuf_printf(stamp, "%s/%s %lu %ld %ld.%09ld %ld.%09ld\n",
		    f->path, name, st.st_ino, st.st_size, st.st_mtim.tv_sec,
		    st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	}
	return 0;
}

static int
folder_load(const struct folder *f, struct round *r, struct error *e)
{
	for (size_t i = 0; i < f->names.len; i++) {
		struct value *v = doc_load(r->doc, f->fd, f->names.items[i], e);

		if (v == NULL)
			return -1;
		round_output(r, f->names.items[i], v);
	}
	return 0;
}

static int
read_folder(struct round *r, const char *path, bool load, struct strbuf *stamp,
    struct error *e)
{
	own(folder_clear) struct folder f = { .path = path, .fd = -1 };

	if (folder_open(&f, r->source->config, e) == -1)
		return -1;
	if (folder_check(&f, stamp, e) == -1 ||
	    (load && folder_load(&f, r, e) == -1))
		return error_prefix(e, "%s", path);
	return 0;
}

static int
read_all(struct round *r, bool load, struct strbuf *stamp, struct error *e)
{
	const struct strlist *paths =
	    config_list(r->source->config, "local", "path");

	strbuf_cut(stamp, 0);
	strbuf_puts(stamp, "local\n");
	strlist_clear(&r->folders);
	strlist_add_all(&r->folders, paths);
	for (size_t i = 0; i < paths->len; i++)
		if (read_folder(r, paths->items[i], load, stamp, e) == -1)
			return -1;
	return 0;
}

static enum step
local_step(struct round *r, struct error *e)
{
	own(strbuf_clear) struct strbuf stamp = { 0 };

	if (read_all(r, false, &stamp, e) == -1)
		return STEP_FAILED;
	if (!round_is_new(r, stamp.s, stamp.len))
		return STEP_SAME;
	return read_all(r, true, &stamp, e) == -1 ? STEP_FAILED : STEP_DONE;
}

const struct source_kind source_local = {
	.name = "local",
	.summary = "JSON files in a folder of this machine",
	.settings = settings,
	.step = local_step,
};
