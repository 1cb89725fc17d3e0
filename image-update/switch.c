/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a verified slot to the machine that starts from it: the changes of
 * /etc are merged, what runs is told to stop, an entry on trial is written,
 * and the machine reboots.  Until the entry is there nothing has changed for
 * the running image, and its own changes of /etc stay as they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/boot.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tree.h"

#define RESERVE_BYTES (256 * 1024)
#define RETRY_SECONDS "600"
#define BUSY_SECONDS 600 /* to wait for a run of refresh-config */
#define REBOOT_SECONDS 30 /* for a reboot in order */

/* ---- /etc -------------------------------------------------------------------- */

/* "state/etc-a/upper" and the like, below the machine's root. */
static char *
changes_of(char slot, const char *name)
{
	return mem_printf(
	    "state/etc-%c%s%s", slot, *name != '\0' ? "/" : "", name);
}

static int
open_below(int dir, const char *path, struct error *e)
{
	int fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? error_errno(e, "%s", path) : fd;
}

/* A new folder "state/etc-X.new" with an empty upper and work. */
static int
make_changes(const struct slots *s, char **folder, struct error *e)
{
	const struct machine *m = s->machine;
	own_free char *new = mem_printf("state/etc-%c.new", m->other);
	own_free char *upper = path_join(new, "upper");
	own_free char *work = path_join(new, "work");

	if (tree_remove(m->root, new, e) == -1 ||
	    file_mkdirs(m->root, upper, 0755, e) == -1 ||
	    file_mkdirs(m->root, work, 0755, e) == -1)
		return -1;
	*folder = take(new);
	return open_below(m->root, upper, e);
}

static int
put_changes(const struct slots *s, const char *new, struct error *e)
{
	const struct machine *m = s->machine;
	own_free char *folder = changes_of(m->other, "");
	own_fd int dir = open_below(m->root, new, e);

	if (dir == -1)
		return -1;
	if (syncfs(dir) == -1)
		return error_errno(e, "%s: sync", new);
	if (tree_remove(m->root, folder, e) == -1)
		return -1;
	if (renameat(m->root, new, m->root, folder) == -1 || syncfs(dir) == -1)
		return error_errno(e, "%s", folder);
	return 0;
}

static int
say_conflicts(const struct strlist *conflicts, struct error *e)
{
	for (size_t i = 0; i < conflicts->len; i++)
		log_warn("conflict: %s", conflicts->items[i]);
	if (conflicts->len == 0)
		return 0;
	return error_set(e, EEXIST,
	    "%zu conflict%s in /etc, the first %s (make the file what either "
	    "image has, or remove it)",
	    conflicts->len, conflicts->len > 1 ? "s" : "", conflicts->items[0]);
}

/* With make false only the conflicts are looked for. */
static int
merge_etc(
    struct slots *s, const struct contents *new, bool make, struct error *e)
{
	const struct machine *m = s->machine;
	ownp(contents_free) struct contents *old =
	    slots_contents(s, s->current, e);
	own(strlist_clear) struct strlist conflicts = { 0 };
	own_free char *mine = changes_of(m->slot, "upper");
	own_free char *folder = NULL;
	own_fd int upper = -1, to = -1, old_tree = -1, new_tree = -1;

	if (old == NULL)
		return -1;
	upper = open_below(m->root, mine, e);
	old_tree = open_below(s->dir, s->current, e);
	new_tree = open_below(s->dir, s->previous, e);
	if (upper == -1 || old_tree == -1 || new_tree == -1)
		return -1;
	to = make ? make_changes(s, &folder, e) : -1;
	if (make && to == -1)
		return -1;
	if (etc_merge(&(struct etc_places){ upper, to, old_tree, new_tree },
		old, new, &conflicts, e) == -1 ||
	    say_conflicts(&conflicts, e) == -1)
		return -1;
	return make ? put_changes(s, folder, e) : 0;
}

/* ---- quiescing ------------------------------------------------------------------ */

static void
say_line(void *ctx, int stream, const char *line, size_t len)
{
	(void)ctx;
	(void)stream;
	log_info("%.*s", (int)len, line);
}

/* A phase of hooks; another run of refresh-config is waited for. */
static int
run_phase(const char *phase, struct error *e)
{
	char *argv[] = { (char[]){ "refresh-config" }, (char[]){ "--phase" },
		(char *)(uintptr_t)phase, NULL };
	const struct proc run = { .argv = argv, .line = say_line };
	struct proc_status status;

	for (unsigned waited = 0;; waited += 5) {
		if (proc_run(&run, &status, e) == -1) {
			if (e->code == ENOENT)
				return 0; /* a machine without it has no hooks */
			return error_prefix(e, "refresh-config");
		}
		if (status.code != 75 || waited >= BUSY_SECONDS)
			break;
		sleep(5);
	}
	if (proc_check(&status, e) == -1)
		return error_prefix(e, "refresh-config --phase %s", phase);
	return 0;
}

