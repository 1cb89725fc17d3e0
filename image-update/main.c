/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-update: a new image beside the one in use, verified whole before it
 * is chosen, and the way back.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image-update/machine.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

static struct {
	const char *slots, *root, *contents, *name, *number, *last, *sign;
	const char *from, *output;
	int64_t version, expires; /* number and last; 0: not given */
	struct trust trust;
	struct trial trial;
	bool plan, json, no_reboot, attributes, verbose, quiet;
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
	{ 0, "other-state", NULL, OPTION_FLAG, &opt.trust.state_too, NULL,
	    "take an image that does not know the form of the data" },
	{ 0, "attributes", NULL, OPTION_FLAG, &opt.attributes, NULL,
	    "verify: names, sizes and attributes alone" },
	{ 0, "name", "NAME", OPTION_STRING, &opt.name, NULL,
	    "describe: the image's name (TREE's)" },
	{ 0, "image-version", "N", OPTION_STRING, &opt.number, NULL,
	    "describe: its version (seconds since 1970); apply: none other" },
	{ 0, "expires", "N", OPTION_STRING, &opt.last, NULL,
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
		    "history | describe TREE | verify TREE | pack TREE",
	.summary = "Put a new image beside the one in use and choose it, or go "
		   "back.",
	.defs = defs,
	.more = "SOURCE is a folder that holds an image's tree, an archive, a "
		"disk or a file\nsystem of one, a place of rsync, or "
		"NAME.contents with what carries the bytes\nbeside it; a path "
		"or a URL.\n"
		"Exit status: 0 done, 1 failed, 2 misused, 75 not now: another "
		"one is at\nwork, or the network failed.\n",
};

static void
print_json(const struct value *v)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(v, STYLE_PRETTY, &text);
	puts(strbuf_text(&text));
}

/* ---- describe ------------------------------------------------------------ */

/* What the shell added to the name of a folder is not a part of it. */
static char *
name_of(const char *tree)
{
	size_t n = strlen(tree);
	own_free char *path = NULL;

	while (n > 1 && tree[n - 1] == '/')
		n--;
	path = mem_dupn(tree, n);
	return mem_dup(opt.name != NULL ? opt.name : path_base(path));
}

/* Contents that nobody could read would be found out on the machines only. */
static int
print_contents(const struct contents *c, const char *tree, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	ownp(contents_free) struct contents *again = NULL;

	contents_print(c, &text);
	again = contents_parse(text.s, text.len, "its contents", e);
	if (again == NULL)
		return error_prefix(e, "%s", tree);
	return file_write_all(1, text.s, text.len) == -1
	    ? error_errno(e, "standard output")
	    : 0;
}

static int
do_describe(const char *tree, struct error *e)
{
	own_fd int dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ownp(contents_free) struct contents *c = NULL;
	own_free char *name = name_of(tree);

	if (dir == -1)
		return error_errno(e, "%s", tree);
	c = contents_scan(dir, name, CONTENTS_DIGESTS, e);
	if (c == NULL)
		return error_prefix(e, "%s", tree);
	c->version = (uint64_t)(opt.number != NULL ? opt.version : time(NULL));
	c->expires = opt.expires;
	if (contents_describe(c, dir, e) == -1)
		return error_prefix(e, "%s", tree);
	contents_seal(c);
	if (opt.sign != NULL && contents_sign(c, opt.sign, e) == -1)
		return -1;
	return print_contents(c, tree, e);
}

/* ---- verify ---------------------------------------------------------------- */

/* A tree and the contents beside it, or inside it, or those that are named. */
static int
do_verify(const char *tree, struct error *e)
{
	own_fd int dir = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own(source_clear) struct source from = { 0 };
	struct slots none = SLOTS_NONE;

	if (dir == -1)
		return error_errno(e, "%s", tree);
	if (source_open(&from, tree, opt.contents, &none, &opt.trust, e) == -1)
		return -1;
	if (contents_verify(from.contents, dir,
		opt.attributes ? CONTENTS_ATTRIBUTES : CONTENTS_DIGESTS, NULL,
		e) == -1)
		return error_prefix(e, "%s", tree);
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
	value_set_text(d, v, "id", id);
	value_set_text(d, v, "name", c->name);
	value_set_number(d, v, "version", c->version);
	value_set_number(d, v, "entries", c->n);
	return v;
}

