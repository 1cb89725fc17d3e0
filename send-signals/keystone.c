/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token and where a service is, from Keystone's version 3.  Tokens are kept
 * as long as the process lives: the next message of the same user needs none.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/http.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "send-signals/send.h"

#define TOKENS 16 /* kept; the oldest makes room */

struct entry {
	char *key; /* who it was given to */
	char *token;
	char *answer; /* the body, with the catalog */
};

static struct entry cache[TOKENS];
static unsigned next_entry;

static void
entry_clear(struct entry *t)
{
	free(t->key);
	free(t->token);
	free(t->answer);
	*t = (struct entry){ 0 };
}

static char *
key_of(const struct value *m)
{
	return mem_printf("%s\n%s\n%s\n%s", value_text(m, "auth_url", ""),
	    value_text(m, "user_id", ""), value_text(m, "password", ""),
	    value_text(m, "project_id", ""));
}

static struct entry *
cache_find(const char *key)
{
	for (size_t i = 0; i < TOKENS; i++)
		if (cache[i].key != NULL && strcmp(cache[i].key, key) == 0)
			return &cache[i];
	return NULL;
}

void
keystone_forget(const struct value *message)
{
	own_free char *key = key_of(message);
	struct entry *t = cache_find(key);

	if (t != NULL)
		entry_clear(t);
}

/* ".../v3/auth/tokens" for a URL with any version, or none. */
static char *
token_url(const char *auth_url)
{
	size_t n = strlen(auth_url);

	while (n > 0 && auth_url[n - 1] == '/')
		n--;
	if (n > 5 && memcmp(auth_url + n - 5, "/v2.0", 5) == 0)
		n -= 5;
	else if (n > 3 && memcmp(auth_url + n - 3, "/v3", 3) == 0)
		n -= 3;
	return mem_printf("%.*s/v3/auth/tokens", (int)n, auth_url);
}

/* {"auth": {...}}: the password method, scoped to the project. */
static char *
login_body(const struct value *m)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *root = value_map(d), *auth = value_map(d);
	struct value *identity = value_map(d), *methods = value_list(d);
	struct value *password = value_map(d), *user = value_map(d);
	struct value *scope = value_map(d), *project = value_map(d);
	struct strbuf text = { 0 };

	value_set(d, root, "auth", auth);
	value_set(d, auth, "identity", identity);
	value_set(d, identity, "methods", methods);
	value_add(d, methods, value_string(d, "password"));
	value_set(d, identity, "password", password);
	value_set(d, password, "user", user);
	value_set(d, user, "id", value_string(d, value_text(m, "user_id", "")));
	value_set(d, user, "password",
	    value_string(d, value_text(m, "password", "")));
	value_set(d, auth, "scope", scope);
	value_set(d, scope, "project", project);
	value_set(
	    d, project, "id", value_string(d, value_text(m, "project_id", "")));
	value_print(root, STYLE_PYTHON, &text);
	return strbuf_take(&text);
}

static void
own_reply(struct http_reply *reply)
{
	http_reply_clear(reply);
}

static enum verdict
login(const struct value *m, const char *key, struct entry **entry,
    unsigned *after, struct error *e)
{
	own_free char *url = token_url(value_text(m, "auth_url", ""));
	own_free char *body = login_body(m);
	own(strlist_clear) struct strlist headers = { 0 };
	own(own_reply) struct http_reply reply = { 0 };
	const struct http_request r = { .method = "POST",
		.url = url,
		.headers = &headers,
		.ca_file = value_text(m, "ca_file", NULL),
		.follow = HTTP_FOLLOW_HOST,
		.max = LIMIT_TOKEN_BYTES,
		.body = body,
		.body_len = strlen(body) };
	const char *token;
	enum verdict v;

	strlist_add(&headers, "Content-Type: application/json");
	strlist_add(&headers, "Accept: application/json");
	v = signal_exchange(&r, &reply, after, e);
	if (v != VERDICT_DONE)
		return v;
	token = http_header(&reply, "x-subject-token");
	if (token == NULL) {
		error_set(e, EPROTO, "%s: no token in the answer", url);
		return VERDICT_LATER;
	}
	*entry = &cache[next_entry++ % TOKENS];
	entry_clear(*entry);
	**entry = (struct entry){ .key = mem_dup(key),
		.token = mem_dup(token),
		.answer = strbuf_take(&reply.body) };
	return VERDICT_DONE;
}

static bool
is_in_region(const struct value *endpoint, const char *region)
{
	return region == NULL ||
	    strcmp(value_text(endpoint, "region", ""), region) == 0 ||
	    strcmp(value_text(endpoint, "region_id", ""), region) == 0;
}

/* The public URL of a service in the region, or NULL. */
static const char *
find_endpoint(const struct value *service, const char *region)
{
	const struct value *endpoints = value_get(service, "endpoints");

	for (uint32_t i = 0; endpoints != NULL &&
	     endpoints->kind == VALUE_LIST && i < endpoints->len;
	     i++) {
		const struct value *p = endpoints->items[i];

		if (strcmp(value_text(p, "interface", ""), "public") == 0 &&
		    is_in_region(p, region))
			return value_text(p, "url", NULL);
	}
	return NULL;
}

static char *
find_service(const char *answer, const char *type, const char *region)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error unread;
	const struct value *v =
	    doc_parse(d, answer, strlen(answer), "token", &unread);
	const struct value *catalog = value_find(v, "token.catalog");
	const char *url = NULL;

	for (uint32_t i = 0; url == NULL && catalog != NULL &&
	     catalog->kind == VALUE_LIST && i < catalog->len;
	     i++)
		if (strcmp(value_text(catalog->items[i], "type", ""), type) ==
		    0)
			url = find_endpoint(catalog->items[i], region);
	return mem_dup(url);
}

enum verdict
keystone_login(const struct value *message, const char *service, char **token,
    char **endpoint, unsigned *after, struct error *e)
{
	own_free char *key = key_of(message);
	struct entry *entry = cache_find(key);
	const char *region = value_text(message, "region_name", NULL);
	enum verdict v;

	if (entry == NULL) {
		v = login(message, key, &entry, after, e);
		if (v != VERDICT_DONE)
			return v;
	}
	*endpoint = find_service(entry->answer, service, region);
	if (*endpoint == NULL) {
		error_set(e, ENOENT,
		    "Keystone's catalog has no public %s service%s%s", service,
		    region ? " in " : "", region ? region : "");
		entry_clear(entry);
		return VERDICT_LATER;
	}
	while (
	    strlen(*endpoint) > 0 && (*endpoint)[strlen(*endpoint) - 1] == '/')
		(*endpoint)[strlen(*endpoint) - 1] = '\0';
	*token = mem_dup(entry->token);
	return VERDICT_DONE;
}
