/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of package archives: the digest of each suite's signed index
 * (InRelease).  As long as it is the same, installing gives the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/archive.h"
#include "image-build/image-build.h"
#include "image-build/target.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define ASK_SECONDS 20

/* ---- sources of apt ---------------------------------------------------------------- */

static void
add_suite(const char *uri, const char *suite, struct strlist *urls)
{
	size_t n = strlen(uri), m = strlen(suite);
	own_free char *url = NULL;

	while (n > 0 && uri[n - 1] == '/')
		n--;
	if (strncmp(uri, "http", 4) != 0 || m == 0)
		return;
	if (suite[m - 1] == '/')
		url = mem_printf("%.*s/%sInRelease", (int)n, uri, suite);
	else
		url = mem_printf("%.*s/dists/%s/InRelease", (int)n, uri, suite);
	if (!strlist_has(urls, url))
		strlist_add(urls, url);
}

/* "deb [options] URI SUITE COMPONENT..." lines. */
static void
parse_lines(const char *text, struct strlist *urls)
{
	own(strlist_clear) struct strlist lines = { 0 };

	strlist_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.len; i++) {
		own(strlist_clear) struct strlist words = { 0 };
		size_t at = 1;

		strlist_split(&words, lines.items[i], " \t");
		if (words.len < 3 || strcmp(words.items[0], "deb") != 0)
			continue;
		if (*words.items[at] == '[')
			while (at < words.len &&
			    strchr(words.items[at++], ']') == NULL)
				;
		if (at + 1 < words.len)
			add_suite(words.items[at], words.items[at + 1], urls);
	}
}

static void
add_stanza(const char *uris, const char *suites, struct strlist *urls)
{
	own(strlist_clear) struct strlist u = { 0 }, s = { 0 };

	strlist_split(&u, uris, " \t");
	strlist_split(&s, suites, " \t");
	for (size_t i = 0; i < u.len; i++)
		for (size_t k = 0; k < s.len; k++)
			add_suite(u.items[i], s.items[k], urls);
}

/* Stanzas of "Field: value", as in .sources files. */
static void
parse_stanzas(const char *text, struct strlist *urls)
{
	own_free char *uris = mem_dup(""), *suites = mem_dup("");

	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		own_free char *line = mem_dupn(text, n);
		char **field = strncasecmp(line, "URIs:", 5) == 0 ? &uris
		    : strncasecmp(line, "Suites:", 7) == 0	  ? &suites
								  : NULL;

		if (field != NULL) {
			free(*field);
			*field = mem_dup(strchr(line, ':') + 1);
		}
		text += n + (text[n] == '\n');
		if (n == 0 || *text == '\0') {
			add_stanza(uris, suites, urls);
			**(n == 0 ? &uris : &suites) = '\0';
		}
	}
}

static int
parse_file(
    const char *tree, const char *path, struct strlist *urls, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	size_t n = strlen(path);

	if (target_read(tree, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return e->code == ENOENT ? 0 : -1;
	if (n > 8 && strcmp(path + n - 8, ".sources") == 0)
		parse_stanzas(strbuf_text(&text), urls);
	else if (n > 5 && strcmp(path + n - 5, ".list") == 0)
		parse_lines(strbuf_text(&text), urls);
	return 0;
}

int
archive_urls(const char *tree, struct strlist *urls, struct error *e)
{
	static const char dir[] = "etc/apt/sources.list.d";
	own(strlist_clear) struct strlist names = { 0 };

	if (parse_file(tree, "etc/apt/sources.list", urls, e) == -1)
		return -1;
	if (target_names(tree, dir, &names, e) == -1)
		return e->code == ENOENT ? 0 : -1;
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = path_join(dir, names.items[i]);

		if (parse_file(tree, path, urls, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- what they say of themselves ---------------------------------------------------- */

/* The index as apt in the tree last saw it, by the name that apt gives it. */
static int
digest_of_list(
    const char *tree, const char *url, char text[65], struct error *e)
{
	const char *host = strstr(url, "://");
	own_free char *name = mem_dup(host != NULL ? host + 3 : url);
	own_free char *path = NULL;
	own(strbuf_clear) struct strbuf body = { 0 };

	for (char *s = name; *s != '\0'; s++)
		if (*s == '/')
			*s = '_';
	path = path_join("var/lib/apt/lists", name);
	if (target_read(tree, path, LIMIT_TEXT_BYTES, &body, e) == -1)
		return -1;
	digest_text(strbuf_text(&body), body.len, text);
	return 0;
}

/* The last answer, with which a server can say that nothing changed. */
static struct value *
remembered(const char *file, struct doc *d)
{
	struct error none;
	struct value *v = doc_load(d, AT_FDCWD, file, &none);

	return v != NULL && v->kind == VALUE_MAP ? v : value_map(d);
}

static int
remember(const char *file, struct doc *d, struct value *all, const char *url,
    const struct http_reply *reply, const char *digest, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	const char *etag = http_header(reply, "etag");
	const char *modified = http_header(reply, "last-modified");
	struct value *v = value_map(d);

	value_set(d, v, "digest", value_string(d, digest));
	if (etag != NULL)
		value_set(d, v, "etag", value_string(d, etag));
	if (modified != NULL)
		value_set(d, v, "modified", value_string(d, modified));
	value_set(d, all, url, v);
	value_print(all, STYLE_PRETTY, &text);
	return file_put(AT_FDCWD, file, 0600, strbuf_text(&text), text.len, e);
}

static int
ask(const char *file, const char *url, char text[65], struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *all = remembered(file, d);
	const struct value *old = value_get(all, url);
	own(http_reply_clear) struct http_reply reply = { 0 };
	own(strlist_clear) struct strlist headers = { 0 };
	const struct http_request request = { .url = url,
		.headers = &headers,
		.seconds = ASK_SECONDS,
		.max = LIMIT_TEXT_BYTES };

	if (value_text(old, "etag", NULL) != NULL)
		strlist_printf(
		    &headers, "If-None-Match: %s", value_text(old, "etag", ""));
	else if (value_text(old, "modified", NULL) != NULL)
		strlist_printf(&headers, "If-Modified-Since: %s",
		    value_text(old, "modified", ""));
	if (http_do(&request, &reply, e) == -1)
		return -1;
	if (reply.status == 304 && old != NULL) {
		snprintf(text, 65, "%s", value_text(old, "digest", ""));
		return 0;
	}
	if (reply.status != 200)
		return error_set(
		    e, EPROTO, "%s: status %ld", url, reply.status);
	digest_text(strbuf_text(&reply.body), reply.body.len, text);
	return remember(file, d, all, url, &reply, text, e);
}

int
archive_now(struct archives *a, const char *url, char text[65], struct error *e)
{
	const char *known = strlist_env_get(&a->known, url);

	if (known != NULL && *known == '\0')
		return error_set(e, EAGAIN, "%s: did not answer", url);
	if (known != NULL) {
		snprintf(text, 65, "%s", known);
		return 0;
	}
	if (ask(a->file, url, text, e) == -1) {
		strlist_env_set(&a->known, url, "");
		return -1;
	}
	strlist_env_set(&a->known, url, text);
	return 0;
}

int
archive_used(struct archives *a, const char *tree, const char *url,
    char text[65], struct error *e)
{
	struct error none;

	if (digest_of_list(tree, url, text, &none) == 0)
		return 0;
	return archive_now(a, url, text, e);
}
