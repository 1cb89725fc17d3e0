/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to have a new image in use: restarting the units whose files
 * changed, if the image says of each path that changed which these are, else
 * a soft reboot, if kernel and initramfs stay and both images know of it, else
 * a reboot, by kexec where that is allowed and can be.  Pure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-update/machine.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define UNIT_FILES "usr/lib/systemd/system"

struct choosing {
	struct activation *a;
	const struct contents *old, *new;
	size_t uncovered; /* paths without a rule */
	char *first; /* of them */
};

void
activation_clear(struct activation *a)
{
	free(a->why);
	strlist_clear(&a->units);
	strlist_clear(&a->paths);
	*a = (struct activation){ 0 };
}

static bool
is_below(const char *path, const char *folder, size_t n)
{
	return strncmp(path, folder, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

/* The rule "PATH UNIT" for a path, the one that says most; or NULL. */
static const char *
find_rule(const struct contents *c, const char *path)
{
	const char *best = NULL;
	size_t most = 0;

	for (size_t i = 0; i < c->restart.len; i++) {
		const char *rule = c->restart.items[i];
		size_t n = (size_t)(strrchr(rule, ' ') - rule);

		if (is_below(path, rule, n) && (best == NULL || n > most)) {
			best = rule;
			most = n;
		}
	}
	return best;
}

/* The units of a rule's path: it may have several rules, or none but "-". */
static void
find_units(const struct contents *c, const char *path, struct strlist *units)
{
	const size_t n = strlen(path);

	for (size_t i = 0; i < c->restart.len; i++) {
		const char *rule = c->restart.items[i];

		if (strncmp(rule, path, n) == 0 && rule[n] == ' ' &&
		    strcmp(rule + n + 1, "-") != 0)
			strlist_add(units, rule + n + 1);
	}
}

/*
 * What is mounted over a path has to be there in both images, and what is
 * below /etc and /var has the machine's changes over it.  Both images' /etc
 * being the same, slots can share the changes (switch.c).
 */
static bool
can_mount(const struct choosing *w, const char *path)
{
	const struct contents_entry *a = contents_find(w->old, path),
				    *b = contents_find(w->new, path);

	return a != NULL && b != NULL && a->type == b->type &&
	    (a->type == 'd' || a->type == 'f') && !is_below(path, "etc", 3) &&
	    !is_below(path, "var", 3);
}

static void
add_once(struct strlist *l, const char *text)
{
	if (!strlist_has(l, text))
		strlist_add(l, text);
}

static int
visit(void *ctx, const struct contents_entry *from,
    const struct contents_entry *to, unsigned how, struct error *e)
{
	struct choosing *w = ctx;
	const char *path = to != NULL ? to->path : from->path;
	const char *rule = find_rule(w->new, path);
	own(strlist_clear) struct strlist units = { 0 };
	own_free char *folder = NULL;

	(void)how;
	(void)e;
	if (rule != NULL) {
		folder = mem_dupn(rule, (size_t)(strrchr(rule, ' ') - rule));
		find_units(w->new, folder, &units);
		if (units.len == 0 && !is_below(path, "etc", 3))
			return 0;
	}
	if (folder == NULL || !can_mount(w, folder)) {
		if (w->uncovered++ == 0)
			w->first = mem_dup(path);
		return 0;
	}
	for (size_t i = 0; i < units.len; i++)
		add_once(&w->a->units, units.items[i]);
	add_once(&w->a->paths, folder);
	return 0;
}

/* A reason that needs no look at the paths, or NULL. */
static const char *
what_starts(const struct contents *old, const struct contents *new)
{
	if (memcmp(old->kernel_sum, new->kernel_sum, DIGEST_BYTES) != 0)
		return "another kernel";
	if (memcmp(old->initrd_sum, new->initrd_sum, DIGEST_BYTES) != 0)
		return "another initramfs";
	return mem_same(old->cmdline, new->cmdline)
	    ? NULL
	    : "another command line of the kernel";
}

/*
 * What systemd 254 and later have, and what the element readonly-root has for
 * it.  The new image needs it, too, or it would not know which slot it is.
 */
static bool
has_soft_reboot(const struct contents *c)
{
	return contents_find(c, UNIT_FILES "/soft-reboot.target") != NULL &&
	    contents_find(c, UNIT_FILES "/next-root.service") != NULL;
}

static enum activation_kind
way_of_reboot(const struct activation_means *means)
{
	return means->kexec && means->no_kexec == NULL ? ACTIVATION_KEXEC
						       : ACTIVATION_REBOOT;
}

void
activation_choose(struct activation *a, const struct contents *old,
    const struct contents *new, const struct activation_means *means)
{
	struct choosing w = { .a = a, .old = old, .new = new };
	const char *start = what_starts(old, new);
	struct error e;

	*a = (struct activation){ 0 };
	(void)contents_compare(old, new, visit, &w, &e);
	if (start != NULL || w.uncovered > 0)
		a->kind = start == NULL && has_soft_reboot(old) &&
			has_soft_reboot(new)
		    ? ACTIVATION_SOFT
		    : way_of_reboot(means);
	if (start != NULL)
		a->why = mem_dup(start);
	else if (w.uncovered > 0)
		a->why = mem_printf("%zu paths changed for which no restart is "
				    "enough, the first %s",
		    w.uncovered, w.first);
	else if (a->units.len == 0)
		a->why = mem_dup("nothing that runs has changed");
	else
		a->why = mem_dup("all that changed belongs to these units");
	free(w.first);
	if (a->kind == ACTIVATION_REBOOT && means->kexec) {
		own_free char *why = a->why;

		a->why = mem_printf("%s; no kexec: %s", why, means->no_kexec);
	}
	if (a->kind != ACTIVATION_RESTART) {
		strlist_clear(&a->units);
		strlist_clear(&a->paths);
	}
}
