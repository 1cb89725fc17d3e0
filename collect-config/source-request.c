/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON document at a URL, as Heat's POLL_TEMP_URL has it.  The server's ETag
 * and Last-Modified are sent back, so that asking for nothing new is cheap.
 */
#include <string.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"

#define VALIDATOR_BYTES 1024 /* of an ETag worth remembering */

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_URL,
	    .help = "URL of the JSON document" },
	{ .name = "timeout",
	    .kind = SETTING_NUMBER,
	    .value = "10",
	    .help = "seconds to wait for a connection and for data" },
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

static void
ask(struct round *r, const char *url)
{
	const char *etag = round_memory(r, "etag"),
		   *modified = round_memory(r, "modified");

	round_get(r, "%s", url);
	r->ask.idle_seconds =
	    (unsigned)config_number(r->source->config, "request", "timeout");
	if (etag != NULL)
		round_header(r, "If-None-Match: %s", etag);
	if (modified != NULL)
		round_header(r, "If-Modified-Since: %s", modified);
}

static void
learn(struct round *r, const char *name, const char *header)
{
	const char *value = http_header(&r->reply, header);

	if (value != NULL && strlen(value) <= VALIDATOR_BYTES)
		round_learn(r, name, value);
}

static enum step
request_step(struct round *r, struct error *e)
{
	const char *url = url_of(r);

	if (url == NULL)
		return STEP_NONE;
	if (!r->replied) {
		ask(r, url);
		return STEP_ASK;
	}
	if (r->reply.status == 304)
		return STEP_SAME;
	learn(r, "etag", "etag");
	learn(r, "modified", "last-modified");
	return round_take(r, e);
}

const struct source_kind source_request = {
	.name = "request",
	.summary = "a JSON document at a URL (Heat's POLL_TEMP_URL)",
	.settings = settings,
	.deployments = true,
	.step = request_step,
};
