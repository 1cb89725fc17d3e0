/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of systemd-boot and GRUB for the slots a and b. */
#include "lib/boot.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define ENTRIES "loader/entries"
#define PREFIX "ingot-"
#define GRUBENV "grub/grubenv"
#define GRUBENV_BYTES 1024
#define TREE "ingot.tree="

char *
boot_file(char slot, const char *name)
{
	return mem_printf("ingot/%c/%s", slot, name);
}

static bool
is_there(int esp, const char *path, const struct strbuf *text)
{
	own(strbuf_clear) struct strbuf old = { 0 };
	struct error e;

	return file_read(esp, path, KIB(64), &old, &e) == 0 &&
	    old.len == text->len &&
	    strcmp(strbuf_text(&old), strbuf_text(text)) == 0;
}

/*
 * A new file with its data on disk; the folder is synced by sync_all.  What
 * stands there already is not written again: a loader may be about to read
 * it, and for a moment it would be empty.
 */
static int
put(int esp, const char *path, const struct strbuf *text, struct error *e)
{
	own_free char *folder = path_dir(path);
	own_fd int fd = -1;

	if (is_there(esp, path, text))
		return 0;
	if (file_mkdirs(esp, folder, 0755, e) == -1)
		return -1;
	fd = openat(esp, path,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1 ||
	    file_write_all(fd, strbuf_text(text), text->len) == -1 ||
	    fsync(fd) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

/* On FAT a folder alone cannot be relied on to be synced. */
static int
sync_all(int esp, struct error *e)
{
	return syncfs(esp) == -1 ? error_errno(e, "ESP: sync") : 0;
}

/* ---- names ------------------------------------------------------------------- */

static char *
entry_name(const struct boot_entry *t)
{
	if (t->tries < 0)
		return mem_printf(PREFIX "%c-%llu.conf", t->slot,
		    (unsigned long long)t->generation);
	return mem_printf(PREFIX "%c-%llu+%d.conf", t->slot,
	    (unsigned long long)t->generation, t->tries);
}

/* "+LEFT" or, once the loader has counted, "+LEFT-DONE". */
static bool
parse_tries(const char **p, int *tries)
{
	char *end;

	*tries = -1;
	if (**p != '+')
		return true;
	if (!isdigit((unsigned char)(*p)[1]))
		return false;
	*tries = (int)strtoul(*p + 1, &end, 10);
	*p = end;
	if (**p == '-') {
		(void)strtoul(*p + 1, &end, 10);
		*p = end;
	}
	return *tries >= 0 && *tries <= 1000;
}

bool
boot_entry_parse(const char *name, struct boot_entry *t)
{
	const char *p = name + strlen(PREFIX);
	char *end;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 ||
	    (*p != 'a' && *p != 'b') || p[1] != '-' ||
	    !isdigit((unsigned char)p[2]))
		return false;
	t->slot = *p;
	t->generation = strtoull(p + 2, &end, 10);
	p = end;
	return parse_tries(&p, &t->tries) && strcmp(p, ".conf") == 0;
}

int
boot_entry_list(int esp, char slot, struct boot_entry *newest,
    struct strlist *names, struct error *e)
{
	own(strlist_clear) struct strlist all = { 0 };
	bool first = true;

	if (newest != NULL)
		*newest = (struct boot_entry){ .tries = -1 };
	if (!file_is_dir(esp, ENTRIES))
		return 0;
	if (file_names(esp, ENTRIES, &all, e) == -1)
		return -1;
	for (size_t i = 0; i < all.len; i++) {
		struct boot_entry t;

		if (!boot_entry_parse(all.items[i], &t) ||
		    (slot != 0 && t.slot != slot))
			continue;
		if (names != NULL)
			strlist_add(names, all.items[i]);
		if (newest != NULL &&
		    (first || t.generation > newest->generation ||
			(t.generation == newest->generation && t.tries == -1)))
			*newest = t;
		first = false;
	}
	return 0;
}

/* ---- systemd-boot --------------------------------------------------------------- */

void
boot_options(char slot, const struct boot_about *about, struct strbuf *b)
{
	own(strlist_clear) struct strlist words = { 0 };
	const char *cmdline = about->cmdline;

	if (about->tree != NULL)
		strbuf_printf(b,
		    "root=PARTLABEL=trees fsck.repair=yes ingot.slot=%c " TREE
		    "%s",
		    slot, about->tree);
	else
		strbuf_printf(
		    b, "root=PARTLABEL=root-%c ingot.slot=%c", slot, slot);
	strlist_split(&words, cmdline != NULL ? cmdline : "ro", " ");
	for (size_t i = 0; i < words.len; i++)
		if (strncmp(words.items[i], "root=", 5) != 0 &&
		    strncmp(words.items[i], "ingot.slot=", 11) != 0 &&
		    strncmp(words.items[i], TREE, strlen(TREE)) != 0)
			strbuf_printf(b, " %s", words.items[i]);
	/* What cannot go on must not stand still: the next try counts. */
	strbuf_puts(b, " panic=10");
}

static int
write_systemd(int esp, const struct boot_entry *t,
    const struct boot_about *about, struct error *e)
{
	own_free char *name = entry_name(t);
	own_free char *path = path_join(ENTRIES, name);
	own(strbuf_clear) struct strbuf text = { 0 };

	strbuf_printf(&text,
	    "title %s\nsort-key ingot\nversion %llu\nlinux /ingot/%c/linux\n",
	    about->title, (unsigned long long)t->generation, t->slot);
	if (about->initrd)
		strbuf_printf(&text, "initrd /ingot/%c/initrd\n", t->slot);
	strbuf_puts(&text, "options ");
	boot_options(t->slot, about, &text);
	strbuf_putc(&text, '\n');
	return put(esp, path, &text, e);
}

static int
remove_entries(
    int esp, const struct strlist *names, const char *but, struct error *e)
{
	for (size_t i = 0; i < names->len; i++) {
		own_free char *path = path_join(ENTRIES, names->items[i]);

		if (but != NULL && strcmp(names->items[i], but) == 0)
			continue;
		if (unlinkat(esp, path, 0) == -1 && errno != ENOENT)
			return error_errno(e, "%s", path);
	}
	return 0;
}

/* ---- GRUB ------------------------------------------------------------------------ */

static const char grub_config[] =
    "# Which slot is started stands in grubenv: slot, and of an image on\n"
    "# trial its slot and how many tries are left.\n"
    "serial --unit=0 --speed=115200\n"
    "terminal_input console serial\n"
    "terminal_output console serial\n"
    "set timeout=0\n"
    "set slot=a\n"
    "set choice=\n"
    "load_env\n"
    "if [ -n \"$trial\" ]; then\n"
    "	set choice=$trial\n"
    "	if [ \"$tries\" = 3 ]; then set tries=2\n"
    "	elif [ \"$tries\" = 2 ]; then set tries=1\n"
    "	elif [ \"$tries\" = 1 ]; then set tries=0\n"
    "	else set choice=\n"
    "	fi\n"
    "	save_env tries\n"
    "fi\n"
    "if [ -z \"$choice\" ]; then set choice=$slot; fi\n"
    "set default=slot-$choice\n"
    "set fallback=slot-$slot\n"
    "for s in a b; do\n"
    "	if [ -f /ingot/$s/grub.cfg ]; then\n"
    "		menuentry \"Slot $s\" --id slot-$s $s {\n"
    "			source /ingot/$2/grub.cfg\n"
    "		}\n"
    "	fi\n"
    "done\n";

int
boot_grub_config(int esp, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	strbuf_puts(&text, grub_config);
	return put(esp, "grub/grub.cfg", &text, e);
}

static int
write_grub(int esp, const struct boot_entry *t, const struct boot_about *about,
    struct error *e)
{
	own_free char *path = boot_file(t->slot, "grub.cfg");
	own(strbuf_clear) struct strbuf text = { 0 };

	strbuf_printf(&text, "linux /ingot/%c/linux ", t->slot);
	boot_options(t->slot, about, &text);
	strbuf_putc(&text, '\n');
	if (about->initrd)
		strbuf_printf(&text, "initrd /ingot/%c/initrd\n", t->slot);
	return put(esp, path, &text, e);
}

/*
 * Which slot GRUB starts; trial 0: none, else it is started first, as long as
 * it has tries left.  In place, as GRUB itself does it: all that counts is in
 * the first sector, which a disk writes whole or not at all.
 */
static int
boot_grub_choose(int esp, char slot, char trial, int tries, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int fd = -1;

	strbuf_printf(&text, "# GRUB Environment Block\nslot=%c\n", slot);
	if (trial != 0)
		strbuf_printf(&text, "trial=%c\ntries=%d\n", trial, tries);
	while (text.len < GRUBENV_BYTES)
		strbuf_putc(&text, '#');
	if (file_mkdirs(esp, "grub", 0755, e) == -1)
		return -1;
	fd = openat(
	    esp, GRUBENV, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd == -1 || pwrite(fd, text.s, text.len, 0) != GRUBENV_BYTES ||
	    fsync(fd) == -1)
		return error_errno(e, GRUBENV);
	return 0;
}

char *
boot_entry_tree(int esp, char slot)
{
	own_free char *path = boot_file(slot, "grub.cfg");
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist words = { 0 };
	struct error e;

	if (file_read(esp, path, KIB(64), &text, &e) == -1)
		return NULL;
	strlist_split(&words, strbuf_text(&text), " \n");
	for (size_t i = 0; i < words.len; i++)
		if (strncmp(words.items[i], TREE, strlen(TREE)) == 0)
			return mem_dup(words.items[i] + strlen(TREE));
	return NULL;
}

/* ---- both ---------------------------------------------------------------------- */

static char
other_slot(char slot)
{
	return slot == 'a' ? 'b' : 'a';
}

int
boot_entry_write(int esp, const struct boot_entry *t,
    const struct boot_about *about, struct error *e)
{
	own(strlist_clear) struct strlist old = { 0 };
	own_free char *name = entry_name(t);
	bool trial = t->tries >= 0;

	if (boot_entry_list(esp, t->slot, NULL, &old, e) == -1 ||
	    write_grub(esp, t, about, e) == -1 || sync_all(esp, e) == -1)
		return -1;
	if (boot_grub_choose(esp, trial ? other_slot(t->slot) : t->slot,
		trial ? t->slot : 0, t->tries, e) == -1 ||
	    write_systemd(esp, t, about, e) == -1 || sync_all(esp, e) == -1)
		return -1;
	if (remove_entries(esp, &old, name, e) == -1)
		return -1;
	return sync_all(esp, e);
}

int
boot_entry_remove(int esp, char slot, struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *grub = boot_file(slot, "grub.cfg");

	if (boot_entry_list(esp, slot, NULL, &names, e) == -1 ||
	    boot_grub_choose(esp, other_slot(slot), 0, 0, e) == -1 ||
	    remove_entries(esp, &names, NULL, e) == -1 ||
	    sync_all(esp, e) == -1)
		return -1;
	if (unlinkat(esp, grub, 0) == -1 && errno != ENOENT)
		return error_errno(e, "%s", grub);
	return sync_all(esp, e);
}
