/* SPDX-License-Identifier: Apache-2.0 */
/*
 * podman: the config maps names to containers in the form of docker-compose
 * version 1, as heat-agents' docker-cmd has it.  Each is run, or a command
 * executed in one of them, in the order of start_order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "refresh-config/deploy.h"

#define MANAGED "managed_by=podman"

static const char *
command(void)
{
	return group_command("HEAT_PODMAN_CMD", "podman");
}

/* Ask podman something; out gets what it prints.  Returns its status. */
static int
ask(const struct strlist *argv, struct strbuf *out, struct error *e)
{
	const struct proc p = { .argv = strlist_argv(argv), .out = out };
	struct proc_status status;

	if (proc_run(&p, &status, e) == -1)
		return -1;
	if (out->len > 0 && out->s[out->len - 1] == '\n')
		strbuf_cut(out, out->len - 1);
	return status.signal != 0 ? 1 : status.code;
}

/* ---- names ------------------------------------------------------------- */

static bool
exists(const char *name)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct error e;

	strlist_add(&argv, command());
	strlist_split(&argv, "container exists", " ");
	strlist_add(&argv, name);
	return ask(&argv, &out, &e) == 0;
}

/* The container's own name, or that and a few letters if it is taken. */
static char *
free_name(const char *name)
{
	char *candidate = mem_dup(name);

	while (exists(candidate)) {
		free(candidate);
		candidate = mem_printf("%s-%08x", name, arc4random());
	}
	return candidate;
}

/* What the container of that name was called when it was run. */
static char *
name_in_use(const struct deploy *d, const char *name)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct error e;

	strlist_add(&argv, command());
	strlist_split(&argv, "ps -a --format {{.Names}} --filter", " ");
	strlist_printf(&argv, "label=container_name=%s", name);
	strlist_add(&argv, "--filter");
	strlist_printf(&argv, "label=config_id=%s", d->item.id);
	if (ask(&argv, &out, &e) != 0 || out.len == 0)
		return mem_dup(name);
	out.s[strcspn(out.s, " \n")] = '\0';
	return mem_dup(out.s);
}

/* ---- arguments --------------------------------------------------------- */

/* "--flag=value" for each item of a list, or for a value that is no list. */
static void
add_each(struct strlist *argv, const char *flag, const struct value *v)
{
	uint32_t n = v == NULL ? 0 : v->kind == VALUE_LIST ? v->len : 1;

	for (uint32_t i = 0; i < n; i++) {
		const struct value *one =
		    v->kind == VALUE_LIST ? v->items[i] : v;
		own_free char *text = group_text(one);

		if (*text != '\0')
			strlist_printf(argv, "--%s=%s", flag, text);
	}
}

static void
add_flags(
    struct strlist *argv, const struct value *c, const char *const (*flags)[2])
{
	for (; (*flags)[0] != NULL; flags++)
		add_each(argv, (*flags)[1], value_get(c, (*flags)[0]));
}

/* A list of words, or text with blanks between them. */
static void
add_command(struct strlist *argv, const struct value *c)
{
	const struct value *v = value_get(c, "command");

	if (v != NULL && v->kind == VALUE_STRING)
		strlist_split(argv, v->text, " \t\n");
	for (uint32_t i = 0; v != NULL && v->kind == VALUE_LIST && i < v->len;
	     i++)
		strlist_take(argv, group_text(v->items[i]));
}

static void
add_label(struct strlist *argv, const char *name, const char *value)
{
	strlist_add(argv, "--label");
	strlist_printf(argv, "%s=%s", name, value);
}

static void
run_arguments(const struct deploy *d, const char *name, const struct value *c,
    struct strlist *argv)
{
	static const char *const flags[][2] = { { "env_file", "env-file" },
		{ "environment", "env" }, { "net", "net" }, { "pid", "pid" },
		{ "privileged", "privileged" }, { "restart", "restart" },
		{ "user", "user" }, { "volumes", "volume" },
		{ "volumes_from", "volumes-from" }, { NULL, NULL } };
	const struct value *detach = value_get(c, "detach");

	strlist_split(argv, "run --name", " ");
	strlist_take(argv, free_name(name));
	add_label(argv, "deploy_stack_id",
	    item_text(&d->item, "deploy_stack_id", ""));
	add_label(argv, "deploy_resource_name",
	    item_text(&d->item, "deploy_resource_name", ""));
	add_label(argv, "config_id", d->item.id);
	add_label(argv, "container_name", name);
	strlist_split(argv, "--label " MANAGED, " ");
	if (detach == NULL || detach->kind != VALUE_BOOL || detach->truth)
		strlist_add(argv, "--detach=true");
	add_flags(argv, c, flags);
	strlist_add(argv, value_text(c, "image", ""));
	add_command(argv, c);
}

/* The first word of the command names the container. */
static int
exec_arguments(const struct deploy *d, const char *name, const struct value *c,
    struct strlist *argv, struct error *e)
{
	static const char *const flags[][2] = { { "privileged", "privileged" },
		{ "user", "user" }, { NULL, NULL } };
	own(strlist_clear) struct strlist words = { 0 };

