/* SPDX-License-Identifier: Apache-2.0 */
/* puppet: the config is a manifest; its inputs are facts, or hiera data. */
#include <fcntl.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"

#define CHANGED 2 /* puppet's exit status for success with changes */

static void
set_fact(struct deploy *d, const char *name, const char *text)
{
	own_free char *variable = mem_printf("FACTER_%s", name);

	strlist_env_set(&d->env, variable, text);
}

static void
set_facts(struct deploy *d)
{
	own_free char *fqdn = group_fqdn();

	if (fqdn != NULL)
		set_fact(d, "fqdn", fqdn);
	for (uint32_t i = 0;
	     group_is_set(d, "enable_facter", true) && i < d->inputs->len;
	     i++) {
		const struct value *input = d->inputs->items[i];
		own_free char *text = group_text(value_get(input, "value"));

		set_fact(d, value_text(input, "name", ""), text);
	}
	set_fact(d, "heat_outputs_path", d->outputs);
}

static int
write_hiera(struct deploy *d, struct error *e)
{
	struct doc *doc = d->item.d;
	own_free char *datadir = group_path(
	    d->root, "HEAT_PUPPET_HIERA_DATADIR", "/etc/puppet/hieradata");
	own_free char *path =
	    mem_printf("%s/heat_config_%s.json", datadir, d->item.name);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *data = value_map(doc);

	if (!group_is_set(d, "enable_hiera", false))
		return 0;
	if (strchr(d->item.name, '/') != NULL)
		return error_set(e, 0, "%s: not a name", d->item.name);
	for (uint32_t i = 0; i < d->inputs->len; i++) {
		const struct value *input = d->inputs->items[i];
		struct value *value = value_get(input, "value");

		value_set(doc, data, value_text(input, "name", ""),
		    value ? value : value_string(doc, ""));
	}
	value_print(data, STYLE_PYTHON, &text);
	set_fact(d, "deploy_config_name", d->item.name);
	return group_replace(path, 0600, text.s, e);
}

static void
add_options(const struct deploy *d, struct strlist *argv)
{
	static const char *const logs[][3] = {
		{ "enable_debug", "--debug", "/var/log/puppet/heat-debug.log" },
		{ "enable_verbose", "--verbose",
		    "/var/log/puppet/heat-verbose.log" },
	};
	const char *modulepath = group_option(d, "modulepath");
	const char *tags = group_option(d, "tags");

	strlist_split(argv, "--logdest console", " ");
	if (modulepath != NULL) {
		strlist_add(argv, "--modulepath");
		strlist_add(argv, modulepath);
	}
	if (tags != NULL) {
		strlist_add(argv, "--tags");
		strlist_add(argv, tags);
	}
	for (size_t i = 0; i < 2; i++)
		if (group_is_set(d, logs[i][0], false)) {
			strlist_add(argv, logs[i][1]);
			strlist_add(argv, "--logdest");
			strlist_add(argv, logs[i][2]);
		}
}

/* Operators look for these: TIME-ID-stdout.log and -stderr.log. */
static void
keep_log(const struct deploy *d, const char *stream, const struct strbuf *b)
{
	own_free char *folder = group_path(
	    d->root, "HEAT_PUPPET_LOGDIR", "/var/run/heat-config/deployed");
	own_free char *when =
	    mem_dup(value_text(d->item.root, "creation_time", ""));
	own_free char *path = NULL;
	struct error e;

	for (char *s = when; *s != '\0'; s++)
		if (*s == ':' || *s == 'T' || *s == '/')
			*s = '-';
	path = mem_printf("%s/%s-%s-%s.log", folder, when, d->item.id, stream);
	if (strchr(d->item.id, '/') == NULL &&
	    group_replace(path, 0600, strbuf_text(b), &e) == -1)
		log_warn("%s", e.text);
}

static int
run(struct deploy *d, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *text = group_config_text(d), *path = NULL;

	if (group_folders(d, "HEAT_PUPPET", "heat-config-puppet", e) == -1 ||
	    write_hiera(d, e) == -1)
		return -1;
	set_facts(d);
	path = group_write(d, ".pp", 0700, text, e);
	if (path == NULL)
		return -1;
	strlist_add(&argv, group_command("HEAT_PUPPET_CMD", "puppet"));
	strlist_split(&argv, "apply --color false --detailed-exitcodes", " ");
	add_options(d, &argv);
	strlist_add(&argv, path);
	if (group_exec(d, &argv, e) == -1)
		return -1;
	keep_log(d, "stdout", &d->out);
	keep_log(d, "stderr", &d->err);
	if (d->status == CHANGED)
		d->status = 0;
	return 0;
}

const struct group group_puppet = {
	.name = "puppet",
	.summary = "apply the config as a manifest",
	.run = run,
};
