/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heat's POLL_SERVER_HEAT: the metadata of one resource of a stack.  With a
 * token in hand that is one request a round.
 */

#include "collect-config/keystone.h"
#include "collect-config/sources.h"
#include "lib/encode.h"
#include "lib/own.h"

static const struct setting settings[] = {
	SETTINGS_KEYSTONE,
	{ .name = "stack-id", .help = "stack, NAME/UUID" },
	{ .name = "resource-name", .help = "resource of the stack" },
	{ .name = "region-name", .help = "region of the endpoint to ask" },
	{ .name = NULL },
};

#define SERVICE "orchestration"
enum {
	METADATA = KEYSTONE_PLACES
};

static bool
is_configured(const struct round *r)
{
	static const char *const needed[] = { "auth_url", "password",
		"project_id", "user_id", "stack_id", "resource_name" };

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (round_text(r, needed[i]) == NULL)
			return false;
	return true;
}

static enum step
ask_metadata(struct round *r)
{
	own(strbuf_clear) struct strbuf path = { 0 };
	const char *endpoint = round_memory(r, "endpoint");

	percent_encode(round_text(r, "stack_id"), "/", &path);
	strbuf_puts(&path, "/resources/");
	percent_encode(round_text(r, "resource_name"), "", &path);
	r->place = METADATA;
	round_get(r, "%.*s/stacks/%s/metadata", (int)url_length(endpoint),
	    endpoint, path.s);
	round_header(r, "Accept: application/json");
	round_header(r, "X-Auth-Token: %s", round_memory(r, "token"));
	r->ask.follow = HTTP_FOLLOW_HOST;
	return STEP_ASK;
}

static enum step
take_metadata(struct round *r, struct error *e)
{
	const struct value *v;

	if (round_check(r, e) == -1)
		return STEP_FAILED;
	if (!round_is_new(r, r->reply.body.s, r->reply.body.len))
		return STEP_SAME;
	v = round_body(r, e);
	if (v == NULL)
		return STEP_FAILED;
	v = value_get(v, "metadata");
	if (v == NULL || v->kind != VALUE_MAP)
		return error_set(e, 0, "%s: no metadata in the answer",
		    round_memory(r, "endpoint"));
	round_content(r, v);
	return STEP_DONE;
}

static enum step
heat_step(struct round *r, struct error *e)
{
	enum step step;

	if (!is_configured(r))
		return STEP_NONE;
	if (r->place != METADATA)
		step = keystone_step(r, SERVICE, e);
	else if (r->reply.status == 401 && !r->renewed)
		step = keystone_renew(r, SERVICE, e);
	else
		return take_metadata(r, e);
	return step == STEP_DONE ? ask_metadata(r) : step;
}

const struct source_kind source_heat = {
	.name = "heat",
	.summary = "a stack's resource metadata (Heat's POLL_SERVER_HEAT)",
	.settings = settings,
	.deployments = true,
	.step = heat_step,
};
