/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volume groups of a layout: parsed, measured, placed.  A volume is one run
 * of extents on one physical volume, in the order of the description.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/layout.h"
#include "lib/bytes.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

/* ---- parsing ------------------------------------------------------------- */

/* A name becomes part of metadata, of device names and of paths. */
static int
take_name(const struct value *v, struct strlist *names, const char *what,
    char **name, struct error *e)
{
	const char *text = value_text(v, "name", NULL);

	if (text == NULL)
		return error_set(e, EINVAL, "%s: name is missing", what);
	if (*text == '\0' || *text == '-' || strlen(text) > 127 ||
	    strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789+_.-") != strlen(text))
		return error_set(
		    e, EINVAL, "%s: %s cannot be a name", what, text);
	if (strlist_has(names, text))
		return error_set(e, EEXIST, "Duplicate node name: %s", text);
	if (names->len >= LIMIT_LAYOUT_NODES)
		return error_set(
		    e, E2BIG, "more than %d nodes", LIMIT_LAYOUT_NODES);
	strlist_add(names, text);
	*name = mem_dup(text);
	return 0;
}

static int
parse_pv(struct layout *l, const struct value *v, struct strlist *names,
    struct error *e)
{
	const char *base = value_text(v, "base", NULL);
	char *name = NULL;

	if (take_name(v, names, "pvs", &name, e) == -1)
		return -1;
	l->pvs = mem_resize(l->pvs, l->npvs + 1, sizeof(*l->pvs));
	l->pvs[l->npvs++] =
	    (struct physical_volume){ .name = name, .base = mem_dup(base) };
	if (base == NULL)
		return error_set(e, EINVAL, "pvs: %s: base is missing", name);
	return 0;
}

static ssize_t
find_pv(const struct layout *l, const char *name)
{
	for (size_t i = 0; i < l->npvs; i++)
		if (strcmp(l->pvs[i].name, name) == 0)
			return (ssize_t)i;
	return -1;
}

/* The group that a physical volume belongs to, or NULL. */
static const struct volume_group *
group_of(const struct layout *l, const char *pv)
{
	for (size_t i = 0; i < l->ngroups; i++)
		if (strlist_has(&l->groups[i].pvs, pv))
			return &l->groups[i];
	return NULL;
}

static int
parse_group(struct layout *l, const struct value *v, struct strlist *names,
    struct error *e)
{
	const struct value *base = value_get(v, "base");
	struct volume_group *g;
	char *name = NULL;

	if (take_name(v, names, "vgs", &name, e) == -1)
		return -1;
	l->groups = mem_resize(l->groups, l->ngroups + 1, sizeof(*l->groups));
	g = &l->groups[l->ngroups++];
	*g = (struct volume_group){ .name = name };
	if (base == NULL || base->kind != VALUE_LIST || base->len == 0)
		return error_set(e, EINVAL,
		    "vgs: %s: base must be a list of physical volumes", name);
	for (uint32_t i = 0; i < base->len; i++) {
		const struct value *pv = base->items[i];

		if (pv->kind != VALUE_STRING || find_pv(l, pv->text) == -1)
			return error_set(e, EINVAL,
			    "base:%s in vgs does not match a valid pvs",
			    pv->kind == VALUE_STRING ? pv->text : "?");
		if (group_of(l, pv->text) != NULL)
			return error_set(e, EINVAL,
			    "vgs: %s: %s is taken by another group", name,
			    pv->text);
		strlist_add(&g->pvs, pv->text);
	}
	return 0;
}

/* "10 GiB", or lvcreate's -l: "100", "50%VG", "100%FREE". */
static int
parse_extent(const struct value *v, struct volume *volume, struct error *e)
{
	const struct value *size = value_get(v, "size");
	const struct value *extents = value_get(v, "extents");
	const char *unit;
	uint64_t bytes;
	char *end;

	if (size == NULL && extents == NULL)
		return error_set(
		    e, EINVAL, "Missing 'size' or 'extents' in lvs config");
	if (size == NULL)
		size = extents;
	if (size->kind != VALUE_STRING && size->kind != VALUE_NUMBER)
		return error_set(e, EINVAL, "lvs: %s: no size", volume->name);
	if (size != extents) {
		if (layout_size(size->text, &bytes, e) == -1)
			return error_prefix(e, "lvs: %s", volume->name);
		volume->asked = (double)bytes;
		volume->unit = VOLUME_BYTES;
		return 0;
	}
	volume->asked = strtod(size->text, &end);
	unit = end;
	if (end == size->text || !(volume->asked > 0) || volume->asked > 1e9)
		unit = "?";
	if (*unit == '\0')
		volume->unit = VOLUME_EXTENTS;
	else if (strcmp(unit, "%VG") == 0 || strcmp(unit, "%PVS") == 0)
		volume->unit = VOLUME_PERCENT_GROUP;
	else if (strcmp(unit, "%FREE") == 0)
		volume->unit = VOLUME_PERCENT_FREE;
	else
		return error_set(e, EINVAL, "lvs: %s: extents: %s?",
		    volume->name, size->text);
	return 0;
}

static int
parse_volume(struct layout *l, const struct value *v, struct strlist *names,
    struct error *e)
{
	const char *group = value_text(v, "base", "");
	struct volume *volume;
	char *name = NULL;

	if (take_name(v, names, "lvs", &name, e) == -1)
		return -1;
	l->volumes =
	    mem_resize(l->volumes, l->nvolumes + 1, sizeof(*l->volumes));
	volume = &l->volumes[l->nvolumes++];
	*volume = (struct volume){ .name = name, .group = mem_dup(group) };
	if (value_get(v, "type") != NULL)
		return error_set(e, ENOTSUP,
		    "lvs: %s: thin volumes need the device mapper; only "
		    "linear ones are written",
		    name);
	for (size_t i = 0; i < l->ngroups; i++)
		if (strcmp(l->groups[i].name, group) == 0)
			return parse_extent(v, volume, e);
	return error_set(
	    e, EINVAL, "base:%s in lvs does not match a valid vg", group);
}

int
lvm_parse(struct layout *l, const struct value *v, struct strlist *names,
    struct error *e)
{
	static const struct {
		const char *key;
		int (*parse)(struct layout *, const struct value *,
		    struct strlist *, struct error *);
	} lists[] = { { "pvs", parse_pv }, { "vgs", parse_group },
		{ "lvs", parse_volume } };

	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		const struct value *list = value_get(v, lists[i].key);

		if (list == NULL || list->kind != VALUE_LIST)
			return error_set(e, EINVAL,
			    "Lvm config requires a '%s'", lists[i].key);
		for (uint32_t k = 0; k < list->len; k++)
			if (lists[i].parse(l, list->items[k], names, e) == -1)
				return -1;
	}
	return 0;
}

