/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a base comes from, in the words of diskimage-builder's elements:
 *
 *	DIB_LOCAL_IMAGE				a file or folder here, or
 *	DIB_CLOUD_IMAGES, BASE_IMAGE_FILE	the place and name of one to fetch
 *	DIB_IMAGE_DIGEST			what it must be, or
 *	SHA256SUMS				a list that says it
 *	DIB_IMAGE_KEYRING, DIB_IMAGE_SIGNATURE	who signed the list, or it
 *
 * What is fetched must be vouched for by one of these.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-build/base.h"
#include "image-build/image-build.h"
#include "image-build/pins.h"
#include "image-build/sources.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define TRIES 3
#define GPGV_SECONDS 60
#define IDLE_SECONDS 120

/* ---- digests --------------------------------------------------------------- */

/* 64 hexadecimal digits, and nothing behind them that could be more. */
static bool
read_digest(const char *text, char digest[DIGEST_TEXT])
{
	if (strspn(text, "0123456789abcdefABCDEF") != DIGEST_TEXT - 1)
		return false;
	for (int i = 0; i < DIGEST_TEXT - 1; i++)
		digest[i] = (char)tolower((unsigned char)text[i]);
	digest[DIGEST_TEXT - 1] = '\0';
	return true;
}

/* "DIGEST  NAME", "DIGEST *NAME" or "SHA256 (NAME) = DIGEST". */
static bool
line_has(const char *line, const char *name, char digest[DIGEST_TEXT])
{
	size_t n = strlen(name);

	if (strncmp(line, "SHA256 (", 8) == 0)
		return strncmp(line + 8, name, n) == 0 &&
		    strncmp(line + 8 + n, ") = ", 4) == 0 &&
		    read_digest(line + 12 + n, digest);
	return read_digest(line, digest) && line[64] == ' ' &&
	    (line[65] == ' ' || line[65] == '*') &&
	    strcmp(line + 66, name) == 0;
}

int
base_digest_of(const char *list, const char *name, char digest[DIGEST_TEXT],
    struct error *e)
{
	own(strlist_clear) struct strlist lines = { 0 };

	strlist_split(&lines, list, "\r\n");
	for (size_t i = 0; i < lines.len; i++)
		if (line_has(lines.items[i], name, digest))
			return 0;
	return error_set(e, ENOENT, "has no SHA-256 digest of %s", name);
}

static int
check_digest(const char *path, const char *want, struct error *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[DIGEST_TEXT];

	log_status("checking %s", path);
	if (fd == -1 || digest_file(fd, text, NULL) == -1)
		return error_errno(e, "%s", path);
	if (strcmp(text, want) != 0)
		return error_set(
		    e, EBADMSG, "its SHA-256 digest is %s, not %s", text, want);
	return 0;
}

/* ---- signatures ---------------------------------------------------------------- */

static void
keep_tail(void *ctx, int stream, const char *line, size_t len)
{
	(void)stream;
	parts_tail(ctx, line, len);
}

static int
check_signature(const char *keyring, const char *signature, const char *path,
    struct error *e)
{
	own(strbuf_clear) struct strbuf said = { 0 };
	own_free char *key = mem_dup(keyring), *sig = mem_dup(signature);
	own_free char *file = mem_dup(path);
	char program[] = "gpgv", option[] = "--keyring";
	char *argv[] = { program, option, key, sig, file, NULL };
	const struct proc run = { .argv = argv,
		.line = keep_tail,
		.ctx = &said,
		.seconds = GPGV_SECONDS };
	struct proc_status status;

	if (proc_run(&run, &status, e) == -1)
		return -1;
	if (proc_check(&status, e) == 0)
		return 0;
	for (char *s = said.s; s != NULL && *s != '\0'; s++)
		if (*s == '\n')
			*s = s[1] != '\0' ? '|' : '\0';
	return error_set(e, EBADMSG, "is not signed by a key of %s (%s)",
	    keyring, strbuf_text(&said));
}

/* ---- what the caller says -------------------------------------------------------- */

/* A file:// URL as a path; others as they are. */
static const char *
plain_path(const char *url)
{
	return strncmp(url, "file://", 7) == 0 ? url + 7 : url;
}

/* Small files beside a base: into the cache under a name of their own. */
static char *
fetch_beside(struct build *b, const char *url, struct error *e)
{
	char sum[DIGEST_TEXT];
	own_free char *path = NULL;

	if (*plain_path(url) == '/')
		return mem_dup(plain_path(url));
	digest_text(url, strlen(url), sum);
	path = mem_printf(
	    "%s/bases/%s_%.16s", b->settings->cache, path_base(url), sum);
	if (fetch_file(b, url, path, e) == -1)
		return NULL;
	return take(path);
}

/* Publishers have the list beside the image; it is asked for by https. */
static char *
list_beside(const char *place)
{
	if (strncmp(place, "http://", 7) == 0)
		return mem_printf("https://%s/SHA256SUMS", place + 7);
	return mem_printf("%s/SHA256SUMS", place);
}

