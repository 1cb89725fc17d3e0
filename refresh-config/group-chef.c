/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chef: the config is a run list; its inputs are attributes of the node.  The
 * kitchen with the cookbooks may come from a git URL.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"
#include "refresh-config/deploy.h"

static bool
is_ours(const char *name)
{
	return strncmp(name, "deploy_", 7) == 0;
}

/* Returns 0; 1 if git failed, whose output is then the answer. */
static int
clone_kitchen(struct deploy *d, const char *path, struct error *e)
{
	const char *url = group_option(d, "kitchen");
	own(strlist_clear) struct strlist argv = { 0 };

	if (url == NULL)
		return 0;
	if (strcmp(item_text(&d->item, "deploy_action", ""), "UPDATE") == 0 &&
	    tree_remove(AT_FDCWD, path, e) == -1)
		return -1;
	strlist_split(&argv, "git clone --", " ");
	strlist_add(&argv, url);
	strlist_add(&argv, path);
	if (group_exec(d, &argv, e) == -1)
		return -1;
	return d->status != 0;
}

static char *
write_node(struct deploy *d, struct error *e)
{
	struct doc *doc = d->item.d;
	own_free char *name = group_fqdn();
	own_free char *path = NULL;
	own_free char *text = group_config_text(d);
	own(strbuf_clear) struct strbuf out = { 0 };
	struct value *node = value_map(doc), *list;

	if (name == NULL || !path_is_name(name)) {
		error_set(
		    e, 0, "Could not determine hostname with hostname -f");
		return NULL;
	}
	list = doc_parse(doc, text, strlen(text), "config", e);
	if (list == NULL)
		return NULL;
	for (uint32_t i = 0; i < d->inputs->len; i++) {
		const struct value *input = d->inputs->items[i];
		const char *key = value_text(input, "name", "");
		struct value *value = value_get(input, "value");

		if (strcmp(key, "environment") != 0 && !is_ours(key))
			value_set(
			    doc, node, key, value ? value : value_null(doc));
	}
	value_set(doc, node, "run_list", list);
	value_print(node, STYLE_INDENT4, &out);
	path = mem_printf("%s/node/%s.json", d->working, name);
	return group_replace(path, 0600, out.s, e) == -1 ? NULL : take(path);
}

/* A string of Ruby, in single quotes. */
static void
add_setting(struct strbuf *b, const char *name, const char *text)
{
	strbuf_printf(b, "%s '", name);
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			strbuf_putc(b, '\\');
		strbuf_putc(b, *text);
	}
	strbuf_puts(b, "'\n");
}

static char *
write_client(const struct deploy *d, const char *kitchen, struct error *e)
{
	static const char *const folders[][2] = {
		{ "cookbook_path", "cookbooks" }, { "role_path", "roles" },
		{ "environment_path", "environments" }
	};
	const char *environment = item_text(&d->item, "environment", NULL);
	own_free char *nodes = path_join(d->working, "node");
	own_free char *path = path_join(d->working, "client.rb");
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_puts(&b,
	    "log_level :debug\nlog_location STDOUT\n"
	    "local_mode true\nchef_zero.enabled true\n");
	for (size_t i = 0; i < 3; i++) {
		own_free char *folder = path_join(kitchen, folders[i][1]);

		add_setting(&b, folders[i][0], folder);
	}
	if (environment != NULL)
		add_setting(&b, "environment", environment);
	add_setting(&b, "node_path", nodes);
	return group_replace(path, 0600, b.s, e) == -1 ? NULL : take(path);
}

static int
run(struct deploy *d, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *kitchen = NULL, *node = NULL, *client = NULL;
	int r;

	if (group_folders(d, "HEAT_CHEF", "heat-config-chef", e) == -1)
		return -1;
	kitchen = group_option(d, "kitchen_path") != NULL
	    ? mem_dup(group_option(d, "kitchen_path"))
	    : path_join(d->working, "kitchen");
	r = clone_kitchen(d, kitchen, e);
	if (r != 0)
		return r == -1 ? -1 : 0;
	node = write_node(d, e);
	client = node == NULL ? NULL : write_client(d, kitchen, e);
	if (client == NULL)
		return -1;
	strbuf_cut(&d->out, 0);
	strbuf_cut(&d->err, 0);
	strlist_add(&argv, group_command("HEAT_CHEF_CMD", "chef-client"));
	strlist_split(&argv, "-z --config", " ");
	strlist_add(&argv, client);
	strlist_add(&argv, "-j");
	strlist_add(&argv, node);
	return group_exec(d, &argv, e);
}

const struct group group_chef = {
	.name = "chef",
	.summary = "run the config as a run list, in local mode",
	.run = run,
};
