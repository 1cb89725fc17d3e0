/* SPDX-License-Identifier: Apache-2.0 */
/* Oracle Cloud: version 2 of the service, which wants a header, else 1. */
#include <string.h>

#include "collect-config/platform.h"
#include "collect-config/sources.h"
#include "lib/mem.h"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_LIST,
	    .value = "http://169.254.169.254/opc/v2 "
		     "http://[fd00:c1::a9fe:a9fe]/opc/v2 "
		     "http://169.254.169.254/opc/v1",
	    .help = "URL of the service; the first that answers is used" },
	{ .name = "timeout",
	    .kind = SETTING_NUMBER,
	    .value = "10",
	    .help = "seconds to wait for a connection and for data" },
	{ .name = NULL },
};

static bool
oracle_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (strcmp(m->asset_tag, "OracleCloud.com") != 0)
		return false;
	*why = mem_printf("firmware says asset tag \"%s\"", m->asset_tag);
	return true;
}

static const struct platform oracle = {
	.parts = (const struct part[]){ { .path = "instance/" },
	    { .path = "vnics/", .member = "vnics", .optional = true },
	    { .path = NULL } },
	.header = "Authorization: Bearer Oracle",
	.user_data = "metadata.user_data",
	.base64 = true,
};

static enum step
oracle_step(struct round *r, struct error *e)
{
	return platform_step(r, &oracle, e);
}

const struct source_kind source_oracle = {
	.name = "oracle",
	.summary = "Oracle Cloud's instance metadata",
	.settings = settings,
	.detect = oracle_detect,
	.step = oracle_step,
};