/* ---- sizes ------------------------------------------------------------------ */

static uint64_t
content_of(const struct layout *l, size_t volume)
{
	for (size_t i = 0; i < l->nfilesystems; i++)
		if (l->filesystems[i].volume == (ssize_t)volume)
			return l->filesystems[i].content;
	return 0;
}

/* The share of its group that a percentage must be for the content to fit. */
static uint64_t
share(uint64_t content, double percent)
{
	return (uint64_t)((double)content * 100 / percent);
}

uint64_t
lvm_wanted(const struct layout *l, const struct physical_volume *pv)
{
	const struct volume_group *g = group_of(l, pv->name);
	uint64_t fixed = 0, relative = 0;

	for (size_t i = 0; g != NULL && i < l->nvolumes; i++) {
		const struct volume *v = &l->volumes[i];
		uint64_t content = content_of(l, i), n;

		if (strcmp(v->group, g->name) != 0)
			continue;
		if (v->unit == VOLUME_BYTES) {
			fixed += round_up((uint64_t)v->asked, LVM_EXTENT);
		} else if (v->unit == VOLUME_EXTENTS) {
			fixed += (uint64_t)v->asked * LVM_EXTENT;
		} else {
			n = share(round_up(content, LVM_EXTENT), v->asked);
			relative = n > relative ? n : relative;
		}
	}
	return LVM_DATA + fixed + round_up(relative, LVM_EXTENT) + LVM_EXTENT;
}

