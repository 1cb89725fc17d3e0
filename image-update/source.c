/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an image comes from, and what is to be believed of it.
 *
 *	NAME.contents		what it holds, signed
 *	NAME.from-ID.pack	what is new to who has the image ID (16 digits)
 *	NAME.pack		all of it, to be had in parts
 *	NAME.tar.zst ...	all of it
 *
 * stand beside one another, in a folder or on a server.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "image-update/fetch.h"
#include "image-update/update.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define ENDING ".contents"
#define HEAD KIB(4) /* asked for at once, of a head that is not known */
#define MOST_HEAD MIB(4)

/* ---- judge ------------------------------------------------------------------------ */

static int
judge(const struct contents *c, const struct trust *trust, struct error *e)
{
	if (trust->key == NULL && !trust->unsigned_too)
		return error_set(e, EINVAL,
		    "no key says which images to trust (--key; --unsigned "
		    "trusts any)");
	if (trust->key != NULL && contents_check(c, trust->key, e) == -1)
		return error_prefix(e, "image %s", c->name);
	if (c->expires > 0 && c->expires < time(NULL) && !trust->expired_too)
		return error_set(e, ESTALE,
		    "image %s: it has expired; a newer one may be withheld "
		    "(--expired takes it)",
		    c->name);
	if (trust->version > 0 && c->version != (uint64_t)trust->version)
		return error_set(e, EPERM,
		    "image %s: it has version %" PRIu64 ", not %" PRId64
		    " as asked for",
		    c->name, c->version, trust->version);
	return 0;
}

static void
add_carrier(
    struct source *s, const struct carrier_kind *kind, const char *place)
{
	s->carriers[s->ncarriers++] =
	    (struct carrier){ .kind = kind, .place = mem_dup(place) };
}

static bool
ends_with(const char *text, const char *ending)
{
	size_t n = strlen(text), m = strlen(ending);

	return n > m && strcmp(text + n - m, ending) == 0;
}

/* ---- contents that stand with others ------------------------------------------------- */

/* The text of the contents as far as it was fetched. */
struct head {
	struct fetch *from;
	struct strbuf text;
	size_t used; /* of it, by who reads it to the end */
	char id[DIGEST_TEXT];
};

static void
head_clear(struct head *h)
{
	fetch_free(h->from);
	strbuf_clear(&h->text);
}

static int
head_more(struct head *h, size_t n, struct error *e)
{
	fetch_seek(h->from, h->text.len, n);
	return fetch_all(h->from, n, &h->text, e);
}

/*
 * How the contents of the current slot begin, digest of the root included:
 * what begins so is nothing new.
 */
static void
print_first(const struct contents *old, struct strbuf *first)
{
	const char *end;

	contents_print_head(old, first);
	end = strstr(strbuf_text(first), "\nentries ");
	if (end != NULL)
		strbuf_cut(first, (size_t)(end - first->s) + 1);
}

/* All of the head: then its digest, without the signature, is the id. */
static int
read_head(struct head *h, struct error *e)
{
	const char *end, *line;
	size_t before;

	while ((end = strstr(strbuf_text(&h->text), "\n\n")) == NULL) {
		before = h->text.len;
		if (before > MOST_HEAD || head_more(h, HEAD, e) == -1)
			return before > MOST_HEAD
			    ? error_set(e, EBADMSG, "its head has no end")
			    : -1;
		if (h->text.len == before)
			return error_set(e, EBADMSG,
			    "this is no list of an image's contents");
	}
	line = end;
	while (line > h->text.s && line[-1] != '\n')
		line--;
	if (strncmp(line, "signature ", 10) != 0)
		line = end + 1;
	digest_text(h->text.s, (size_t)(line - h->text.s), h->id);
	return 0;
}

/* Both packs, and what they hold from the first that is there. */
static int
open_packs(struct source *s, const char *stem, const char *id,
    const struct contents *old, struct error *e)
{
	own_free char *any = mem_printf("%s.pack", stem);
	own_free char *pair = old != NULL
	    ? mem_printf("%s.from-%.16s.pack", stem, old->id)
	    : NULL;

	if (pair != NULL)
		add_carrier(s, &carrier_pack, pair);
	add_carrier(s, &carrier_pack, any);
	for (size_t i = 0; i < s->ncarriers && s->contents == NULL; i++) {
		if (carrier_open_pack(&s->carriers[i], old, &s->contents, e) ==
		    -1) {
			if (e->code == EAGAIN)
				return -1;
			if (e->code != ENOENT)
				log_warn("%s", e->text);
		} else if (strcmp(s->contents->id, id) != 0) {
			log_warn(
			    "%s: it is of another image", s->carriers[i].place);
			contents_free(take(s->contents));
		}
	}
	return 0;
}

