/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the YAML of a block-device description, in its tree notation, to
 * nodes: disks, partitions, volumes, file systems, mounts.  layout-join.c
 * joins them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/disk.h"
#include "image-build/layout-parse.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/gpt.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define ALIGN ((uint64_t)1 << 20) /* of partitions, unless said */
#define ALIGN_MOST ((uint64_t)1 << 30)

/* ---- the tree ---------------------------------------------------------- */

static void
parse_clear(struct layout_nodes *p)
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

static int node(struct layout_nodes *p, const char *module,
    const struct value *v, const char *parent);

static bool
is_module(const char *key)
{
	static const char *const modules[] = { "local_loop", "partitioning",
		"lvm", "mkfs", "mount", "fstab", "verity", NULL };

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
size_of(struct layout_nodes *p, const struct value *map, const char *key,
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
claim(struct layout_nodes *p, const char *name)
{
	if (strlist_has(&p->names, name))
		return error_set(p->e, EEXIST, "Duplicate node name: %s", name);
	if (p->names.len >= LIMIT_LAYOUT_NODES)
		return error_set(
		    p->e, E2BIG, "more than %d nodes", LIMIT_LAYOUT_NODES);
	strlist_add(&p->names, name);
	return 0;
}

static int
children(struct layout_nodes *p, const struct value *map, const char *name)
{
	for (uint32_t i = 0; i < map->len; i++) {
		const struct member m = value_member(map, i);

		if (is_module(m.name) && node(p, m.name, m.value, name) == -1)
			return -1;
	}
	return 0;
}

static int
disk_node(struct layout_nodes *p, const struct value *v, const char *name)
{
	struct disk *disk;
	uint64_t sector = 512;

	if (size_of(p, v, "block_size", name, &sector) == -1)
		return -1;
	if (p->d->sector != 0)
		sector = p->d->sector;
	if (sector != 512 && sector != 4096)
		return error_set(p->e, EINVAL,
		    "%s: block_size: %llu is neither 512 nor 4096", name,
		    (unsigned long long)sector);
	p->l->disks =
	    mem_resize(p->l->disks, p->l->ndisks + 1, sizeof(*p->l->disks));
	disk = &p->l->disks[p->l->ndisks++];
	*disk =
	    (struct disk){ .name = mem_dup(name), .sector = (unsigned)sector };
	return size_of(p, v, "size", name, &disk->asked);
}

static int
partition_size(
    struct layout_nodes *p, const struct value *v, struct partition *part)
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
	} else if (strncmp(text, "as ", 3) == 0) {
		part->fit = true;
		part->as = mem_dup(text + 3);
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
partition_flags(
    struct layout_nodes *p, const struct value *v, struct partition *part)
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
partition_node(struct layout_nodes *p, struct disk *disk, const struct value *v)
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
		.type = type != NULL ? type : mem_dup(disk->table->type) };
	digest_uuid(p->d->seed, part->name, part->uuid);
	if (partition_size(p, v, part) == -1)
		return -1;
	return partition_flags(p, v, part);
}

/* "as NAME" is of one that fits what goes into it, on the same disk. */
static int
check_models(struct layout_nodes *p, const struct disk *disk)
{
	for (size_t i = 0; i < disk->npartitions; i++) {
		const struct partition *part = &disk->partitions[i];
		bool found = part->as == NULL;

		for (size_t k = 0; !found && k < disk->npartitions; k++)
			found = disk->partitions[k].fit &&
			    disk->partitions[k].as == NULL &&
			    strcmp(disk->partitions[k].name, part->as) == 0;
		if (!found)
			return error_set(p->e, EINVAL,
			    "partition %s: size: no partition %s on %s that "
			    "fits what goes in",
			    part->name, part->as, disk->name);
	}
	return 0;
}

static int
partitioning_node(
    struct layout_nodes *p, const struct value *v, const char *base)
{
	struct disk *disk = layout_disk(p->l, base);
	const struct value *parts = value_get(v, "partitions");
	const char *label = value_text(v, "label", "");

	if (disk == NULL)
		return error_set(
		    p->e, EINVAL, "partitioning: no disk named %s", base);
	if (disk->table != NULL)
		return error_set(
		    p->e, EEXIST, "%s has two partition tables", base);
	disk->table = table_find(label);
	if (disk->table == NULL)
		return error_set(p->e, EINVAL,
		    "partitioning: label must be mbr or gpt, not \"%s\"",
		    label);
	disk->align = ALIGN;
	if (size_of(p, v, "align", "partitioning", &disk->align) == -1)
		return -1;
	if (disk->align == 0 || disk->align % disk->sector != 0 ||
	    disk->align > ALIGN_MOST)
		return error_set(p->e, EINVAL,
		    "partitioning: align must be a multiple of %u bytes, and "
		    "at most 1 GiB",
		    disk->sector);
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
	if (check_models(p, disk) == -1)
		return -1;
	return disk->table->check(disk, p->e);
}

