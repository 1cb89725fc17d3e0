/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One update from start to end.  Until ARMED nothing but the staging tree
 * and the journal has changed; the exchange of two links is the switch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-update/update.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/path.h"

/* What a machine needs of an image to start it, and to know it again. */
static int
check_machine(const struct contents *new, struct error *e)
{
	own_free char *folder = path_dir(CONTENTS_INSIDE);
	const struct contents_entry *t = contents_find(new, folder);

	if (new->kernel == NULL)
		return error_set(e, ENOEXEC,
		    "image %s: it names no kernel to start", new->name);
	if (t == NULL || t->type != 'd')
		return error_set(e, ENOTDIR,
		    "image %s: it has no /%s to tell what it is", new->name,
		    folder);
	return 0;
}

int
apply_check(struct slots *s, const struct source *from,
    const struct trust *trust, struct error *e)
{
	const struct contents *old, *new = from->contents;

	if (schema_check(s, new, trust, e) == -1)
		return -1;
	if (s->machine != NULL && check_machine(new, e) == -1)
		return -1;
	if (s->current == NULL || from->unchanged || trust->older_too)
		return 0;
	old = slots_current(s, e);
	if (old == NULL)
		return -1;
	if (new->version < old->version)
		return error_set(e, EPERM,
		    "image %s: version %llu is older than the current %llu "
		    "(--older takes it)",
		    new->name, (unsigned long long)new->version,
		    (unsigned long long)old->version);
	return 0;
}

/* Whether every byte of the staging tree is right. */
static int
check_staging(
    struct journal *j, struct slots *s, struct source *from, struct error *e)
{
	source_done(from);
	slots_forget(s);
	if (journal_note(j, s, "STAGED", from->contents, e) == -1 ||
	    slots_reread(s, e) == -1)
		return -1;
	return slots_verify(s, STAGING, from->contents, e);
}

/* Fill, sync and verify a slot for the image; nothing points to it yet. */
static int
stage(struct journal *j, struct slots *s, struct source *from, struct error *e)
{
	const struct contents *old = NULL, *c = from->contents;
	struct plan plan;
	bool shares;
	int r;

	if (s->current != NULL && (old = slots_current(s, e)) == NULL)
		return -1;
	plan_make(&plan, NULL, old, c);
	if (plan_fits(&plan, s, from, e) == -1)
		return -1;
	log_info("stage %s: %zu of %zu files, %llu bytes", c->name,
	    plan.added + plan.changed + plan.attributes, c->n,
	    (unsigned long long)plan.bytes);
	shares = old != NULL && !slots_apart(s);
	if (journal_note(j, s, "FETCHED", c, e) == -1 ||
	    slots_begin(s, e) == -1 || fill(s, from, old, e) == -1)
		return -1;
	r = check_staging(j, s, from, e);
	if (r == -1 && shares && (e->code == EBADMSG || e->code == EIO)) {
		/* What has rotted there must not keep the machine on it. */
		log_warn("%s; the current slot is damaged: what is wrong is "
			 "brought anew",
		    e->text);
		r = fill(s, from, NULL, e) == -1 ? -1
						 : check_staging(j, s, from, e);
	}
	if (r == -1 || slots_settle(s, c, e) == -1)
		return -1;
	return journal_note(j, s, "VERIFIED", c, e);
}

static int
switch_to(struct journal *j, struct slots *s, const struct contents *c,
    const struct trial *trial, struct error *e)
{
	if (s->machine != NULL)
		return switch_machine(j, s, c, trial, e);
	if (s->current == NULL) {
		if (journal_note(j, s, "ARMED", c, e) == -1)
			return -1;
		return slots_point(s, CURRENT, c->id, e);
	}
	if (journal_note(j, s, "ARMED", c, e) == -1 ||
	    slots_point(s, PREVIOUS, c->id, e) == -1)
		return -1;
	return slots_exchange(s, e);
}

bool
apply_is_there(const struct slots *s, const struct contents *c)
{
	return s->previous != NULL && strcmp(s->previous, c->id) == 0;
}

static int
run(struct journal *j, struct slots *s, struct source *from,
    const struct trial *trial, struct error *e)
{
	const struct contents *c = from->contents;

	if (apply_is_there(s, c)) {
		/* Read it again, each byte. */
		if (slots_verify(s, c->id, c, e) == -1 ||
		    journal_note(j, s, "VERIFIED", c, e) == -1)
			return -1;
	} else if (stage(j, s, from, e) == -1) {
		return -1;
	}
	return switch_to(j, s, c, trial, e);
}

