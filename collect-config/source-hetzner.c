/* SPDX-License-Identifier: Apache-2.0 */
/* Hetzner Cloud: metadata in YAML, user data beside it. */
#include <string.h>

#include "collect-config/platform.h"
#include "collect-config/sources.h"
#include "lib/mem.h"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_LIST,
	    .value = "http://169.254.169.254",
	    .help = "URL of the service" },
	{ .name = "timeout",
	    .kind = SETTING_NUMBER,
	    .value = "10",
	    .help = "seconds to wait for a connection and for data" },
	{ .name = NULL },
};

static bool
hetzner_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (strcmp(m->vendor, "Hetzner") != 0)
		return false;
	*why = mem_printf("firmware says vendor \"%s\"", m->vendor);
	return true;
}

static const struct platform hetzner = {
	.parts = (const struct part[]){ { .path = "hetzner/v1/metadata" },
	    { .path = "hetzner/v1/metadata/private-networks",
		.member = "private-networks",
		.optional = true },
	    { .path = "hetzner/v1/userdata",
		.member = "user-data",
		.format = PART_FILE,
		.optional = true },
	    { .path = NULL } },
};

static enum step
hetzner_step(struct round *r, struct error *e)
{
	return platform_step(r, &hetzner, e);
}

const struct source_kind source_hetzner = {
	.name = "hetzner",
	.summary = "Hetzner Cloud's server metadata",
	.settings = settings,
	.detect = hetzner_detect,
	.step = hetzner_step,
};
