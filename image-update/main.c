/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-update: a new image beside the one in use, verified whole before it
 * is chosen, and the way back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image-update/machine.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

static struct {
	const char *slots, *root, *contents, *name, *number, *expires, *sign;
	const char *from, *output;
	struct trust trust;
	struct trial trial;
	bool plan, json, no_reboot, verbose, quiet;
} opt = { .root = "/", .trial = { .limit = 600, .hold = 30 } };

static const struct option_def defs[] = {
	{ 0, "slots", "DIR", OPTION_STRING, &opt.slots, NULL,
	    "where the slots are (the machine's, or /slots)" },
	{ 0, "root", "DIR", OPTION_STRING, &opt.root, NULL,
	    "the machine whose partitions are the slots (/)" },
	{ 0, "limit", "SECONDS", OPTION_NUMBER, &opt.trial.limit, NULL,
	    "since its boot that an image has to prove itself (600)" },
	{ 0, "hold", "SECONDS", OPTION_NUMBER, &opt.trial.hold, NULL,
	    "that its checks have to hold on end (30)" },
	{ 0, "kexec", NULL, OPTION_FLAG, &opt.trial.kexec, NULL,
	    "where it takes a reboot, without firmware and loader" },
	{ 0, "no-reboot", NULL, OPTION_FLAG, &opt.no_reboot, NULL,
	    "leave the reboot that starts the image to others" },
	{ 'k', "key", "FILE", OPTION_STRING, &opt.trust.key, NULL,
	    "the public key, Ed25519 in PEM, to trust" },
	{ 0, "contents", "FILE", OPTION_STRING, &opt.contents, NULL,
	    "what SOURCE holds (beside or inside it)" },
	{ 0, "plan", NULL, OPTION_FLAG, &opt.plan, NULL,
	    "print what apply would do, change nothing" },
	{ 0, "unsigned", NULL, OPTION_FLAG, &opt.trust.unsigned_too, NULL,
	    "trust an image without a signature" },
	{ 0, "expired", NULL, OPTION_FLAG, &opt.trust.expired_too, NULL,
	    "take an image past its time" },
	{ 0, "older", NULL, OPTION_FLAG, &opt.trust.older_too, NULL,
	    "take a version below the current one's" },
	{ 0, "name", "NAME", OPTION_STRING, &opt.name, NULL,
	    "describe: the image's name (TREE's)" },
	{ 0, "image-version", "N", OPTION_STRING, &opt.number, NULL,
	    "describe: its version (seconds since 1970)" },
	{ 0, "expires", "N", OPTION_STRING, &opt.expires, NULL,
	    "describe: its last second since 1970" },
	{ 0, "sign", "KEY", OPTION_STRING, &opt.sign, NULL,
	    "describe: sign with a private key" },
	{ 0, "from", "TREE", OPTION_STRING, &opt.from, NULL,
	    "pack: only what is new to who has TREE" },
	{ 'o', "output", "FILE", OPTION_STRING, &opt.output, NULL,
	    "pack: what to write" },
	{ 0, "json", NULL, OPTION_FLAG, &opt.json, NULL, "print JSON" },
	{ 'v', "verbose", NULL, OPTION_FLAG, &opt.verbose, NULL, "say more" },
	{ 'q', "quiet", NULL, OPTION_FLAG, &opt.quiet, NULL, "only errors" },
	{ 0 },
};

static const struct options options = {
	.program = "image-update",
	.operands = "apply SOURCE | rollback | boot | follow | status | "
		    "history | describe TREE | pack TREE",
	.summary = "Put a new image beside the one in use and choose it, or go "
		   "back.",
	.defs = defs,
	.more = "SOURCE is a folder that holds an image's tree, an archive of "
		"one, or\nNAME.contents with what carries the bytes beside it; "
		"each a path or a URL.\n"
		"Exit status: 0 done, 1 failed, 2 misused, 75 another one is "
		"at work.\n",
};

static void
set_text(struct doc *d, struct value *m, const char *name, const char *text)
{
	value_set(d, m, name, text ? value_string(d, text) : value_null(d));
}

