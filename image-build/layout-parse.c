/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the YAML of a block-device description, in its tree notation, to
 * disks, partitions and file systems.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/gpt.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define ALIGN ((uint64_t)1 << 20) /* of partitions, unless said */

/* ---- the tree ---------------------------------------------------------- */

struct mount {
	char *name, *base, *point;
};

struct fstab {
	char *base, *options;
	unsigned dump, pass;
};

/* The nodes as they are found, before they are joined. */
struct parse {
	struct layout *l;
	const struct layout_defaults *d;
	struct mount *mounts;
	size_t nmounts;
	struct fstab *fstabs;
	size_t nfstabs;
	struct strlist names;
	struct error *e;
};

static void
parse_clear(struct parse *p)
{
	for (size_t i = 0; i < p->nmounts; i++) {
		free(p->mounts[i].name);
		free(p->mounts[i].base);
		free(p->mounts[i].point);
	}
	for (size_t i = 0; i < p->nfstabs; i++) {
		free(p->fstabs[i].base);
		free(p->fstabs[i].options);
	}
	free(p->mounts);
	free(p->fstabs);
	strlist_clear(&p->names);
}

static int node(struct parse *p, const char *module, const struct value *v,
    const char *parent);

static bool
is_module(const char *key)
{
	static const char *const modules[] = { "local_loop", "partitioning",
		"lvm", "mkfs", "mount", "fstab", NULL };

	for (const char *const *m = modules; *m != NULL; m++)
		if (strcmp(key, *m) == 0)
			return true;
	return false;
}

/* A scalar member as text: numbers and booleans are what YAML made of it. */
static char *
text_of(const struct value *map, const char *key)
{
	const struct value *v = value_get(map, key);

	if (v == NULL)
		return NULL;
	if (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER)
		return mem_dup(v->text);
	if (v->kind == VALUE_BOOL)
		return mem_dup(v->truth ? "true" : "false");
	return NULL;
}

static int
size_of(struct parse *p, const struct value *map, const char *key,
    const char *what, uint64_t *bytes)
{
	own_free char *text = text_of(map, key);

	if (text == NULL)
		return 0;
	if (layout_size(text, bytes, p->e) == -1)
		return error_prefix(p->e, "%s: %s", what, key);
	return 0;
}

/* Claim a node's name; each may be there once. */
static int
claim(struct parse *p, const char *name)
{
	if (strlist_has(&p->names, name))
		return error_set(p->e, EEXIST, "Duplicate node name: %s", name);
	strlist_add(&p->names, name);
	return 0;
}

static int
children(struct parse *p, const struct value *map, const char *name)
{
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member *m = value_member(map, i);

		if (is_module(m->name) &&
		    node(p, m->name, m->value, name) == -1)
			return -1;
	}
	return 0;
}

static int
disk_node(struct parse *p, const struct value *v, const char *name)
{
	struct disk *disk;
	unsigned sector = 512;
	long long n;

	if (value_to_int(value_get(v, "block_size"), &n))
		sector = (unsigned)n;
	if (p->d->sector != 0)
		sector = p->d->sector;
	if (sector != 512 && sector != 4096)
		return error_set(p->e, EINVAL,
		    "%s: block_size: %u is neither 512 nor 4096", name, sector);
	p->l->disks =
	    mem_resize(p->l->disks, p->l->ndisks + 1, sizeof(*p->l->disks));
	disk = &p->l->disks[p->l->ndisks++];
	*disk = (struct disk){ .name = mem_dup(name), .sector = sector };
	return size_of(p, v, "size", name, &disk->asked);
}

static struct disk *
find_disk(struct layout *l, const char *name)
{
	for (size_t i = 0; i < l->ndisks; i++)
		if (strcmp(l->disks[i].name, name) == 0)
			return &l->disks[i];
	return NULL;
}

