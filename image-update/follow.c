/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metadata's key "image", as a hook of refresh-config: an update to the
 * version that it names is started, and what became of it is told, so that
 * it is part of the report.  What this prints is the hook's output.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-update/machine.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/metadata.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strlist.h"

#define OWN_KEY "usr/lib/ingot/update.pem"
#define KEY "metadata.pem" /* beside the journal */

struct wish {
	const char *url, *key; /* either may be NULL */
	int64_t version;
	int64_t limit, hold; /* seconds, or 0: what is usual */
	bool kexec;
};

/* ---- what was ------------------------------------------------------------------- */

static bool
is_state(const struct value *update, const char *state)
{
	return strcmp(value_text(update, "state", ""), state) == 0;
}

/* The last update's failure is to be told once; NULL: there is none to tell. */
static struct value *
untold(const struct journal *j)
{
	const struct value *all = value_get(j->root, "history");
	struct value *last = all->len > 0 ? all->items[all->len - 1] : NULL;

	if (last == NULL || value_text(last, "error", NULL) == NULL ||
	    value_get(last, "told") != NULL)
		return NULL;
	return last;
}

static int
tell(struct journal *j, const struct slots *s, struct error *e)
{
	struct value *last = untold(j);
	struct error why = { .text = "" };

	if (last == NULL)
		return 0;
	value_set(j->doc, last, "told", value_bool(j->doc, true));
	(void)journal_save(j, s, &why);
	return error_set(e, ECANCELED, "the update to %s %s: %s%s%s",
	    value_text(last, "name", "?"),
	    is_state(last, "ROLLEDBACK") ? "was taken back" : "failed",
	    value_text(last, "error", "?"),
	    *why.text ? "; to be told again: " : "", why.text);
}

/* A version that was tried and gone is not tried until another was asked. */
static const struct value *
was_taken_back(const struct journal *j, long long version)
{
	const struct value *all = value_get(j->root, "history");
	long long n;

	for (size_t i = all->len; i-- > 0;)
		if (value_to_int(value_get(all->items[i], "version"), &n) &&
		    n == version)
			return is_state(all->items[i], "ROLLEDBACK") &&
				value_text(all->items[i], "error", NULL)
			    ? all->items[i]
			    : NULL;
	return NULL;
}

/* ---- what is asked for ------------------------------------------------------------ */

/* A member of the map; NULL and null are the same: it is not there. */
static const struct value *
member_of(const struct value *image, const char *name)
{
	const struct value *v = value_get(image, name);

	return v != NULL && v->kind != VALUE_NULL ? v : NULL;
}

/* Templates often make a number a string. */
static int
read_number(
    const struct value *image, const char *name, int64_t *n, struct error *e)
{
	const struct value *v = member_of(image, name);
	own_free char *what = mem_printf("metadata: image.%s", name);

	if (v == NULL)
		return 0;
	if (v->kind != VALUE_STRING && v->kind != VALUE_NUMBER)
		return error_set(e, EINVAL, "%s is no number", what);
	return options_number(what, v->text, n, e);
}

static int
read_text(const struct value *image, const char *name, const char **text,
    struct error *e)
{
	const struct value *v = member_of(image, name);

	*text = v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
	return v == NULL || *text != NULL
	    ? 0
	    : error_set(e, EINVAL, "metadata: image.%s is no text", name);
}

/*
 * What is asked for wrongly is told, not passed over.  Without a url it is
 * not for us: a cloud's own metadata may have a name of an image there.
 */
static int
read_wish(const struct value *metadata, struct wish *w, struct error *e)
{
	const struct value *image = member_of(metadata, "image"), *kexec;

	*w = (struct wish){ 0 };
	if (member_of(image, "url") == NULL)
		return 0;
	if (read_text(image, "url", &w->url, e) == -1 ||
	    read_text(image, "manifest-key", &w->key, e) == -1 ||
	    read_number(image, "version", &w->version, e) == -1 ||
	    read_number(image, "limit", &w->limit, e) == -1 ||
	    read_number(image, "hold", &w->hold, e) == -1)
		return -1;
	kexec = member_of(image, "kexec");
	if (kexec != NULL && kexec->kind != VALUE_BOOL)
		return error_set(e, EINVAL,
		    "metadata: image.kexec is neither true nor false");
	w->kexec = kexec != NULL && kexec->truth;
	if (*w->url == '\0' || w->version == 0)
		return error_set(e, EINVAL, "metadata: image has no %s",
		    w->version == 0 ? "version" : "url");
	return 0;
}

