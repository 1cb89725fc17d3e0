/* SPDX-License-Identifier: Apache-2.0 */
/* Discovery where the URL has no version, then one POST an hour. */
#include "collect-config/keystone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define MARGIN_SECONDS 60 /* a token is renewed that long before its end */
#define LONGEST_SECONDS 86400 /* that a token is believed to last */
#define TOKEN_BYTES 16384

const struct setting keystone_settings[] = {
	{ .name = "cache_dir",
	    .value = "/run/collect-config/tokens",
	    .help = "folder in which tokens are kept; empty: nowhere" },
	{ .name = "cache_ttl",
	    .kind = SETTING_NUMBER,
	    .value = "86400",
	    .help = "longest time that a token is kept, seconds" },
	{ .name = NULL },
};

/* ---- tokens kept -------------------------------------------------------- */

/* The file for just these credentials and this service, the caller's. */
static char *
token_path(const struct round *r, const char *service)
{
	static const char *const parts[] = { "auth_url", "user_id", "password",
		"project_id", "region_name" };
	const char *folder =
	    config_text(r->source->config, "keystone", "cache_dir");
	struct digest *d = digest_new();
	uint8_t sum[DIGEST_BYTES];
	char text[DIGEST_TEXT];

	digest_add(d, service, strlen(service) + 1);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		const char *s = round_text(r, parts[i]);

		digest_add(d, s != NULL ? s : "", s ? strlen(s) + 1 : 1);
	}
	digest_end(d, sum);
	digest_print(sum, text);
	return folder != NULL && *folder != '\0'
	    ? mem_printf("%s/%.32s.json", folder, text)
	    : NULL;
}

/* The clock may be set while we run; how long a token lasts stays the same. */
static void
keep(struct round *r, const char *token, const char *endpoint, int64_t seconds)
{
	own_free char *when =
	    mem_printf("%lld", (long long)(clock_boot_ms() + seconds * 1000));
	struct strlist *memory = &r->source->memory;

	strlist_env_set(memory, "token", token);
	strlist_env_set(memory, "endpoint", endpoint);
	strlist_env_set(memory, "until", when);
}

/* Whether the token that is remembered is still good. */
static bool
is_good(const struct round *r)
{
	const char *until = round_memory(r, "until");

	return until != NULL && atoll(until) > clock_boot_ms();
}

static void
forget(struct round *r, const char *service)
{
	const struct config *c = r->source->config;
	own_free char *path = token_path(r, service);

	strlist_env_unset(&r->source->memory, "token");
	strlist_env_unset(&r->source->memory, "until");
	if (path != NULL)
		unlinkat(config_root(c), config_at(c, path), 0);
}

static bool
load(struct round *r, const char *service)
{
	const struct config *c = r->source->config;
	own_free char *path = token_path(r, service);
	const char *token, *endpoint;
	long long until = 0;
	const struct value *v;
	struct error e;

	if (path == NULL || !file_exists(config_root(c), config_at(c, path)))
		return false;
	v = doc_load(r->doc, config_root(c), config_at(c, path), &e);
	token = value_text(v, "token", NULL);
	endpoint = value_text(v, "endpoint", NULL);
	if (token == NULL || endpoint == NULL ||
	    !value_to_int(value_get(v, "until"), &until)) {
		forget(r, service);
		return false;
	}
	until -= time(NULL);
	/* One that seems to last very long tells of a clock set back. */
	if (until <= 0 || until > LONGEST_SECONDS)
		return false;
	keep(r, token, endpoint, until);
	return true;
}