static void
set_number(struct doc *d, struct value *m, const char *name, uint64_t n)
{
	value_set(d, m, name, value_int(d, (long long)n));
}

static void
print_json(const struct value *v)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(v, STYLE_PRETTY, &text);
	puts(strbuf_text(&text));
}

/* ---- describe ------------------------------------------------------------ */

static int
do_describe(const char *tree, struct error *e)
{
	own_fd int dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ownp(contents_free) struct contents *c = NULL;
	own(strbuf_clear) struct strbuf text = { 0 };
	int64_t version = time(NULL), expires = 0;

	if (dir == -1)
		return error_errno(e, "%s", tree);
	if (options_number("--image-version", opt.number, &version, e) == -1 ||
	    options_number("--expires", opt.expires, &expires, e) == -1)
		return -1;
	c = contents_scan(dir, opt.name != NULL ? opt.name : path_base(tree),
	    CONTENTS_DIGESTS, e);
	if (c == NULL)
		return error_prefix(e, "%s", tree);
	c->version = (uint64_t)version;
	c->expires = expires;
	if (contents_describe(c, dir, e) == -1)
		return error_prefix(e, "%s", tree);
	contents_seal(c);
	if (opt.sign != NULL && contents_sign(c, opt.sign, e) == -1)
		return -1;
	contents_print(c, &text);
	if (file_write_all(1, text.s, text.len) == -1)
		return error_errno(e, "standard output");
	return 0;
}

/* ---- status and history ------------------------------------------------------ */

static struct value *
slot_value(
    struct doc *d, const struct slots *s, const char *id, struct error *e)
{
	ownp(contents_free) struct contents *c = NULL;
	struct value *v;

	if (id == NULL)
		return value_null(d);
	c = slots_contents(s, id, e);
	if (c == NULL)
		return NULL;
	v = value_map(d);
	set_text(d, v, "id", id);
	set_text(d, v, "name", c->name);
	set_number(d, v, "version", c->version);
	set_number(d, v, "entries", c->n);
	return v;
}

static void
print_slot(const char *what, const struct value *v)
{
	long long version = 0;

	if (v->kind == VALUE_NULL)
		return;
	(void)value_to_int(value_get(v, "version"), &version);
	printf("%-9s %.12s  %s  version %lld\n", what, value_text(v, "id", ""),
	    value_text(v, "name", ""), version);
}

static int
do_status(const struct slots *s, const struct journal *j, struct error *e)
{
	struct doc *d = j->doc;
	struct value *all = value_map(d),
		     *update = value_get(j->root, "update");
	struct value *current = slot_value(d, s, s->current, e);
	struct value *previous =
	    current != NULL ? slot_value(d, s, s->previous, e) : NULL;

	if (previous == NULL)
		return -1;
	if (update == NULL)
		update = value_null(d);
	value_set(d, all, "current", current);
	value_set(d, all, "previous", previous);
	value_set(d, all, "update", update);
	if (opt.json) {
		print_json(all);
		return 0;
	}
	if (s->current == NULL)
		puts("no slot yet");
	print_slot("current", current);
	print_slot("previous", previous);
	if (update->kind == VALUE_MAP)
		printf("update    %.12s  %s  %s\n",
		    value_text(update, "id", ""),
		    value_text(update, "name", ""),
		    value_text(update, "state", "?"));
	return 0;
}

static int
do_history(const struct journal *j)
{
	const struct value *all = value_get(j->root, "history");

	if (opt.json) {
		print_json(all);
		return 0;
	}
	for (size_t i = 0; i < all->len; i++) {
		const struct value *v = all->items[i];
		const char *why = value_text(v, "error", NULL);

		printf("%s  %-10s  %.12s  %s%s%s\n",
		    value_text(v, "ended", "?"), value_text(v, "state", "?"),
		    value_text(v, "id", "?"), value_text(v, "name", "?"),
		    why ? ": " : "", why ? why : "");
	}
	return 0;
}

