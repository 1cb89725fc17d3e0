/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-update's parts.  All that it owns lies in one folder:
 *
 *	ID/             a slot: one whole, verified tree, never written again
 *	ID.contents     what the slot holds, as it was signed
 *	current         symlink to the slot that is to be used
 *	previous        symlink to the one to go back to
 *	journal.json    the update under way, and those that were
 *	staging trash   a tree that is filled, and one that is removed
 */
#ifndef IMAGE_UPDATE_UPDATE_H
#define IMAGE_UPDATE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/contents.h"
#include "lib/needs.h"

struct error;
struct strbuf;

#define STAGING "staging"
#define TRASH "trash"
#define CONFINED ".part.new" /* in the staging tree: for a program */
#define PART ".part." /* in the staging tree: a file that is not whole */
#define CURRENT "current"
#define PREVIOUS "previous"
#define UNITS "units" /* those that ran before the switch */
#define FOLLOWING "IMAGE_UPDATE_FOLLOWS" /* set: metadata asked for it */
#define RESERVE "reserve" /* space for the journal when all else is full */

/* ---- slots.c: the folder and its links ------------------------------------ */

struct machine;

struct slots {
	int dir; /* where the trees are */
	int state; /* where the journal is: the same, or a machine's */
	struct machine *machine; /* slots are partitions (machine.h); or NULL */
	int lock; /* held as long as it is open, or -1 */
	char *current, *previous; /* ids, or NULL */
	struct contents *contents; /* current's, once asked for, or NULL */
};

#define SLOTS "/slots" /* the folder, if nothing else is said */
#define SLOTS_NONE \
	{ \
		.dir = -1, .state = -1, .lock = -1 \
	}

/* Open the folder; to change it make it and keep others out. */
int slots_open(struct slots *s, const char *path, bool change, struct error *e);
void slots_clear(struct slots *s);

/* The contents of a slot that is there. */
struct contents *
slots_contents(const struct slots *s, const char *id, struct error *e);

/* The same of the current slot, which there is; kept, so borrowed. */
const struct contents *slots_current(struct slots *s, struct error *e);

/* It is not needed any more: memory is for the work that follows. */
void slots_forget(struct slots *s);

/* Before staging is filled: a place for it. */
int slots_begin(struct slots *s, struct error *e);

/* Let what was filled be on disk, and be read from there. */
int slots_reread(struct slots *s, struct error *e);

/* Whether a slot of that id is there. */
bool slots_is_slot(const struct slots *s, const char *id);

/* Whether each slot has a partition of its own, and shares nothing. */
bool slots_apart(const struct slots *s);

/*
 * How many bytes a new slot may have: what is free, what the staging tree has
 * already, and what goes before it is filled.
 */
int slots_room(const struct slots *s, uint64_t *bytes, struct error *e);

/* Whether every byte of the slot is what its contents say. */
int slots_verify(const struct slots *s, const char *id,
    const struct contents *c, struct error *e);

/* Let the link name point to a slot, or with id NULL be gone; durable. */
int
slots_point(struct slots *s, const char *name, const char *id, struct error *e);

/* current becomes previous and previous current, in one step; durable. */
int slots_exchange(struct slots *s, struct error *e);

/* The staging tree, verified and on disk, becomes the slot of c. */
int slots_settle(struct slots *s, const struct contents *c, struct error *e);

/*
 * Remove what no link points to, and what an end by force left; the staging
 * tree only unless it is to be gone on with.
 */
int slots_tidy(struct slots *s, bool staging, struct error *e);

/* ---- journal.c: what is being done and what was ---------------------------- */

struct value;
struct doc;

struct journal {
	struct doc *doc;
	struct value *root; /* "update": one map or null; "history": list */
};

int journal_load(struct journal *j, const struct slots *s, struct error *e);
void journal_clear(struct journal *j);

/* Note a state of the update under way; the first one begins it. */
int journal_note(struct journal *j, const struct slots *s, const char *state,
    const struct contents *c, struct error *e);

