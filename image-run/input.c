/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user's file is read at every request, so that an edit reaches a
 * machine that runs.  An edit that went wrong must not take from the machine
 * what it has: the last good content stands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image-run/image-run.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"

static bool
is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL &&
	    (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static const struct value *
parse(
    struct doc *d, const char *path, const struct strbuf *text, struct error *e)
{
	const struct value *v = is_yaml(path)
	    ? yaml_parse(d, strbuf_text(text), text->len, path, e)
	    : doc_parse(d, strbuf_text(text), text->len, path, e);

	if (v == NULL)
		return NULL;
	if (v->kind != VALUE_MAP) {
		error_set(e, EINVAL, "%s: metadata is a map, this is %s", path,
		    value_kind_name(v));
		return NULL;
	}
	return v;
}

/*
 * Two edits within a second have the same time stamp; a time of our own that
 * moves on with each keeps If-Modified-Since honest.
 */
static time_t
modified_now(const struct input *in)
{
	struct stat st = { 0 };
	time_t t = stat(in->path, &st) == 0 ? st.st_mtime : time(NULL);

	return in->map != NULL && t <= in->modified ? in->modified + 1 : t;
}

static int
load(struct input *in, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *map;
	uint8_t digest[DIGEST_BYTES];

	if (file_read(AT_FDCWD, in->path, LIMIT_DOC_BYTES, &text, e) == -1)
		return -1;
	digest_buffer(strbuf_text(&text), text.len, digest);
	if (in->map != NULL && memcmp(digest, in->digest, DIGEST_BYTES) == 0)
		return 0;
	map = parse(d, in->path, &text, e);
	if (map == NULL)
		return -1;
	in->modified = modified_now(in);
	memcpy(in->digest, digest, DIGEST_BYTES);
	doc_free(in->doc);
	in->doc = take(d);
	in->map = map;
	return 0;
}

int
input_open(struct input *in, const char *path, struct error *e)
{
	*in = (struct input){ .path = path };
	if (path != NULL)
		return load(in, e);
	in->doc = doc_new();
	in->map = value_map(in->doc);
	in->modified = time(NULL);
	return 0;
}

void
input_refresh(struct input *in)
{
	struct error e;
	bool good = in->path == NULL || load(in, &e) == 0;

	if (!good && in->complaint != NULL &&
	    strcmp(in->complaint, e.text) == 0)
		return;
	free(take(in->complaint));
	if (good)
		return;
	log_warn("%s; the last good metadata is served", e.text);
	in->complaint = mem_dup(e.text);
}

void
input_clear(struct input *in)
{
	doc_free(in->doc);
	free(in->complaint);
	*in = (struct input){ 0 };
}