int
apply_check_trial(
    const struct journal *j, const struct slots *s, struct error *e)
{
	const char *id = journal_text(j, "id", "");

	if (s->machine != NULL && journal_live(j) != NULL)
		return error_set(e, EBUSY,
		    "image %s is in use from the other slot since the last "
		    "update: reboot first",
		    value_text(journal_live(j), "name", "?"));
	if (s->machine == NULL || strcmp(id, s->current) != 0)
		return 0;
	return error_set(e, EAGAIN,
	    "image %s is on trial; it has to be committed or gone first",
	    journal_text(j, "name", "?"));
}

/* Who asked by metadata is told; a server that is away may come back. */
static void
tell(const struct error *why)
{
	if (getenv(FOLLOWING) == NULL)
		return;
	machine_report();
	if (why->code == EAGAIN)
		machine_retry();
}

/* What could not even begin is told, too, as what fails later. */
static void
tell_refusal(struct journal *j, const struct slots *s, const struct contents *c,
    const struct error *why)
{
	struct error e;

	if (getenv(FOLLOWING) == NULL || journal_text(j, "state", NULL) != NULL)
		return;
	if (journal_note(j, s, "FAILED", c, &e) == -1 ||
	    journal_end(j, s, "FAILED", why->text, &e) == -1)
		log_warn("%s", e.text);
	else
		tell(why);
}

void
apply_refused(struct slots *s, const char *place, const struct error *why)
{
	own(journal_clear) struct journal j = { 0 };
	ownp(contents_free) struct contents *c = contents_new(path_base(place));
	struct error e;

	if (journal_load(&j, s, &e) == 0)
		tell_refusal(&j, s, c, why);
}

int
apply(struct slots *s, struct source *from, const struct trust *trust,
    const struct trial *trial, struct error *e)
{
	own(journal_clear) struct journal j = { 0 };
	struct error ignored;
	bool noted;

	if (journal_load(&j, s, e) == -1 || apply_check_trial(&j, s, e) == -1 ||
	    journal_recover(&j, s, e) == -1 || slots_tidy(s, false, e) == -1)
		return -1;
	if (apply_check(s, from, trust, e) == -1) {
		tell_refusal(&j, s, from->contents, e);
		return -1;
	}
	if (s->current != NULL && strcmp(s->current, from->contents->id) == 0) {
		log_info("%s is the current image", from->contents->name);
		return slots_tidy(s, true, e);
	}
	if (run(&j, s, from, trial, e) == -1) {
		noted = journal_fail(&j, s, e->text, &ignored) == 0;
		/* What the network cut off is gone on with. */
		(void)slots_tidy(s, e->code != EAGAIN, &ignored);
		/* What is not noted would be begun anew by the report. */
		if (noted)
			tell(e);
		return -1;
	}
	/* Where slots are booted, the boot goes on from here. */
	if (s->machine == NULL && journal_end(&j, s, "SWITCHED", NULL, e) == -1)
		return -1;
	return slots_tidy(s, true, e);
}

/* What is undone when this ends by force is no trial. */
static int
note_back(struct journal *j, struct slots *s, const struct contents *c,
    struct error *e)
{
	if (journal_note(j, s, "VERIFIED", c, e) == -1)
		return -1;
	journal_set_int(j, "back", 1);
	return journal_save(j, s, e);
}

int
rollback(struct slots *s, const struct trust *trust, struct error *e)
{
	own(journal_clear) struct journal j = { 0 };
	ownp(contents_free) struct contents *c = NULL;

	if (journal_load(&j, s, e) == -1 || apply_check_trial(&j, s, e) == -1 ||
	    journal_recover(&j, s, e) == -1)
		return -1;
	if (s->current == NULL || s->previous == NULL)
		return error_set(e, ENOENT, "there is no slot to go back to");
	c = slots_contents(s, s->previous, e);
	if (c == NULL || schema_check(s, c, trust, e) == -1 ||
	    slots_verify(s, s->previous, c, e) == -1 ||
	    note_back(&j, s, c, e) == -1 || slots_exchange(s, e) == -1)
		return -1;
	return journal_end(&j, s, "ROLLEDBACK", NULL, e);
}
