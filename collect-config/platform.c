/* SPDX-License-Identifier: Apache-2.0 */
/* Parts one after the other; round.place is the one in hand. */
#include "collect-config/platform.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "lib/encode.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

const struct setting platform_settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_LIST,
	    .value = "http://169.254.169.254",
	    .help = "URL of the service" },
	SETTING_TIMEOUT,
	{ .name = NULL },
};

struct walk {
	size_t base; /* which of the bases */
	struct value *content;
};

static void
join(struct doc *d, struct value *into, const struct value *from)
{
	for (uint32_t i = 0; i < from->len; i++) {
		const struct member m = value_member(from, i);

		value_setn(d, into, m.name, m.len, m.value);
	}
}

static int
part_add(struct round *r, struct value *content, const struct part *part,
    const char *text, size_t n, struct error *e)
{
	struct value *v;

	if (part->format == PART_FILE) {
		round_file(r, content, part->member, text, n);
		return 0;
	}
	v = part->member != NULL ? round_value(r, text, n, part->path, e)
				 : round_parse(r, text, n, part->path, e);
	if (v == NULL)
		return -1;
	if (part->member != NULL)
		value_set(r->doc, content, part->member, v);
	else
		join(r->doc, content, v);
	return 0;
}

/* User data that stands in the content itself. */
static void
user_data(struct round *r, const struct platform *p, struct value *content)
{
	const struct value *v =
	    p->user_data != NULL ? value_find(content, p->user_data) : NULL;
	own(strbuf_clear) struct strbuf plain = { 0 };
	struct error e;

	if (v == NULL || v->kind != VALUE_STRING || v->len == 0)
		return;
	if (!p->base64 || base64_decode(v->text, v->len, &plain, &e) == -1)
		strbuf_add(&plain, v->text, v->len);
	round_file(r, content, "user-data", plain.s, plain.len);
}

static enum step
finish(struct round *r, const struct platform *p, struct value *content)
{
	user_data(r, p, content);
	if (p->finish != NULL)
		p->finish(r, content);
	r->rest = PLATFORM_REST;
	return round_finish(r, content);
}

/* ---- over the network --------------------------------------------------- */

/*
 * A link-local IPv6 address needs an interface: "%25*" in a base stands for
 * the first that is not the loopback.
 */
static char *
with_interface(const char *base)
{
	const char *star = strstr(base, "%25*");
	struct if_nameindex *all, *i;
	char *url = NULL;

	if (star == NULL)
		return mem_dup(base);
	all = if_nameindex();
	for (i = all; i != NULL && i->if_index != 0 && url == NULL; i++)
		if (strcmp(i->if_name, "lo") != 0)
			url = mem_printf("%.*s%s%s", (int)(star - base) + 3,
			    base, i->if_name, star + 4);
	if (all != NULL)
		if_freenameindex(all);
	return url != NULL ? url : mem_dup(base);
}

static const struct strlist *
bases(const struct round *r)
{
	return config_list(
	    r->source->config, r->source->kind->name, "metadata_url");
}

static enum step
ask(struct round *r, const struct platform *p)
{
	const struct walk *w = r->data;
	own_free char *base = with_interface(bases(r)->items[w->base]);

	round_get(
	    r, "%.*s/%s", (int)url_length(base), base, p->parts[r->place].path);
	r->ask.direct = true;
	r->ask.idle_seconds = round_number(r, "timeout");
	if (p->header != NULL) {
		/* It tells the service apart: nobody else is to get it. */
		round_header(r, "%s", p->header);
		r->ask.follow = HTTP_FOLLOW_HOST;
	}
	return STEP_ASK;
}

/* Nothing of this base answered so far: try the next one. */
static bool
next_base(struct round *r)
{
	struct walk *w = r->data;

	if (r->place != 0 || w->base + 1 >= bases(r)->len)
		return false;
	w->base++;
	return true;
}

enum step
platform_step(struct round *r, const struct platform *p, struct error *e)
{
	const struct part *part = &p->parts[r->place];
	struct walk *w = r->data;

	/* A disc that is gone, say: what it had stays in use. */
	if (bases(r)->len == 0)
		return r->source->names.len > 0 ? STEP_SAME : STEP_NONE;
	if (w == NULL) {
		w = r->data = doc_alloc(r->doc, sizeof(*w));
		w->content = value_map(r->doc);
		return ask(r, p);
	}
	if (round_check(r, e) == 0) {
		if (part_add(r, w->content, part, strbuf_text(&r->reply.body),
			r->reply.body.len, e) == -1)
			return STEP_FAILED;
	} else if (next_base(r)) {
		return ask(r, p);
	} else if (!part->optional || r->reply.status == 0 ||
	    http_is_temporary(r->reply.status)) {
		return STEP_FAILED;
	}
	r->place++;
	if (p->parts[r->place].path != NULL)
		return ask(r, p);
	return finish(r, p, w->content);
}

enum step
platform_ask(struct round *r, struct error *e)
{
	return platform_step(r, r->source->kind->platform, e);
}

/* ---- from a disc or a folder -------------------------------------------- */

typedef int reader(struct round *r, const void *where, const char *path,
    struct strbuf *b, struct error *e);

static int
read_disc(struct round *r, const void *where, const char *path,
    struct strbuf *b, struct error *e)
{
	(void)r;
	return disc_read(where, path, LIMIT_TEXT_BYTES, b, e);
}

static int
read_folder(struct round *r, const void *where, const char *path,
    struct strbuf *b, struct error *e)
{
	const struct config *c = r->source->config;
	own_free char *full = path_join(where, path);

	return file_read(
	    config_root(c), config_at(c, full), LIMIT_TEXT_BYTES, b, e);
}

static enum step
read_all(struct round *r, const struct platform *p, reader *read,
    const void *where, struct error *e)
{
	struct value *content = value_map(r->doc);

	for (const struct part *part = p->parts; part->path != NULL; part++) {
		own(strbuf_clear) struct strbuf text = { 0 };

		if (read(r, where, part->path, &text, e) == -1) {
			if (part->optional && e->code == ENOENT)
				continue;
			return STEP_FAILED;
		}
		if (part_add(r, content, part, strbuf_text(&text), text.len,
			e) == -1)
			return STEP_FAILED;
	}
	return finish(r, p, content);
}

enum step
platform_disc(struct round *r, const struct platform *p,
    const struct disc *disc, struct error *e)
{
	return read_all(r, p, read_disc, disc, e);
}

enum step
platform_folder(struct round *r, const struct platform *p, const char *folder,
    struct error *e)
{
	return read_all(r, p, read_folder, folder, e);
}
