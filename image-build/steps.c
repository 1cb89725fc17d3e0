/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A phase: its environment.d sourced once, then its steps in order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/image-build.h"
#include "image-build/snapshot.h"
#include "image-build/store.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/strbuf.h"

struct steps {
	struct step *items;
	size_t len, cap;
};

const struct phase phases[] = {
	{ "root", false },
	{ "extra-data", false },
	{ "pre-install", true },
	{ "install", true },
	{ "post-install", true },
	{ "post-root", false },
	{ "block-device", false },
	{ "pre-finalise", false },
	{ "finalise", true },
	{ "cleanup", false },
	{ NULL, false },
};

/* ---- the list ---------------------------------------------------------- */

static void
add(struct steps *steps, const char *phase, const char *name,
    const char *element, const struct native_step *native)
{
	steps->items = mem_grow(
	    steps->items, &steps->cap, steps->len + 1, sizeof(*steps->items));
	steps->items[steps->len++] = (struct step){ .phase = phase,
		.name = mem_dup(name),
		.element = mem_dup(element),
		.native = native };
}

static void
add_native(const struct element *el, const struct phase *p, struct steps *steps)
{
	if (el->builtin == NULL || el->builtin->steps == NULL)
		return;
	for (const struct native_step *n = el->builtin->steps; n->name != NULL;
	     n++)
		if (strcmp(n->phase, p->name) == 0)
			add(steps, p->name, n->name, el->name, n);
}

static int
compare(const void *a, const void *b)
{
	return parts_compare(
	    ((const struct step *)a)->name, ((const struct step *)b)->name);
}

/* What is no script, in the lines that dib-run-parts has for it. */
static void
say_ignored(const char *dir, const struct strlist *ignored)
{
	own(strlist_clear) struct strlist modes = { 0 }, names = { 0 };
	own_free char *modes_text = NULL, *names_text = NULL;

	for (size_t i = 0; i < ignored->len; i++) {
		own_free char *path = path_join(dir, ignored->items[i]);
		struct stat st;

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
			strlist_add(access(path, X_OK) == -1 ? &modes : &names,
			    ignored->items[i]);
	}
	modes_text = strlist_join(&modes, " ");
	names_text = strlist_join(&names, " ");
	if (modes.len > 0)
		log_info("dib-run-parts Ignoring non-executable files: %s",
		    modes_text);
	if (names.len > 0)
		log_info("dib-run-parts Ignoring non-conforming "
			 "filenames: %s",
		    names_text);
}

/* The steps of a phase in running order, scripts and native ones. */
static int
steps_list(const struct build *b, const struct phase *p, struct steps *steps,
    struct error *e)
{
	own(strlist_clear) struct strlist names = { 0 }, ignored = { 0 };
	own_free char *folder = mem_printf("%s.d", p->name);
	own_free char *dir = path_join(b->hooks, folder);

	if (parts_list(dir, getenv("RUN_PARTS_REGEX"), &names, &ignored, e) ==
	    -1)
		return -1;
	for (size_t i = 0; i < names.len; i++)
		add(steps, p->name, names.items[i],
		    hooks_origin(b, folder, names.items[i]), NULL);
	if (b->settings->trace > 0)
		say_ignored(dir, &ignored);
	else
		for (size_t i = 0; i < ignored.len; i++)
			log_debug("%s/%s is no script (name or mode), passed "
				  "over",
			    folder, ignored.items[i]);
	for (size_t i = 0; i < b->nchosen; i++)
		add_native(b->chosen[i], p, steps);
	if (steps->len > 1)
		qsort(steps->items, steps->len, sizeof(*steps->items), compare);
	return 0;
}

static void
steps_clear(struct steps *steps)
{
	for (size_t i = 0; i < steps->len; i++) {
		free(steps->items[i].name);
		free(steps->items[i].element);
	}
	free(steps->items);
	*steps = (struct steps){ 0 };
}

/* ---- the environment --------------------------------------------------- */

/* Name the element that the fragment is from, which bash named at last. */
static int
fragment_failed(
    const struct build *b, const struct speaker *sp, struct error *e)
{
	static const char folder[] = "/environment.d/";
	const char *last = NULL;

	for (const char *s = strbuf_text(sp->tail);
	     (s = strstr(s, folder)) != NULL; s += strlen(folder))
		last = s + strlen(folder);
	if (last != NULL) {
		own_free char *name = mem_dupn(last, strcspn(last, ": \n"));

		return step_failed(
		    sp, hooks_origin(b, "environment.d", name), e);
	}
	return step_failed(sp, NULL, e);
}

