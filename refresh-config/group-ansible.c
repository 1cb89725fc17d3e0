/* SPDX-License-Identifier: Apache-2.0 */
/* ansible: the config is a playbook; its inputs are extra variables. */
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/deploy.h"

/* The variables as a file: not on a command line, where all can see them. */
static char *
write_variables(struct deploy *d, struct error *e)
{
	struct doc *doc = d->item.d;
	struct value *v = value_map(doc);
	own(strbuf_clear) struct strbuf text = { 0 };

	value_set(doc, v, "heat_config_id", value_string(doc, d->item.id));
	for (uint32_t i = 0; i < d->inputs->len; i++) {
		const struct value *input = d->inputs->items[i];
		struct value *value = value_get(input, "value");

		value_set(doc, v, value_text(input, "name", ""),
		    value ? value : value_string(doc, ""));
	}
	value_set(doc, v, "heat_outputs_path", value_string(doc, d->outputs));
	value_print(v, STYLE_PYTHON, &text);
	return group_write(d, "_variables.json", 0600, text.s, e);
}

static void
add_option(const struct deploy *d, struct strlist *argv, const char *option,
    const char *flag)
{
	const char *text = group_option(d, option);

	if (text == NULL)
		return;
	strlist_add(argv, flag);
	strlist_add(argv, text);
}

static int
play(struct deploy *d, const char *playbook, const char *variables,
    struct error *e)
{
	const char *inventory = group_option(d, "inventory");
	const char *callbacks = group_option(d, "callback_plugins");
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *path =
	    inventory ? path_join(d->working, inventory) : NULL;

	/* It refuses to start without UTF-8, and services have no locale. */
	if (strlist_env_get(&d->env, "LC_ALL") == NULL &&
	    strlist_env_get(&d->env, "LANG") == NULL)
		strlist_env_set(&d->env, "LC_ALL", "C.UTF-8");
	if (callbacks != NULL)
		strlist_env_set(&d->env, "ANSIBLE_CALLBACK_PLUGINS", callbacks);
	strlist_add(
	    &argv, group_command("HEAT_ANSIBLE_CMD", "ansible-playbook"));
	strlist_add(&argv, "-i");
	strlist_add(&argv,
	    path ? path
		 : group_command("HEAT_ANSIBLE_INVENTORY", "localhost,"));
	add_option(d, &argv, "modulepath", "--module-path");
	add_option(d, &argv, "skip_tags", "--skip-tags");
	add_option(d, &argv, "tags", "--tags");
	strlist_add(&argv, playbook);
	strlist_add(&argv, "--extra-vars");
	strlist_printf(&argv, "@%s", variables);
	return group_exec(d, &argv, e);
}

static int
run(struct deploy *d, struct error *e)
{
	own_free char *text = group_config_text(d);
	own_free char *playbook = NULL, *variables = NULL;

	if (group_folders(d, "HEAT_ANSIBLE", "heat-config-ansible", e) == -1)
		return -1;
	if (*text == '\0')
		return 0;
	variables = write_variables(d, e);
	playbook = variables == NULL
	    ? NULL
	    : group_write(d, "_playbook.yaml", 0600, text, e);
	return playbook == NULL ? -1 : play(d, playbook, variables, e);
}

const struct group group_ansible = {
	.name = "ansible",
	.summary = "run the config as a playbook",
	.run = run,
};
