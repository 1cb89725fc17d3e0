/* SPDX-License-Identifier: Apache-2.0 */
/* What loaders find on the ESP of a machine with two slots. */
#include "lib/boot.h"

#include <fcntl.h>
#include <stdlib.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static int esp;
static struct error e;

static void
check_names(void)
{
	static const struct {
		const char *name;
		char slot;
		uint64_t generation;
		int tries;
	} good[] = { { "ingot-a-1.conf", 'a', 1, -1 },
		{ "ingot-b-27+3.conf", 'b', 27, 3 },
		{ "ingot-b-27+0-3.conf", 'b', 27, 0 },
		{ "ingot-b-27+2-1.conf", 'b', 27, 2 } };
	static const char *const bad[] = { "ingot-c-1.conf", "ingot-a-.conf",
		"ingot-a-1", "ingot-a-1+.conf", "ingot-a-1-2.conf", "debian",
		"ingot-6.1.0-50-cloud-amd64+3.conf", "ingot-a-1.conf.new" };
	struct boot_entry t;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK(boot_entry_parse(good[i].name, &t));
		CHECK(t.slot == good[i].slot &&
		    t.generation == good[i].generation &&
		    t.tries == good[i].tries);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(!boot_entry_parse(bad[i], &t));
}

static void
is_file(const char *path, const char *want)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	CHECK(file_read(esp, path, 4096, &text, &e) == 0);
	CHECK_STR(strbuf_text(&text), want);
}

static void
begins(const char *path, const char *want)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	CHECK(file_read(esp, path, 4096, &text, &e) == 0);
	CHECK(text.len == 1024);
	strbuf_cut(&text, strlen(want));
	CHECK_STR(strbuf_text(&text), want);
}

static void
names_are(const char *want)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *all = NULL;

	CHECK(boot_entry_list(esp, 0, NULL, &names, &e) == 0);
	all = strlist_join(&names, " ");
	CHECK_STR(all, want);
}

static void
write_entry(char slot, uint64_t generation, int tries)
{
	const struct boot_entry t = { slot, generation, tries };
	const struct boot_about about = { .title = "web",
		.cmdline = "root=LABEL=x ro quiet",
		.initrd = slot == 'b' };

	CHECK(boot_entry_write(esp, &t, &about, &e) == 0);
}

/* A slot that is a tree beside others. */
static void
check_tree(void)
{
	const struct boot_entry t = { 'b', 3, -1 };
	const struct boot_about about = { .title = "web",
		.cmdline = "root=LABEL=x ro ingot.tree=0123",
		.tree = "4567" };
	own_free char *tree = NULL;

	CHECK(boot_entry_write(esp, &t, &about, &e) == 0);
	is_file("ingot/b/grub.cfg",
	    "linux /ingot/b/linux root=PARTLABEL=trees fsck.repair=yes "
	    "ingot.slot=b ingot.tree=4567 ro panic=10\n");
	tree = boot_entry_tree(esp, 'b');
	CHECK_STR(tree, "4567");
	CHECK(boot_entry_tree(esp, 'a') == NULL);
}

/* An image, the next one on trial, counted by the loader, kept, taken back. */
static void
check_life(void)
{
	struct boot_entry newest;

	CHECK(boot_grub_config(esp, &e) == 0);
	write_entry('a', 1, -1);
	is_file("loader/entries/ingot-a-1.conf",
	    "title web\nsort-key ingot\nversion 1\nlinux /ingot/a/linux\n"
	    "options root=PARTLABEL=root-a ingot.slot=a ro quiet panic=10\n");
	begins("grub/grubenv", "# GRUB Environment Block\nslot=a\n####");
	write_entry('b', 2, BOOT_TRIES);
	names_are("ingot-a-1.conf ingot-b-2+3.conf");
	begins("grub/grubenv",
	    "# GRUB Environment Block\nslot=a\ntrial=b\ntries=3\n####");
	is_file("ingot/b/grub.cfg",
	    "linux /ingot/b/linux root=PARTLABEL=root-b ingot.slot=b ro quiet "
	    "panic=10\ninitrd /ingot/b/initrd\n");
	CHECK(renameat(esp, "loader/entries/ingot-b-2+3.conf", esp,
		  "loader/entries/ingot-b-2+2-1.conf") == 0);
	CHECK(boot_entry_list(esp, 'b', &newest, NULL, &e) == 0);
	CHECK(newest.slot == 'b' && newest.tries == 2);
	write_entry('b', 2, BOOT_TRIES - 1); /* one is made without a loader */
	names_are("ingot-a-1.conf ingot-b-2+2.conf");
	begins("grub/grubenv",
	    "# GRUB Environment Block\nslot=a\ntrial=b\ntries=2\n####");
	write_entry('b', 2, -1);
	names_are("ingot-a-1.conf ingot-b-2.conf");
	begins("grub/grubenv", "# GRUB Environment Block\nslot=b\n####");
	CHECK(boot_entry_list(esp, 0, &newest, NULL, &e) == 0);
	CHECK(newest.slot == 'b' && newest.generation == 2);
	CHECK(boot_entry_tree(esp, 'b') == NULL);
	CHECK(boot_entry_remove(esp, 'b', &e) == 0);
	names_are("ingot-a-1.conf");
	begins("grub/grubenv", "# GRUB Environment Block\nslot=a\n####");
	CHECK(!file_exists(esp, "ingot/b/grub.cfg"));
}

int
main(void)
{
	char path[] = "/tmp/boot-XXXXXX";

	CHECK(mkdtemp(path) != NULL);
	esp = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check_names();
	check_life();
	check_tree();
	CHECK(tree_remove(AT_FDCWD, path, &e) == 0);
	return check_result();
}