/* Source environment.d, on the host or in the target. */
static int
source_environment(struct build *b, const struct phase *p,
    const struct strlist *start, struct error *e)
{
	own(strbuf_clear) struct strbuf tail = { 0 };
	own_free char *name = mem_printf("%s.d/environment.d", p->name);
	own_free char *dir = path_join(b->hooks, "environment.d");
	struct speaker sp = {
		.name = name, .tail = &tail, .jail = p->chroot ? b : NULL
	};
	struct parts_environment job = { .dir = dir,
		.seen = p->chroot ? IN_TARGET "/environment.d" : dir,
		.prepare = step_prepare,
		.env = strlist_argv(start),
		.trace = b->settings->trace > 0,
		.line = step_speak,
		.ctx = &sp };
	struct error other;
	int r;

	if (step_begin(b, p->chroot, e) == -1 ||
	    (p->chroot && jail_open(b, e) == -1))
		return -1;
	job.cgroup = b->inner;
	r = parts_environment(&job, &b->phase_env, e);
	if (p->chroot)
		jail_close(b);
	if (r == -1)
		fragment_failed(b, &sp, e);
	if (step_end(b, p->chroot, r == -1 ? &other : e) == -1)
		return -1;
	return r;
}

/* A digest of all that the environment of a phase in the target comes from. */
static int
environment_id(const struct build *b, const struct phase *p,
    const struct strlist *start, char id[DIGEST_TEXT], struct error *e)
{
	own_free char *dir = path_join(b->hooks, "environment.d");
	own_free char *all = strlist_join(start, "\n");
	own_free char *text = NULL;
	char fragments[DIGEST_TEXT] = "";

	if (file_is_dir(AT_FDCWD, dir) &&
	    store_content(dir, fragments, e) == -1)
		return -1;
	text = mem_printf("environment %s %s %s %s", p->name, snapshot_key(b),
	    fragments, all);
	digest_text(text, strlen(text), id);
	return 0;
}

/* Fill b->phase_env.  1: environment.d ended the phase. */
static int
phase_environment(struct build *b, const struct phase *p, struct error *e)
{
	own(strlist_clear) struct strlist start = { 0 };
	char id[DIGEST_TEXT];
	int r;

	strlist_clear(&b->phase_env);
	if (!p->chroot) {
		strlist_add_all(&start, &b->env);
		return source_environment(b, p, &start, e);
	}
	environment_chroot(&b->env, &start);
	if (environment_id(b, p, &start, id, e) == -1)
		return -1;
	r = snapshot_recall(b, id, &b->phase_env, e);
	if (r != 0)
		return r == 1 ? 0 : -1;
	r = source_environment(b, p, &start, e);
	if (r == 0)
		r = snapshot_remember(b, id, &b->phase_env, e);
	return r;
}

/* ---- running ----------------------------------------------------------- */

static int
run_all(struct build *b, const struct phase *p, const struct steps *steps,
    struct error *e)
{
	unsigned found = b->steps_found;
	int r = phase_environment(b, p, e);

	if (r == -1)
		return -1;
	if (r == 1) {
		log_warn("phase %s: its environment.d ended it", p->name);
		return 0;
	}
	for (size_t i = 0; i < steps->len; i++)
		if (step_do(b, p, &steps->items[i], e) == -1)
			return -1;
	found = b->steps_found - found;
	if (found > 0)
		log_info("phase %s: %u of them from snapshots", p->name, found);
	return 0;
}

static int
run_phase(struct build *b, const struct phase *p, struct error *e)
{
	own(steps_clear) struct steps steps = { 0 };
	int r;

	if (snapshot_show(b, e) == -1)
		return -1;
	if (steps_list(b, p, &steps, e) == -1)
		return -1;
	if (steps.len == 0)
		return 0;
	log_info("phase %s: %zu steps", p->name, steps.len);
	compat_phase_begins(b, p);
	r = run_all(b, p, &steps, e);
	log_status("%s", "");
	if (r == 0 && b->settings->compat)
		report_profile(b->report, p->name);
	return r;
}

int
steps_run(struct build *b, const struct phase *p, struct error *e)
{
	if (break_before(b, p, e) == -1)
		return -1;
	if (run_phase(b, p, e) == -1) {
		break_after_error(b, p);
		return -1;
	}
	return break_after(b, p, e);
}