/* The image's own key, else the one of the metadata; the caller's. */
static char *
find_key(const struct slots *s, const char *root, const struct wish *w,
    struct error *e)
{
	own_free char *own = path_join(root, OWN_KEY);
	own_free char *folder = path_join(root, MACHINE_STATE);

	if (file_exists(AT_FDCWD, own))
		return take(own);
	if (w->key == NULL) {
		error_set(e, EINVAL,
		    "no key says which images to trust: neither /" OWN_KEY
		    " nor image.manifest-key in the metadata");
		return NULL;
	}
	if (file_replace(s->state, KEY, 0644, w->key, strlen(w->key), e) == -1)
		return NULL;
	return path_join(folder, KEY);
}

/* On its own, since it waits for the run of hooks that this is part of. */
static int
start_update(const char *key, const struct wish *w, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_split(&argv,
	    "systemd-run --quiet --collect --no-block "
	    "--unit=image-update-apply --setenv=" FOLLOWING "=1 "
	    "image-update apply --key",
	    " ");
	strlist_add(&argv, key);
	strlist_printf(&argv, "--image-version=%" PRId64, w->version);
	if (w->limit > 0)
		strlist_printf(&argv, "--limit=%" PRId64, w->limit);
	if (w->hold > 0)
		strlist_printf(&argv, "--hold=%" PRId64, w->hold);
	if (w->kexec)
		strlist_add(&argv, "--kexec");
	strlist_add(&argv, "--");
	strlist_add(&argv, w->url);
	return proc_do(strlist_argv(&argv), e);
}

static int
begin(const struct journal *j, const struct slots *s, const char *root,
    const struct wish *w, struct error *e)
{
	const struct value *gone = was_taken_back(j, w->version);
	own_free char *key = NULL;

	if (gone != NULL)
		return error_set(e, ECANCELED,
		    "image version %" PRId64
		    " was taken back at %s and is not tried again: %s",
		    w->version, value_text(gone, "ended", "?"),
		    value_text(gone, "error", "?"));
	key = find_key(s, root, w, e);
	if (key == NULL || start_update(key, w, e) == -1)
		return -1;
	printf("update to image version %" PRId64 " begins: %s\n", w->version,
	    w->url);
	return 0;
}

static struct value *
load_metadata(struct doc *d, const char *root, struct error *e)
{
	own(strlist_clear) struct strlist files = { 0 };
	own_fd int dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir == -1) {
		error_errno(e, "%s", root);
		return NULL;
	}
	metadata_fallback(&files);
	if (metadata_files(dir, NULL, &files, e) == -1)
		return NULL;
	return metadata_load(d, dir, &files, e);
}

int
follow(struct slots *s, const char *root, struct error *e)
{
	own(journal_clear) struct journal j = { 0 };
	ownp(contents_free) struct contents *c = NULL;
	ownp(doc_free) struct doc *d = doc_new();
	struct value *metadata;
	struct wish w;
	long long version;

	if (journal_load(&j, s, e) == -1 || tell(&j, s, e) == -1)
		return -1;
	metadata = load_metadata(d, root, e);
	c = slots_contents(s, s->current, e);
	if (metadata == NULL || c == NULL || read_wish(metadata, &w, e) == -1)
		return -1;
	version = (long long)c->version;
	(void)value_to_int(value_get(journal_live(&j), "version"), &version);
	printf("image version %lld runs%s\n", version,
	    journal_text(&j, "state", NULL) != NULL ? ", an update is under way"
						    : "");
	if (w.url == NULL || w.version == version ||
	    journal_text(&j, "state", NULL) != NULL)
		return 0;
	return begin(&j, s, root, &w, e);
}