/* What runs now has to run again on the new image. */
static int
note_units(const struct slots *s, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc run = { .seconds = 60, .out = &text };
	struct proc_status status;

	strlist_split(&argv,
	    "systemctl list-units --type=service --state=running --plain "
	    "--no-legend --no-pager",
	    " ");
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1 && e->code != ENOENT)
		return error_prefix(e, "systemctl");
	return file_replace(
	    s->state, UNITS, 0644, strbuf_text(&text), text.len, e);
}

/* Space that the journal may have when something has filled the rest. */
static int
put_reserve(const struct slots *s, struct error *e)
{
	own_fd int fd = openat(s->state, RESERVE,
	    O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd == -1 || posix_fallocate(fd, 0, RESERVE_BYTES) != 0)
		return error_errno(e, RESERVE);
	return 0;
}

static void
run_later(const char *unit, const char *when)
{
	own(strlist_clear) struct strlist argv = { 0 };
	struct error e;

	strlist_split(&argv, "systemd-run --quiet --collect --no-block", " ");
	strlist_printf(&argv, "--unit=image-update-%s", unit);
	strlist_add(&argv, when);
	strlist_split(&argv, "refresh-config --quiet", " ");
	if (proc_do(strlist_argv(&argv), &e) == -1)
		log_warn("%s: systemd-run: %s", unit, e.text);
}

/* By the hook that follows the metadata, once the machine has booted. */
void
machine_report(void)
{
	run_later("report", "--property=After=multi-user.target");
}

/* By the same hook, if the metadata still ask for it. */
void
machine_retry(void)
{
	run_later("retry", "--on-active=" RETRY_SECONDS);
}

/* ---- the switch ------------------------------------------------------------------- */

/* What stopped for the switch that did not happen goes on. */
static void
resume_services(void)
{
	struct error e;

	if (run_phase("post-configure", &e) == -1)
		log_error(&e);
}

/* The other slot starts with the very changes that the machine goes on with. */
static int
share_changes(const struct slots *s, struct error *e)
{
	const struct machine *m = s->machine;
	own_free char *folder = changes_of(m->other, "");
	own_free char *new = mem_printf("%s.new", folder);
	own_free char *mine = changes_of(m->slot, "");
	own_fd int state = open_below(m->root, "state", e);

	if (state == -1 || tree_remove(m->root, folder, e) == -1 ||
	    tree_remove(m->root, new, e) == -1)
		return -1;
	if (symlinkat(path_base(mine), m->root, new) == -1 ||
	    renameat(m->root, new, m->root, folder) == -1 ||
	    syncfs(state) == -1)
		return error_errno(e, "%s", folder);
	return 0;
}

