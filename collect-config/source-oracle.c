/* SPDX-License-Identifier: Apache-2.0 */
/* Oracle Cloud: version 2 of the service, which wants a header, else 1. */
#include "collect-config/platform.h"
#include "collect-config/sources.h"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_LIST,
	    .value = "http://169.254.169.254/opc/v2 "
		     "http://[fd00:c1::a9fe:a9fe]/opc/v2 "
		     "http://169.254.169.254/opc/v1",
	    .help = "URL of the service; the first that answers is used" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

static bool
oracle_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	return machine_says("asset tag", m->asset_tag, "OracleCloud.com", why);
}

static const struct platform oracle = {
	.parts = (const struct part[]){ { .path = "instance/" },
	    { .path = "vnics/", .member = "vnics", .optional = true },
	    { .path = NULL } },
	.header = "Authorization: Bearer Oracle",
	.user_data = "metadata.user_data",
	.base64 = true,
};

const struct source_kind source_oracle = {
	.name = "oracle",
	.summary = "Oracle Cloud's instance metadata",
	.settings = settings,
	.detect = oracle_detect,
	.step = platform_ask,
	.platform = &oracle,
};
