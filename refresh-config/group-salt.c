/* SPDX-License-Identifier: Apache-2.0 */
/*
 * salt: the config is a state, applied without a master by salt-call; its
 * inputs are options of the minion.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/yaml.h"
#include "refresh-config/deploy.h"

/* The minion's own configuration, with ours over it, as JSON: it is YAML. */
static char *
write_minion(struct deploy *d, struct error *e)
{
	struct doc *doc = d->item.d;
	own_free char *base =
	    group_path(d->root, "SALT_MINION_CONFIG", "/etc/salt/minion");
	own_free char *folder = path_join(d->working, "minion.d.heat");
	own_free char *path = path_join(folder, "minion");
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v = value_map(doc), *roots = value_map(doc);
	struct value *places = value_list(doc), *own = NULL;

	if (file_exists(AT_FDCWD, base) &&
	    (own = yaml_load(doc, AT_FDCWD, base, e)) == NULL)
		return NULL;
	if (own != NULL && own->kind == VALUE_MAP)
		v = own;
	value_add(doc, places, value_string(doc, d->working));
	value_set(doc, roots, "base", places);
	value_set(doc, v, "file_roots", roots);
	value_set(doc, v, "file_client", value_string(doc, "local"));
	for (uint32_t i = 0; i < d->inputs->len; i++) {
		const struct value *input = d->inputs->items[i];
		struct value *value = value_get(input, "value");

		value_set(doc, v, value_text(input, "name", ""),
		    value ? value : value_string(doc, ""));
	}
	value_print(v, STYLE_PRETTY, &text);
	return group_replace(path, 0600, text.s, e) == -1 ? NULL : take(folder);
}

/* Salt's exit status is not to be trusted: every state must have a result. */
static bool
all_succeeded(const struct value *states)
{
	if (states == NULL || states->kind != VALUE_MAP)
		return false;
	for (uint32_t i = 0; i < states->len; i++) {
		const struct value *result =
		    value_get(value_member(states, i).value, "result");

		if (result == NULL || result->kind != VALUE_BOOL ||
		    !result->truth)
			return false;
	}
	return true;
}

/* Results go to standard output after a success, else to the other. */
static void
judge(struct deploy *d)
{
	struct error not_json;
	const struct value *v = doc_parse(d->item.d, strbuf_text(&d->out),
	    d->out.len, "salt-call", &not_json);

	if (all_succeeded(value_get(v, "local"))) {
		d->status = 0;
		return;
	}
	if (d->status == 0)
		d->status = 1;
	strbuf_add(&d->err, strbuf_text(&d->out), d->out.len);
	strbuf_cut(&d->out, 0);
}

static int
run(struct deploy *d, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *text = group_config_text(d);
	own_free char *state = NULL, *minion = NULL, *name = NULL;

	if (group_folders(d, "HEAT_SALT", "heat-config-salt", e) == -1)
		return -1;
	state = group_write(d, ".sls", 0700, text, e);
	minion = state == NULL ? NULL : write_minion(d, e);
	if (minion == NULL)
		return -1;
	name = mem_dupn(path_base(state), strlen(path_base(state)) - 4);
	strlist_add(&argv, group_command("HEAT_SALT_CMD", "salt-call"));
	strlist_split(&argv, "--local --out=json --retcode-passthrough", " ");
	strlist_printf(&argv, "--config-dir=%s", minion);
	strlist_add(&argv, "state.sls");
	strlist_add(&argv, name);
	if (group_exec(d, &argv, e) == -1)
		return -1;
	judge(d);
	return 0;
}

const struct group group_salt = {
	.name = "salt",
	.summary = "apply the config as a state, without a master",
	.run = run,
};