/* Without a folder that is named, those that the machine boots. */
static int
open_slots(struct slots *s, bool change, struct error *e)
{
	if (opt.slots == NULL && machine_has_slots(opt.root))
		return machine_open(s, opt.root, change, e);
	return slots_open(s, opt.slots != NULL ? opt.slots : SLOTS, change, e);
}

static int
do_show(const char *verb, struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;
	own(journal_clear) struct journal j = { 0 };

	if (open_slots(&s, false, e) == -1 || journal_load(&j, &s, e) == -1)
		return -1;
	return strcmp(verb, "history") == 0 ? do_history(&j)
					    : do_status(&s, &j, e);
}

/* A machine starts what was chosen by booting it. */
static int
start(struct slots *s, struct error *e)
{
	if (s->machine == NULL || !s->machine->chosen)
		return 0;
	if (opt.no_reboot || strcmp(opt.root, "/") != 0) {
		log_info("the next boot starts the image");
		return 0;
	}
	return machine_reboot(s->machine->loaded, e);
}

/* ---- apply --------------------------------------------------------------------- */

/* How a machine would have the image in use. */
static void
print_activation(struct doc *d, const struct activation *a, struct value *into)
{
	static const char *const kinds[] = { "restart", "kexec", "reboot" };
	struct value *v = value_map(d), *units = value_list(d);
	own_free char *names = strlist_join(&a->units, " ");
	const char *kind = kinds[a->kind];

	if (a->kind == ACTIVATION_RESTART && a->units.len == 0)
		kind = "nothing";
	if (!opt.json) {
		printf("activation: %s%s%s (%s)\n", kind,
		    a->units.len > 0 ? " of " : "", names, a->why);
		return;
	}
	for (size_t i = 0; i < a->units.len; i++)
		value_add(d, units, value_string(d, a->units.items[i]));
	set_text(d, v, "kind", kind);
	set_text(d, v, "why", a->why);
	value_set(d, v, "units", units);
	value_set(d, into, "activation", v);
}

static void
print_plan(struct doc *d, const struct plan *p, const struct contents *c,
    const struct activation *a)
{
	struct value *v = value_map(d);

	if (!opt.json) {
		for (size_t i = 0; i < p->paths->len; i++)
			printf("%-10s %s\n",
			    value_text(p->paths->items[i], "change", ""),
			    value_text(p->paths->items[i], "path", ""));
		printf("%zu added, %zu removed, %zu changed, %zu with other "
		       "attributes; %llu bytes\n",
		    p->added, p->removed, p->changed, p->attributes,
		    (unsigned long long)p->bytes);
		if (p->fetch != UINT64_MAX)
			printf("%llu bytes to fetch\n",
			    (unsigned long long)p->fetch);
		if (a->why != NULL)
			print_activation(d, a, v);
		return;
	}
	set_text(d, v, "id", c->id);
	set_text(d, v, "name", c->name);
	set_number(d, v, "version", c->version);
	set_number(d, v, "bytes", p->bytes);
	if (p->fetch != UINT64_MAX)
		set_number(d, v, "fetch", p->fetch);
	value_set(d, v, "paths", p->paths);
	if (a->why != NULL)
		print_activation(d, a, v);
	print_json(v);
}

static int
do_plan(const char *place, struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;
	own(source_clear) struct source from = { 0 };
	ownp(contents_free) struct contents *old = NULL;
	ownp(doc_free) struct doc *d = doc_new();
	own(activation_clear) struct activation a = { 0 };
	struct plan plan;

	/* A folder that is not there yet is one without slots. */
	if (((opt.slots == NULL && machine_has_slots(opt.root)) ||
		file_is_dir(AT_FDCWD, opt.slots != NULL ? opt.slots : SLOTS)) &&
	    open_slots(&s, false, e) == -1)
		return -1;
	if (source_open(&from, place, opt.contents, &s, &opt.trust, e) == -1 ||
	    apply_check(&s, &from, &opt.trust, e) == -1)
		return -1;
	if (s.current != NULL &&
	    (old = slots_contents(&s, s.current, e)) == NULL)
		return -1;
	plan_make(&plan, d, old, from.contents);
	plan.fetch = source_cost(&from, old, plan.bytes);
	if (s.dir != -1 && plan_fits(&plan, &s, &from, e) == -1)
		return -1;
	if (s.machine != NULL)
		activation_choose(&a, old, from.contents,
		    &(struct activation_means){
			opt.trial.kexec, kexec_obstacle(opt.root) });
	print_plan(d, &plan, from.contents, &a);
	return 0;
}

