/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The groups, and what serving one is: the item from standard input, what
 * the group makes of it, the answer to standard output.  A failure is an
 * answer, too, so the exit status tells only that there is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

static const struct group *const groups[] = {
	&group_script,
	&group_apply_config,
	&group_json_file,
	&group_hiera,
	&group_ansible,
	&group_puppet,
	&group_cfn_init,
	&group_docker_compose,
	&group_podman,
	&group_salt,
	&group_chef,
	NULL,
};

static const struct group *
find(const char *name, struct error *e)
{
	own(strbuf_clear) struct strbuf known = { 0 };

	for (size_t i = 0; groups[i] != NULL; i++) {
		if (strcmp(groups[i]->name, name) == 0)
			return groups[i];
		strbuf_printf(
		    &known, "%s%s", i == 0 ? "" : ", ", groups[i]->name);
	}
	error_set(e, EINVAL, "no such group: %s (%s are served)", name,
	    strbuf_text(&known));
	return NULL;
}

static void
deploy_clear(struct deploy *d)
{
	free(d->working);
	free(d->outputs);
	strlist_clear(&d->env);
	strbuf_clear(&d->out);
	strbuf_clear(&d->err);
}

/* An output is what the program wrote to the file of that name, if it did. */
static void
add_output(const struct deploy *d, const char *name, struct value *answer)
{
	own_free char *path = mem_printf("%s.%s", d->outputs, name);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;

	if (strchr(name, '/') != NULL || !file_exists(AT_FDCWD, path))
		return;
	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, &e) == -1)
		log_warn("%s", e.text);
	else
		value_set(d->item.d, answer, name,
		    value_foreign(d->item.d, strbuf_text(&text), text.len));
}

static void
add_outputs(const struct deploy *d, struct value *answer)
{
	const struct value *outputs = value_get(d->item.root, "outputs");

	if (d->outputs == NULL || outputs == NULL ||
	    outputs->kind != VALUE_LIST)
		return;
	for (uint32_t i = 0; i < outputs->len; i++) {
		const char *name = value_text(outputs->items[i], "name", "");

		if (*name != '\0')
			add_output(d, name, answer);
	}
}

static int
print_answer(const struct deploy *d, struct error *e)
{
	struct value *answer = value_map(d->item.d);
	own(strbuf_clear) struct strbuf text = { 0 };

	add_outputs(d, answer);
	value_set(d->item.d, answer, "deploy_stdout",
	    value_foreign(d->item.d, strbuf_text(&d->out), d->out.len));
	value_set(d->item.d, answer, "deploy_stderr",
	    value_foreign(d->item.d, strbuf_text(&d->err), d->err.len));
	value_set(d->item.d, answer, "deploy_status_code",
	    value_int(d->item.d, d->status));
	value_print(answer, STYLE_PYTHON, &text);
	if (file_write_all(STDOUT_FILENO, text.s, text.len) == -1)
		return error_errno(e, "standard output");
	return 0;
}

static int
read_item(struct doc *d, struct item *item, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v;

	if (file_read_fd(STDIN_FILENO, "standard input", LIMIT_DOC_BYTES, &text,
		e) == -1)
		return -1;
	v = doc_parse(d, strbuf_text(&text), text.len, "standard input", e);
	return v == NULL ? -1 : item_read(d, v, item, e);
}

int
group_serve(const char *name, const char *root, struct error *e)
{
	ownp(doc_free) struct doc *doc = doc_new();
	own(deploy_clear) struct deploy d = { .root = root,
		.group = find(name, e) };
	struct error why;

	if (d.group == NULL || read_item(doc, &d.item, e) == -1)
		return -1;
	d.config = value_get(d.item.root, "config");
	d.inputs = value_get(d.item.root, "inputs");
	d.options = value_get(d.item.root, "options");
	for (char **v = environ; *v != NULL; v++)
		strlist_add(&d.env, *v);
	if (d.group->run(&d, &why) == -1) {
		d.status = why.code == ENOENT ? 127 : 1;
		strbuf_printf(&d.err, "%s\n", why.text);
		log_warn("%s", why.text);
	}
	return print_answer(&d, e);
}

int
group_sweep(const char *name, const struct settings *s, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(places_clear) struct places p = { 0 };
	const struct group *group = find(name, e);
	const struct value *list;

	if (group == NULL)
		return -1;
	if (group->sweep == NULL)
		return 0;
	places_find(&p, s);
	list = deployments_load(d, &p, s, e);
	return list == NULL ? -1 : group->sweep(list, s->root, e);
}