static int
mkfs_uuid(struct layout_nodes *p, const struct value *v, struct filesystem *f)
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
mkfs_node(struct layout_nodes *p, const struct value *v, const char *name,
    const char *base)
{
	struct layout *l = p->l;
	bool root = strcmp(name, "mkfs_root") == 0;
	const char *options;
	struct filesystem *f;

	l->filesystems = mem_resize(
	    l->filesystems, l->nfilesystems + 1, sizeof(*l->filesystems));
	f = &l->filesystems[l->nfilesystems++];
	*f = (struct filesystem){ .name = mem_dup(name),
		.base = mem_dup(base),
		.type = text_of(v, "type"),
		.label = text_of(v, "label"),
		.options = text_of(v, "opts"),
		.volume = -1 };
	if (f->type == NULL && root)
		f->type = mem_dup(p->d->root_type);
	if (f->type == NULL)
		return error_set(
		    p->e, EINVAL, "mkfs %s: type is missing", name);
	if (f->label == NULL && root)
		f->label = mem_dup(p->d->root_label != NULL ? p->d->root_label
			: strcmp(f->type, "xfs") == 0	    ? "img-rootfs"
						      : "cloudimg-rootfs");
	options =
	    strcmp(f->type, "ext4") == 0 ? p->d->options : p->d->other_options;
	if (f->options == NULL && root && options != NULL)
		f->options = mem_dup(options);
	if (f->label == NULL)
		f->label = mem_dup(name);
	return mkfs_uuid(p, v, f);
}

static int
mount_node(struct layout_nodes *p, const struct value *v, const char *name,
    const char *base)
{
	char *point = text_of(v, "mount_point");

	if (point == NULL)
		return error_set(
		    p->e, EINVAL, "mount %s: mount_point is missing", name);
	p->mounts = mem_resize(p->mounts, p->nmounts + 1, sizeof(*p->mounts));
	p->mounts[p->nmounts++] = (struct layout_mount){
		.name = mem_dup(name), .base = mem_dup(base), .point = point
	};
	return 0;
}

/* fstab(5)'s last two fields: small numbers, as text or not. */
static int
number_of(struct layout_nodes *p, const struct value *map, const char *key,
    long long *n)
{
	own_free char *text = text_of(map, key);
	char *end;

	if (text == NULL)
		return 0;
	*n = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || *n < 0 || *n > 9)
		return error_set(p->e, EINVAL,
		    "fstab: %s: %s is no number from 0 to 9", key, text);
	return 0;
}

static int
fstab_node(struct layout_nodes *p, const struct value *v, const char *base)
{
	char *options = text_of(v, "options");
	long long dump = 0, pass = 2;

	if (number_of(p, v, "dump-freq", &dump) == -1 ||
	    number_of(p, v, "fsck-passno", &pass) == -1) {
		free(options);
		return -1;
	}
	p->fstabs = mem_resize(p->fstabs, p->nfstabs + 1, sizeof(*p->fstabs));
	p->fstabs[p->nfstabs++] = (struct layout_fstab){ .base = mem_dup(base),
		.options = options != NULL ? options : mem_dup("defaults"),
		.dump = (unsigned)dump,
		.pass = (unsigned)pass };
	return 0;
}

static int
verity_node(struct layout_nodes *p, const struct value *v, const char *name,
    const char *base)
{
	struct layout *l = p->l;
	char *data = text_of(v, "data");

	if (data == NULL)
		return error_set(p->e, EINVAL,
		    "verity %s: data is missing: the mkfs whose hashes these "
		    "are",
		    name);
	l->verities =
	    mem_resize(l->verities, l->nverities + 1, sizeof(*l->verities));
	l->verities[l->nverities++] = (struct verity){
		.name = mem_dup(name), .base = mem_dup(base), .data = data
	};
	return 0;
}

/* A module whose node stands on a base. */
static int
based_node(struct layout_nodes *p, const char *module, const struct value *v,
    const char *name, const char *base)
{
	if (strcmp(module, "mkfs") == 0)
		return mkfs_node(p, v, name, base);
	if (strcmp(module, "mount") == 0)
		return mount_node(p, v, name, base);
	if (strcmp(module, "fstab") == 0)
		return fstab_node(p, v, base);
	return verity_node(p, v, name, base);
}

static int
node(struct layout_nodes *p, const char *module, const struct value *v,
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
		if (lvm_parse(p->l, v, &p->names, p->e) == -1)
			return error_prefix(p->e, "lvm %s", name);
	} else if (base == NULL) {
		return error_set(p->e, EINVAL, "%s: base is missing", module);
	} else if (strcmp(module, "partitioning") == 0) {
		return partitioning_node(p, v, base);
	} else if (based_node(p, module, v, name, base) == -1) {
		return -1;
	}
	return children(p, v, name);
}

/* An entry of the list: a map of one module. */
static int
entry(
    struct layout_nodes *p, const struct value *v, uint32_t number, bool disks)
{
	struct member m;

	if (v->kind != VALUE_MAP || v->len != 1)
		return error_set(
		    p->e, EINVAL, "entry %u should be a single dict", number);
	m = value_member(v, 0);
	if (!is_module(m.name))
		return error_set(p->e, EINVAL,
		    "Config entry is not a plugin value: %s", m.name);
	if (disks != (strcmp(m.name, "local_loop") == 0))
		return 0;
	return node(p, m.name, m.value, NULL);
}

/* Entries may come in any order: disks first, so that all else finds them. */
static int
entries(struct layout_nodes *p, const struct value *yaml)
{
	if (yaml->kind != VALUE_LIST)
		return error_set(p->e, EINVAL, "wants a list, not %s",
		    value_kind_name(yaml));
	for (int disks = 1; disks >= 0; disks--)
		for (uint32_t i = 0; i < yaml->len; i++)
			if (entry(p, yaml->items[i], i + 1, disks) == -1)
				return -1;
	return layout_join(p);
}

int
layout_parse(struct layout *l, const struct value *yaml, const char *source,
    const struct layout_defaults *d, struct error *e)
{
	own(parse_clear) struct layout_nodes p = { .l = l, .d = d, .e = e };

	return entries(&p, yaml) == -1 ? error_prefix(e, "%s", source) : 0;
}
