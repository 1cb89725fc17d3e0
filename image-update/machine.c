/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's slots and what starts them.  Partitions are found, filled and
 * read again in a mount namespace of our own, so that nobody else sees a half
 * one; trees are handled as in any folder of slots.
 */
#include "image-update/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/boot.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define DEVICES "dev/disk/by-partlabel"
#define ESP "esp"
#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define BUSY_TRIES 100 /* of a tenth of a second */
#define JOURNAL_BYTES MIB(16) /* of the file systems that are made */

/* ---- which slot runs --------------------------------------------------------- */

/*
 * A soft reboot leaves the kernel its command line.  So what makes the next
 * root (the element readonly-root) notes, a line for each of them,
 * "DEVICE:INODE SECONDS WORDS...", which root it is, when since the kernel's
 * start that was, and the words in place of the command line's.
 */
#define SOFT_REBOOTS "run/image-update/soft-reboots"

/* The last line's fields for the root that this is, or none. */
static void
soft_reboot(int root, struct strlist *fields)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };
	own_free char *id = NULL;
	struct stat st;
	struct error e;

	if (fstat(root, &st) == -1 ||
	    file_read(root, SOFT_REBOOTS, KIB(64), &text, &e) == -1)
		return;
	id = mem_printf("%llu:%llu ", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino);
	strlist_split(&lines, strbuf_text(&text), "\n");
	for (size_t i = 0; i < lines.len; i++)
		if (strncmp(lines.items[i], id, strlen(id)) == 0) {
			strlist_clear(fields);
			strlist_split(fields, lines.items[i], " ");
		}
}

double
machine_started(const char *root)
{
	own_fd int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own(strlist_clear) struct strlist fields = { 0 };

	if (dir != -1)
		soft_reboot(dir, &fields);
	return fields.len > 1 ? strtod(fields.items[1], NULL) : 0;
}

/* What follows name in a word of the command line; the caller's, or NULL. */
static char *
running_word(int root, const char *name)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist words = { 0 };
	struct error e;

	soft_reboot(root, &words);
	if (words.len == 0) {
		if (file_read(root, "proc/cmdline", KIB(64), &text, &e) == -1)
			return NULL;
		strlist_split(&words, strbuf_text(&text), " \n");
	}
	for (size_t i = 0; i < words.len; i++)
		if (strncmp(words.items[i], name, strlen(name)) == 0)
			return mem_dup(words.items[i] + strlen(name));
	return NULL;
}

/* The slot that the command line names, or 0. */
static char
running_slot(int root)
{
	own_free char *slot = running_word(root, "ingot.slot=");

	return slot != NULL && strspn(slot, "ab") == 1 && slot[1] == '\0'
	    ? *slot
	    : 0;
}

bool
machine_has_slots(const char *root)
{
	own_fd int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir != -1 && running_slot(dir) != 0;
}

/* ---- mounting ------------------------------------------------------------------ */

/* "/proc/self/fd/3/NAME": a path that mount(2) takes; the caller's. */
static char *
below(int dir, const char *name)
{
	return mem_printf("/proc/self/fd/%d/%s", dir, name);
}

static char *
device_of(const struct machine *m, const char *label)
{
	own_free char *name = path_join(DEVICES, label);
	own_free char *path = below(m->root, name);
	char *real = realpath(path, NULL); /* programs do not have our root */

	return real != NULL ? real : take(path);
}

static char *
root_device(const struct machine *m, char slot)
{
	char label[] = { 'r', 'o', 'o', 't', '-', slot, '\0' };

	return device_of(m, label);
}

char *
machine_device(const struct slots *s)
{
	const struct machine *m = s->machine;
	own_free char *trees = path_join(m->where, MACHINE_TREES);

	if (m->tree != NULL)
		return path_join(trees, s->previous);
	return root_device(m, m->other);
}

/*
 * One device is for reading only or for all.  Where others write, ours is for
 * reading all the same; where others read, that ends soon.
 */