/* It has ended in a state; why may be NULL. */
int journal_end(struct journal *j, const struct slots *s, const char *state,
    const char *why, struct error *e);

/* The update under way has failed: undo it, unless it was done already. */
int journal_fail(
    struct journal *j, struct slots *s, const char *why, struct error *e);

/* Members of the update under way; set only in memory. */
const char *
journal_text(const struct journal *j, const char *name, const char *otherwise);
long long
journal_int(const struct journal *j, const char *name, long long otherwise);
void journal_set_text(struct journal *j, const char *name, const char *text);
void journal_set_int(struct journal *j, const char *name, long long n);
/* An image in use without a reboot, until the next one; NULL: there is none. */
const struct value *journal_live(const struct journal *j);
void journal_set_live(struct journal *j, const struct contents *c);
int journal_no_live(struct journal *j, const struct slots *s, struct error *e);

/* Write all of it. */
int
journal_save(const struct journal *j, const struct slots *s, struct error *e);

/* Bring what an end by force left halfway to its end, or back. */
int journal_recover(struct journal *j, struct slots *s, struct error *e);

/* ---- source.c: where the image comes from ---------------------------------- */

struct carrier;
struct filling;
struct source;

/* A way in which the bytes of an image come. */
struct carrier_kind {
	const char *name, *summary;
	bool compares; /* it wants to know what the current slot holds */
	/*
	 * Bring what is wanted, as far as it has it.  ENOENT: it is not there;
	 * EBADMSG: it is wrong; EAGAIN: later.
	 */
	int (*bring)(struct carrier *c, const struct source *s,
	    struct filling *f, struct error *e);
	void (*clear)(struct carrier *c); /* its state, or NULL */
};

extern const struct carrier_kind carrier_folder, carrier_archive, carrier_pack,
    carrier_rsync, carrier_image;

struct carrier {
	const struct carrier_kind *kind;
	char *place; /* path or URL */
	void *state; /* of the kind */
};

struct source {
	const char *place; /* as it was given */
	struct contents *contents;
	bool unchanged; /* it is the current image */
	struct carrier carriers[12]; /* the cheapest first */
	size_t ncarriers;
};

/* What is trusted, and what is let pass that else would not. */
struct trust {
	const char *key; /* public, or NULL */
	bool unsigned_too, expired_too, older_too, state_too;
	int64_t version; /* that it has to have; 0: any */
};

/*
 * Load and judge what the image says that it holds, for a machine with these
 * slots.
 */
int source_open(struct source *s, const char *place, const char *contents,
    struct slots *slots, const struct trust *trust, struct error *e);
void source_clear(struct source *s);

/* All was brought: memory is for the work that follows. */
void source_done(struct source *s);

/*
 * Bytes to fetch by the first carrier; of a folder the bytes to write.
 * UINT64_MAX: nobody knows.
 */
uint64_t
source_cost(const struct source *s, const struct contents *old, uint64_t bytes);

/* Bytes that the staging tree needs beside its files while it is filled. */
uint64_t source_room(const struct source *s, uint64_t bytes);

/* Whether a carrier wants to know what the current slot holds. */
bool source_compares(const struct source *s);

/* Bring all that is wanted by one carrier or another. */
int source_bring(struct source *s, struct filling *f, struct error *e);

/*
 * Of source-pack.c: open a pack for who has old, or nobody when it is NULL.
 * The contents are its own when none are given.
 */
int carrier_open_pack(struct carrier *c, const struct contents *old,
    struct contents **contents, struct error *e);

/* Of source-rsync.c: whether a place is one, and one file from there. */
bool rsync_is_place(const char *place);
int rsync_get(
    const char *place, const char *file, struct strbuf *b, struct error *e);

/*
 * Of source-image.c: whether a place is a file system or a disk, the endings
 * of their names, what fetching one costs (UINT64_MAX: nobody knows), and
 * whether it is unpacked whole, whatever is wanted of it.
 */