static int
partition_size(struct parse *p, const struct value *v, struct partition *part)
{
	own_free char *text = text_of(v, "size");
	size_t n;
	char *end;

	if (text == NULL)
		return error_set(
		    p->e, EINVAL, "partition %s: size is missing", part->name);
	n = strlen(text);
	if (strcmp(text, "fit") == 0) {
		part->fit = true;
	} else if (n > 0 && text[n - 1] == '%') {
		part->percent = strtod(text, &end);
		if (end != text + n - 1 || !(part->percent > 0) ||
		    part->percent > 100)
			return error_set(p->e, EINVAL,
			    "partition %s: size: %s is no percentage",
			    part->name, text);
	} else if (layout_size(text, &part->asked, p->e) == -1) {
		return error_prefix(p->e, "partition %s: size", part->name);
	}
	return size_of(p, v, "minimum", part->name, &part->minimum);
}

static int
partition_flags(struct parse *p, const struct value *v, struct partition *part)
{
	const struct value *flags = value_get(v, "flags");

	for (uint32_t i = 0;
	     flags != NULL && flags->kind == VALUE_LIST && i < flags->len;
	     i++) {
		const char *f = flags->items[i]->kind == VALUE_STRING
		    ? flags->items[i]->text
		    : "?";

		if (strcmp(f, "boot") == 0)
			part->boot = true;
		else if (strcmp(f, "primary") == 0)
			part->primary = true;
		else
			return error_set(p->e, EINVAL,
			    "partition %s: no such flag: %s", part->name, f);
	}
	return 0;
}

static int
partition_node(struct parse *p, struct disk *disk, const struct value *v)
{
	struct partition *part;
	own_free char *name = text_of(v, "name");
	char *type;

	if (v->kind != VALUE_MAP || name == NULL)
		return error_set(p->e, EINVAL,
		    "partitioning: each partition is a map with a name");
	if (claim(p, name) == -1)
		return -1;
	disk->partitions = mem_resize(
	    disk->partitions, disk->npartitions + 1, sizeof(*disk->partitions));
	part = &disk->partitions[disk->npartitions++];
	type = text_of(v, "type");
	*part = (struct partition){ .name = take(name),
		.type = type != NULL
		    ? type
		    : mem_dup(disk->table == TABLE_GPT ? "8300" : "0x83") };
	if (partition_size(p, v, part) == -1 ||
	    partition_flags(p, v, part) == -1)
		return -1;
	if (disk->table == TABLE_GPT && part->primary)
		return error_set(p->e, EINVAL,
		    "partition %s: primary means nothing with gpt", part->name);
	return 0;
}

static int
partitioning_node(struct parse *p, const struct value *v, const char *base)
{
	struct disk *disk = find_disk(p->l, base);
	const struct value *parts = value_get(v, "partitions");
	const char *label = value_text(v, "label", "");

	if (disk == NULL)
		return error_set(p->e, EINVAL,
		    "partitioning: no disk named %s before it", base);
	if (strcmp(label, "gpt") != 0)
		return error_set(p->e, EINVAL,
		    "partitioning: label: this version writes gpt only, not "
		    "\"%s\"",
		    label);
	disk->table = TABLE_GPT;
	disk->align = ALIGN;
	if (size_of(p, v, "align", "partitioning", &disk->align) == -1)
		return -1;
	if (disk->align == 0 || disk->align % disk->sector != 0)
		return error_set(p->e, EINVAL,
		    "partitioning: align is no multiple of the sector size");
	if (parts == NULL || parts->kind != VALUE_LIST || parts->len == 0)
		return error_set(
		    p->e, EINVAL, "partitioning: partitions wants a list");
	for (uint32_t i = 0; i < parts->len; i++) {
		own_free char *name = NULL;

		if (partition_node(p, disk, parts->items[i]) == -1)
			return -1;
		name = text_of(parts->items[i], "name");
		if (children(p, parts->items[i], name) == -1)
			return -1;
	}
	return 0;
}

static int
mkfs_uuid(struct parse *p, const struct value *v, struct filesystem *f)
{
	const char *text = value_text(v, "uuid", NULL);
	uint8_t guid[16];

	if (text == NULL) {
		digest_uuid(p->d->seed, f->name, f->uuid);
		return 0;
	}
	if (!gpt_type(text, guid))
		return error_set(
		    p->e, EINVAL, "mkfs %s: uuid: %s is none", f->name, text);
	gpt_guid(guid, f->uuid); /* the exchange is its own inverse */
	return 0;
}

