/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine whose slots a and b are started by the loaders' entries on its
 * EFI system partition.  They are the partitions root-a and root-b, or trees
 * of one partition, which the initramfs has mounted.  What the machine knows
 * of updates is in the folder image-update of its state partition; below
 * that, in a mount namespace of our own, partitions are seen as they are in a
 * folder of trees.
 */
#ifndef IMAGE_UPDATE_MACHINE_H
#define IMAGE_UPDATE_MACHINE_H

#include "image-update/update.h"
#include "lib/boot.h"

#define MACHINE_STATE "state/image-update" /* below the root */
#define MACHINE_TREES "run/image-update/trees"
#define MACHINE_NEXT "run/image-update/next" /* what a soft reboot starts */

struct machine {
	const char *where; /* the folder that the machine's paths are below */
	int root; /* the same, open */
	int places; /* the folder of our own mounts */
	int esp; /* folder, or -1: not mounted */
	char *tree; /* the running slot's, or NULL: slots are partitions */
	char slot; /* the running one */
	char other;
	bool started; /* an entry starts the other slot */
	bool chosen; /* what runs is not what is to run: it wants a reboot */
	const char *way; /* systemctl's word for the least reboot, or NULL */
};

/* Whether the root's kernel command line names a slot. */
bool machine_has_slots(const char *root);

/* Seconds from the kernel's start to the soft reboot that led here, or 0. */
double machine_started(const char *root);

/* Open its folder as slots_open does. */
int
machine_open(struct slots *s, const char *root, bool change, struct error *e);
void machine_close(struct slots *s);

/* What slots.c asks of a machine. */
int machine_begin(struct slots *s, struct error *e);
int machine_reread(struct slots *s, struct error *e);
int machine_settle(struct slots *s, const struct contents *c, struct error *e);
int machine_room(const struct slots *s, uint64_t *bytes, struct error *e);

/* The other slot's device, or its tree; the caller's. */
char *machine_device(const struct slots *s);

/* ---- machine-boot.c: what starts a slot ------------------------------------------- */

/*
 * Kernel and initramfs from the other slot to the ESP, all of it on disk; and
 * whether they can be read there as the contents have them.
 */
int
machine_copy_boot(struct slots *s, const struct contents *c, struct error *e);
int
machine_check_boot(struct slots *s, const struct contents *c, struct error *e);

/* The other slot is started next: with so many tries, or for good (-1). */
int machine_choose(
    struct slots *s, const struct contents *c, int tries, struct error *e);

/* A soft reboot would start the other slot; undone with the choice. */
int machine_next(struct slots *s, const struct contents *c, struct error *e);

/* No entry starts the other slot (or, with mine, the running one). */
int machine_forget(struct slots *s, bool mine, struct error *e);

/* What the loader's entries say of an image. */
struct boot_about
machine_about(const struct slots *s, const struct contents *c);

/* How many tries the running slot's entry has left, -1: it is not on trial. */
int machine_tries(struct slots *s, int *tries, struct error *e);

/* The running slot's entry: for good, or with all tries again. */
int machine_keep(
    struct slots *s, const struct contents *c, bool trial, struct error *e);

/* ---- activation.c: what it takes to have an image in use -------------------------- */

enum activation_kind {
	ACTIVATION_RESTART, /* of the units, if there are any */
	ACTIVATION_SOFT, /* a soft reboot: the kernel goes on */
	ACTIVATION_KEXEC, /* the new kernel is started by the running one */
	ACTIVATION_REBOOT
};

struct activation {
	enum activation_kind kind; /* the least that is sufficient */
	char *why;
	struct strlist units; /* to be restarted */
	struct strlist paths; /* to be mounted from the new slot before that */
};

/* The way of a reboot: kexec where nothing speaks against it. */
struct activation_means {
	bool kexec; /* the operator allows it */
	const char *no_kexec; /* why it cannot be, or NULL */
};

void activation_choose(struct activation *a, const struct contents *old,
    const struct contents *new, const struct activation_means *means);
void activation_clear(struct activation *a);

/* ---- kexec.c: without firmware and loader ----------------------------------------- */

/* Why the kernel below the root starts no other one; NULL: it does. */
const char *kexec_obstacle(const char *root);

/* Load kernel, initramfs and command line of the other slot. */
int kexec_load(struct slots *s, const struct contents *c, struct error *e);

/* ---- live.c: in use without a reboot ------------------------------------------------ */

/* Mount the paths from a slot, device or tree, and restart the units. */
int live_start(const char *root, const char *device, const struct activation *a,
    struct error *e);

/* Take the mounts away, if there are any, and restart the units. */
int live_stop(const char *root, const struct strlist *units, struct error *e);

/* ---- etc.c: what the machine changed in /etc ----------------------------------- */

struct etc_places {
	int upper; /* an overlay's folder: what the machine changed */
	int to; /* an empty folder for what comes out, or -1: only look */
	int old_tree, new_tree; /* of the images; new_tree -1: not here */
};

/*
 * Merge what the machine changed with what changed from old to new.
 * Conflicts are added as "/etc/PATH: why"; with any, to is not complete.
 */
int etc_merge(const struct etc_places *at, const struct contents *old,
    const struct contents *new, struct strlist *conflicts, struct error *e);

/*
 * The conflicts that merging with an image that is not here yet would have.
 * Lists of users and groups are looked at if the source is a folder.
 */
int etc_look(struct slots *s, const struct source *from,
    struct strlist *conflicts, struct error *e);

/* What makes a line of such a list what it is. */
enum etc_lines {
	ETC_NUMBERED, /* its first field; the third is nobody else's */
	ETC_NAMED, /* its first field */
	ETC_WHOLE, /* all of it: a name may have several */
};

/* Lines of users and groups; text is the result.  Pure. */
void etc_merge_lines(const char *old, const char *new, const char *mine,
    enum etc_lines kind, struct strbuf *text, struct strlist *conflicts);

#endif