bool image_is_place(const char *place);
extern const char *const image_endings[];
uint64_t image_cost(const char *place);
bool image_is_unpacked_whole(const char *place);

/* The folder that holds the image's tree, or NULL. */
const char *source_tree(const struct source *s);

/* Bytes to fetch from an opened pack. */
uint64_t carrier_pack_cost(const struct carrier *c, const struct contents *new,
    const struct contents *old);

/* ---- fill.c, fill-file.c: the staging tree -------------------------------------- */

struct filling {
	int staging; /* the tree that is filled */
	int current; /* the current slot's, or -1 */
	const struct contents *new, *old; /* old may be NULL */
	struct needs needs;
	bool *done; /* by entry: it is there, whole, with its attributes */
	size_t left; /* files whose bytes must still come */
	uint64_t bytes, all; /* of them: those that came, all */
	uint32_t entry; /* of the file that is written, if fd is one */
	int fd;
	uint64_t at; /* its length so far */
	struct digest *digest; /* of it from its start, or NULL */
};

/*
 * Fill the staging tree from the source, sharing with the current slot's
 * tree.  What is there already, and right, is kept.  old, which is
 * slots_current, may be forgotten before it ends.
 */
int fill(struct slots *s, struct source *from, const struct contents *old,
    struct error *e);

/* Whether the bytes of an entry must still come. */
bool fill_wants(const struct filling *f, size_t entry);

/* How many bytes of a file that is wanted are there already. */
uint64_t fill_have(struct filling *f, uint32_t entry);

/*
 * Some bytes of an entry, in order; what is there already is passed over.
 * When it is whole it is compared with the contents: EBADMSG, and the file is
 * gone, if it is not what they say.
 */
int fill_add(struct filling *f, uint32_t entry, uint64_t offset,
    const void *data, size_t n, struct error *e);

/* The bytes of an entry from a file, whole. */
int fill_copy(struct filling *f, uint32_t entry, int dir, const char *path,
    struct error *e);

/*
 * A file that stands elsewhere in the staging tree's file system, moved to
 * its place if it is whole and right.  EMLINK: it has other names, so it is
 * not its own.
 */
int fill_take(struct filling *f, uint32_t entry, int dir, const char *path,
    struct error *e);

/* Close the file that is written; it may be a part of what it is to be. */
void fill_close(struct filling *f);

/* Owner, mode and extended attributes of what is in the staging tree. */
int fill_attributes(
    struct filling *f, const struct contents_entry *t, struct error *e);

/* ---- confined.c: programs that may write to one folder only ------------------- */

struct proc_status;

struct confined {
	int dir; /* the folder, in the staging tree */
	char *folder; /* its real path */
	uint64_t most; /* bytes of a file */
	bool links; /* all names are its own: a file may have several */
	/* Files that its standard output names, as it ends them, or NULL. */
	struct filling *taker;
	const struct contents_entry *named; /* the one that it is at, or NULL */
	char said[512]; /* the program's last line of complaint */
};

int confined_open(struct confined *c, int staging, struct error *e);
void confined_clear(struct confined *c);

/* Run it; its status is the caller's to judge. */
int confined_run(struct confined *c, const char *const *argv,
    const struct strbuf *input, struct proc_status *status, struct error *e);

/* Take what is wanted and came whole and right; the rest stays. */
int confined_take(struct confined *c, struct filling *f, struct error *e);

/* ---- initramfs.c: what the new initramfs is most likely like ------------------ */

struct bases;

/*
 * The new initramfs, if it is wanted and the old one is an archive that is
 * not compressed; or BASIS_NONE.
 */
uint32_t initramfs_entry(const struct filling *f, const struct bases *b);

/*
 * Make the file at the new one's path in dir: the old one, with the new files
 * that are in the staging tree.  False: it could not be, or there is no room,
 * and nothing is there.
 */
bool initramfs_guess(
    const struct filling *f, const struct bases *b, uint32_t entry, int dir);

