/* SPDX-License-Identifier: Apache-2.0 */
/* An easy handle per exchange; bodies and headers bounded as they come. */
#include "lib/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

struct exchange {
	struct http_reply *reply;
	size_t max;
	size_t header_bytes;
	bool too_long;
};

static void
own_easy(CURL **c)
{
	curl_easy_cleanup(*c);
}

static void
own_slist(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static size_t
on_body(char *data, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;

	n *= size;
	if (n > x->max - x->reply->body.len) {
		x->too_long = true;
		return 0;
	}
	strbuf_add(&x->reply->body, data, n);
	return n;
}

static size_t
on_header(char *data, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	size_t len = n * size;
	char *line;

	x->header_bytes += len;
	if (x->header_bytes > LIMIT_HTTP_HEADER) {
		x->too_long = true;
		return 0;
	}
	while (len > 0 && isspace((unsigned char)data[len - 1]))
		len--;
	if (len > 5 && memcmp(data, "HTTP/", 5) == 0) {
		/* A new response: what came before was a redirect or 100. */
		strlist_clear(&x->reply->headers);
		strbuf_cut(&x->reply->body, 0);
		return n * size;
	}
	if (len == 0)
		return n * size;
	line = mem_dupn(data, len);
	for (char *s = line; *s != '\0' && *s != ':'; s++)
		*s = (char)tolower((unsigned char)*s);
	strlist_take(&x->reply->headers, line);
	return n * size;
}

static struct curl_slist *
header_list(const struct http_request *r)
{
	/* No "Expect: 100-continue": small servers do not answer it. */
	struct curl_slist *l = curl_slist_append(NULL, "Expect:");

	for (size_t i = 0; r->headers != NULL && i < r->headers->len; i++)
		l = curl_slist_append(l, r->headers->items[i]);
	return l;
}

static void
set_up(CURL *c, const struct http_request *r, struct exchange *x,
    struct curl_slist *headers)
{
	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)LIMIT_HTTP_REDIRECTS);
	curl_easy_setopt(
	    c, CURLOPT_CONNECTTIMEOUT, (long)LIMIT_HTTP_CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT,
	    (long)(r->seconds ? r->seconds : LIMIT_HTTP_SECONDS));
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ingot/" VERSION);
	curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	if (r->ca_file != NULL)
		curl_easy_setopt(c, CURLOPT_CAINFO, r->ca_file);
	if (r->body != NULL) {
		curl_easy_setopt(c, CURLOPT_POST, 1L);
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(
		    c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	}
	/* A POST that is sent elsewhere stays one, with its body. */
	curl_easy_setopt(
	    c, CURLOPT_POSTREDIR, CURL_REDIR_POST_301 | CURL_REDIR_POST_302);
	if (r->method != NULL && strcmp(r->method, "HEAD") == 0)
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
	else if (r->method != NULL &&
	    (r->body == NULL || strcmp(r->method, "POST") != 0))
		curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
}

static int
code_of(CURLcode r)
{
	switch (r) {
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_COULDNT_CONNECT:
	case CURLE_COULDNT_RESOLVE_HOST:
		return ECONNREFUSED;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return EINVAL;
	default:
		return EPROTO;
	}
}

int
http_do(const struct http_request *r, struct http_reply *reply, struct error *e)
{
	own(own_easy) CURL *c = curl_easy_init();
	own(own_slist) struct curl_slist *headers = header_list(r);
	own_free char *shown = http_redacted(r->url);
	struct exchange x = { .reply = reply,
		.max = r->max ? r->max : LIMIT_HTTP_BODY };
	char what[CURL_ERROR_SIZE] = "";
	CURLcode result;

	http_reply_clear(reply);
	if (c == NULL)
		return error_set(e, ENOMEM, "%s: curl cannot start", shown);
	set_up(c, r, &x, headers);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, what);
	result = curl_easy_perform(c);
	curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &reply->status);
	if (x.too_long)
		return error_set(e, EFBIG,
		    "%s: the answer is longer than %zu bytes", shown, x.max);
	if (result != CURLE_OK)
		return error_set(e, code_of(result), "%s: %s", shown,
		    *what ? what : curl_easy_strerror(result));
	return 0;
}

const char *
http_header(const struct http_reply *reply, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < reply->headers.len; i++) {
		const char *h = reply->headers.items[i];

		if (strncmp(h, name, n) == 0 && h[n] == ':')
			return h + n + 1 + strspn(h + n + 1, " \t");
	}
	return NULL;
}

bool
http_is_temporary(long status)
{
	return status == 408 || status == 425 || status == 429 ||
	    (status >= 500 && status <= 599);
}

char *
http_redacted(const char *url)
{
	const char *host = strstr(url, "://");
	size_t scheme, end, at;

	scheme = host == NULL ? 0 : (size_t)(host - url) + 3;
	end = strcspn(url, "?#");
	at = scheme + strcspn(url + scheme, "/?#@");
	if (at < end && url[at] == '@')
		return mem_printf("%.*s%.*s", (int)scheme, url,
		    (int)(end - at - 1), url + at + 1);
	return mem_printf("%.*s", (int)end, url);
}

void
http_reply_clear(struct http_reply *reply)
{
	strbuf_clear(&reply->body);
	strlist_clear(&reply->headers);
	reply->status = 0;
}
