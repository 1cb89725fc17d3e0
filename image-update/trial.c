/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens at boot with an update that is not at its end: the new image
 * is on trial until its checks have held for a while, or goes; the old one
 * that is back takes note.  The loader's entry decides, the journal tells.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define HEALTH "usr/lib/ingot/health.d"
#define PAUSE 3 /* seconds between two looks */
#define REBOOTS 3 /* in order that are no failed tries */

static volatile sig_atomic_t stopped;

static void
stop(int signal)
{
	(void)signal;
	stopped = 1;
}

/* Of the kernel. */
static double
since_boot(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- checks ------------------------------------------------------------------- */

struct check {
	const char *name;
	struct strbuf last; /* its last line */
};

static void
keep_line(void *ctx, int stream, const char *line, size_t len)
{
	struct check *c = ctx;

	(void)stream;
	if (len == 0)
		return;
	strbuf_cut(&c->last, 0);
	strbuf_add(&c->last, line, len < 500 ? len : 500);
}

/*
 * One program, with what is left of the time, in whole seconds and no less.
 * why tells what it said.
 */
static int
run_check(const char *folder, const char *name, double left, struct strbuf *why)
{
	own_free char *path = path_join(folder, name);
	char *argv[] = { path, NULL };
	struct check c = { .name = name };
	const struct proc run = { .argv = argv,
		.seconds = left > 0 ? (unsigned)left + 1 : 1,
		.line = keep_line,
		.ctx = &c,
		.stop = &stopped };
	struct proc_status status;
	struct error e;
	int r = proc_run(&run, &status, &e);

	if (r == 0)
		r = proc_check(&status, &e);
	if (r == -1) {
		strbuf_cut(why, 0);
		strbuf_printf(why, "%s: %s", name,
		    c.last.len > 0 ? strbuf_text(&c.last) : e.text);
	}
	strbuf_clear(&c.last);
	return r;
}

static int
run_checks(const char *folder, double until, struct strbuf *why)
{
	own(strlist_clear) struct strlist names = { 0 };
	struct error e;

	if (parts_list(folder, NULL, &names, NULL, &e) == -1) {
		strbuf_cut(why, 0);
		strbuf_puts(why, e.text);
		return -1;
	}
	for (size_t i = 0; i < names.len && !stopped; i++)
		if (run_check(folder, names.items[i], until - since_boot(),
			why) == -1)
			return -1;
	return stopped ? -1 : 0;
}

/*
 * 0: they held long enough within the limit from start on; -1: they did not,
 * and why.  What they look at may change while a round goes on, so the time
 * between two counts: from the end of the first that held to the start of the
 * last.
 */
static int
watch_checks(const char *folder, double start, const struct trial *trial,
    struct strbuf *why)
{
	const double until = start + trial->limit;
	double good = -1;
	bool any = false; /* a round has failed in its time */

	strbuf_cut(why, 0);
	strbuf_printf(why, "it was not up within %u s", trial->limit);
	while (!stopped && since_boot() < until) {
		double now = since_boot();
		own_free char *before = mem_dup(strbuf_text(why));

		if (run_checks(folder, until, why) == -1) {
			good = -1;
			/* That the time is over is no reason of its own. */
			if (any && since_boot() >= until) {
				strbuf_cut(why, 0);
				strbuf_puts(why, before);
				break;
			}
			any = true;
			if (strcmp(before, strbuf_text(why)) != 0)
				log_info("not yet: %s", strbuf_text(why));
		} else if (good < 0) {
			good = since_boot();
			log_info("all checks hold");
		} else if (now - good >= trial->hold) {
			return 0;
		}
		for (unsigned i = 0; i < PAUSE && !stopped; i++)
			sleep(1);
	}
	if (good >= 0) {
		strbuf_cut(why, 0);
		strbuf_printf(
		    why, "its checks held, but not for %u s", trial->hold);
	}
	return -1;
}

int
trial_watch(const char *root, const struct trial *trial, struct strbuf *why)
{
	own_free char *folder = path_join(root, HEALTH);
	const struct sigaction act = { .sa_handler = stop };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	setenv("IMAGE_UPDATE_LIVE", "1", 1);
	return watch_checks(folder, since_boot(), trial, why);
}

/* ---- the three ends of a trial ---------------------------------------------------- */

static int
commit(struct journal *j, struct slots *s, const struct contents *c,
    struct error *e)
{
	if (machine_keep(s, c, false, e) == -1 ||
	    journal_end(j, s, "COMMITTED", NULL, e) == -1)
		return -1;
	(void)unlinkat(s->state, RESERVE, 0);
	log_info("%s is committed", c->name);
	return 0;
}

/* The loader first: whatever else fails, the next boot is the old image's. */
static int
go_back(struct journal *j, struct slots *s, const char *why, struct error *e)
{
	struct error ignored;

	log_warn("going back to the old image: %s", why);
	if (machine_forget(s, true, e) == -1)
		return -1;
	journal_set_text(j, "error", why);
	(void)journal_save(j, s, &ignored);
	s->machine->chosen = true;
	return 0;
}

/* Somebody reboots in order: that was no failure of the image, a few times. */
static int
give_back(struct journal *j, struct slots *s, const struct contents *c,
    struct error *e)
{
	long long reboots = journal_int(j, "reboots", 0);

	if (reboots >= REBOOTS)
		return 0;
	journal_set_int(j, "reboots", reboots + 1);
	if (journal_save(j, s, e) == -1)
		return -1;
	return machine_keep(s, c, true, e);
}

static int
try_image(struct journal *j, struct slots *s, const char *root, struct error *e)
{
	ownp(contents_free) struct contents *c =
	    slots_contents(s, s->current, e);
	own_free char *folder = path_join(root, HEALTH);
	own(strbuf_clear) struct strbuf why = { 0 };
	const struct sigaction act = { .sa_handler = stop };
	const struct trial trial = {
		.limit = (unsigned)journal_int(j, "limit", 600),
		.hold = (unsigned)journal_int(j, "hold", 30),
	};
	int tries;

	if (c == NULL || machine_tries(s, &tries, e) == -1 ||
	    journal_note(j, s, "TRIAL", c, e) == -1)
		return -1;
	if (tries == -1)
		return commit(j, s, c, e); /* all but the last word was said */
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	if (watch_checks(folder, machine_started(root), &trial, &why) == 0)
		return commit(j, s, c, e);
	return stopped ? give_back(j, s, c, e)
		       : go_back(j, s, strbuf_text(&why), e);
}

/* The old image is back: the other one is not started any more. */
static int
end_failed(struct journal *j, struct slots *s, struct error *e)
{
	bool tried = strcmp(journal_text(j, "state", ""), "TRIAL") == 0;
	own_free char *why = mem_dup(journal_text(j, "error",
	    tried ? "it ended before it was committed" : "it did not come up"));

	if (machine_forget(s, false, e) == -1)
		return -1;
	log_warn(
	    "%s was tried and is gone: %s", journal_text(j, "name", "?"), why);
	if (journal_end(j, s, "ROLLEDBACK", why, e) == -1)
		return -1;
	machine_report();
	return 0;
}

int
trial_boot(struct slots *s, const char *root, struct error *e)
{
	own(journal_clear) struct journal j = { 0 };
	const char *state;
	bool switched, mine;

	if (journal_load(&j, s, e) == -1 || switch_own_changes(s, e) == -1 ||
	    journal_no_live(&j, s, e) == -1)
		return -1;
	state = journal_text(&j, "state", NULL);
	if (state == NULL)
		return 0;
	switched =
	    strcmp(state, "SWITCHED") == 0 || strcmp(state, "TRIAL") == 0;
	mine = strcmp(journal_text(&j, "id", ""), s->current) == 0;
	if (switched && mine)
		return try_image(&j, s, root, e);
	if (switched && (s->machine->started || *state == 'T'))
		return end_failed(&j, s, e);
	return journal_recover(&j, s, e);
}
