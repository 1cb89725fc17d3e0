/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heat's POLL_SERVER_CFN: CloudFormation's DescribeStackResource, one signed
 * request for each path RESOURCE.FIELD[.MEMBER...].
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "collect-config/sign.h"
#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "collect-config/xml.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

#define DETAIL \
	"DescribeStackResourceResponse/DescribeStackResourceResult/" \
	"StackResourceDetail/"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_URL,
	    .help = "URL of the CloudFormation service" },
	{ .name = "heat-metadata-hint",
	    .value = "/var/lib/heat-cfntools/cfn-metadata-server",
	    .help = "file that has the URL if that is not set" },
	{ .name = "ca_certificate",
	    .help = "certificates to trust, a PEM file" },
	{ .name = "stack-name", .help = "stack to describe" },
	{ .name = "path",
	    .kind = SETTING_LIST,
	    .help = "what to get, RESOURCE.FIELD[.MEMBER...]" },
	{ .name = "secret-access-key", .help = "secret to sign with" },
	{ .name = "access-key-id", .help = "name of the secret" },
	{ .name = "deployment-key",
	    .kind = SETTING_LIST,
	    .value = "deployments",
	    .help = "member in which deployments are listed" },
	SETTING_TIMEOUT,
	{ .name = "signature-version",
	    .kind = SETTING_NUMBER,
	    .value = "2",
	    .help = "how requests are signed: 2 or 4" },
	{ .name = "region-name",
	    .value = "RegionOne",
	    .help = "region in signatures of version 4" },
	{ .name = NULL },
};

static const struct strlist *
paths_of(const struct round *r)
{
	return config_list(r->source->config, "cfn", "path");
}

/*
 * The URL, the caller's, or NULL.  Heat's hint is the server alone or, since
 * long, the URL with the version.
 */
static char *
url_of(const struct round *r)
{
	const struct config *c = r->source->config;
	const char *url = round_text(r, "metadata_url");
	const char *hint = round_text(r, "heat_metadata_hint");
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;
	const char *s;
	size_t n;

	if (url != NULL)
		return mem_dup(url);
	if (hint == NULL ||
	    file_read(config_root(c), config_at(c, hint), KIB(64), &text, &e) ==
		-1)
		return NULL;
	s = strbuf_text(&text) + strspn(strbuf_text(&text), " \t\r\n");
	n = strcspn(s, " \t\r\n");
	while (n > 0 && s[n - 1] == '/')
		n--;
	if (n >= 3 && memcmp(s + n - 3, "/v1", 3) == 0)
		n -= 3;
	return n > 0 ? mem_printf("%.*s/v1/", (int)n, s) : NULL;
}

static bool
is_configured(const struct round *r)
{
	const struct strlist *paths = paths_of(r);

	for (size_t i = 0; i < paths->len; i++)
		if (strchr(paths->items[i], '.') == NULL)
			return false;
	return paths->len > 0 && round_text(r, "access_key_id") != NULL &&
	    round_text(r, "secret_access_key") != NULL;
}

/* ---- when it is --------------------------------------------------------- */

#define OFF_SECONDS 60 /* between two clocks that are not the same */

/* Now, as the service has it if it ever told us, else by our own clock. */
static time_t
now(const struct round *r)
{
	const char *began = round_memory(r, "began");

	return began != NULL ? (time_t)(atoll(began) + clock_boot_ms() / 1000)
			     : time(NULL);
}

/*
 * Signatures of version 4 hold the time, and a service refuses them if its
 * clock says another.  Then its answer tells the time: whether that is other
 * than what we thought, and the request worth a second try.
 */
