/* SPDX-License-Identifier: Apache-2.0 */
/* OpenStack's config drive: a disc labelled config-2. */
#include <errno.h>
#include <string.h>

#include "collect-config/disc.h"
#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

#define LABEL "config-2"

static bool
openstack_detect(const struct config *c, const struct machine *m, char **why)
{
	own(disc_close) struct disc disc = { .fd = -1 };

	(void)m;
	if (!disc_find(c, LABEL, &disc))
		return false;
	*why = mem_printf("%s is labelled %s", disc.name, disc.label);
	return true;
}

/* The instance's metadata: OpenStack's own, else in EC2's form. */
static int
read_metadata(const struct disc *disc, struct strbuf *b, struct error *e)
{
	static const char *const paths[] = { "openstack/latest/meta_data.json",
		"ec2/latest/meta-data.json" };

	for (size_t i = 0; i < 2; i++)
		if (disc_read(disc, paths[i], LIMIT_TEXT_BYTES, b, e) == 0)
			return 0;
		else if (e->code != ENOENT)
			return -1;
	return -1;
}

static enum step
openstack_step(struct round *r, struct error *e)
{
	own(disc_close) struct disc disc = { .fd = -1 };
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v;

	if (!disc_find(r->source->config, LABEL, &disc))
		return STEP_NONE;
	if (read_metadata(&disc, &text, e) == -1)
		return STEP_FAILED;
	if (!round_is_new(r, text.s, text.len))
		return STEP_SAME;
	v = doc_parse(r->doc, text.s, text.len, disc.name, e);
	if (v == NULL)
		return STEP_FAILED;
	if (v->kind != VALUE_MAP)
		return error_set(e, EPROTO, "%s: metadata is %s, not a map",
		    disc.name, value_kind_name(v));
	round_content(r, v);
	return STEP_DONE;
}

const struct source_kind source_openstack = {
	.name = "openstack",
	.summary = "OpenStack's config drive",
	.detect = openstack_detect,
	.step = openstack_step,
};