static int
find_digest(struct build *b, struct base_source *s, const char *list,
    const char *name, struct error *e)
{
	own_free char *path = fetch_beside(b, list, e);
	own(strbuf_clear) struct strbuf text = { 0 };
	char digest[DIGEST_TEXT];

	if (path == NULL)
		return -1;
	if (s->keyring != NULL) {
		const char *given = base_variable(b, "DIB_IMAGE_SIGNATURE");
		own_free char *url =
		    given != NULL ? mem_dup(given) : mem_printf("%s.gpg", list);
		own_free char *signature = fetch_beside(b, url, e);

		if (signature == NULL)
			return -1;
		if (check_signature(s->keyring, signature, path, e) == -1)
			return error_prefix(e, "%s", list);
	}
	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1)
		return -1;
	if (base_digest_of(strbuf_text(&text), name, digest, e) == -1)
		return error_prefix(e, "%s", list);
	s->digest = mem_dup(digest);
	return 0;
}

static int
find_signature(
    struct build *b, struct base_source *s, const char *at, struct error *e)
{
	const char *given = base_variable(b, "DIB_IMAGE_SIGNATURE");
	own_free char *url =
	    given != NULL ? mem_dup(given) : mem_printf("%s.gpg", at);

	s->signature = fetch_beside(b, url, e);
	return s->signature == NULL ? -1 : 0;
}

/* How it is known to be right. */
static int
find_proof(struct build *b, struct base_source *s, const char *place,
    const char *name, struct error *e)
{
	const char *digest = base_variable(b, "DIB_IMAGE_DIGEST");
	const char *list = base_variable(b, "SHA256SUMS");
	const char *keyring = base_variable(b, "DIB_IMAGE_KEYRING");
	char text[DIGEST_TEXT];
	own_free char *beside = NULL;

	if (keyring != NULL && (s->keyring = realpath(keyring, NULL)) == NULL)
		return error_errno(e, "DIB_IMAGE_KEYRING: %s", keyring);
	if (digest != NULL) {
		if (strncmp(digest, "sha256:", 7) == 0)
			digest += 7;
		if (strlen(digest) != 64 || !read_digest(digest, text))
			return error_set(e, EINVAL,
			    "DIB_IMAGE_DIGEST: no SHA-256 digest: %s", digest);
		s->digest = mem_dup(text);
		return 0;
	}
	if (list == NULL && keyring != NULL &&
	    (s->url == NULL || base_variable(b, "DIB_IMAGE_SIGNATURE") != NULL))
		return find_signature(b, s, s->url ? s->url : s->path, e);
	if (list == NULL && s->url != NULL)
		list = beside = list_beside(place);
	if (list != NULL && find_digest(b, s, list, name, e) == -1)
		return beside == NULL
		    ? -1
		    : error_prefix(e,
			  "%s: nothing vouches for it (DIB_IMAGE_DIGEST, "
			  "SHA256SUMS or DIB_IMAGE_KEYRING can)",
			  name);
	return 0;
}

int
base_find(struct build *b, struct base_source *s, struct error *e)
{
	const char *local = base_variable(b, "DIB_LOCAL_IMAGE");
	const char *place = base_variable(b, "DIB_CLOUD_IMAGES");
	const char *name = base_variable(b, "BASE_IMAGE_FILE");
	own_free char *full = NULL;

	if (local == NULL && (place == NULL || name == NULL))
		return error_set(e, EINVAL,
		    "no base is named: set DIB_LOCAL_IMAGE, or "
		    "DIB_CLOUD_IMAGES and BASE_IMAGE_FILE");
	if (local == NULL && !path_is_inside(name))
		return error_set(
		    e, EINVAL, "BASE_IMAGE_FILE is no name: %s", name);
	full = local != NULL ? mem_dup(plain_path(local))
			     : path_join(plain_path(place), name);
	if (local == NULL && *full != '/') {
		s->url = take(full);
		s->path = mem_printf("%s/%s", b->settings->cache, name);
	} else if ((s->path = realpath(full, NULL)) == NULL) {
		return error_errno(e, "%s", full);
	}
	return find_proof(b, s, place, path_base(s->path), e);
}

void
base_source_clear(struct base_source *s)
{
	free(s->path);
	free(s->url);
	free(s->digest);
	free(s->keyring);
	free(s->signature);
	*s = (struct base_source){ 0 };
}

/* ---- fetching ---------------------------------------------------------------------- */

static bool
add_chunk(void *ctx, const char *data, size_t n)
{
	struct file_writer *w = ctx;

	file_add(w, data, n);
	log_tick();
	return w->code == 0;
}

