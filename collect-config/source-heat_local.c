/* SPDX-License-Identifier: Apache-2.0 */
/* The first data that Heat leaves on a machine through its user data. */
#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/file.h"
#include "lib/log.h"

static const struct setting settings[] = {
	{ .name = "path",
	    .kind = SETTING_LIST,
	    .value = "/var/lib/heat-cfntools/cfn-init-data",
	    .help = "file that Heat's user data left" },
	{ .name = NULL },
};

/* Members of the later files replace those of the earlier ones. */
static void
update(struct doc *d, struct value *into, const struct value *from)
{
	for (uint32_t i = 0; i < from->len; i++) {
		const struct member m = value_member(from, i);

		value_setn(d, into, m.name, m.len, m.value);
	}
}

static enum step
heat_local_step(struct round *r, struct error *e)
{
	const struct config *c = r->source->config;
	const struct strlist *paths = config_list(c, "heat_local", "path");
	struct value *all = value_map(r->doc);

	(void)e;
	for (size_t i = 0; i < paths->len; i++) {
		const char *path = config_at(c, paths->items[i]);
		const struct value *v;
		struct error why;

		if (!file_exists(config_root(c), path))
			continue;
		v = doc_load(r->doc, config_root(c), path, &why);
		if (v == NULL)
			log_warn("heat_local: %s", why.text);
		else if (v->kind == VALUE_MAP)
			update(r->doc, all, v);
	}
	if (all->len == 0)
		return STEP_NONE;
	return round_finish(r, all);
}

const struct source_kind source_heat_local = {
	.name = "heat_local",
	.summary = "what Heat's user data left on this machine",
	.settings = settings,
	.step = heat_local_step,
};
