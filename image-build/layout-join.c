/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a block-device description joined to one another and checked. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/disk.h"
#include "image-build/layout-parse.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"

/* ---- what stands on what ------------------------------------------------ */

static int
no_edge(const char *from, const char *to, struct error *e)
{
	return error_set(e, EINVAL, "Edge not defined: %s->%s", from, to);
}

/* The disk or partition of that name. */
static bool
find_place(const struct layout *l, const char *name, struct place *at)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		*at = (struct place){ .disk = i, .partition = -1 };
		if (strcmp(l->disks[i].name, name) == 0)
			return true;
		for (size_t k = 0; k < l->disks[i].npartitions; k++) {
			at->partition = (ssize_t)k;
			if (strcmp(l->disks[i].partitions[k].name, name) == 0)
				return true;
		}
	}
	return false;
}

static bool
find_volume(const struct layout *l, const char *name, ssize_t *volume)
{
	for (size_t i = 0; i < l->nvolumes; i++)
		if (strcmp(l->volumes[i].name, name) == 0) {
			*volume = (ssize_t)i;
			return true;
		}
	return false;
}

static int
join_bases(struct layout *l, struct error *e)
{
	for (size_t i = 0; i < l->nfilesystems; i++) {
		struct filesystem *f = &l->filesystems[i];

		if (!find_volume(l, f->base, &f->volume) &&
		    !find_place(l, f->base, &f->at))
			return no_edge(f->base, f->name, e);
	}
	for (size_t i = 0; i < l->npvs; i++)
		if (!find_place(l, l->pvs[i].base, &l->pvs[i].at))
			return no_edge(l->pvs[i].base, l->pvs[i].name, e);
	return 0;
}

static int
join_verities(struct layout *l, struct error *e)
{
	for (size_t i = 0; i < l->nverities; i++) {
		struct verity *v = &l->verities[i];
		size_t k = 0;

		if (!find_place(l, v->base, &v->at))
			return no_edge(v->base, v->name, e);
		while (k < l->nfilesystems &&
		    strcmp(l->filesystems[k].name, v->data) != 0)
			k++;
		if (k == l->nfilesystems)
			return no_edge(v->data, v->name, e);
		if (l->filesystems[k].at.disk != v->at.disk ||
		    l->filesystems[k].volume != -1 || v->at.partition == -1)
			return error_set(e, EINVAL,
			    "verity %s: hashes and %s must be on partitions "
			    "of one disk",
			    v->name, v->data);
		v->filesystem = k;
	}
	return 0;
}

/* Something that takes a place of its own. */
struct use {
	struct place at;
	ssize_t volume;
	const char *name;
};

static int
check_use(
    const struct layout *l, const struct use *all, size_t n, struct error *e)
{
	const struct use *u = &all[n];
	const struct disk *disk = &l->disks[u->at.disk];

	if (u->volume == -1 && u->at.partition == -1 && disk->table != NULL)
		return error_set(e, EINVAL,
		    "%s stands on %s, which has partitions", u->name,
		    disk->name);
	for (size_t i = 0; i < n; i++)
		if (u->volume == all[i].volume &&
		    u->at.disk == all[i].at.disk &&
		    u->at.partition == all[i].at.partition)
			return error_set(e, EINVAL,
			    "%s and %s stand on the same place", all[i].name,
			    u->name);
	return 0;
}

/* Two things cannot stand in one place. */
static int
check_places(const struct layout *l, struct error *e)
{
	struct use all[LIMIT_LAYOUT_NODES]; /* each has claimed a name */
	size_t n = 0;

	for (size_t i = 0; i < l->nfilesystems; i++)
		all[n++] = (struct use){ l->filesystems[i].at,
			l->filesystems[i].volume, l->filesystems[i].name };
	for (size_t i = 0; i < l->npvs; i++)
		all[n++] = (struct use){ l->pvs[i].at, -1, l->pvs[i].name };
	for (size_t i = 0; i < l->nverities; i++)
		all[n++] =
		    (struct use){ l->verities[i].at, -1, l->verities[i].name };
	for (size_t i = 0; i < n; i++)
		if (check_use(l, all, i, e) == -1)
			return -1;
	return 0;
}

/* ---- mounts ---------------------------------------------------------------- */

/* An absolute path without "..", empty parts and control characters. */
static bool
is_mount_point(const char *s)
{
	if (*s != '/')
		return false;
	for (const char *p = s; *p != '\0'; p++) {
		if (iscntrl((unsigned char)*p))
			return false;
		if (*p == '/' &&
		    (p[1] == '/' ||
			(p[1] == '.' && p[2] == '.' &&
			    (p[3] == '/' || p[3] == '\0'))))
			return false;
	}
	return true;
}