static int
download_once(
    const char *url, struct file_writer *w, bool *again, struct error *e)
{
	own(http_reply_clear) struct http_reply reply = { 0 };
	own_free char *shown = http_redacted(url);
	const struct http_request request = { .url = url,
		.seconds = LIMIT_BUILD_SECONDS,
		.idle_seconds = IDLE_SECONDS,
		.max = LIMIT_BASE_BYTES,
		.chunk = add_chunk,
		.chunk_ctx = w };
	int r = http_do(&request, &reply, e);

	*again = (r == -1 && w->code == 0) || http_is_temporary(reply.status);
	if (r == -1)
		return -1;
	if (reply.status != 200)
		return error_set(e, reply.status == 404 ? ENOENT : EPROTO,
		    "%s: status %ld", shown, reply.status);
	return 0;
}

static int
check(const struct base_source *s, const char *path, struct error *e)
{
	if (s->digest != NULL && check_digest(path, s->digest, e) == -1)
		return -1;
	if (s->signature != NULL)
		return check_signature(s->keyring, s->signature, path, e);
	return 0;
}

/* Only what was checked gets its name in the cache. */
static int
download(const struct base_source *s, struct error *e)
{
	own_free char *shown = http_redacted(s->url);
	own_free char *parent = path_dir(s->path);
	bool again = true;

	if (file_mkdirs(AT_FDCWD, parent, 0755, e) == -1)
		return -1;
	for (int i = 1;; i++) {
		own(file_discard) struct file_writer w = { 0 };

		log_info("fetching %s", shown);
		if (file_begin(&w, AT_FDCWD, s->path, 0644, e) == -1)
			return -1;
		if (download_once(s->url, &w, &again, e) == 0) {
			if (check(s, w.temp, e) == -1)
				return error_prefix(e, "%s", shown);
			return file_publish(&w, e);
		}
		if (!again || i == TRIES)
			return -1;
		log_warn("%s; trying again", e->text);
	}
}

int
base_fetch(struct build *b, const struct base_source *s, struct error *e)
{
	if (s->url == NULL)
		return check(s, s->path, e) == -1
		    ? error_prefix(e, "%s", s->path)
		    : 0;
	if (file_exists(AT_FDCWD, s->path) && check(s, s->path, e) == 0)
		return 0;
	if (b->settings->offline)
		return error_set(e, ENETUNREACH,
		    "%s is not in the cache as it has to be, and this build "
		    "is offline",
		    s->url);
	return download(s, e);
}

/* ---- state ----------------------------------------------------------------------------- */

/* "2048 1700000000.5 1700000000.5 12 34": whether a file is still the same. */
static int
file_state(const char *path, struct strbuf *text, struct error *e)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return error_errno(e, "%s", path);
	strbuf_printf(text, "%lld %lld.%09ld %lld.%09ld %llu %llu",
	    (long long)st.st_size, (long long)st.st_mtim.tv_sec,
	    st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
	    st.st_ctim.tv_nsec, (unsigned long long)st.st_ino,
	    (unsigned long long)st.st_dev);
	return 0;
}

int
base_pin(struct build *b, const char *element, const struct base_source *s,
    const char *digest, struct error *e)
{
	own_free char *name = mem_printf("base/%s", element);
	own_free char *url = s->url != NULL ? http_redacted(s->url) : NULL;
	const struct source_line line = { .name = name,
		.type = element,
		.location = url != NULL ? url : path_base(s->path) };
	own_fd int fd = -1;
	char text[DIGEST_TEXT];

	if (b->pins == NULL)
		return 0;
	if (digest == NULL)
		digest = s->digest;
	if (digest != NULL)
		return pins_source(b, &line, digest, e);
	if (base_fetch(b, s, e) == -1)
		return -1;
	fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || digest_file(fd, text, NULL) == -1)
		return error_errno(e, "%s", s->path);
	return pins_source(b, &line, text, e);
}

/* With a digest its bytes need not be looked at. */
int
base_state(struct build *b, const struct base_source *s, struct strbuf *text,
    struct error *e)
{
	if (s->digest != NULL) {
		strbuf_printf(text, "sha256:%s", s->digest);
		return 0;
	}
	if (s->url != NULL && base_fetch(b, s, e) == -1)
		return -1;
	strbuf_printf(text, "%s ", s->path);
	return file_state(s->path, text, e);
}

int
base_inputs(struct build *b, const struct step *step, struct strbuf *text,
    struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };

	if (base_find(b, &source, e) == -1 ||
	    base_pin(b, step->element, &source, NULL, e) == -1)
		return -1;
	return base_state(b, &source, text, e);
}

int
base_unpack(struct build *b, const struct step *step, base_unpacker *unpack,
    struct error *e)
{
	own(base_source_clear) struct base_source source = { 0 };
	own_free char *scratch = base_scratch(b, step->element, e);
	struct error other;
	int r;

	if (scratch == NULL || base_find(b, &source, e) == -1 ||
	    base_fetch(b, &source, e) == -1)
		return -1;
	r = unpack(b, &source, scratch, e);
	if (tree_remove(AT_FDCWD, scratch, &other) == -1)
		log_warn("%s", other.text);
	if (r == -1)
		return error_prefix(e, "%s", source.path);
	return base_check(b, e);
}
