/* SPDX-License-Identifier: Apache-2.0 */
/* cfn-init: the config is what AWS::CloudFormation::Init has. */
#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/deploy.h"

static int
run(struct deploy *d, struct error *e)
{
	own_free char *folder = group_path(d->root,
	    "HEAT_CFN_INIT_LAST_METADATA_DIR", "/var/cache/heat-cfntools");
	own_free char *path = path_join(folder, "last_metadata");
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist argv = { 0 };
	const struct value *config = group_config_map(d, e);
	struct value *metadata = value_map(d->item.d);

	if (config == NULL)
		return -1;
	value_set(d->item.d, metadata, "AWS::CloudFormation::Init",
	    value_copy(d->item.d, config));
	value_print(metadata, STYLE_PYTHON, &text);
	if (group_replace(path, 0600, text.s, e) == -1)
		return -1;
	strlist_add(&argv, group_command("HEAT_CFN_INIT_CMD", "cfn-init"));
	return group_exec(d, &argv, e);
}

const struct group group_cfn_init = {
	.name = "cfn-init",
	.summary = "run cfn-init on the config",
	.run = run,
};
