/* SPDX-License-Identifier: Apache-2.0 */
/* The body of GET /metadata, and what tells it from others. */
#include <string.h>

#include "image-run/image-run.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

#define HTTP_DATE "%a, %d %b %Y %H:%M:%S GMT"

void
answer_body(const struct value *map, const char *host, struct strbuf *b)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *url = mem_printf("http://%s/signal", host);
	struct value *all = value_copy(d, map);
	struct value *ours = value_map(d), *refresh = value_map(d);

	value_set(d, refresh, "signal_url", value_string(d, url));
	value_set(d, ours, "refresh-config", refresh);
	value_merge(d, all, ours);
	value_print(all, STYLE_PYTHON, b);
	strbuf_putc(b, '\n');
}

void
answer_etag(const struct strbuf *body, char etag[ETAG_TEXT])
{
	uint8_t digest[DIGEST_BYTES];

	digest_buffer(strbuf_text(body), body->len, digest);
	digest_print(digest, etag + 1);
	etag[0] = '"';
	memcpy(etag + DIGEST_TEXT, "\"", 2);
}

bool
answer_matches(const char *s, const char *etag)
{
	size_t n = strlen(etag);

	for (;;) {
		s += strspn(s, " \t,");
		if (*s == '\0')
			return false;
		if (strncmp(s, "W/", 2) == 0)
			s += 2;
		if (*s == '*' ||
		    (strncmp(s, etag, n) == 0 && strchr(" \t,", s[n]) != NULL))
			return true;
		s += strcspn(s, ",");
	}
}

char *
answer_date(time_t t)
{
	char text[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), HTTP_DATE, &tm);
	return mem_dup(text);
}

time_t
answer_parse_date(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, HTTP_DATE, &tm);

	return end != NULL && *end == '\0' ? timegm(&tm) : -1;
}