	add_command(&words, c);
	if (words.len < 2)
		return error_set(e, EINVAL,
		    "%s: command: a container and what to run in it", name);
	strlist_add(argv, "exec");
	add_flags(argv, c, flags);
	strlist_take(argv, name_in_use(d, words.items[0]));
	for (size_t i = 1; i < words.len; i++)
		strlist_add(argv, words.items[i]);
	return 0;
}

/* ---- one container ----------------------------------------------------- */

static bool
is_expected(const struct value *c, int status)
{
	const struct value *codes = value_get(c, "exit_codes");
	long long n;

	if (codes == NULL || codes->kind != VALUE_LIST)
		return status == 0;
	for (uint32_t i = 0; i < codes->len; i++)
		if (value_to_int(codes->items[i], &n) && n == status)
			return true;
	return false;
}

/* Adds to *failed the status if it is not one of those expected. */
static int
run_one(struct deploy *d, const char *name, const struct value *c, int *failed,
    struct error *e)
{
	const char *action = value_text(c, "action", "run");
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_add(&argv, command());
	if (strcmp(action, "run") == 0)
		run_arguments(d, name, c, &argv);
	else if (strcmp(action, "exec") != 0)
		return error_set(
		    e, EINVAL, "%s: action: %s: run or exec", name, action);
	else if (exec_arguments(d, name, c, &argv, e) == -1)
		return -1;
	if (group_exec(d, &argv, e) == -1)
		return -1;
	if (is_expected(c, d->status))
		return 0;
	log_warn("podman: %s: exit status %d", name, d->status);
	*failed = d->status != 0 ? d->status : 1;
	return 0;
}

struct ordered {
	struct member member;
	double order;
	uint32_t at;
};

static int
compare(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->at < y->at ? -1 : 1;
}

static int
run(struct deploy *d, struct error *e)
{
	own_free struct ordered *containers = NULL;
	const struct value *config;
	int failed = 0;

	if (strcmp(item_text(&d->item, "deploy_action", ""), "DELETE") == 0)
		return 0;
	config = group_config_map(d, e);
	if (config == NULL)
		return -1;
	containers = mem_resize(NULL, config->len + 1, sizeof(*containers));
	for (uint32_t i = 0; i < config->len; i++) {
		const struct member m = value_member(config, i);
		const struct value *order = value_get(m.value, "start_order");

		containers[i] =
		    (struct ordered){ m, order ? value_to_real(order) : 0, i };
	}
	if (config->len > 1)
		qsort(containers, config->len, sizeof(*containers), compare);
	for (uint32_t i = 0; i < config->len; i++)
		if (run_one(d, containers[i].member.name,
			containers[i].member.value, &failed, e) == -1)
			return -1;
	d->status = failed;
	return 0;
}

/* ---- those that are gone ----------------------------------------------- */

static bool
is_listed(const struct value *list, const char *id)
{
	for (uint32_t i = 0; i < list->len; i++)
		if (strcmp(value_text(list->items[i], "id", ""), id) == 0)
			return true;
	return false;
}

static void
tell(const char *verb, const char *id, const char *name)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct error e = { .text = "it failed" };

	strlist_add(&argv, command());
	strlist_split(&argv, verb, " ");
	strlist_add(&argv, id);
	if (name != NULL)
		strlist_add(&argv, name);
	log_info("podman: %s %s", verb, name ? name : id);
	if (ask(&argv, &out, &e) != 0)
		log_warn("podman: %s %s: %s", verb, id, e.text);
}

/* "ID NAME CONFIG_ID CONTAINER_NAME": away with it, or give it its name. */
static void
sweep_one(const struct value *list, const char *line)
{
	own(strlist_clear) struct strlist words = { 0 };

	strlist_split(&words, line, " ");
	if (words.len != 4)
		return;
	if (!is_listed(list, words.items[2]))
		tell("rm -f", words.items[0], NULL);
	else if (strcmp(words.items[1], words.items[3]) != 0 &&
	    !exists(words.items[3]))
		tell("rename", words.items[0], words.items[3]);
}

static int
sweep(const struct value *list, const char *root, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 }, lines = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	int status;

	(void)root;
	strlist_add(&argv, command());
	strlist_split(&argv, "ps -a --filter label=" MANAGED " --format", " ");
	strlist_add(&argv,
	    "{{.ID}} {{.Names}} {{index .Labels \"config_id\"}} "
	    "{{index .Labels \"container_name\"}}");
	status = ask(&argv, &out, e);
	if (status == -1 && e->code == ENOENT)
		return 0; /* no podman, no containers */
	if (status != 0)
		return status == -1
		    ? -1
		    : error_set(e, 0, "podman ps: exit status %d", status);
	strlist_split(&lines, strbuf_text(&out), "\n");
	/* Twice: what goes away may free a name. */
	for (size_t i = 0; i < 2 * lines.len; i++)
		sweep_one(list, lines.items[i % lines.len]);
	return 0;
}

const struct group group_podman = {
	.name = "podman",
	.summary = "run the containers in the config",
	.run = run,
	.sweep = sweep,
};