static int
mkfs_node(
    struct parse *p, const struct value *v, const char *name, const char *base)
{
	struct layout *l = p->l;
	bool root = strcmp(name, "mkfs_root") == 0;
	struct filesystem *f;

	l->filesystems = mem_resize(
	    l->filesystems, l->nfilesystems + 1, sizeof(*l->filesystems));
	f = &l->filesystems[l->nfilesystems++];
	*f = (struct filesystem){ .name = mem_dup(name),
		.base = mem_dup(base),
		.type = text_of(v, "type"),
		.label = text_of(v, "label"),
		.options = text_of(v, "opts"),
		.partition = -1 };
	if (f->type == NULL && root)
		f->type = mem_dup(p->d->root_type);
	if (f->label == NULL && root)
		f->label = mem_dup(p->d->root_label != NULL ? p->d->root_label
			: strcmp(f->type, "xfs") == 0	    ? "img-rootfs"
						      : "cloudimg-rootfs");
	if (f->options == NULL && root)
		f->options = mem_dup(p->d->options);
	if (f->label == NULL)
		f->label = mem_dup(name);
	if (f->type == NULL)
		return error_set(
		    p->e, EINVAL, "mkfs %s: type is missing", name);
	if (strcmp(f->type, "vfat") == 0)
		for (char *s = f->label; *s != '\0'; s++)
			*s = (char)toupper((unsigned char)*s);
	return mkfs_uuid(p, v, f);
}

static int
mount_node(
    struct parse *p, const struct value *v, const char *name, const char *base)
{
	char *point = text_of(v, "mount_point");

	if (point == NULL)
		return error_set(
		    p->e, EINVAL, "mount %s: mount_point is missing", name);
	p->mounts = mem_resize(p->mounts, p->nmounts + 1, sizeof(*p->mounts));
	p->mounts[p->nmounts++] = (struct mount){
		.name = mem_dup(name), .base = mem_dup(base), .point = point
	};
	return 0;
}

static int
fstab_node(struct parse *p, const struct value *v, const char *base)
{
	char *options = text_of(v, "options");
	long long dump = 0, pass = 2;

	(void)value_to_int(value_get(v, "dump-freq"), &dump);
	(void)value_to_int(value_get(v, "fsck-passno"), &pass);
	p->fstabs = mem_resize(p->fstabs, p->nfstabs + 1, sizeof(*p->fstabs));
	p->fstabs[p->nfstabs++] = (struct fstab){ .base = mem_dup(base),
		.options = options != NULL ? options : mem_dup("defaults"),
		.dump = (unsigned)dump,
		.pass = (unsigned)pass };
	return 0;
}

static int
node(struct parse *p, const char *module, const struct value *v,
    const char *parent)
{
	own_free char *name = text_of(v, "name"), *base = text_of(v, "base");

	if (v->kind != VALUE_MAP)
		return error_set(p->e, EINVAL, "%s: wants a map, not %s",
		    module, value_kind_name(v));
	if (base == NULL && parent != NULL)
		base = mem_dup(parent);
	if (name == NULL && base != NULL)
		name = mem_printf("%s_%s", module, base);
	if (name == NULL)
		return error_set(p->e, EINVAL, "%s: name is missing", module);
	if (claim(p, name) == -1)
		return -1;
	if (strcmp(module, "local_loop") == 0) {
		if (disk_node(p, v, name) == -1)
			return -1;
	} else if (strcmp(module, "lvm") == 0) {
		return error_set(
		    p->e, EINVAL, "lvm: this version writes partitions only");
	} else if (base == NULL) {
		return error_set(p->e, EINVAL, "%s: base is missing", module);
	} else if (strcmp(module, "partitioning") == 0) {
		return partitioning_node(p, v, base);
	} else if (strcmp(module, "mkfs") == 0) {
		if (mkfs_node(p, v, name, base) == -1)
			return -1;
	} else if (strcmp(module, "mount") == 0) {
		if (mount_node(p, v, name, base) == -1)
			return -1;
	} else if (fstab_node(p, v, base) == -1) {
		return -1;
	}
	return children(p, v, name);
}

/* ---- joining ----------------------------------------------------------- */

