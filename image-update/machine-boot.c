/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel, initramfs and entries on the ESP: what starts a machine's slots. */
#include "image-update/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/boot.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

/* ---- kernel and initramfs ---------------------------------------------------------- */

/* From the slot to the ESP, all of it on disk. */
static int
copy_boot(struct slots *s, const char *id, const char *path, const char *name,
    struct error *e)
{
	struct machine *m = s->machine;
	own_free char *from = mem_printf("%s/%s", id, path);
	own_free char *to = boot_file(m->other, name);
	own_free char *folder = path_dir(to);
	own_fd int in = openat(s->dir, from, O_RDONLY | O_CLOEXEC);
	own_fd int out = -1;

	if (in == -1)
		return error_errno(e, "%s", path);
	if (file_mkdirs(m->esp, folder, 0755, e) == -1)
		return -1;
	out = openat(m->esp, to,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (out == -1)
		return error_errno(e, "ESP: %s", to);
	if (file_copy_fd(in, out, e) == -1)
		return error_prefix(e, "ESP: %s", to);
	return fsync(out) == -1 ? error_errno(e, "ESP: %s", to) : 0;
}

static int
check_boot(struct slots *s, const char *name, const uint8_t want[DIGEST_BYTES],
    struct error *e)
{
	own_free char *path = boot_file(s->machine->other, name);
	own_fd int fd =
	    openat(s->machine->esp, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char sum[DIGEST_TEXT], text[DIGEST_TEXT];

	digest_print(want, text);
	if (fd == -1 || digest_file(fd, sum, NULL) == -1)
		return error_errno(e, "ESP: %s", path);
	if (strcmp(sum, text) != 0)
		return error_set(
		    e, EBADMSG, "ESP: %s: is not what was written", path);
	return 0;
}

int
machine_copy_boot(struct slots *s, const struct contents *c, struct error *e)
{
	if (copy_boot(s, c->id, c->kernel, "linux", e) == -1 ||
	    (c->initrd != NULL &&
		copy_boot(s, c->id, c->initrd, "initrd", e) == -1))
		return -1;
	return syncfs(s->machine->esp) == -1 ? error_errno(e, "ESP: sync") : 0;
}

int
machine_check_boot(struct slots *s, const struct contents *c, struct error *e)
{
	if (check_boot(s, "linux", c->kernel_sum, e) == -1)
		return -1;
	return c->initrd == NULL ? 0
				 : check_boot(s, "initrd", c->initrd_sum, e);
}

/* ---- entries ------------------------------------------------------------------------- */

struct boot_about
machine_about(const struct slots *s, const struct contents *c)
{
	return (struct boot_about){ .title = c->name,
		.cmdline = c->cmdline,
		.tree = s->machine->tree != NULL ? c->id : NULL,
		.initrd = c->initrd != NULL };
}

static int
write_entry(struct slots *s, const struct boot_entry *t,
    const struct contents *c, struct error *e)
{
	const struct boot_about about = machine_about(s, c);

	return boot_entry_write(s->machine->esp, t, &about, e);
}

static int
forget_next(struct slots *s, struct error *e)
{
	s->machine->way = NULL;
	if (unlinkat(s->machine->root, MACHINE_NEXT, 0) == -1 &&
	    errno != ENOENT)
		return error_errno(e, MACHINE_NEXT);
	return 0;
}

int
machine_choose(
    struct slots *s, const struct contents *c, int tries, struct error *e)
{
	struct boot_entry newest;

	if (boot_entry_list(s->machine->esp, 0, &newest, NULL, e) == -1)
		return -1;
	newest.slot = s->machine->other;
	newest.generation++;
	newest.tries = tries;
	if (forget_next(s, e) == -1 || write_entry(s, &newest, c, e) == -1)
		return -1;
	s->machine->started = s->machine->chosen = true;
	return 0;
}

int
machine_next(struct slots *s, const struct contents *c, struct error *e)
{
	struct machine *m = s->machine;
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *folder = path_dir(MACHINE_NEXT);

	strbuf_printf(&text, "ingot.slot=%c", m->other);
	if (m->tree != NULL)
		strbuf_printf(&text, " ingot.tree=%s", c->id);
	strbuf_putc(&text, '\n');
	if (file_mkdirs(m->root, folder, 0700, e) == -1 ||
	    file_replace(m->root, MACHINE_NEXT, 0600, strbuf_text(&text),
		text.len, e) == -1)
		return -1;
	m->way = "soft-reboot";
	return 0;
}

int
machine_forget(struct slots *s, bool mine, struct error *e)
{
	struct machine *m = s->machine;

	if (forget_next(s, e) == -1 ||
	    boot_entry_remove(m->esp, mine ? m->slot : m->other, e) == -1)
		return -1;
	m->started = m->started && mine;
	return 0;
}

int
machine_tries(struct slots *s, int *tries, struct error *e)
{
	struct boot_entry newest;

	if (boot_entry_list(
		s->machine->esp, s->machine->slot, &newest, NULL, e) == -1)
		return -1;
	*tries = newest.tries;
	return 0;
}

int
machine_keep(
    struct slots *s, const struct contents *c, bool trial, struct error *e)
{
	struct boot_entry newest;

	if (boot_entry_list(
		s->machine->esp, s->machine->slot, &newest, NULL, e) == -1)
		return -1;
	newest.slot = s->machine->slot;
	newest.tries = trial ? BOOT_TRIES : -1;
	return write_entry(s, &newest, c, e);
}
