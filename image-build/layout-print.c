/* SPDX-License-Identifier: Apache-2.0 */
/* A layout told: to /etc/fstab, to scripts, to people. */
#include <string.h>

#include "image-build/disk.h"
#include "lib/strbuf.h"

/* fstab(5) separates by blanks; those in a field are octal. */
static void
field(struct strbuf *b, const char *s)
{
	for (; *s != '\0'; s++)
		if (strchr(" \t\n\\", *s) != NULL)
			strbuf_printf(b, "\\%03o", (unsigned char)*s);
		else
			strbuf_putc(b, *s);
}

/* By label; by the partition's where the file system has none. */
static void
device(const struct layout *l, const struct filesystem *f, struct strbuf *b)
{
	const struct fs_kind *kind = fs_find(f->type);
	const struct disk *disk = &l->disks[f->at.disk];

	if (kind != NULL && kind->label_max == 0 && f->at.partition != -1 &&
	    f->volume == -1 && disk->table == &table_gpt) {
		strbuf_puts(b, "PARTLABEL=");
		field(b, disk->partitions[f->at.partition].name);
		return;
	}
	strbuf_puts(b, "LABEL=");
	field(b, f->label);
}

void
layout_fstab(const struct layout *l, struct strbuf *b)
{
	for (size_t i = 0; i < l->nfilesystems; i++) {
		const struct filesystem *f = &l->filesystems[i];
		bool swap = strcmp(f->type, "swap") == 0;

		if (!f->in_fstab)
			continue;
		device(l, f, b);
		strbuf_putc(b, ' ');
		field(b, f->mount_point != NULL ? f->mount_point : "none");
		strbuf_printf(b, " %s ", f->type);
		field(b, swap ? "sw" : f->mount_options);
		strbuf_printf(
		    b, " %u %u\n", swap ? 0 : f->dump, swap ? 0 : f->pass);
	}
}

void
layout_devices(const struct layout *l, const char *device, struct strbuf *b)
{
	for (size_t i = 0; i < l->ndisks; i++) {
		const struct disk *disk = &l->disks[i];

		if (strcmp(disk->name, "image0") != 0)
			continue;
		strbuf_printf(b, "[%s]=%s", disk->name, device);
		for (size_t k = 0; k < disk->npartitions; k++)
			strbuf_printf(b, " [%s]=%sp%u",
			    disk->partitions[k].name, device,
			    disk->partitions[k].number);
	}
	for (size_t i = 0; i < l->nvolumes; i++)
		strbuf_printf(b, " [%s]=/dev/mapper/%s-%s", l->volumes[i].name,
		    l->volumes[i].group, l->volumes[i].name);
}

/* "20.0 MiB", "50 % of what is left" and so on. */
static void
print_size(const struct partition *p, struct strbuf *b)
{
	if (p->bytes != 0)
		strbuf_printf(b, "%.1f MiB", (double)p->bytes / 0x1p20);
	else if (p->as != NULL)
		strbuf_printf(b, "as large as %s", p->as);
	else if (p->fit)
		strbuf_puts(b, "what goes in");
	else if (p->percent > 0)
		strbuf_printf(b, "%g %% of what is left", p->percent);
	else
		strbuf_printf(b, "%.1f MiB", (double)p->asked / 0x1p20);
	if (p->bytes == 0 && p->minimum != 0)
		strbuf_printf(
		    b, ", at least %.1f MiB", (double)p->minimum / 0x1p20);
}

static void
print_disk(const struct disk *disk, struct strbuf *b)
{
	strbuf_printf(b, "disk %s: %s\n", disk->name,
	    disk->table != NULL ? disk->table->name : "no partitions");
	for (size_t k = 0; k < disk->npartitions; k++) {
		const struct partition *p = &disk->partitions[k];

		strbuf_printf(b, "  partition %u %s (type %s): ", p->number,
		    p->name, p->type);
		print_size(p, b);
		strbuf_putc(b, '\n');
	}
}

static void
print_volume(const struct volume *v, struct strbuf *b)
{
	static const char *const units[] = {
		[VOLUME_BYTES] = "bytes",
		[VOLUME_EXTENTS] = "extents of 4 MiB",
		[VOLUME_PERCENT_GROUP] = "% of the group",
		[VOLUME_PERCENT_FREE] = "% of what is left",
	};

	strbuf_printf(b, "volume %s of %s: %.0f %s\n", v->name, v->group,
	    v->asked, units[v->unit]);
}

void
layout_print(const struct layout *l, struct strbuf *b)
{
	for (size_t i = 0; i < l->ndisks; i++)
		print_disk(&l->disks[i], b);
	for (size_t i = 0; i < l->nvolumes; i++)
		print_volume(&l->volumes[i], b);
	for (size_t i = 0; i < l->nfilesystems; i++) {
		const struct filesystem *f = &l->filesystems[i];

		strbuf_printf(b, "file system %s on %s: %s, label %s", f->name,
		    f->base, f->type, f->label);
		if (f->mount_point != NULL)
			strbuf_printf(b, ", at %s", f->mount_point);
		strbuf_putc(b, '\n');
	}
	for (size_t i = 0; i < l->nverities; i++)
		strbuf_printf(b, "hash tree %s on %s: of %s\n",
		    l->verities[i].name, l->verities[i].base,
		    l->verities[i].data);
}
