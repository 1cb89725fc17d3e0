/* SPDX-License-Identifier: Apache-2.0 */
/* A JSON document at a URL that must be https. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "collect-config/conditional.h"
#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"

static const struct setting settings[] = {
	{ .name = "url",
	    .kind = SETTING_URL,
	    .help = "URL of the JSON document" },
	SETTINGS_TLS,
	{ .name = "token-file",
	    .help = "file with a token, sent as Authorization: Bearer" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

/* Read anew each time, since such tokens are replaced while we run. */
static int
add_token(struct round *r, struct error *e)
{
	const struct config *c = r->source->config;
	const char *path = round_text(r, "token_file");
	own(strbuf_clear) struct strbuf token = { 0 };

	if (path == NULL)
		return 0;
	if (file_read(config_root(c), config_at(c, path), KIB(64), &token, e) ==
	    -1)
		return -1;
	strbuf_cut(&token, strcspn(strbuf_text(&token), "\r\n"));
	round_header(r, "Authorization: Bearer %s", strbuf_text(&token));
	return 0;
}

static enum step
https_step(struct round *r, struct error *e)
{
	const char *url = round_text(r, "url");

	if (url == NULL)
		return STEP_NONE;
	if (strncasecmp(url, "https://", 8) != 0)
		return error_set(e, EINVAL, "[https] url is not https");
	if (r->replied)
		return conditional_take(r, e);
	conditional_ask(r, url);
	round_tls(r);
	r->ask.follow = HTTP_FOLLOW_HOST;
	return add_token(r, e) == -1 ? STEP_FAILED : STEP_ASK;
}

const struct source_kind source_https = {
	.name = "https",
	.summary = "a JSON document at an https URL",
	.settings = settings,
	.deployments = true,
	.step = https_step,
};