static int
do_apply(const char *path, struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;
	own(source_clear) struct source from = { 0 };

	if (opt.plan)
		return do_plan(path, e);
	/* Only who reboots it can do it so. */
	if (opt.no_reboot || strcmp(opt.root, "/") != 0)
		opt.trial.kexec = false;
	if (open_slots(&s, true, e) == -1 ||
	    source_open(&from, path, opt.contents, &s, &opt.trust, e) == -1 ||
	    apply(&s, &from, &opt.trust, &opt.trial, e) == -1)
		return -1;
	return start(&s, e);
}

static int
do_rollback(struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;

	if (open_slots(&s, true, e) == -1 || rollback(&s, e) == -1)
		return -1;
	return start(&s, e);
}

/* While another one is at work there is nothing to be done. */
static int
do_follow(struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;

	if (machine_open(&s, opt.root, true, e) == 0)
		return follow(&s, opt.root, e);
	if (e->code != EAGAIN)
		return -1;
	puts("an update is under way");
	return 0;
}

static int
do_boot(struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;

	if (machine_open(&s, opt.root, true, e) == -1 ||
	    trial_boot(&s, opt.root, e) == -1)
		return -1;
	return start(&s, e);
}

static int
run(const char *verb, const char *operand, struct error *e)
{
	if (strcmp(verb, "apply") == 0)
		return do_apply(operand, e);
	if (strcmp(verb, "describe") == 0)
		return do_describe(operand, e);
	if (strcmp(verb, "boot") == 0)
		return do_boot(e);
	if (strcmp(verb, "follow") == 0)
		return do_follow(e);
	if (strcmp(verb, "pack") == 0)
		return pack(opt.from, operand, opt.output, e);
	return strcmp(verb, "rollback") == 0 ? do_rollback(e)
					     : do_show(verb, e);
}

/* Returns -1 unless there is a verb, with an operand where it wants one. */
static int
check_operands(int n, char **operands, struct error *e)
{
	static const char *const verbs[] = { "apply", "describe", "pack",
		"rollback", "boot", "follow", "status", "history" };
	const size_t count = sizeof(verbs) / sizeof(*verbs);
	size_t i = 0;

	if (n == 0)
		return error_set(e, EINVAL, "what is to be done? see --help");
	while (i < count && strcmp(operands[0], verbs[i]) != 0)
		i++;
	if (i == count)
		return error_set(
		    e, EINVAL, "%s: no such verb; see --help", operands[0]);
	if (n != (i < 3 ? 2 : 1))
		return error_set(e, EINVAL, "%s takes %s", operands[0],
		    i == 0	? "one SOURCE"
			: i < 3 ? "one TREE"
				: "no operand");
	if (i == 2 && opt.output == NULL)
		return error_set(e, EINVAL, "pack needs --output");
	return 0;
}

int
main(int argc, char **argv)
{
	struct error e = { 0 };
	int first;

	log_open("image-update", LOG_INFO);
	first = options_parse(&options, argc, argv, &e);
	if (first == OPTIONS_SHOWN)
		return 0;
	log_open("image-update",
	    opt.verbose	    ? LOG_DEBUG
		: opt.quiet ? LOG_ERROR
			    : LOG_INFO);
	if (first == -1 ||
	    check_operands(argc - first, argv + first, &e) == -1) {
		log_error(&e);
		return 2;
	}
	if (run(argv[first], argv[first + 1], &e) == 0 && fflush(stdout) == 0)
		return 0;
	log_error(&e);
	return e.code == EAGAIN ? 75 : 1;
}