/* ---- places ------------------------------------------------------------------ */

static uint64_t
pv_extents(const struct layout *l, size_t pv)
{
	const struct place at = l->pvs[pv].at;
	const struct disk *disk = &l->disks[at.disk];
	uint64_t bytes = at.partition == -1
	    ? disk->bytes
	    : disk->partitions[at.partition].bytes;

	return bytes < LVM_DATA ? 0 : (bytes - LVM_DATA) / LVM_EXTENT;
}

/* Extents of a group, and those that are taken, on one or all of its PVs. */
static void
count(const struct layout *l, const struct volume_group *g, size_t volumes,
    uint64_t *all, uint64_t *taken)
{
	*all = *taken = 0;
	for (size_t i = 0; i < g->pvs.len; i++)
		*all += pv_extents(l, (size_t)find_pv(l, g->pvs.items[i]));
	for (size_t i = 0; i < volumes; i++)
		if (strcmp(l->volumes[i].group, g->name) == 0)
			*taken += l->volumes[i].extents;
}

static uint64_t
taken_of(const struct layout *l, size_t pv, size_t volumes)
{
	uint64_t n = 0;

	for (size_t i = 0; i < volumes; i++)
		if (l->volumes[i].pv == pv)
			n += l->volumes[i].extents;
	return n;
}

static uint64_t
extents_asked(const struct volume *v, uint64_t all, uint64_t taken)
{
	switch (v->unit) {
	case VOLUME_BYTES:
		return (uint64_t)v->asked / LVM_EXTENT;
	case VOLUME_EXTENTS:
		return (uint64_t)v->asked;
	case VOLUME_PERCENT_GROUP:
		return (uint64_t)((double)all * v->asked / 100);
	default:
		return (uint64_t)((double)(all - taken) * v->asked / 100);
	}
}

static int
place_volume(
    struct layout *l, const struct volume_group *g, size_t n, struct error *e)
{
	struct volume *v = &l->volumes[n];
	uint64_t all, taken;

	count(l, g, n, &all, &taken);
	v->extents = extents_asked(v, all, taken);
	for (size_t i = 0; i < g->pvs.len && v->extents > 0; i++) {
		size_t pv = (size_t)find_pv(l, g->pvs.items[i]);
		uint64_t used = taken_of(l, pv, n);

		if (used + v->extents > pv_extents(l, pv))
			continue;
		v->pv = pv;
		v->first = used;
		return 0;
	}
	return error_set(e, ENOSPC,
	    "volume %s wants %.1f MiB in one piece, and group %s has %.1f MiB "
	    "left",
	    v->name, (double)(v->extents * LVM_EXTENT) / 0x1p20, g->name,
	    (double)((all - taken) * LVM_EXTENT) / 0x1p20);
}

int
lvm_place(struct layout *l, struct error *e)
{
	for (size_t i = 0; i < l->npvs; i++)
		if (pv_extents(l, i) == 0)
			return error_set(e, ENOSPC,
			    "physical volume %s: no room for one extent of "
			    "4 MiB",
			    l->pvs[i].name);
	for (size_t i = 0; i < l->nvolumes; i++)
		for (size_t k = 0; k < l->ngroups; k++)
			if (strcmp(l->groups[k].name, l->volumes[i].group) ==
				0 &&
			    place_volume(l, &l->groups[k], i, e) == -1)
				return -1;
	return 0;
}

void
lvm_volume(const struct layout *l, const struct volume *v, size_t *disk,
    uint64_t *start, uint64_t *bytes)
{
	const struct place at = l->pvs[v->pv].at;

	*disk = at.disk;
	*start = LVM_DATA + v->first * LVM_EXTENT;
	if (at.partition != -1)
		*start += l->disks[at.disk].partitions[at.partition].start;
	*bytes = v->extents * LVM_EXTENT;
}