static void
print_slot(const char *what, const struct value *v)
{
	long long version = 0;

	if (v->kind == VALUE_NULL)
		return;
	(void)value_to_int(value_get(v, "version"), &version);
	print_line("%-9s %.12s  %s  version %lld", what,
	    value_text(v, "id", ""), value_text(v, "name", ""), version);
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
	uint32_t form;

	if (previous == NULL)
		return -1;
	if (update == NULL)
		update = value_null(d);
	value_set(d, all, "current", current);
	value_set(d, all, "previous", previous);
	value_set(d, all, "update", update);
	if (schema_read(s, &form, e) == -1)
		return -1;
	if (form > 0)
		value_set_number(d, all, "state", form);
	if (opt.json) {
		print_json(all);
		return 0;
	}
	if (s->current == NULL)
		puts("no slot yet");
	print_slot("current", current);
	print_slot("previous", previous);
	if (form > 0)
		printf("state     form %u\n", form);
	if (update->kind == VALUE_MAP)
		print_line("update    %.12s  %s  %s",
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

		print_line("%s  %-10s  %-12.12s  %s%s%s",
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
start(struct slots *s, bool bad, struct error *e)
{
	if (s->machine == NULL || !s->machine->chosen)
		return 0;
	if (opt.no_reboot || strcmp(opt.root, "/") != 0) {
		log_info("the next boot starts the image");
		return 0;
	}
	return machine_reboot(s->machine->way, bad, e);
}

/* ---- apply --------------------------------------------------------------------- */

/* What the slots are now; a folder that is not there yet has none. */
static int
open_to_look(struct slots *s, struct error *e)
{
	if ((opt.slots != NULL || !machine_has_slots(opt.root)) &&
	    !file_is_dir(AT_FDCWD, opt.slots != NULL ? opt.slots : SLOTS))
		return 0;
	return open_slots(s, false, e);
}

static int
check_trial(const struct slots *s, struct error *e)
{
	own(journal_clear) struct journal j = { 0 };

	return s->dir == -1		   ? 0
	    : journal_load(&j, s, e) == -1 ? -1
					   : apply_check_trial(&j, s, e);
}

/* The plan is shown even if it cannot be carried out. */
static int
do_plan(const char *place, struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;
	own(source_clear) struct source from = { 0 };
	own(activation_clear) struct activation a = { 0 };
	own(strlist_clear) struct strlist conflicts = { 0 };
	ownp(doc_free) struct doc *d = doc_new();
	const struct contents *old = NULL;
	struct plan plan;
	bool there;

	if (open_to_look(&s, e) == -1 || check_trial(&s, e) == -1 ||
	    source_open(&from, place, opt.contents, &s, &opt.trust, e) == -1 ||
	    apply_check(&s, &from, &opt.trust, e) == -1)
		return -1;
	if (s.current != NULL && (old = slots_current(&s, e)) == NULL)
		return -1;
	plan_make(&plan, d, old, from.contents);
	there = apply_is_there(&s, from.contents);
	if (there)
		plan.bytes = 0;
	plan.fetch = there ? 0 : source_cost(&from, old, plan.bytes);
	if (schema_read(&s, &plan.form, e) == -1)
		return -1;
	if (s.machine != NULL) {
		activation_choose(&a, old, from.contents,
		    &(struct activation_means){
			opt.trial.kexec, kexec_obstacle(opt.root) });
		if (etc_look(&s, &from, &conflicts, e) == -1)
			return -1;
	}
	plan_print(&(struct outlook){ &plan, from.contents, &a, &conflicts }, d,
	    opt.json);
	if (conflicts.len > 0)
		return error_set(e, EEXIST,
		    "%zu conflict%s in /etc: it would be refused",
		    conflicts.len, conflicts.len > 1 ? "s" : "");
	return s.dir != -1 && !there ? plan_fits(&plan, &s, &from, e) : 0;
}

static int
do_apply(const char *path, struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;
	own(source_clear) struct source from = { 0 };

	opt.trust.version = opt.version;
	if (opt.plan)
		return do_plan(path, e);
	/* Only who reboots it can do it so. */
	if (opt.no_reboot || strcmp(opt.root, "/") != 0)
		opt.trial.kexec = false;
	if (open_slots(&s, true, e) == -1)
		return -1;
	if (source_open(&from, path, opt.contents, &s, &opt.trust, e) == -1) {
		apply_refused(&s, path, e);
		return -1;
	}
	if (apply(&s, &from, &opt.trust, &opt.trial, e) == -1)
		return -1;
	return start(&s, false, e);
}

static int
do_rollback(struct error *e)
{
	own(slots_clear) struct slots s = SLOTS_NONE;

	if (open_slots(&s, true, e) == -1 || rollback(&s, &opt.trust, e) == -1)
		return -1;
	return start(&s, false, e);
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
	return start(&s, true, e); /* only away from one on trial */
}

static int
run(const char *verb, const char *operand, struct error *e)
{
	if (strcmp(verb, "apply") == 0)
		return do_apply(operand, e);
	if (strcmp(verb, "describe") == 0)
		return do_describe(operand, e);
	if (strcmp(verb, "verify") == 0)
		return do_verify(operand, e);
	if (strcmp(verb, "boot") == 0)
		return do_boot(e);
	if (strcmp(verb, "follow") == 0)
		return do_follow(e);
	if (strcmp(verb, "pack") == 0)
		return pack(opt.from, operand, opt.output, e);
	return strcmp(verb, "rollback") == 0 ? do_rollback(e)
					     : do_show(verb, e);
}

/* Returns -1 unless there is a verb, with all that it wants and no more. */
static int
check_operands(int n, char **operands, struct error *e)
{
	static const char *const verbs[] = { "apply", "describe", "verify",
		"pack", "rollback", "boot", "follow", "status", "history" };
	const size_t count = sizeof(verbs) / sizeof(*verbs);
	size_t i = 0;

	if (n == 0)
		return error_set(e, EINVAL, "what is to be done? see --help");
	while (i < count && strcmp(operands[0], verbs[i]) != 0)
		i++;
	if (i == count)
		return error_set(
		    e, EINVAL, "%s: no such verb; see --help", operands[0]);
	if (n != (i < 4 ? 2 : 1))
		return error_set(e, EINVAL, "%s takes %s", operands[0],
		    i == 0	? "one SOURCE"
			: i < 4 ? "one TREE"
				: "no operand");
	if (i == 3 && opt.output == NULL)
		return error_set(e, EINVAL, "pack needs --output");
	/* Who asks for a plan must not get the deed. */
	if (i > 0 && opt.plan)
		return error_set(e, EINVAL, "--plan is for apply alone");
	if (options_number("--image-version", opt.number, &opt.version, e) ==
	    -1)
		return -1;
	return options_number("--expires", opt.last, &opt.expires, e);
}

/* What was printed has to have come out, too. */
static int
finish(struct error *e)
{
	errno = EIO;
	return fflush(stdout) == 0 && !ferror(stdout)
	    ? 0
	    : error_errno(e, "standard output");
}

int
main(int argc, char **argv)
{
	struct error e = { 0 };
	int first;

	/* What is large goes back to the system when it is freed. */
	(void)mallopt(M_MMAP_THRESHOLD, KIB(128));
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
	if (run(argv[first], argv[first + 1], &e) == 0 && finish(&e) == 0)
		return 0;
	log_error(&e);
	return e.code == EAGAIN ? 75 : 1;
}