static int
mount_beside(
    const char *device, const char *to, const char *type, unsigned long flags)
{
	const unsigned long all = flags & ~(unsigned long)MS_RDONLY;

	for (unsigned i = 0; mount(device, to, type, flags, NULL) == -1; i++) {
		if (errno != EBUSY || i == BUSY_TRIES)
			return -1;
		if (all != flags && mount(device, to, type, all, NULL) == 0)
			return mount(
			    NULL, to, NULL, flags | MS_BIND | MS_REMOUNT, NULL);
		usleep(100000);
	}
	return 0;
}

static int
mount_at(const struct slots *s, const char *device, const char *name,
    const char *type, unsigned long flags, struct error *e)
{
	const int places = s->machine->places;
	own_free char *to = below(places, name);

	if (mkdirat(places, name, 0700) == -1 && errno != EEXIST)
		return error_errno(e, "%s", name);
	flags |= MS_NOSUID | MS_NODEV;
	if (mount_beside(device, to, type, flags) == -1)
		return error_errno(e, "mount %s", name);
	return 0;
}

static int
unmount(const struct slots *s, const char *name, struct error *e)
{
	own_free char *at = below(s->machine->places, name);

	if (umount2(at, UMOUNT_NOFOLLOW) == -1 && errno != EINVAL &&
	    errno != ENOENT)
		return error_errno(e, "unmount %s", name);
	(void)unlinkat(s->machine->places, name, AT_REMOVEDIR);
	return 0;
}

/* Mounted as "look" it tells its id, and stands under that then. */
static int
show_slot(struct slots *s, char slot, char **id, struct error *e)
{
	own_free char *device = root_device(s->machine, slot);
	own_free char *look = below(s->dir, "look");
	own_free char *to = NULL;
	ownp(contents_free) struct contents *c = NULL;

	if (mount_at(s, device, "look", "ext4", MS_RDONLY, e) == -1)
		return -1;
	c = contents_load(s->dir, "look/" CONTENTS_INSIDE, e);
	if (c == NULL) {
		struct error ignored;

		(void)unmount(s, "look", &ignored);
		return -1;
	}
	to = below(s->dir, c->id);
	if (mkdirat(s->dir, c->id, 0700) == -1 && errno != EEXIST)
		return error_errno(e, "%s", c->id);
	if (mount(look, to, NULL, MS_MOVE, NULL) == -1)
		return error_errno(e, "slot %c", slot);
	(void)unlinkat(s->dir, "look", AT_REMOVEDIR);
	*id = mem_dup(c->id);
	return 0;
}

static int
mount_esp(struct slots *s, bool change, struct error *e)
{
	own_free char *device = device_of(s->machine, ESP);
	unsigned long flags = change ? 0 : MS_RDONLY;

	/* GRUB alone can do with another one. */
	if (mount_at(s, device, ESP, "vfat", flags, e) == -1 &&
	    mount_at(s, device, ESP, "ext4", flags, e) == -1)
		return -1;
	s->machine->esp = openat(s->machine->places, ESP, OPEN_DIR);
	return s->machine->esp == -1 ? error_errno(e, ESP) : 0;
}

/* So that what is read next comes from the disk. */
static int
remount_esp(struct slots *s, struct error *e)
{
	close(s->machine->esp);
	s->machine->esp = -1;
	if (unmount(s, ESP, e) == -1)
		return -1;
	return mount_esp(s, true, e);
}

static int
leave_others(struct error *e)
{
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return error_errno(e, "a mount namespace of our own");
	return 0;
}

