/* SPDX-License-Identifier: Apache-2.0 */
/* A list, a diff, or JSON with both. */
#include "apply-config/report.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "apply-config/apply.h"
#include "apply-config/diff.h"
#include "apply-config/output.h"
#include "apply-config/record.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/path.h"
#include "lib/strlist.h"

struct report {
	struct output *output;
	struct record *record;
	struct strlist secret_texts; /* of the metadata */
	struct doc *arena;
};

static const char *const actions[] = {
	[CHANGE_CREATE] = "create",
	[CHANGE_UPDATE] = "update",
	[CHANGE_DELETE] = "delete",
};

/* ---- what is secret in the two texts ------------------------------------------- */

/*
 * Where secrets stand in a file that is there: as the record says, or not
 * known, and then its lines are hidden if secrets may be in it.  The record
 * does not know old versions.
 */
static bool
is_hidden(const struct report *r, const struct change *c, const char *path,
    mode_t mode, struct spans *spans)
{
	struct error ignored;
	struct stat st;
	int dir = output_dir(r->output, path, &ignored);

	if (dir != -1 &&
	    fstatat(dir, path_base(path), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    record_spans(r->record, path, &st, spans))
		return false;
	return c->secret || c->copy_of != NULL || (mode & 077) == 0;
}

static void
add_diff(struct report *r, const struct change *c, const struct version *old,
    const char *name, struct strbuf *b)
{
	own(spans_clear) struct spans old_spans = { 0 }, new_spans = { 0 };
	struct diff_side from = { .label = old->mode == 0 ? "/dev/null" : name,
		.text = old->text,
		.len = old->len };
	struct diff_side to = {
		.label = c->kind == CHANGE_DELETE ? "/dev/null" : name,
		.text = c->new.text != NULL ? c->new.text : "",
		.len = c->new.len,
	};

	from.hidden = is_hidden(r, c, c->path, old->mode, &old_spans);
	spans_find(&old_spans, from.text, from.len, &r->secret_texts);
	if (c->copy_of != NULL)
		to.hidden =
		    is_hidden(r, c, c->copy_of, c->new.mode, &new_spans);
	else if (c->spans != NULL)
		spans_add_all(&new_spans, c->spans);
	spans_find(&new_spans, to.text, to.len, &r->secret_texts);
	from.spans = &old_spans;
	to.spans = &new_spans;
	diff_add(&from, &to, b);
}

/* ---- forms --------------------------------------------------------------------- */

static mode_t
old_mode(const struct version *old)
{
	return old->mode & 07777;
}

static bool
mode_differs(const struct change *c, const struct version *old)
{
	return c->kind == CHANGE_UPDATE &&
	    (c->new.mode & 07777) != old_mode(old);
}

static bool
owner_differs(const struct change *c, const struct version *old)
{
	return c->kind == CHANGE_UPDATE &&
	    ((c->new.uid != (uid_t)-1 && c->new.uid != old->uid) ||
		(c->new.gid != (gid_t)-1 && c->new.gid != old->gid));
}

static void
add_list(const struct change *c, const struct version *old, const char *name,
    struct strbuf *b)
{
	strbuf_printf(b, "%s %s", actions[c->kind], name);
	if (mode_differs(c, old))
		strbuf_printf(b, ", mode %04o to %04o", old_mode(old),
		    c->new.mode & 07777);
	if (owner_differs(c, old))
		strbuf_printf(b, ", owner %u:%u to %u:%u", old->uid, old->gid,
		    c->new.uid, c->new.gid);
	strbuf_putc(b, '\n');
}

/* Lines in front of a diff that patch(1) passes over. */
static void
add_diff_head(const struct change *c, const struct version *old,
    const char *name, struct strbuf *b)
{
	strbuf_printf(b, "%s %s\n", actions[c->kind], name);
	if (mode_differs(c, old))
		strbuf_printf(b, "old mode %04o\nnew mode %04o\n",
		    old_mode(old), c->new.mode & 07777);
	if (owner_differs(c, old))
		strbuf_printf(b, "old owner %u:%u\nnew owner %u:%u\n", old->uid,
		    old->gid, c->new.uid, c->new.gid);
}

static void
set_mode(struct doc *d, struct value *map, const char *name, mode_t mode)
{
	char text[8];

	snprintf(text, sizeof(text), "%04o", mode & 07777);
	value_set(d, map, name, value_string(d, text));
}

static struct value *
json_change(struct report *r, const struct change *c, const struct version *old,
    const char *name)
{
	struct doc *d = r->arena;
	struct value *map = value_map(d);
	own(strbuf_clear) struct strbuf diff = { 0 };

	value_set(d, map, "path", value_string(d, name));
	value_set(d, map, "action", value_string(d, actions[c->kind]));
	if (old->mode != 0)
		set_mode(d, map, "old_mode", old->mode);
	if (c->kind != CHANGE_DELETE)
		set_mode(d, map, "mode", c->new.mode);
	if (c->kind != CHANGE_DELETE && c->new.uid != (uid_t)-1)
		value_set(d, map, "uid", value_int(d, c->new.uid));
	if (c->kind != CHANGE_DELETE && c->new.gid != (gid_t)-1)
		value_set(d, map, "gid", value_int(d, c->new.gid));
	if (c->on_change != NULL)
		value_set(d, map, "on_change", value_string(d, c->on_change));
	value_set(d, map, "secret", value_bool(d, c->secret));
	add_diff(r, c, old, name, &diff);
	value_set(
	    d, map, "diff", value_stringn(d, strbuf_text(&diff), diff.len));
	return map;
}

static int
add_change(struct report *r, const struct change *c, enum plan_form form,
    struct value *list, struct strbuf *b, struct error *e)
{
	own_free char *name = output_name(r->output, c->path);
	struct version old;

	if (version_read(r->output, c->path, r->arena, &old, e) == -1)
		return -1;
	if (form == PLAN_JSON) {
		value_add(r->arena, list, json_change(r, c, &old, name));
	} else if (form == PLAN_LIST) {
		add_list(c, &old, name, b);
	} else {
		add_diff_head(c, &old, name, b);
		add_diff(r, c, &old, name, b);
	}
	return 0;
}

int
report_add(struct output *o, const struct changes *c, struct record *record,
    const struct value *root, const struct secrets *secrets,
    enum plan_form form, struct strbuf *b, struct error *e)
{
	ownp(doc_free) struct doc *arena = doc_new();
	struct report r = { .output = o, .record = record, .arena = arena };
	struct value *all = value_map(arena), *list = value_list(arena);
	int result = 0;

	secrets_texts(secrets, root, &r.secret_texts);
	for (size_t i = 0; i < c->len && result == 0; i++)
		result = add_change(&r, &c->items[i], form, list, b, e);
	strlist_clear(&r.secret_texts);
	value_set(arena, all, "changes", list);
	if (result == 0 && form == PLAN_JSON) {
		value_print(all, STYLE_PRETTY, b);
		strbuf_putc(b, '\n');
	}
	return result;
}
