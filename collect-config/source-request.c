/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document at a URL, as Heat's POLL_TEMP_URL has it, or as a machine is
 * told when it is started.
 */
#include <string.h>

#include "collect-config/conditional.h"
#include "collect-config/source.h"
#include "collect-config/sources.h"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_URL,
	    .help = "URL of the JSON document" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

/* The settings come first, then what the machine was started with. */
static const char *
url_of(const struct round *r)
{
	const char *url = round_text(r, "metadata_url");

	if (url == NULL || *url == '\0')
		url = machine_cmdline(r->source->machine, "ingot.metadata");
	if (url == NULL)
		url = machine_oem(r->source->machine, "ingot.metadata");
	return url != NULL && strstr(url, "://") != NULL ? url : NULL;
}

static enum step
request_step(struct round *r, struct error *e)
{
	const char *url = url_of(r);

	if (url == NULL)
		return STEP_NONE;
	if (r->replied)
		return conditional_take(r, e);
	conditional_ask(r, url);
	return STEP_ASK;
}

const struct source_kind source_request = {
	.name = "request",
	.summary = "a JSON document at a URL (Heat's POLL_TEMP_URL)",
	.settings = settings,
	.deployments = true,
	.step = request_step,
};
