/* SPDX-License-Identifier: Apache-2.0 */
/* hiera: data for puppet, a file per level, and the order of levels. */
#include <errno.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "refresh-config/deploy.h"

#define CHECK \
	"os-apply-config --key hiera.datafiles --type raw --key-default empty"

/*
 * Data that comes by way of os-apply-config instead would be in the way.
 * Returns 1, and the answer, if there is such data.
 */
static int
find_legacy(struct deploy *d)
{
	const char *command =
	    group_command("HEAT_HIERA_ELEMENT_CHECK_CMD", CHECK);
	own(strlist_clear) struct strlist argv = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct proc p = { .out = &out, .seconds = 60 };
	struct proc_status status;
	struct error absent;

	strlist_split(&argv, command, " ");
	p.argv = strlist_argv(&argv);
	if (argv.len == 0 || proc_run(&p, &status, &absent) == -1)
		return 0;
	while (out.len > 0 && strchr(" \t\r\n", out.s[out.len - 1]) != NULL)
		strbuf_cut(&out, out.len - 1);
	if (strcmp(strbuf_text(&out), "empty") == 0)
		return 0;
	strbuf_add(&d->out, out.s, out.len);
	strbuf_printf(&d->err,
	    "There is hiera data from os-apply-config: %s\n"
	    "Deploy it by this hook before going on.\n",
	    strbuf_text(&out));
	d->status = 1;
	return 1;
}

/* A level as YAML; who knows that it is YAML has quoted it already. */
static void
put_level(const struct value *v, struct strbuf *b)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789_./-";
	bool bare = v->kind == VALUE_STRING && v->len > 0 &&
	    (strchr("'\"", v->text[0]) != NULL ||
		strspn(v->text, plain) == v->len);

	strbuf_puts(b, "  - ");
	if (bare)
		strbuf_puts(b, v->text);
	else
		value_print(v, STYLE_UTF8, b);
	strbuf_putc(b, '\n');
}

static int
write_hierarchy(const struct deploy *d, const char *datadir,
    const struct value *levels, struct error *e)
{
	own_free char *path =
	    group_path(d->root, "HEAT_HIERA_CONFIG", "/etc/puppet/hiera.yaml");
	own(strbuf_clear) struct strbuf b = { 0 };

	if (levels->kind != VALUE_LIST)
		return error_set(e, EINVAL, "config: hierarchy: not a list");
	strbuf_printf(&b,
	    "\n---\n:backends:\n  - json\n:json:\n  :datadir: %s\n"
	    ":hierarchy:\n",
	    datadir);
	for (uint32_t i = 0; i < levels->len; i++)
		put_level(levels->items[i], &b);
	return group_replace(path, 0600, b.s, e);
}

static int
write_data(const struct deploy *d, const char *datadir,
    const struct value *files, struct error *e)
{
	if (files->kind != VALUE_MAP)
		return error_set(e, EINVAL, "config: datafiles: not a map");
	for (uint32_t i = 0; i < files->len; i++) {
		const struct member m = value_member(files, i);
		own_free char *path = mem_printf("%s/%s.json", datadir, m.name);
		own_free char *text = group_sorted_json(d->item.d, m.value);

		if (!path_is_inside(m.name))
			return error_set(e, EINVAL,
			    "config: datafiles: %s: not a name", m.name);
		if (group_replace(path, 0600, text, e) == -1)
			return -1;
	}
	return 0;
}

static int
run(struct deploy *d, struct error *e)
{
	own_free char *datadir = group_path(
	    d->root, "HEAT_PUPPET_HIERA_DATADIR", "/etc/puppet/hieradata");
	const struct value *config = group_config_map(d, e);
	const struct value *levels = value_get(config, "hierarchy");
	const struct value *files = value_get(config, "datafiles");

	if (config == NULL)
		return -1;
	if (find_legacy(d) == 1)
		return 0;
	if (levels != NULL && write_hierarchy(d, datadir, levels, e) == -1)
		return -1;
	return files == NULL ? 0 : write_data(d, datadir, files, e);
}

const struct group group_hiera = {
	.name = "hiera",
	.summary = "write data and hierarchy for puppet's hiera",
	.run = run,
};
