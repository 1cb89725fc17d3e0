/* SPDX-License-Identifier: Apache-2.0 */
/* Signature versions 2 and 4, each for a GET with the query as payload. */
#include "collect-config/sign.h"

#include <stdio.h>
#include <string.h>

#include "lib/digest.h"
#include "lib/encode.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* The host (with a port that is written) and the path of a URL. */
struct place {
	const char *host, *path;
	int host_len, path_len;
};

static struct place
place_of(const char *url)
{
	const char *host = strstr(url, "://"), *at;
	struct place u;

	host = host != NULL ? host + 3 : url;
	at = memchr(host, '@', strcspn(host, "/?#"));
	if (at != NULL)
		host = at + 1;
	u.host = host;
	u.host_len = (int)strcspn(host, "/?#");
	u.path = host + u.host_len;
	u.path_len = (int)strcspn(u.path, "?#");
	if (u.path_len == 0) {
		u.path = "/";
		u.path_len = 1;
	}
	return u;
}

/*
 * The query of a GET with these parameters ("name=value" items, not encoded,
 * in any order; sorted here), encoded, without a question mark.
 */
static void
add_query(struct strlist *parameters, struct strbuf *b)
{
	strlist_sort(parameters);
	for (size_t i = 0; i < parameters->len; i++) {
		const char *p = parameters->items[i];
		own_free char *name = strndup(p, strcspn(p, "="));

		if (i > 0)
			strbuf_putc(b, '&');
		percent_encode(name, "", b);
		strbuf_putc(b, '=');
		percent_encode(p + strlen(name) + 1, "", b);
	}
}

void
sign_v2(const char *url, struct strlist *parameters, const struct sign_key *key,
    struct strbuf *query)
{
	own(strbuf_clear) struct strbuf text = { 0 }, signature = { 0 };
	struct place u = place_of(url);
	uint8_t mac[DIGEST_BYTES];

	strlist_printf(parameters, "AWSAccessKeyId=%s", key->id);
	strlist_add(parameters, "SignatureVersion=2");
	strlist_add(parameters, "SignatureMethod=HmacSHA256");
	add_query(parameters, query);
	strbuf_printf(&text, "GET\n%.*s\n%.*s\n%s", u.host_len, u.host,
	    u.path_len, u.path, query->s);
	digest_hmac(key->secret, strlen(key->secret), text.s, text.len, mac);
	base64_encode(mac, sizeof(mac), &signature);
	strbuf_puts(query, "&Signature=");
	percent_encode(signature.s, "", query);
}

/* The key for one day, region and service. */
static void
derive(const struct sign_key *key, const char *day, uint8_t out[DIGEST_BYTES])
{
	own(strbuf_clear) struct strbuf first = { 0 };
	const char *const parts[] = { key->region, key->service,
		"aws4_request" };

	strbuf_printf(&first, "AWS4%s", key->secret);
	digest_hmac(first.s, first.len, day, strlen(day), out);
	for (size_t i = 0; i < 3; i++) {
		uint8_t last[DIGEST_BYTES];

		memcpy(last, out, sizeof(last));
		digest_hmac(
		    last, sizeof(last), parts[i], strlen(parts[i]), out);
	}
}

void
sign_v4(const char *url, struct strlist *parameters, const struct sign_key *key,
    time_t now, struct strbuf *query, struct strlist *headers)
{
	own(strbuf_clear) struct strbuf request = { 0 }, text = { 0 };
	struct place u = place_of(url);
	char stamp[32], day[16], sum[DIGEST_TEXT], empty[DIGEST_TEXT];
	uint8_t mac[DIGEST_BYTES], derived[DIGEST_BYTES];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	strftime(day, sizeof(day), "%Y%m%d", &tm);
	add_query(parameters, query);
	digest_text("", 0, empty);
	strbuf_printf(&request,
	    "GET\n%.*s\n%s\nhost:%.*s\nx-amz-date:%s\n\nhost;x-amz-date\n%s",
	    u.path_len, u.path, strbuf_text(query), u.host_len, u.host, stamp,
	    empty);
	digest_text(request.s, request.len, sum);
	strbuf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s",
	    stamp, day, key->region, key->service, sum);
	derive(key, day, derived);
	digest_hmac(derived, sizeof(derived), text.s, text.len, mac);
	digest_print(mac, sum);
	strlist_printf(headers, "X-Amz-Date: %s", stamp);
	strlist_printf(headers,
	    "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/"
	    "aws4_request, SignedHeaders=host;x-amz-date, Signature=%s",
	    key->id, day, key->region, key->service, sum);
}
