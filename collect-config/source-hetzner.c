/* SPDX-License-Identifier: Apache-2.0 */
/* Hetzner Cloud: metadata in YAML, user data beside it. */
#include "collect-config/platform.h"
#include "collect-config/sources.h"

static bool
hetzner_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	return machine_says("vendor", m->vendor, "Hetzner", why);
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

const struct source_kind source_hetzner = {
	.name = "hetzner",
	.summary = "Hetzner Cloud's server metadata",
	.settings = platform_settings,
	.detect = hetzner_detect,
	.step = platform_ask,
	.platform = &hetzner,
};
