/* SPDX-License-Identifier: Apache-2.0 */
/*
 * script: the config is a program; its inputs are environment variables, its
 * outputs the files $heat_outputs_path.NAME.
 */
#include <errno.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"

static int
export_inputs(struct deploy *d, struct error *e)
{
	for (uint32_t i = 0; i < d->inputs->len; i++) {
		const struct value *input = d->inputs->items[i];
		const char *name = value_text(input, "name", "");
		own_free char *text = group_text(value_get(input, "value"));

		if (strchr(name, '=') != NULL)
			return error_set(e, EINVAL,
			    "the input \"%s\" cannot be a variable", name);
		strlist_env_set(&d->env, name, text);
	}
	return 0;
}

static int
run(struct deploy *d, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *text = group_config_text(d), *path = NULL;

	if (export_inputs(d, e) == -1 ||
	    group_folders(d, "HEAT_SCRIPT", "heat-config-script", e) == -1)
		return -1;
	path = group_write(d, "", 0700, text, e);
	if (path == NULL)
		return -1;
	strlist_add(&argv, path);
	return group_exec(d, &argv, e);
}

const struct group group_script = {
	.name = "script",
	.summary = "run the config as a program",
	.run = run,
};