/* ---- plan.c: what an update would do, and what is there ------------------------ */

struct plan {
	size_t added, removed, changed, attributes; /* paths */
	uint64_t bytes; /* to be written */
	uint64_t fetch; /* to be fetched; UINT64_MAX if nobody knows */
	struct value *paths; /* list of {path, change}, or NULL */
	uint32_t form; /* of the machine's data; 0: not told */
};

/* d holds the paths; with NULL they are only counted. */
void plan_make(struct plan *p, struct doc *d, const struct contents *old,
    const struct contents *new);

/* All that an update would be. */
struct activation;
struct outlook {
	const struct plan *plan;
	const struct contents *new;
	const struct activation *activation; /* why NULL: not a machine */
	const struct strlist *conflicts; /* in /etc */
};

/*
 * Of plan-print.c: a line on standard output.  Names and reasons are others'
 * words, so what could steer a terminal or begin a line of its own goes.
 */
__attribute__((format(printf, 1, 2))) void print_line(const char *format, ...);

/* Onto standard output. */
void plan_print(const struct outlook *o, struct doc *d, bool json);

/* Refuse what would not fit before anything is written. */
int plan_fits(const struct plan *p, const struct slots *s,
    const struct source *from, struct error *e);

/* ---- switch.c, trial.c: of a machine that boots its slots ------------------------ */

struct trial {
	unsigned limit; /* seconds that an image has at most */
	unsigned hold; /* seconds that its checks have to hold */
	bool kexec; /* it may be started by kexec */
};

/* All between a verified slot and the reboot; undone when it fails. */
int switch_machine(struct journal *j, struct slots *s, const struct contents *c,
    const struct trial *trial, struct error *e);

/* What slots share of the changes of /etc becomes the running one's. */
int switch_own_changes(const struct slots *s, struct error *e);

/* 0 when the checks held; else why they did not. */
int
trial_watch(const char *root, const struct trial *trial, struct strbuf *why);

/* Have refresh-config run, so that its report tells how the update ended. */
void machine_report(void);

/* Have it run in ten minutes: what failed begins again, if still asked for. */
void machine_retry(void);

/*
 * By systemctl's word, "kexec" or "soft-reboot", or NULL and where that fails
 * by the loader; away from an image that is bad whether its services end or
 * not.  Does not come back, unless it fails.
 */
int machine_reboot(const char *way, bool bad, struct error *e);

/* What is to be done at each boot. */
int trial_boot(struct slots *s, const char *root, struct error *e);

/* ---- follow.c ------------------------------------------------------------------ */

/* Start the update that the metadata ask for; fail when it has failed. */
int follow(struct slots *s, const char *root, struct error *e);

/* ---- apply.c ------------------------------------------------------------------ */

int apply(struct slots *s, struct source *from, const struct trust *trust,
    const struct trial *trial, struct error *e);
int rollback(struct slots *s, const struct trust *trust, struct error *e);

/* What source_open() refused; in the report, if metadata asked for it. */
void apply_refused(struct slots *s, const char *place, const struct error *why);

/* Whether an image may follow the current one. */
int apply_check(struct slots *s, const struct source *from,
    const struct trust *trust, struct error *e);

/* An image on trial, or in use, needs the other slot. */
int apply_check_trial(
    const struct journal *j, const struct slots *s, struct error *e);

/* Whether it was here before, so that nothing has to be brought. */
bool apply_is_there(const struct slots *s, const struct contents *c);

/* ---- schema.c: the form of the machine's data ---------------------------------- */

/* What the machine's migrations say it is; 0: nothing. */
int schema_read(const struct slots *s, uint32_t *form, struct error *e);

/* Whether an image can work with it, if both say what they have. */
int schema_check(const struct slots *s, const struct contents *c,
    const struct trust *trust, struct error *e);

/* ---- pack.c -------------------------------------------------------------------- */

/* Write the pack that makes the tree to of the tree from, or of none. */
int pack(const char *from, const char *to, const char *output, struct error *e);

#endif
