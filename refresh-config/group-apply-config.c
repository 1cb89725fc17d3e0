/* SPDX-License-Identifier: Apache-2.0 */
/* apply-config: render the templates, once more; the config is not used. */
#include "lib/own.h"
#include "refresh-config/deploy.h"

static int
run(struct deploy *d, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_add(
	    &argv, group_command("HEAT_APPLY_CONFIG_CMD", "os-apply-config"));
	return group_exec(d, &argv, e);
}

const struct group group_apply_config = {
	.name = "apply-config",
	.summary = "run os-apply-config",
	.run = run,
};