/* A text of which the first part was fetched. */
static ssize_t
read_rest(void *ctx, void *to, size_t n, struct error *e)
{
	struct head *h = ctx;
	size_t left = h->text.len - h->used;

	if (left == 0)
		return fetch_read(h->from, to, n, e);
	n = left < n ? left : n;
	memcpy(to, h->text.s + h->used, n);
	h->used += n;
	return (ssize_t)n;
}

/* All of it, in one form or another. */
static void
add_whole(struct source *s, const char *stem)
{
	static const char *const archives[] = { "tar.zst", "tar.gz", "tar.xz",
		"tar" };

	for (size_t i = 0; i < sizeof(archives) / sizeof(archives[0]); i++) {
		own_free char *place = mem_printf("%s.%s", stem, archives[i]);

		add_carrier(s, &carrier_archive, place);
	}
	for (size_t i = 0; image_endings[i] != NULL; i++) {
		own_free char *place =
		    mem_printf("%s%s", stem, image_endings[i]);

		add_carrier(s, &carrier_image, place);
	}
}

static int
open_head(struct source *s, struct head *h, const struct contents *old,
    struct error *e)
{
	own_free char *stem =
	    mem_dupn(s->place, strlen(s->place) - strlen(ENDING));

	if (read_head(h, e) == -1 || open_packs(s, stem, h->id, old, e) == -1)
		return -1;
	add_whole(s, stem);
	if (s->contents != NULL)
		return 0;
	fetch_seek(h->from, h->text.len, FETCH_END);
	s->contents = contents_read(read_rest, h, s->place, e);
	return s->contents == NULL ? -1 : 0;
}

static int
open_published(struct source *s, struct slots *slots, struct error *e)
{
	own(head_clear) struct head h = { .from = fetch_new(s->place) };
	own(strbuf_clear) struct strbuf first = { 0 };
	const struct contents *old = NULL;

	if (slots->current != NULL) {
		old = slots_current(slots, e);
		if (old == NULL)
			return -1;
		print_first(old, &first);
	}
	if (head_more(&h, old != NULL ? first.len : HEAD, e) == -1)
		return -1;
	if (old != NULL && h.text.len >= first.len &&
	    memcmp(h.text.s, first.s, first.len) == 0) {
		s->contents = take(slots->contents);
		s->unchanged = true;
		return 0;
	}
	return open_head(s, &h, old, e);
}

/* ---- contents beside one thing --------------------------------------------------------- */

/* "dir/web.tar.zst" gives "dir/web.contents", "dir/tree/" "dir/tree.contents" */
static char *
beside(const char *place)
{
	own_free char *stem = mem_dup(place);
	size_t n = strlen(stem);
	char *ending;

	while (n > 1 && stem[n - 1] == '/')
		stem[--n] = '\0';
	ending = strstr(stem + (path_base(stem) - stem), ".tar");
	if (ending != NULL && ending[4] != '\0' && ending[4] != '.')
		ending = NULL; /* ".target" */
	for (size_t i = 0; ending == NULL && image_endings[i] != NULL; i++)
		if (ends_with(stem, image_endings[i]))
			ending = strrchr(stem, '.');
	if (ending != NULL)
		*ending = '\0';
	return mem_printf("%s" ENDING, stem);
}

static ssize_t
read_more(void *ctx, void *to, size_t n, struct error *e)
{
	return fetch_read(ctx, to, n, e);
}

static struct contents *
load(const char *place, struct error *e)
{
	ownp(fetch_free) struct fetch *from = fetch_new(place);

	return contents_read(read_more, from, place, e);
}

/* Inside the tree, at the other end. */
static struct contents *
load_inside(const char *place, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (rsync_get(place, CONTENTS_INSIDE, &text, e) == -1)
		return NULL;
	return contents_parse(strbuf_text(&text), text.len, place, e);
}

static struct contents *
load_near(const struct carrier *c, const char *given, struct error *e)
{
	own_free char *near = beside(c->place);
	own_free char *inside = path_join(c->place, CONTENTS_INSIDE);

	if (given != NULL)
		return load(given, e);
	if (c->kind == &carrier_rsync)
		return load_inside(c->place, e);
	if (c->kind == &carrier_folder && !file_exists(AT_FDCWD, near))
		return load(inside, e);
	return load(near, e);
}

