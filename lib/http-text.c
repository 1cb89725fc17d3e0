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
	size_t end = strcspn(url, "?#");
	const char *colon = memmem(url, end, "://", 3);
	const char *host = colon == NULL ? url : colon + 3;
	size_t authority = strcspn(host, "/?#");
	/* A password may hold another @: the last one ends it. */
	const char *at = memrchr(host, '@', authority);

	if (at == NULL)
		return mem_dupn(url, end);
	return mem_printf("%.*s%.*s", (int)(host - url), url,
	    (int)(url + end - at - 1), at + 1);
}

void
http_reply_clear(struct http_reply *reply)
{
	strbuf_clear(&reply->body);
	strlist_clear(&reply->headers);
	reply->status = 0;
}
