/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenStack: a config drive (a disc labelled config-2), else the metadata
 * service.
 */
#include <errno.h>
#include <string.h>

#include "collect-config/disc.h"
#include "collect-config/platform.h"
#include "collect-config/sources.h"
#include "lib/mem.h"
#include "lib/own.h"

#define LABEL "config-2"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_LIST,
	    .value = "http://169.254.169.254 http://[fe80::a9fe:a9fe%25*]",
	    .help = "URL of the service; the first that answers is used" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

static const struct platform openstack = {
	.parts =
	    (const struct part[]){
		{ .path = "openstack/latest/meta_data.json" },
		{ .path = "openstack/latest/network_data.json",
		    .member = "network_data",
		    .optional = true },
		{ .path = "openstack/latest/vendor_data.json",
		    .member = "vendor_data",
		    .optional = true },
		{ .path = "openstack/latest/vendor_data2.json",
		    .member = "vendor_data2",
		    .optional = true },
		{ .path = "openstack/latest/user_data",
		    .member = "user-data",
		    .format = PART_FILE,
		    .optional = true },
		{ .path = NULL } },
};

static bool
is_openstack(const struct machine *m)
{
	static const char *const products[] = { "OpenStack Nova",
		"OpenStack Compute" };
	static const char *const tags[] = { "OpenStack Nova",
		"OpenStack Compute", "HUAWEICLOUD", "OpenTelekomCloud",
		"Samsung Cloud Platform", "SAP CCloud VM" };

	for (size_t i = 0; i < sizeof(products) / sizeof(*products); i++)
		if (strcmp(m->product, products[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(tags) / sizeof(*tags); i++)
		if (strcmp(m->asset_tag, tags[i]) == 0)
			return true;
	return false;
}

static bool
openstack_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (machine_disc(m, LABEL) != NULL)
		*why = mem_printf(
		    "%s has the label " LABEL, machine_disc(m, LABEL));
	else if (is_openstack(m))
		*why = mem_printf("firmware says product \"%s\", asset tag "
				  "\"%s\"",
		    m->product, m->asset_tag);
	else
		return false;
	return true;
}

static enum step
openstack_step(struct round *r, struct error *e)
{
	own(disc_close) struct disc disc = { .fd = -1 };
	enum step step;

	if (r->data != NULL || !disc_find(r->source->config, LABEL, &disc))
		return platform_step(r, &openstack, e);
	step = platform_disc(r, &openstack, &disc, e);
	if (step == STEP_FAILED && e->code == ENOENT)
		step = platform_disc(r, &platform_ec2_disc, &disc, e);
	return step;
}

const struct source_kind source_openstack = {
	.name = "openstack",
	.summary = "OpenStack's config drive or metadata service",
	.settings = settings,
	.detect = openstack_detect,
	.step = openstack_step,
};