/* Places to mount, which nobody else sees and which end with us. */
static int
make_places(struct slots *s, const char *folder, struct error *e)
{
	own_free char *places = path_join(folder, "mnt");

	if (file_mkdirs(AT_FDCWD, places, 0700, e) == -1)
		return -1;
	if (mount("image-update", places, "tmpfs", MS_NOSUID | MS_NODEV,
		"size=1m,mode=0700") == -1)
		return error_errno(e, "%s", places);
	s->machine->places = open(places, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->machine->places == -1 ? error_errno(e, "%s", places) : 0;
}

/* Where slots are: what is mounted at our places, or the trees. */
static int
open_dir(struct slots *s, struct error *e)
{
	const struct machine *m = s->machine;

	if (m->tree != NULL)
		s->dir = openat(
		    m->root, MACHINE_TREES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		s->dir = fcntl(m->places, F_DUPFD_CLOEXEC, 0);
	return s->dir == -1 ? error_errno(e, MACHINE_TREES) : 0;
}

static int
find_running(struct slots *s, struct error *e)
{
	const struct machine *m = s->machine;

	if (m->tree == NULL)
		return show_slot(s, m->slot, &s->current, e);
	if (!slots_is_slot(s, m->tree))
		return error_set(e, ENOENT,
		    "the slot that runs, %s, is not in /" MACHINE_TREES,
		    m->tree);
	s->current = mem_dup(m->tree);
	return 0;
}

/* The slot that an entry of the other one starts, if it is there. */
static void
find_previous(struct slots *s)
{
	const struct machine *m = s->machine;
	own_free char *tree = NULL;
	struct error none;

	if (m->tree == NULL) {
		if (show_slot(s, m->other, &s->previous, &none) == -1)
			s->previous = NULL;
		return;
	}
	tree = boot_entry_tree(m->esp, m->other);
	if (tree != NULL && slots_is_slot(s, tree))
		s->previous = take(tree);
}

/* The other slot counts when it is whole and an entry starts it. */
static int
find_other(struct slots *s, struct error *e)
{
	struct machine *m = s->machine;
	own(strlist_clear) struct strlist names = { 0 };

	if (boot_entry_list(m->esp, m->other, NULL, &names, e) == -1)
		return -1;
	m->started = names.len > 0;
	if (m->started)
		find_previous(s);
	/* Two slots with one image: the mount above hides the first. */
	if (s->previous != NULL && strcmp(s->previous, s->current) == 0) {
		free(s->previous);
		s->previous = NULL;
	}
	return 0;
}

/* Which slot runs, and which does not. */
static struct machine *
machine_new(const char *root, struct error *e)
{
	own_fd int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct machine *m;
	char slot, *tree;

	if (dir == -1) {
		error_errno(e, "%s", root);
		return NULL;
	}
	slot = running_slot(dir);
	if (slot == 0) {
		error_set(e, ENOTSUP,
		    "this machine has no slots: its kernel's command line has "
		    "no ingot.slot=");
		return NULL;
	}
	tree = running_word(dir, "ingot.tree=");
	m = mem_alloc(sizeof(*m));
	*m = (struct machine){ .where = root,
		.root = take_fd(&dir),
		.places = -1,
		.esp = -1,
		.tree = tree,
		.slot = slot,
		.other = slot == 'a' ? 'b' : 'a' };
	return m;
}

int
machine_open(struct slots *s, const char *root, bool change, struct error *e)
{
	own_free char *folder = path_join(root, MACHINE_STATE);
	struct machine *m;

	*s = (struct slots){ .dir = -1, .state = -1, .lock = -1 };
	if (file_mkdirs(AT_FDCWD, folder, 0755, e) == -1 ||
	    leave_others(e) == -1 || slots_open(s, folder, change, e) == -1)
		return -1;
	m = machine_new(root, e);
	if (m == NULL)
		return -1;
	s->machine = m;
	close(take_fd(&s->dir));
	if (make_places(s, folder, e) == -1 || open_dir(s, e) == -1 ||
	    mount_esp(s, change, e) == -1 || find_running(s, e) == -1)
		return -1;
	return find_other(s, e);
}

/* The mounts go with the namespace. */
void
machine_close(struct slots *s)
{
	struct machine *m = s->machine;

	if (m == NULL)
		return;
	if (m->esp != -1)
		close(m->esp);
	if (m->places != -1)
		close(m->places);
	if (m->root != -1)
		close(m->root);
	free(m->tree);
	free(m);
	s->machine = NULL;
}

/* ---- filling the other slot ------------------------------------------------------ */

/*
 * Nobody has it mounted.  Mounts of one of us that has just ended go a moment
 * after it.
 */
static int
wait_free(const char *device, struct error *e)
{
	for (unsigned i = 0;; i++) {
		own_fd int fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);

		if (fd != -1)
			return 0;
		if (errno != EBUSY || i == BUSY_TRIES)
			return error_errno(e, "%s", device);
		usleep(100000);
	}
}

static int
make_fs(const char *device, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_split(
	    &argv, "mke2fs -q -F -t ext4 -m 0 -i 8192 -J size=16", " ");
	strlist_add(&argv, device);
	if (proc_do(strlist_argv(&argv), e) == -1)
		return error_prefix(e, "mke2fs");
	return 0;
}

/* A tree without contents inside is one that was not finished: go on. */
static bool
is_unfinished(struct slots *s, const char *device)
{
	struct error ignored;

	if (mount_at(s, device, STAGING, "ext4", 0, &ignored) == -1)
		return false;
	if (!file_exists(s->dir, STAGING "/" CONTENTS_INSIDE))
		return true;
	(void)unmount(s, STAGING, &ignored);
	return false;
}

static int
begin_partition(struct slots *s, struct error *e)
{
	own_free char *device = machine_device(s);

	if (s->previous != NULL && unmount(s, s->previous, e) == -1)
		return -1;
	free(s->previous);
	s->previous = NULL;
	if (!is_unfinished(s, device)) {
		if (wait_free(device, e) == -1 || make_fs(device, e) == -1 ||
		    mount_at(s, device, STAGING, "ext4", 0, e) == -1)
			return -1;
	}
	if (unlinkat(s->dir, STAGING "/lost+found", AT_REMOVEDIR) == -1 &&
	    errno != ENOENT && errno != ENOTEMPTY)
		return error_errno(e, STAGING "/lost+found");
	return 0;
}

int
machine_begin(struct slots *s, struct error *e)
{
	/* Before a byte of it changes nothing may start it any more. */
	if (machine_forget(s, false, e) == -1)
		return -1;
	if (s->machine->tree == NULL)
		return begin_partition(s, e);
	free(s->previous);
	s->previous = NULL;
	return slots_tidy(s, false, e); /* it makes room */
}

int
machine_reread(struct slots *s, struct error *e)
{
	own_free char *device = machine_device(s);
	own_fd int tree = openat(s->dir, STAGING, OPEN_DIR);

	if (tree == -1 || syncfs(tree) == -1)
		return error_errno(e, STAGING ": sync");
	close(take_fd(&tree)); /* it would keep the mount busy */
	if (unmount(s, STAGING, e) == -1)
		return -1;
	return mount_at(s, device, STAGING, "ext4", 0, e);
}

int
machine_room(const struct slots *s, uint64_t *bytes, struct error *e)
{
	own_free char *device = machine_device(s);
	own_fd int fd = open(device, O_RDONLY | O_CLOEXEC);
	uint64_t all;

	if (fd == -1 || ioctl(fd, BLKGETSIZE64, &all) == -1)
		return error_errno(e, "root-%c", s->machine->other);
	*bytes = all - all / 16;
	*bytes -=
	    *bytes < JOURNAL_BYTES + MIB(4) ? *bytes : JOURNAL_BYTES + MIB(4);
	return 0;
}

/* The tree is verified and has its contents inside: it is a slot. */
int
machine_settle(struct slots *s, const struct contents *c, struct error *e)
{
	if (s->machine->tree != NULL)
		s->previous = mem_dup(c->id);
	else if (unmount(s, STAGING, e) == -1 ||
	    show_slot(s, s->machine->other, &s->previous, e) == -1)
		return -1;
	if (machine_copy_boot(s, c, e) == -1 || remount_esp(s, e) == -1)
		return -1;
	return machine_check_boot(s, c, e);
}