/* Not being able to keep a token on disk is no failure. */
static void
save(struct round *r, const char *service, int64_t seconds)
{
	const struct config *c = r->source->config;
	own_free char *path = token_path(r, service);
	own_free char *folder = path != NULL ? path_dir(path) : NULL;
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v = value_map(r->doc);
	struct error e;

	if (path == NULL)
		return;
	value_set(
	    r->doc, v, "token", value_string(r->doc, round_memory(r, "token")));
	value_set(r->doc, v, "endpoint",
	    value_string(r->doc, round_memory(r, "endpoint")));
	value_set(r->doc, v, "until", value_int(r->doc, time(NULL) + seconds));
	value_print(v, STYLE_PYTHON, &text);
	if (file_mkdirs(config_root(c), config_at(c, folder), 0700, &e) == -1 ||
	    file_replace(config_root(c), config_at(c, path), 0600, text.s,
		text.len, &e) == -1)
		log_debug("keystone: %s", e.text);
}

/* ---- where the service is ----------------------------------------------- */

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* auth_url without slashes at its end, and without /v2.0; the caller's. */
static char *
plain_url(const struct round *r)
{
	char *url = mem_dup(round_text(r, "auth_url"));
	size_t n = url_length(url);

	url[n] = '\0';
	if (ends_in(url, "/v2.0"))
		url[n - strlen("/v2.0")] = '\0';
	return url;
}

/* The link of version 3 in the answer to a discovery, or NULL. */
static const char *
v3_link(const struct value *answer)
{
	const struct value *list =
	    value_get(value_get(answer, "versions"), "values");
	const struct value *one = value_get(answer, "version");

	for (uint32_t i = 0; list != NULL && list->kind == VALUE_LIST &&
	     one == NULL && i < list->len;
	     i++)
		if (strncmp(value_text(list->items[i], "id", ""), "v3", 2) == 0)
			one = list->items[i];
	if (strncmp(value_text(one, "id", ""), "v3", 2) != 0)
		return NULL;
	list = value_get(one, "links");
	if (list == NULL || list->kind != VALUE_LIST || list->len == 0)
		return NULL;
	return value_text(list->items[0], "href", NULL);
}

/*
 * What discovery found, else the usual place.  A service behind TLS that
 * calls itself http does not know better: the password stays within TLS.
 */
static void
learn_url(struct round *r)
{
	own_free char *plain = plain_url(r);
	own_free char *usual = mem_printf("%s/v3", plain);
	const char *link = NULL;
	const struct value *v;
	struct error e;

	if (r->reply.status == 200 || r->reply.status == 300) {
		v = doc_parse(r->doc, strbuf_text(&r->reply.body),
		    r->reply.body.len, "discovery", &e);
		link = v3_link(v);
	}
	if (link != NULL && strncmp(plain, "https:", 6) == 0 &&
	    strncmp(link, "https:", 6) != 0)
		link = NULL;
	strlist_env_set(
	    &r->source->memory, "auth", link != NULL ? link : usual);
}

/* ---- asking ------------------------------------------------------------- */

static struct value *
set_map(struct doc *d, struct value *map, const char *name)
{
	struct value *v = value_map(d);

	value_set(d, map, name, v);
	return v;
}

static void
print_request(struct round *r, struct strbuf *b)
{
	struct doc *d = r->doc;
	struct value *all = value_map(d), *methods = value_list(d), *auth,
		     *identity, *user;

	auth = set_map(d, all, "auth");
	identity = set_map(d, auth, "identity");
	value_add(d, methods, value_string(d, "password"));
	value_set(d, identity, "methods", methods);
	user = set_map(d, set_map(d, identity, "password"), "user");
	value_set_text(d, user, "id", round_text(r, "user_id"));
	value_set_text(d, user, "password", round_text(r, "password"));
	value_set_text(d, set_map(d, set_map(d, auth, "scope"), "project"),
	    "id", round_text(r, "project_id"));
	value_print(all, STYLE_PYTHON, b);
}

static enum step
ask_token(struct round *r, const char *url)
{
	r->place = KEYSTONE_TOKEN;
	round_get(r, "%.*s/auth/tokens", (int)url_length(url), url);
	r->ask.method = "POST";
	r->ask.follow = HTTP_FOLLOW_HOST;
	r->ask.has_body = true;
	print_request(r, &r->ask.body);
	round_header(r, "Content-Type: application/json");
	round_header(r, "Accept: application/json");
	return STEP_ASK;
}

