/* SPDX-License-Identifier: Apache-2.0 */
/* The loaders, and the choice among them by what tree and disk hold. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "image-build/disk.h"
#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/gpt.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

static const struct boot_kind *const kinds[] = { &boot_grub_bios, &boot_systemd,
	NULL };

/* The file system of the disk's EFI system partition, or NULL. */
static struct filesystem *
find_esp(const struct layout *l, size_t d)
{
	uint8_t esp[16], type[16];

	(void)gpt_type("EF00", esp);
	for (size_t i = 0; i < l->nfilesystems; i++) {
		struct filesystem *f = &l->filesystems[i];

		if (f->volume == -1 && f->at.disk == d &&
		    f->at.partition != -1 && l->disks[d].table == &table_gpt &&
		    gpt_type(
			l->disks[d].partitions[f->at.partition].type, type) &&
		    memcmp(type, esp, 16) == 0)
			return f;
	}
	return NULL;
}

static struct boot_job
new_job(const struct build *b, size_t d, int fd)
{
	const struct settings *s = b->settings;

	return (struct boot_job){ .settings = s,
		.layout = &b->layout,
		.tree = b->tree,
		.disk = d,
		.scratch = b->image_dir,
		.id = b->contents_id,
		.now = s->epoch >= 0 ? s->epoch : (int64_t)time(NULL),
		.fd = fd };
}

/* What the tree itself has for the ESP comes first, loaders add to it. */
static int
copy_esp(const struct build *b, const struct filesystem *f, const char *to,
    struct error *e)
{
	own_free char *from = NULL;

	if (tree_remove(AT_FDCWD, to, e) == -1 ||
	    file_mkdirs(AT_FDCWD, to, 0755, e) == -1)
		return -1;
	if (f->mount_point == NULL)
		return 0;
	if (!target_exists(b->tree, f->mount_point))
		return 0;
	from = target_path(b->tree, f->mount_point, e);
	if (from == NULL)
		return -1;
	return tree_copy(AT_FDCWD, from, AT_FDCWD, to, e);
}

static int
stage(struct build *b, size_t d, struct filesystem *f, struct error *e)
{
	own_free char *esp = path_join(b->image_dir, "esp");
	struct boot_job job = new_job(b, d, -1);

	if (copy_esp(b, f, esp, e) == -1)
		return error_prefix(e, "EFI system partition");
	job.esp = esp;
	for (size_t i = 0; kinds[i] != NULL; i++)
		if (kinds[i]->stage != NULL && kinds[i]->fits(&job) &&
		    kinds[i]->stage(&job, e) == -1)
			return error_prefix(e, "%s", kinds[i]->name);
	free(f->tree);
	f->tree = take(esp);
	return 0;
}

int
boot_stage(struct build *b, struct error *e)
{
	for (size_t d = 0; d < b->layout.ndisks; d++) {
		struct filesystem *f = find_esp(&b->layout, d);

		if (f != NULL && strcmp(b->layout.disks[d].name, "image0") == 0)
			return stage(b, d, f, e);
	}
	return 0;
}

int
boot_write(
    struct build *b, size_t d, int fd, struct strbuf *names, struct error *e)
{
	const struct filesystem *f = find_esp(&b->layout, d);
	struct boot_job job = new_job(b, d, fd);

	job.esp = f != NULL ? f->tree : NULL;
	for (size_t i = 0; kinds[i] != NULL; i++) {
		if (!kinds[i]->fits(&job))
			continue;
		if (kinds[i]->write != NULL && kinds[i]->write(&job, e) == -1)
			return error_prefix(e, "%s", kinds[i]->name);
		strbuf_printf(
		    names, "%s%s", names->len > 0 ? ", " : "", kinds[i]->name);
	}
	return 0;
}
