/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: one JSON document, user data within it. */
#include "collect-config/platform.h"
#include "collect-config/sources.h"

static bool
digitalocean_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	return machine_says("vendor", m->vendor, "DigitalOcean", why);
}

static const struct platform digitalocean = {
	.parts = (const struct part[]){ { .path = "metadata/v1.json" },
	    { .path = NULL } },
	.user_data = "user_data",
};

const struct source_kind source_digitalocean = {
	.name = "digitalocean",
	.summary = "DigitalOcean's droplet metadata",
	.settings = platform_settings,
	.detect = digitalocean_detect,
	.step = platform_ask,
	.platform = &digitalocean,
};