/* Which disk, or which partition of one, a file system stands on. */
static int
join_base(struct layout *l, struct filesystem *f, struct error *e)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		f->disk = i;
		if (strcmp(l->disks[i].name, f->base) == 0)
			return 0;
		for (size_t k = 0; k < l->disks[i].npartitions; k++)
			if (strcmp(l->disks[i].partitions[k].name, f->base) ==
			    0) {
				f->partition = (ssize_t)k;
				return 0;
			}
	}
	return error_set(
	    e, EINVAL, "Edge not defined: %s->%s", f->base, f->name);
}

static int
join_mount(struct parse *p, const struct mount *m)
{
	for (size_t i = 0; i < p->l->nfilesystems; i++) {
		struct filesystem *f = &p->l->filesystems[i];

		if (strcmp(m->base, f->name) != 0)
			continue;
		if (strcmp(m->point, "none") != 0) {
			if (*m->point != '/')
				return error_set(p->e, EINVAL,
				    "mount %s: mount_point %s is not absolute",
				    m->name, m->point);
			f->mount_point = mem_dup(m->point);
		}
		for (size_t k = 0; k < p->nfstabs; k++) {
			if (strcmp(p->fstabs[k].base, m->name) != 0)
				continue;
			f->in_fstab = true;
			f->mount_options = mem_dup(p->fstabs[k].options);
			f->dump = p->fstabs[k].dump;
			f->pass = p->fstabs[k].pass;
		}
		return 0;
	}
	return error_set(
	    p->e, EINVAL, "Edge not defined: %s->%s", m->base, m->name);
}

static int
check_labels(const struct layout *l, struct error *e)
{
	for (size_t i = 0; i < l->nfilesystems; i++) {
		const struct filesystem *f = &l->filesystems[i];
		const struct fs_kind *kind = fs_find(f->type);

		if (kind != NULL && strlen(f->label) > kind->label_max)
			return error_set(e, EINVAL,
			    "mkfs %s: label %s is longer than the %u "
			    "characters of %s",
			    f->name, f->label, kind->label_max, f->type);
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

	return strcmp(x->mount_point != NULL ? x->mount_point : "",
	    y->mount_point != NULL ? y->mount_point : "");
}

static int
join(struct parse *p)
{
	struct layout *l = p->l;

	for (size_t i = 0; i < l->nfilesystems; i++)
		if (join_base(l, &l->filesystems[i], p->e) == -1)
			return -1;
	for (size_t i = 0; i < p->nmounts; i++)
		if (join_mount(p, &p->mounts[i]) == -1)
			return -1;
	if (find_disk(l, "image0") == NULL)
		return error_set(
		    p->e, EINVAL, "one local_loop must be named image0");
	if (check_labels(l, p->e) == -1)
		return -1;
	qsort(l->filesystems, l->nfilesystems, sizeof(*l->filesystems),
	    compare_points);
	for (size_t i = 1; i < l->nfilesystems; i++)
		if (l->filesystems[i].mount_point != NULL &&
		    compare_points(
			&l->filesystems[i - 1], &l->filesystems[i]) == 0)
			return error_set(p->e, EINVAL,
			    "mount point %s is used twice",
			    l->filesystems[i].mount_point);
	return 0;
}

int
layout_parse(struct layout *l, const struct value *yaml, const char *source,
    const struct layout_defaults *d, struct error *e)
{
	own(parse_clear) struct parse p = { .l = l, .d = d, .e = e };

	if (yaml->kind != VALUE_LIST)
		return error_set(e, EINVAL, "%s: wants a list, not %s", source,
		    value_kind_name(yaml));
	for (uint32_t i = 0; i < yaml->len; i++) {
		const struct value *v = yaml->items[i];
		const struct member *m;

		if (v->kind != VALUE_MAP || v->len != 1)
			return error_set(e, EINVAL,
			    "%s: entry %u should be a single dict", source,
			    i + 1);
		m = value_member(v, 0);
		if (!is_module(m->name))
			return error_set(e, EINVAL,
			    "%s: Config entry is not a plugin value: %s",
			    source, m->name);
		if (node(&p, m->name, m->value, NULL) == -1)
			return error_prefix(e, "%s", source);
	}
	if (join(&p) == -1)
		return error_prefix(e, "%s", source);
	return 0;
}
