/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NoCloud: cloud-init's way to give data without a cloud.  A folder, a disc
 * labelled cidata, or a URL that the kernel's command line or the firmware's
 * serial number has after "ds=nocloud;s=".
 */
#include <errno.h>
#include <string.h>

#include "collect-config/disc.h"
#include "collect-config/platform.h"
#include "collect-config/sources.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define LABEL "cidata"

static const struct setting settings[] = {
	{ .name = "path",
	    .kind = SETTING_LIST,
	    .value = "/var/lib/cloud/seed/nocloud "
		     "/var/lib/cloud/seed/nocloud-net",
	    .help = "folder that may have the data" },
	{ .name = "metadata-url",
	    .kind = SETTING_LIST,
	    .help = "URL below which the data is" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

/* What follows name= in a "ds=nocloud[-net];..." string, the caller's. */
static char *
ds_value(const char *ds, const char *name)
{
	size_t n = strlen(name);

	if (ds == NULL || strncmp(ds, "nocloud", 7) != 0 ||
	    (ds[7] != ';' && strncmp(ds + 7, "-net;", 5) != 0))
		return NULL;
	for (const char *s = strchr(ds, ';'); s != NULL; s = strchr(s, ';')) {
		s++;
		if (strncmp(s, name, n) == 0 && s[n] == '=')
			return mem_dupn(s + n + 1, strcspn(s + n + 1, ";"));
	}
	return NULL;
}

/* The string itself, after "ds=", or NULL. */
static const char *
ds_of(const struct machine *m)
{
	const char *ds = machine_cmdline(m, "ds");

	if (ds == NULL && strncmp(m->serial, "ds=", 3) == 0)
		ds = m->serial + 3;
	return ds;
}

/* The name or identity given on the way overrides what is in the data. */
static void
take_ds(struct round *r, struct value *content)
{
	static const char *const names[][2] = { { "h", "local-hostname" },
		{ "i", "instance-id" } };

	for (size_t i = 0; i < 2; i++) {
		own_free char *value =
		    ds_value(ds_of(r->source->machine), names[i][0]);

		if (value != NULL)
			value_set(r->doc, content, names[i][1],
			    value_string(r->doc, value));
	}
}

static const struct platform nocloud = {
	.parts = (const struct part[]){ { .path = "meta-data" },
	    { .path = "network-config",
		.member = "network-config",
		.optional = true },
	    { .path = "user-data",
		.member = "user-data",
		.format = PART_FILE,
		.optional = true },
	    { .path = "vendor-data",
		.member = "vendor-data",
		.format = PART_FILE,
		.optional = true },
	    { .path = NULL } },
	.finish = take_ds,
};

static const char *
seed_folder(const struct config *c)
{
	const struct strlist *paths = config_list(c, "nocloud", "path");

	for (size_t i = 0; i < paths->len; i++) {
		own_free char *file = path_join(paths->items[i], "meta-data");

		if (file_exists(config_root(c), config_at(c, file)))
			return paths->items[i];
	}
	return NULL;
}

static bool
nocloud_detect(const struct config *c, const struct machine *m, char **why)
{
	own_free char *url = ds_value(ds_of(m), "s");

	if (seed_folder(c) != NULL)
		*why = mem_printf("%s has meta-data", seed_folder(c));
	else if (machine_disc(m, LABEL) != NULL)
		*why = mem_printf(
		    "%s has the label " LABEL, machine_disc(m, LABEL));
	else if (url != NULL)
		*why = mem_printf("started with ds=nocloud;s=%s", url);
	else
		return false;
	return true;
}

static enum step
nocloud_step(struct round *r, struct error *e)
{
	struct config *c = r->source->config;
	own(disc_close) struct disc disc = { .fd = -1 };
	own_free char *url = NULL;

	if (r->data != NULL)
		return platform_step(r, &nocloud, e);
	if (seed_folder(c) != NULL)
		return platform_folder(r, &nocloud, seed_folder(c), e);
	if (disc_find(c, LABEL, &disc))
		return platform_disc(r, &nocloud, &disc, e);
	url = ds_value(ds_of(r->source->machine), "s");
	if (url != NULL && strstr(url, "://") != NULL &&
	    !config_given(c, "nocloud", "metadata_url")) {
		config_default(c, "nocloud", "metadata_url", url);
		if (config_resolve(c, "nocloud", e) == -1)
			return STEP_FAILED;
	}
	return platform_step(r, &nocloud, e);
}

const struct source_kind source_nocloud = {
	.name = "nocloud",
	.summary = "NoCloud data in a folder, on a disc or at a URL",
	.settings = settings,
	.detect = nocloud_detect,
	.step = nocloud_step,
};
