/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts that a step made in the tree for those after it (a cache of
 * packages, say): told in its snapshot, so that they can be made again when
 * the step itself is not run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "image-build/layers.h"
#include "image-build/snapshot-inputs.h"
#include "image-build/target.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* The fields of a line of mountinfo that matter here. */
struct mount_info {
	char *device; /* "8:1" */
	char *root; /* what of the file system is mounted */
	char *point;
	char *type;
	char *options;
};

static void
info_clear(struct mount_info *m)
{
	free(m->device);
	free(m->root);
	free(m->point);
	free(m->type);
	free(m->options);
	*m = (struct mount_info){ 0 };
}

static bool
info_parse(const char *line, struct mount_info *m)
{
	own(strlist_clear) struct strlist words = { 0 };
	size_t dash = 6;

	strlist_split(&words, line, " \n");
	while (dash < words.len && strcmp(words.items[dash], "-") != 0)
		dash++;
	if (dash + 3 >= words.len)
		return false;
	*m = (struct mount_info){ .device = mem_dup(words.items[2]),
		.root = mem_dup(words.items[3]),
		.point = mem_dup(words.items[4]),
		.type = mem_dup(words.items[dash + 1]),
		.options = mem_dup(words.items[5]) };
	return true;
}

/* The last mount at a point, or the first of a device that holds root. */
static bool
info_find(const char *point, const char *device, const char *root,
    const char *not_below, struct mount_info *found)
{
	own_file FILE *f = fopen("/proc/self/mountinfo", "re");
	own_free char *line = NULL;
	size_t cap = 0, n = not_below != NULL ? strlen(not_below) : 0;
	bool any = false;

	while (f != NULL && getline(&line, &cap, f) != -1) {
		struct mount_info m;
		bool fits;

		if (!info_parse(line, &m))
			continue;
		fits = point != NULL ? strcmp(m.point, point) == 0
				     : !any && strcmp(m.device, device) == 0 &&
			strncmp(m.root, root, strlen(m.root)) == 0 &&
			strncmp(m.point, not_below, n) != 0;
		if (fits) {
			if (any)
				info_clear(found);
			*found = m;
			any = true;
		} else {
			info_clear(&m);
		}
	}
	return any;
}

/* Where on the host the source of a bind mount is; NULL if nowhere. */
static char *
bind_source(const struct build *b, const struct mount_info *m)
{
	own(info_clear) struct mount_info host = { 0 };
	const char *rest;

	if (!info_find(NULL, m->device, m->root, b->work, &host))
		return NULL;
	rest = m->root + (strcmp(host.root, "/") == 0 ? 0 : strlen(host.root));
	return path_join(host.point, rest);
}

static struct value *
mount_value(const struct build *b, struct doc *d, const char *point)
{
	own(info_clear) struct mount_info m = { 0 };
	static const char *const plain[] = { "tmpfs", "proc", "sysfs", "devpts",
		NULL };
	struct value *v = value_map(d);
	own_free char *source = NULL;

	if (!info_find(point, NULL, NULL, NULL, &m))
		return NULL;
	value_set(d, v, "at", value_string(d, point + strlen(b->tree) + 1));
	value_set(
	    d, v, "read_only", value_bool(d, strncmp(m.options, "ro", 2) == 0));
	for (const char *const *p = plain; *p != NULL; p++)
		if (strcmp(m.type, *p) == 0 && strcmp(m.root, "/") == 0) {
			value_set(d, v, "type", value_string(d, m.type));
			return v;
		}
	source = bind_source(b, &m);
	if (source == NULL)
		return NULL;
	value_set(d, v, "bind", value_string(d, source));
	return v;
}

struct value *
mounts_made(const struct build *b, struct doc *d, const struct strlist *before)
{
	struct value *list = value_list(d);
	own(strlist_clear) struct strlist now = { 0 };
	struct error e;

	if (layers_mounts(b->tree, &now, &e) == -1)
		return list;
	for (size_t i = 0; i < now.len; i++) {
		struct value *v;

		if (strlist_has(before, now.items[i]))
			continue;
		v = mount_value(b, d, now.items[i]);
		if (v != NULL)
			value_add(d, list, v);
	}
	return list;
}

struct value *
mounts_gone(const struct build *b, struct doc *d, const struct strlist *before)
{
	struct value *list = value_list(d);
	own(strlist_clear) struct strlist now = { 0 };
	struct error e;

	if (layers_mounts(b->tree, &now, &e) == -1)
		return list;
	for (size_t i = 0; i < before->len; i++)
		if (!strlist_has(&now, before->items[i]))
			value_add(d, list,
			    value_string(
				d, before->items[i] + strlen(b->tree) + 1));
	return list;
}

static int
remount_read_only(const struct build *b, const char *at, struct error *e)
{
	/* Opened again: what is mounted there now. */
	own_fd int fd = target_open(b->tree, at, O_PATH, e);
	own_free char *point = mem_printf("/proc/self/fd/%d", fd);

	if (fd == -1)
		return -1;
	if (mount(NULL, point, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) ==
	    -1)
		return error_errno(e, "%s/%s: mount read-only", b->tree, at);
	return 0;
}

int
mounts_replay(const struct build *b, const struct value *m, struct error *e)
{
	const char *at = value_text(m, "at", NULL);
	const char *bind = value_text(m, "bind", NULL);
	const char *type = value_text(m, "type", NULL);
	const struct value *ro = value_get(m, "read_only");
	bool read_only = ro != NULL && ro->truth;
	own_free char *point = NULL;
	own_fd int fd = -1;

	if (at == NULL || (bind == NULL && type == NULL))
		return 0;
	if (bind != NULL && file_mkdirs(AT_FDCWD, bind, 0755, e) == -1)
		return -1;
	fd = bind != NULL ? target_folder(b->tree, at, 0755, e)
			  : target_open(b->tree, at, O_PATH, e);
	if (fd == -1)
		return -1;
	point = mem_printf("/proc/self/fd/%d", fd);
	if (mount(bind != NULL ? bind : type, point, type,
		bind != NULL ? MS_BIND | MS_REC : 0, NULL) == -1)
		return error_errno(e, "%s/%s: mount", b->tree, at);
	if (read_only && remount_read_only(b, at, e) == -1)
		return -1;
	return 0;
}
