/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loaders of a machine with two slots read on its EFI system
 * partition; image-build writes it first, image-update from then on.
 *
 *	loader/entries/ingot-SLOT-GENERATION[+TRIES].conf	systemd-boot's
 *	grub/grub.cfg grub/grubenv				GRUB's
 *	ingot/SLOT/linux initrd grub.cfg			the slot's kernel
 *
 * The entry of the highest generation is started.  One on trial has a number
 * of tries in its name (the Boot Loader Specification's boot counting);
 * when they are used up it comes last.  For GRUB the same stands in grubenv.
 * No file is renamed: on FAT a crash in between could lose both names.
 */
#ifndef LIB_BOOT_H
#define LIB_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct strbuf;
struct strlist;

#define BOOT_TRIES 3

struct boot_entry {
	char slot; /* 'a' or 'b' */
	uint64_t generation;
	int tries; /* left; -1: it is not on trial */
};

struct boot_about {
	const char *title;
	const char *cmdline; /* its "root=" words are left out */
	const char *tree; /* on the partition "trees"; NULL: root-SLOT is it */
	bool initrd; /* there is one */
};

/* "ingot/a/linux" and the like; the caller's. */
char *boot_file(char slot, const char *name);

/* Parse the name of an entry's file; false if it is none of ours. */
bool boot_entry_parse(const char *name, struct boot_entry *t);

/* The entries of a slot on the ESP (slot 0: of all), with their names. */
int boot_entry_list(int esp, char slot, struct boot_entry *newest,
    struct strlist *names, struct error *e);

/*
 * Write the slot's entry, both loaders'; kernel and initrd are there.  Names
 * of the same slot that are older go once it is on disk.
 */
int boot_entry_write(int esp, const struct boot_entry *t,
    const struct boot_about *about, struct error *e);

/* Take a slot from both loaders; what is started is the other one. */
int boot_entry_remove(int esp, char slot, struct error *e);

/*
 * The kernel's command line for a slot: the words of the image's (NULL: "ro")
 * without those that name a root, since the slot names its own.  The trees'
 * file system is written to: what a power cut tore is repaired unasked.
 */
void boot_options(char slot, const struct boot_about *about, struct strbuf *b);

/* The tree that a slot's entry starts; the caller's, or NULL: none. */
char *boot_entry_tree(int esp, char slot);

/* GRUB's part that stays. */
int boot_grub_config(int esp, struct error *e);

#endif
