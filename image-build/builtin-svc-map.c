/* SPDX-License-Identifier: Apache-2.0 */
/*
 * svc-map: what a service is called on the target's distribution.
 */
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"

static int
merge_services(struct build *b, const struct step *s, struct error *e)
{
	const char *distro = strlist_env_get(&b->phase_env, "DISTRO_NAME");
	own(strbuf_clear) struct strbuf text = { 0 };

	(void)s;
	if (services_map(b, distro != NULL ? distro : "", &text, e) == -1)
		return -1;
	return target_put(
	    b->tree, "usr/share/svc-map/services", 0644, &text, e);
}

static const struct native_step svc_map_steps[] = {
	{ "extra-data", "10-merge-svc-map-files", merge_services, NULL },
	{ NULL, NULL, NULL, NULL },
};

const struct builtin builtin_svc_map = {
	.name = "svc-map",
	.summary = "what services are called on the target's distribution",
	.deps = "install-bin",
	.steps = svc_map_steps,
};