static int
set_point(struct filesystem *f, const struct layout_mount *m, struct error *e)
{
	size_t n = strlen(m->point);

	if (strcmp(m->point, "none") == 0)
		return 0;
	if (!is_mount_point(m->point))
		return error_set(e, EINVAL,
		    "mount %s: mount_point %s is no absolute path", m->name,
		    m->point);
	if (f->mount_point != NULL)
		return error_set(
		    e, EINVAL, "mkfs %s is mounted twice", f->name);
	if (n > 1 && m->point[n - 1] == '/')
		n--;
	f->mount_point = mem_dupn(m->point, n);
	return 0;
}

static int
join_mount(struct layout_nodes *p, const struct layout_mount *m)
{
	struct filesystem *f = NULL;

	for (size_t i = 0; i < p->l->nfilesystems; i++)
		if (strcmp(m->base, p->l->filesystems[i].name) == 0)
			f = &p->l->filesystems[i];
	if (f == NULL)
		return no_edge(m->base, m->name, p->e);
	if (set_point(f, m, p->e) == -1)
		return -1;
	for (size_t k = 0; k < p->nfstabs; k++) {
		const struct layout_fstab *t = &p->fstabs[k];

		if (strcmp(t->base, m->name) != 0)
			continue;
		free(f->mount_options);
		f->in_fstab = true;
		f->mount_options = mem_dup(t->options);
		f->dump = t->dump;
		f->pass = t->pass;
	}
	return 0;
}

/* An fstab node's base is a mount. */
static int
check_fstabs(const struct layout_nodes *p)
{
	for (size_t i = 0; i < p->nfstabs; i++) {
		bool found = false;

		for (size_t k = 0; k < p->nmounts; k++)
			found |=
			    strcmp(p->fstabs[i].base, p->mounts[k].name) == 0;
		if (!found)
			return no_edge(p->fstabs[i].base, "fstab", p->e);
	}
	return 0;
}

/* ---- file systems ------------------------------------------------------------ */

static int
check_label(const struct filesystem *f, struct error *e)
{
	const struct fs_kind *kind = fs_find(f->type);

	for (char *s = f->label; *s != '\0'; s++) {
		if (iscntrl((unsigned char)*s) || *s == '/')
			return error_set(e, EINVAL,
			    "mkfs %s: a label cannot have control characters "
			    "or slashes",
			    f->name);
		if (kind != NULL && kind->upper)
			*s = (char)toupper((unsigned char)*s);
	}
	if (kind != NULL && kind->label_max > 0 &&
	    strlen(f->label) > kind->label_max)
		return error_set(e, EINVAL,
		    "mkfs %s: label %s is longer than the %u characters of %s",
		    f->name, f->label, kind->label_max, f->type);
	return 0;
}

static int
check_labels(const struct layout *l, struct error *e)
{
	for (size_t i = 0; i < l->nfilesystems; i++) {
		const struct filesystem *f = &l->filesystems[i];

		if (check_label(f, e) == -1)
			return -1;
		for (size_t k = 0; k < i; k++)
			if (strcmp(f->label, l->filesystems[k].label) == 0)
				return error_set(e, EINVAL,
				    "File system label [%s] used more than "
				    "once",
				    f->label);
	}
	return 0;
}

static int
compare_points(const void *a, const void *b)
{
	const struct filesystem *x = a, *y = b;
	int r = strcmp(x->mount_point != NULL ? x->mount_point : "",
	    y->mount_point != NULL ? y->mount_point : "");

	return r != 0 ? r : strcmp(x->name, y->name);
}

static int
sort_points(struct layout *l, struct error *e)
{
	struct filesystem *f = l->filesystems;

	if (l->nfilesystems > 1)
		qsort(f, l->nfilesystems, sizeof(*f), compare_points);
	for (size_t i = 1; i < l->nfilesystems; i++)
		if (f[i].mount_point != NULL && f[i - 1].mount_point != NULL &&
		    strcmp(f[i - 1].mount_point, f[i].mount_point) == 0)
			return error_set(e, EINVAL,
			    "mount point %s is used twice", f[i].mount_point);
	return 0;
}

int
layout_join(struct layout_nodes *p)
{
	struct layout *l = p->l;

	if (join_bases(l, p->e) == -1)
		return -1;
	for (size_t i = 0; i < p->nmounts; i++)
		if (join_mount(p, &p->mounts[i]) == -1)
			return -1;
	if (check_fstabs(p) == -1)
		return -1;
	if (layout_disk(l, "image0") == NULL)
		return error_set(
		    p->e, EINVAL, "one local_loop must be named image0");
	if (check_labels(l, p->e) == -1 || sort_points(l, p->e) == -1 ||
	    join_verities(l, p->e) == -1)
		return -1;
	return check_places(l, p->e);
}
