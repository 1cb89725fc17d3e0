/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said of requests and replies without talking to anyone. */
#include <stdlib.h>
#include <string.h>

#include "lib/http.h"
#include "lib/mem.h"

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
