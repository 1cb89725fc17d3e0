/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean: one JSON document, user data within it. */
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
digitalocean_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (strcmp(m->vendor, "DigitalOcean") != 0)
		return false;
	*why = mem_printf("firmware says vendor \"%s\"", m->vendor);
	return true;
}

static const struct platform digitalocean = {
	.parts = (const struct part[]){ { .path = "metadata/v1.json" },
	    { .path = NULL } },
	.user_data = "user_data",
};

static enum step
digitalocean_step(struct round *r, struct error *e)
{
	return platform_step(r, &digitalocean, e);
}

const struct source_kind source_digitalocean = {
	.name = "digitalocean",
	.summary = "DigitalOcean's droplet metadata",
	.settings = settings,
	.detect = digitalocean_detect,
	.step = digitalocean_step,
};