static int
open_single(struct source *s, const char *contents, struct error *e)
{
	const char *path = fetch_path(s->place);
	struct stat st = { 0 };

	bool rsync = rsync_is_place(s->place);

	if (!fetch_is_url(s->place) && !rsync && stat(path, &st) == -1)
		return error_errno(e, "%s", path);
	add_carrier(s,
	    rsync		       ? &carrier_rsync
		: image_is_place(path) ? &carrier_image
		: S_ISDIR(st.st_mode)  ? &carrier_folder
				       : &carrier_archive,
	    path);
	s->contents = load_near(&s->carriers[0], contents, e);
	return s->contents == NULL ? -1 : 0;
}

int
source_open(struct source *s, const char *place, const char *contents,
    struct slots *slots, const struct trust *trust, struct error *e)
{
	int r;

	*s = (struct source){ .place = place };
	r = contents == NULL && ends_with(place, ENDING)
	    ? open_published(s, slots, e)
	    : open_single(s, contents, e);
	if (r == -1 && strncmp(e->text, place, strlen(place)) != 0)
		error_prefix(e, "contents of %s", place);
	if (r == -1)
		return -1;
	return judge(s->contents, trust, e);
}

void
source_done(struct source *s)
{
	for (size_t i = 0; i < s->ncarriers; i++)
		if (s->carriers[i].kind->clear != NULL)
			s->carriers[i].kind->clear(&s->carriers[i]);
}

void
source_clear(struct source *s)
{
	source_done(s);
	for (size_t i = 0; i < s->ncarriers; i++)
		free(s->carriers[i].place);
	contents_free(s->contents);
	*s = (struct source){ 0 };
}

/* ---- bring ---------------------------------------------------------------------------------- */

/* Whether another carrier may have what this one has not, or has wrong. */
static bool
goes_on(const struct error *e)
{
	return e->code == ENOENT || e->code == EBADMSG;
}

uint64_t
source_cost(const struct source *s, const struct contents *old, uint64_t bytes)
{
	if (s->unchanged)
		return 0;
	if (s->carriers[0].kind == &carrier_folder)
		return bytes;
	if (s->carriers[0].kind == &carrier_image)
		return image_cost(s->carriers[0].place);
	for (size_t i = 0; i < s->ncarriers; i++)
		if (s->carriers[i].state != NULL)
			return carrier_pack_cost(
			    &s->carriers[i], s->contents, old);
	return UINT64_MAX;
}

uint64_t
source_room(const struct source *s, uint64_t bytes)
{
	const struct contents *c = s->contents;
	uint64_t room = 0, cost;

	if (s->ncarriers == 0 || s->carriers[0].kind != &carrier_image)
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (c->entries[i].type == 'f')
			room += c->entries[i].size;
	room = image_is_unpacked_whole(s->carriers[0].place) && room > bytes
	    ? room - bytes
	    : 0;
	cost = image_cost(s->carriers[0].place);
	return cost != UINT64_MAX && cost < UINT64_MAX - room ? room + cost
							      : room;
}

const char *
source_tree(const struct source *s)
{
	return s->ncarriers > 0 && s->carriers[0].kind == &carrier_folder
	    ? s->carriers[0].place
	    : NULL;
}

static const char *
first_wanted(const struct filling *f)
{
	size_t i = 0;

	while (i + 1 < f->new->n && !fill_wants(f, i))
		i++;
	return f->new->entries[i].path;
}

bool
source_compares(const struct source *s)
{
	for (size_t i = 0; i < s->ncarriers; i++)
		if (s->carriers[i].kind->compares)
			return true;
	return false;
}

int
source_bring(struct source *s, struct filling *f, struct error *e)
{
	bool any = false; /* one was there */

	for (size_t i = 0; i < s->ncarriers && f->left > 0; i++) {
		struct carrier *c = &s->carriers[i];
		struct error why = { 0 };
		int r = c->kind->bring(c, s, f, &why);

		fill_close(f);
		if (r == -1 && !goes_on(&why)) {
			*e = why;
			return -1;
		}
		if (r == 0 && f->left > 0)
			r = error_set(&why, EBADMSG, "%s: %s is missing",
			    c->place, first_wanted(f));
		if (r == -1 && any && why.code == ENOENT)
			continue;
		if (any && f->left > 0)
			log_warn("%s", e->text);
		any |= why.code != ENOENT;
		*e = why;
	}
	return f->left > 0 ? -1 : 0;
}