/* The public URL of a service in the catalog of a token. */
static const char *
endpoint_of(
    const struct round *r, const struct value *token, const char *service)
{
	const struct value *catalog = value_get(token, "catalog");
	const char *region = round_text(r, "region_name");

	if (catalog == NULL || catalog->kind != VALUE_LIST)
		return NULL;
	for (uint32_t i = 0; i < catalog->len; i++) {
		const struct value *s = catalog->items[i],
				   *list = value_get(s, "endpoints");

		if (strcmp(value_text(s, "type", ""), service) != 0 ||
		    list == NULL || list->kind != VALUE_LIST)
			continue;
		for (uint32_t j = 0; j < list->len; j++) {
			const struct value *p = list->items[j];

			if (strcmp(value_text(p, "interface", ""), "public") ==
				0 &&
			    (region == NULL ||
				strcmp(value_text(p, "region", ""), region) ==
				    0 ||
				strcmp(value_text(p, "region_id", ""),
				    region) == 0))
				return value_text(p, "url", NULL);
		}
	}
	return NULL;
}

/* Seconds since 1970 of "2026-11-21T04:36:56.000000Z"; 0 if it is not one. */
static time_t
instant(const char *text)
{
	struct tm tm = { 0 };

	return strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL ? timegm(&tm)
								: 0;
}

/* How many seconds it lasts: the service's clock may differ from ours. */
static int64_t
lasts_for(const struct round *r, const struct value *token)
{
	time_t issued = instant(value_text(token, "issued_at", ""));
	time_t expires = instant(value_text(token, "expires_at", ""));
	double most = config_number(r->source->config, "keystone", "cache_ttl");
	time_t lasts = expires - (issued != 0 ? issued : time(NULL));

	if (lasts > LONGEST_SECONDS)
		lasts = LONGEST_SECONDS;
	if (lasts > (time_t)most)
		lasts = (time_t)most;
	return lasts - MARGIN_SECONDS;
}

static enum step
take_token(struct round *r, const char *service, struct error *e)
{
	const char *text = http_header(&r->reply, "x-subject-token"), *url;
	const struct value *token;
	int64_t seconds;

	token = value_get(round_body(r, e), "token");
	if (round_check(r, e) == -1)
		return STEP_FAILED;
	if (token == NULL || text == NULL || strlen(text) > TOKEN_BYTES)
		return error_set(e, EPROTO, "%s: no token in the answer",
		    round_text(r, "auth_url"));
	url = endpoint_of(r, token, service);
	if (url == NULL)
		return error_set(e, EPROTO,
		    "%s: no public endpoint of type %s in region %s",
		    round_text(r, "auth_url"), service,
		    round_text(r, "region_name") ? round_text(r, "region_name")
						 : "(any)");
	seconds = lasts_for(r, token);
	keep(r, text, url, seconds);
	save(r, service, seconds);
	return STEP_DONE;
}

enum step
keystone_step(struct round *r, const char *service, struct error *e)
{
	own_free char *url = plain_url(r);

	switch (r->place) {
	case KEYSTONE_START:
		if (is_good(r) || load(r, service))
			return STEP_DONE;
		if (ends_in(url, "/v3"))
			return ask_token(r, url);
		if (round_memory(r, "auth") != NULL)
			return ask_token(r, round_memory(r, "auth"));
		r->place = KEYSTONE_DISCOVERY;
		round_get(r, "%s/", url);
		round_header(r, "Accept: application/json");
		return STEP_ASK;
	case KEYSTONE_DISCOVERY:
		if (r->reply.status == 0)
			return round_check(r, e);
		learn_url(r);
		return ask_token(r, round_memory(r, "auth"));
	default:
		return take_token(r, service, e);
	}
}

enum step
keystone_renew(struct round *r, const char *service, struct error *e)
{
	forget(r, service);
	r->renewed = true;
	r->place = KEYSTONE_START;
	return keystone_step(r, service, e);
}
