/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Compute Engine: all metadata as one JSON document, and a service that
 * holds a request until something changes.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/encode.h"
#include "lib/mem.h"
#include "lib/own.h"

#define WAIT_SECONDS 120 /* that the service holds a request */

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_URL,
	    .value = "http://169.254.169.254/computeMetadata/v1/",
	    .help = "URL of the metadata's root" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

static bool
gce_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (strcmp(m->product, "Google Compute Engine") != 0 &&
	    strncmp(m->serial, "GoogleCloud-", 12) != 0)
		return false;
	*why = mem_printf("firmware says product \"%s\"", m->product);
	return true;
}

static enum step
ask(struct round *r)
{
	const char *etag = round_memory(r, "etag");
	unsigned idle = round_number(r, "timeout");

	if (etag == NULL) {
		round_get(r, "%s?recursive=true&alt=json",
		    round_text(r, "metadata_url"));
		r->ask.idle_seconds = idle;
	} else {
		own(strbuf_clear) struct strbuf last = { 0 };

		percent_encode(etag, "", &last);
		round_get(r,
		    "%s?recursive=true&alt=json&wait_for_change=true"
		    "&timeout_sec=%d&last_etag=%s",
		    round_text(r, "metadata_url"), WAIT_SECONDS, last.s);
		r->ask.seconds = WAIT_SECONDS + idle;
	}
	round_header(r, "Metadata-Flavor: Google");
	r->ask.direct = true;
	r->ask.follow = HTTP_FOLLOW_NONE;
	return STEP_ASK;
}

static enum step
gce_step(struct round *r, struct error *e)
{
	const char *flavor, *etag;
	struct value *v;
	const struct value *data;

	if (!r->replied)
		return ask(r);
	if (round_check(r, e) == -1)
		return STEP_FAILED;
	flavor = http_header(&r->reply, "metadata-flavor");
	if (flavor == NULL || strcasecmp(flavor, "Google") != 0)
		return error_set(e, EPROTO,
		    "%s: the answer is not from Google's service",
		    round_text(r, "metadata_url"));
	etag = http_header(&r->reply, "etag");
	if (etag != NULL && strlen(etag) < 256) {
		round_learn(r, "etag", etag);
		r->watching = true;
	}
	if (!round_is_new(r, r->reply.body.s, r->reply.body.len))
		return STEP_SAME;
	v = round_body(r, e);
	if (v == NULL)
		return STEP_FAILED;
	data = value_find(v, "instance.attributes.user-data");
	if (data != NULL && data->kind == VALUE_STRING && data->len > 0)
		round_file(r, v, "user-data", data->text, data->len);
	round_content(r, v);
	return STEP_DONE;
}

const struct source_kind source_gce = {
	.name = "gce",
	.summary = "Google Compute Engine's metadata, watched",
	.settings = settings,
	.detect = gce_detect,
	.step = gce_step,
};
