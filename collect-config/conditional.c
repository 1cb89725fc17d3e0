/* SPDX-License-Identifier: Apache-2.0 */
/* The validators are remembered once the document is stored. */
#include "collect-config/conditional.h"

#include <string.h>

#define VALIDATOR_BYTES 1024 /* of an ETag worth remembering */

void
conditional_ask(struct round *r, const char *url)
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

enum step
conditional_take(struct round *r, struct error *e)
{
	if (r->reply.status == 304)
		return STEP_SAME;
	learn(r, "etag", "etag");
	learn(r, "modified", "last-modified");
	return round_take(r, e);
}