int
switch_own_changes(const struct slots *s, struct error *e)
{
	const struct machine *m = s->machine;
	own_free char *mine = changes_of(m->slot, "");
	own_free char *other = changes_of(m->other, "");
	struct stat st;

	if (fstatat(m->root, mine, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISLNK(st.st_mode))
		return 0;
	if (renameat2(m->root, mine, m->root, other, RENAME_EXCHANGE) == -1 ||
	    unlinkat(m->root, other, 0) == -1)
		return error_errno(e, "%s", mine);
	return 0;
}

/* Hooks, then the same checks as at boot. */
static int
try_live(struct slots *s, const struct activation *a, const struct trial *trial,
    struct strbuf *why)
{
	static const char *const phases[] = { "configure", "post-configure",
		"migration" };
	own_free char *device = machine_device(s);
	struct error e;

	if (live_start(s->machine->where, device, a, &e) == -1) {
		strbuf_puts(why, e.text);
		return -1;
	}
	for (size_t i = 0; i < sizeof(phases) / sizeof(*phases); i++)
		if (run_phase(phases[i], &e) == -1) {
			strbuf_puts(why, e.text);
			return -1;
		}
	return trial_watch(s->machine->where, trial, why);
}

static int
back_from_live(struct journal *j, struct slots *s, const struct activation *a,
    const char *why, struct error *e)
{
	if (machine_forget(s, false, e) == -1 ||
	    live_stop(s->machine->where, &a->units, e) == -1 ||
	    journal_end(j, s, "ROLLEDBACK", why, e) == -1)
		return -1;
	resume_services();
	machine_report();
	return error_set(e, ECANCELED, "back to the old image: %s", why);
}

static void
arrange_soft(struct slots *s, const struct contents *c)
{
	struct error e;

	if (machine_next(s, c, &e) == -1)
		log_warn("no soft reboot: %s", e.text);
}

/* A reboot in the midst of it starts the new image, on trial. */
static int
go_live(struct journal *j, struct slots *s, const struct contents *c,
    const struct activation *a, const struct trial *trial, struct error *e)
{
	own(strbuf_clear) struct strbuf why = { 0 };

	if (share_changes(s, e) == -1 ||
	    journal_note(j, s, "TRIAL", c, e) == -1)
		return -1;
	if (try_live(s, a, trial, &why) == -1)
		return back_from_live(j, s, a, strbuf_text(&why), e);
	if (machine_choose(s, c, -1, e) == -1)
		return -1;
	arrange_soft(s, c);
	s->machine->chosen = false; /* it is in use already */
	journal_set_live(j, c);
	return journal_end(j, s, "COMMITTED", NULL, e);
}

/* With one try less where no loader counts the first one. */
static int
switch_quiesced(struct journal *j, struct slots *s, const struct contents *c,
    const struct activation *a, struct error *e)
{
	bool counted =
	    a->kind != ACTIVATION_KEXEC && a->kind != ACTIVATION_SOFT;

	/* What changed in /etc since it was first merged counts, too. */
	if (merge_etc(s, c, true, e) == -1 ||
	    journal_note(j, s, "QUIESCED", c, e) == -1 ||
	    journal_note(j, s, "SWITCHED", c, e) == -1)
		return -1;
	return machine_choose(s, c, BOOT_TRIES - (counted ? 0 : 1), e);
}

/* What cannot be started so is started by the loader. */
static void
prepare(struct slots *s, const struct contents *c, const struct activation *a)
{
	struct error e;

	if (a->kind == ACTIVATION_SOFT)
		arrange_soft(s, c);
	if (a->kind == ACTIVATION_KEXEC && kexec_load(s, c, &e) == -1)
		log_warn("no kexec: %s", e.text);
}

int
switch_machine(struct journal *j, struct slots *s, const struct contents *c,
    const struct trial *trial, struct error *e)
{
	static const char *const names[] = { "no reboot", "soft reboot",
		"kexec", "reboot" };
	own(activation_clear) struct activation a = { 0 };
	ownp(contents_free) struct contents *old =
	    slots_contents(s, s->current, e);

	if (old == NULL)
		return -1;
	activation_choose(&a, old, c,
	    &(struct activation_means){
		trial->kexec, kexec_obstacle(s->machine->where) });
	log_info("%s: %s", names[a.kind], a.why);
	journal_set_int(j, "limit", trial->limit);
	journal_set_int(j, "hold", trial->hold);
	if (merge_etc(s, c, false, e) == -1 || note_units(s, e) == -1 ||
	    put_reserve(s, e) == -1 || journal_note(j, s, "ARMED", c, e) == -1)
		return -1;
	if (run_phase("pre-configure", e) == -1 ||
	    switch_quiesced(j, s, c, &a, e) == -1) {
		resume_services();
		return -1;
	}
	prepare(s, c, &a);
	return a.kind != ACTIVATION_RESTART ? 0
					    : go_live(j, s, c, &a, trial, e);
}

/* ---- starting anew -------------------------------------------------------------------- */

static int
systemctl(const char *verb, struct error *e)
{
	char *argv[] = { (char[]){ "systemctl" }, (char *)(uintptr_t)verb,
		NULL };

	log_info("%s", verb);
	if (proc_do(argv, e) == 0)
		return 0;
	log_warn("systemctl %s: %s", verb, e->text);
	return -1;
}

/*
 * Services of an image that is bad may not end either, and a shutdown waits
 * for each as long as the image likes; we are stopped early in it.  So a timer
 * that no shutdown stops has the last word.
 */
static void
limit_shutdown(void)
{
	char seconds[40];
	char *argv[] = { (char[]){ "systemd-run" }, (char[]){ "--quiet" },
		(char[]){ "--collect" }, seconds,
		(char[]){ "--timer-property=AccuracySec=1" },
		(char[]){ "--timer-property=DefaultDependencies=no" },
		(char[]){ "--property=DefaultDependencies=no" },
		(char[]){ "systemctl" }, (char[]){ "reboot" },
		(char[]){ "--force" }, (char[]){ "--force" }, NULL };
	struct error e;

	snprintf(seconds, sizeof(seconds), "--on-active=%d", REBOOT_SECONDS);
	if (proc_do(argv, &e) == -1)
		log_warn("the shutdown has no time limit: %s", e.text);
}

int
machine_reboot(const char *way, bool bad, struct error *e)
{
	if (bad)
		limit_shutdown();
	/* Now it may end us: what is left to do is done if it cannot. */
	(void)signal(SIGTERM, SIG_DFL);
	if (way == NULL || systemctl(way, e) == -1)
		(void)systemctl("reboot", e);
	/* A service that does not end must not keep the machine. */
	for (unsigned i = 0; i < REBOOT_SECONDS; i++)
		sleep(1);
	sync();
	if (reboot(RB_AUTOBOOT) == -1)
		return error_errno(e, "reboot");
	return 0;
}
