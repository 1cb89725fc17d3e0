/* SPDX-License-Identifier: Apache-2.0 */
/* Files from elsewhere into the cache: fetched when they are newer there. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

#define TRIES 3

/* "If-Modified-Since: ..." for what is cached; the caller's, or NULL. */
static char *
condition(const char *path)
{
	char date[64];
	struct stat st;
	struct tm tm;

	if (stat(path, &st) == -1 || gmtime_r(&st.st_mtime, &tm) == NULL)
		return NULL;
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return mem_printf("If-Modified-Since: %s", date);
}

/* Give the file the time that the server says it has. */
static void
set_time(const char *path, const struct http_reply *reply)
{
	const char *date = http_header(reply, "last-modified");
	struct tm tm = { 0 };
	struct timespec times[2] = { 0 };

	if (date == NULL ||
	    strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
		return;
	times[0].tv_sec = times[1].tv_sec = timegm(&tm);
	(void)utimensat(AT_FDCWD, path, times, 0);
}

static int
download(const char *url, const char *path, struct error *e)
{
	own(strlist_clear) struct strlist headers = { 0 };
	own(http_reply_clear) struct http_reply reply = { 0 };
	own_free char *since = condition(path);
	own_free char *shown = http_redacted(url);
	const struct http_request request = { .url = url,
		.headers = &headers,
		.seconds = LIMIT_BUILD_SECONDS,
		.max = LIMIT_FETCH_BYTES };

	if (since != NULL)
		strlist_add(&headers, since);
	for (int i = 1;; i++) {
		int r = http_do(&request, &reply, e);

		if (r == 0 && !http_is_temporary(reply.status))
			break;
		if (r == 0)
			error_set(
			    e, EAGAIN, "%s: status %ld", shown, reply.status);
		if (i == TRIES)
			return -1;
		log_warn("%s; trying again", e->text);
	}
	if (reply.status == 304)
		return 0;
	if (reply.status != 200)
		return error_set(e, reply.status == 404 ? ENOENT : EPROTO,
		    "%s: status %ld", shown, reply.status);
	if (file_replace(AT_FDCWD, path, 0644, strbuf_text(&reply.body),
		reply.body.len, e) == -1)
		return -1;
	set_time(path, &reply);
	return 0;
}

/* What a link leads to is meant, not the link. */
static int
copy_local(const char *from, const char *path, struct error *e)
{
	own_free char *real = realpath(from, NULL);

	if (real == NULL)
		return error_errno(e, "%s", from);
	return tree_copy(AT_FDCWD, real, AT_FDCWD, path, e);
}

int
fetch_file(
    const struct build *b, const char *url, const char *path, struct error *e)
{
	own_free char *parent = path_dir(path);

	if (file_mkdirs(AT_FDCWD, parent, 0755, e) == -1)
		return -1;
	if (strncmp(url, "file://", 7) == 0)
		return copy_local(url + 7, path, e);
	if (*url == '/')
		return copy_local(url, path, e);
	if (b->settings->offline) {
		if (file_exists(AT_FDCWD, path))
			return 0;
		return error_set(e, ENETUNREACH,
		    "%s is not in the cache, and this build is offline", url);
	}
	return download(url, path, e);
}