static bool
learn_time(struct round *r)
{
	const char *date = http_header(&r->reply, "date");
	own_free char *began = NULL;
	struct tm tm = { 0 };
	time_t then;

	if (date == NULL ||
	    strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
		return false;
	then = timegm(&tm);
	if (llabs((long long)(then - now(r))) < OFF_SECONDS)
		return false;
	began = mem_printf("%lld", (long long)(then - clock_boot_ms() / 1000));
	strlist_env_set(&r->source->memory, "began", began);
	log_info("cfn: the service's clock differs from ours: it is followed");
	return true;
}

/* ---- steps -------------------------------------------------------------- */

static enum step
ask(struct round *r, const char *url)
{
	const char *path = paths_of(r)->items[r->place];
	const char *stack = round_text(r, "stack_name");
	const struct sign_key key = { .id = round_text(r, "access_key_id"),
		.secret = round_text(r, "secret_access_key"),
		.region = round_text(r, "region_name"),
		.service = "cloudformation" };
	own(strlist_clear) struct strlist parameters = { 0 }, headers = { 0 };
	own(strbuf_clear) struct strbuf query = { 0 };

	strlist_add(&parameters, "Action=DescribeStackResource");
	strlist_printf(&parameters, "StackName=%s", stack ? stack : "");
	strlist_printf(&parameters, "LogicalResourceId=%.*s",
	    (int)strcspn(path, "."), path);
	if (round_number(r, "signature_version") == 4)
		sign_v4(url, &parameters, &key, now(r), &query, &headers);
	else
		sign_v2(url, &parameters, &key, &query);
	round_get(r, "%s?%s", url, query.s);
	round_header(r, "Content-Type: application/json");
	strlist_add_all(&r->ask.headers, &headers);
	r->ask.ca_file = round_text(r, "ca_certificate");
	r->ask.idle_seconds = round_number(r, "timeout");
	r->ask.follow = HTTP_FOLLOW_HOST;
	return STEP_ASK;
}

/* The document at path in an answer; NULL with the error. */
static const struct value *
document(struct round *r, const char *path, struct error *e)
{
	const char *field = strchr(path, '.') + 1, *rest = strchr(field, '.');
	own_free char *place = mem_printf(DETAIL "%.*s",
	    (int)(rest ? rest - field : (ptrdiff_t)strlen(field)), field);
	own(strbuf_clear) struct strbuf text = { 0 };
	const struct value *v;
	int found = xml_find(
	    strbuf_text(&r->reply.body), r->reply.body.len, place, &text, e);

	if (found == -1)
		return NULL;
	if (found == 1) {
		error_set(e, 0, "Path %s does not exist.", path);
		return NULL;
	}
	v = doc_parse(r->doc, strbuf_text(&text), text.len, path, e);
	if (v != NULL && rest != NULL)
		v = value_find(v, rest + 1);
	if (v != NULL && v->kind == VALUE_MAP)
		return v;
	if (v == NULL && rest == NULL)
		return NULL;
	error_set(e, 0, "Path %s is %s, not a map", path, value_kind_name(v));
	return NULL;
}

static enum step
cfn_step(struct round *r, struct error *e)
{
	own_free char *url = is_configured(r) ? url_of(r) : NULL;
	const struct value *v;

	if (url == NULL)
		return STEP_NONE;
	if (r->data == NULL) {
		r->data = value_map(r->doc);
		return ask(r, url);
	}
	if (r->reply.status >= 400 && r->reply.status <= 403 && !r->renewed &&
	    round_number(r, "signature_version") == 4 && learn_time(r)) {
		r->renewed = true;
		return ask(r, url);
	}
	if (round_check(r, e) == -1)
		return STEP_FAILED;
	v = document(r, paths_of(r)->items[r->place], e);
	if (v == NULL)
		return STEP_FAILED;
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member m = value_member(v, i);

		value_setn(r->doc, r->data, m.name, m.len, m.value);
	}
	if (++r->place < paths_of(r)->len)
		return ask(r, url);
	return round_finish(r, r->data);
}

const struct source_kind source_cfn = {
	.name = "cfn",
	.summary = "a stack's resource by CloudFormation (POLL_SERVER_CFN)",
	.settings = settings,
	.deployments = true,
	.step = cfn_step,
};
