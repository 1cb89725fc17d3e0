/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings, and their values checked and expanded. */
#include "collect-config/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collect-config/config-entry.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/strbuf.h"

#define EXPAND_DEPTH 10 /* settings that name settings that name ... */

/* ---- the table ---------------------------------------------------------- */

static void
entry_add(struct config *c, const char *group, const struct setting *s)
{
	struct entry *n = &c->entries[c->n++];
	bool plain = strcmp(group, "DEFAULT") == 0;

	*n = (struct entry){ .config = c,
		.group = group,
		.setting = s,
		.name = mem_dup(s->key != NULL ? s->key : s->name) };
	for (char *p = n->name; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	n->option =
	    plain ? mem_dup(s->name) : mem_printf("%s-%s", group, s->name);
	if (s->kind == SETTING_FLAG)
		n->no_option = plain ? mem_printf("no%s", s->name)
				     : mem_printf("%s-no%s", group, s->name);
	if (s->value != NULL && s->kind == SETTING_LIST)
		strlist_split(&n->raw, s->value, " ");
	else if (s->value != NULL)
		strlist_add(&n->raw, s->value);
}

struct config *
config_new(const struct setting_group *groups)
{
	struct config *c = mem_alloc(sizeof(*c));
	size_t n = 0;

	for (const struct setting_group *g = groups; g->name != NULL; g++)
		for (size_t i = 0; g->settings[i].name != NULL; i++)
			n++;
	c->entries = mem_resize(NULL, n, sizeof(*c->entries));
	c->negations = mem_resize(NULL, n, sizeof(*c->negations));
	c->root = AT_FDCWD;
	for (const struct setting_group *g = groups; g->name != NULL; g++)
		for (size_t i = 0; g->settings[i].name != NULL; i++)
			entry_add(c, g->name, &g->settings[i]);
	return c;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->entries[i].name);
		free(c->entries[i].option);
		free(c->entries[i].no_option);
		strlist_clear(&c->entries[i].raw);
		strlist_clear(&c->entries[i].values);
	}
	for (size_t i = 0; i < c->n_said; i++)
		free(c->said[i].value);
	free(c->said);
	free(c->entries);
	free(c->negations);
	strlist_clear(&c->files);
	if (c->root != AT_FDCWD)
		close(c->root);
	free(c);
}

struct entry *
entry_find(const struct config *c, const char *group, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->entries[i].name, name) == 0 &&
		    strcmp(c->entries[i].group, group) == 0)
			return &c->entries[i];
	return NULL;
}

void
entry_assign(struct entry *n, const char *value)
{
	if (n->setting->kind != SETTING_LIST || !n->given)
		strlist_clear(&n->raw);
	strlist_add(&n->raw, value);
	n->given = true;
}

/* ---- values ------------------------------------------------------------- */

static int
flag_parse(const char *text)
{
	static const char *const words[] = { "true", "1", "yes", "on", "false",
		"0", "no", "off" };

	for (int i = 0; i < 8; i++)
		if (strcasecmp(text, words[i]) == 0)
			return i < 4;
	return -1;
}

/* What was expanded from start on, as Python prints a value of its type. */
static void
print_typed(enum setting_kind kind, size_t start, struct strbuf *out)
{
	const char *text = strbuf_text(out) + start;

	if (kind == SETTING_FLAG && flag_parse(text) != -1) {
		bool truth = flag_parse(text) == 1;

		strbuf_cut(out, start);
		strbuf_puts(out, truth ? "True" : "False");
	} else if (kind == SETTING_NUMBER && strpbrk(text, ".eE") == NULL) {
		strbuf_puts(out, ".0");
	}
}

static int expand(const struct config *c, const char *group, const char *text,
    unsigned depth, struct strbuf *out, struct error *e);

/* Add the value of "name" or "group.name"; own group first, then DEFAULT. */
static int
expand_name(const struct config *c, const char *group, const char *name,
    unsigned depth, struct strbuf *out, struct error *e)
{
	const char *dot = strchr(name, '.');
	own_free char *other =
	    dot ? mem_dupn(name, (size_t)(dot - name)) : NULL;
	const struct entry *n =
	    entry_find(c, dot ? other : group, dot ? dot + 1 : name);
	size_t start;

	if (n == NULL)
		n = entry_find(c, "DEFAULT", name);
	if (n == NULL)
		return error_set(e, 0,
		    "$%s: no such setting (a dollar sign is written $$)", name);
	if (n->raw.len == 0)
		return 0;
	start = out->len;
	if (expand(c, n->group, n->raw.items[n->raw.len - 1], depth + 1, out,
		e) == -1)
		return -1;
	print_typed(n->setting->kind, start, out);
	return 0;
}

static bool
starts_name(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static size_t
name_length(const char *s)
{
	size_t n = 0;

	if (starts_name(*s))
		while (
		    isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == '.')
			n++;
	return n;
}

static int
expand(const struct config *c, const char *group, const char *text,
    unsigned depth, struct strbuf *out, struct error *e)
{
	if (depth > EXPAND_DEPTH)
		return error_set(e, 0, "settings name each other in a circle");
	for (const char *s = text; *s != '\0';) {
		bool braced = s[0] == '$' && s[1] == '{';
		const char *start = s + 1 + braced;
		size_t n = *s == '$' ? name_length(start) : 0;

		if ((s[0] == '$' || s[0] == '\\') && s[1] == '$') {
			strbuf_putc(out, '$');
			s += 2;
		} else if (n == 0 || (braced && start[n] != '}')) {
			strbuf_putc(out, *s++);
		} else {
			own_free char *name = mem_dupn(start, n);

			if (expand_name(c, group, name, depth, out, e) == -1)
				return -1;
			s = start + n + braced;
		}
	}
	return 0;
}

static int
check(const struct entry *n, const char *value, struct error *e)
{
	const char *scheme;
	char *end;

	switch (n->setting->kind) {
	case SETTING_NUMBER:
		strtod(value, &end);
		if (end == value || *end != '\0')
			return error_set(e, EINVAL, "not a number: %s", value);
		return 0;
	case SETTING_FLAG:
		if (flag_parse(value) == -1)
			return error_set(
			    e, EINVAL, "neither true nor false: %s", value);
		return 0;
	case SETTING_URL:
		scheme = strstr(value, "://");
		if (*value != '\0' &&
		    (scheme == NULL || scheme == value || scheme[3] == '\0'))
			return error_set(e, EINVAL, "not a URL: %s", value);
		return 0;
	default:
		return 0;
	}
}

static int
entry_resolve(struct config *c, struct entry *n, struct error *e)
{
	strlist_clear(&n->values);
	for (size_t i = 0; i < n->raw.len; i++) {
		own(strbuf_clear) struct strbuf out = { 0 };

		if (expand(c, n->group, n->raw.items[i], 0, &out, e) == -1 ||
		    check(n, strbuf_text(&out), e) == -1)
			return error_prefix(e, "[%s] %s", n->group, n->name);
		strlist_take(&n->values, strbuf_take(&out));
	}
	return 0;
}

int
config_resolve(struct config *c, const char *group, struct error *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->entries[i].group, group) == 0 &&
		    entry_resolve(c, &c->entries[i], e) == -1)
			return -1;
	return 0;
}

int
config_root(const struct config *c)
{
	return c->root;
}

const char *
config_at(const struct config *c, const char *path)
{
	return c->root == AT_FDCWD ? path : path_relative(path);
}

const struct strlist *
config_files(const struct config *c)
{
	return &c->files;
}

static struct entry *
entry_must(const struct config *c, const char *group, const char *name)
{
	struct entry *n = entry_find(c, group, name);

	if (n == NULL)
		abort(); /* a mistake in this program, not in a file */
	return n;
}

const char *
config_text(const struct config *c, const char *group, const char *name)
{
	const struct entry *n = entry_must(c, group, name);

	return n->values.len > 0 ? n->values.items[n->values.len - 1] : NULL;
}

double
config_number(const struct config *c, const char *group, const char *name)
{
	const char *text = config_text(c, group, name);

	return text != NULL ? strtod(text, NULL) : 0;
}

bool
config_flag(const struct config *c, const char *group, const char *name)
{
	const char *text = config_text(c, group, name);

	return text != NULL && flag_parse(text) == 1;
}

const struct strlist *
config_list(const struct config *c, const char *group, const char *name)
{
	return &entry_must(c, group, name)->values;
}

bool
config_given(const struct config *c, const char *group, const char *name)
{
	return entry_must(c, group, name)->given;
}

void
config_default(
    struct config *c, const char *group, const char *name, const char *value)
{
	struct entry *n = entry_must(c, group, name);

	if (n->given)
		return;
	strlist_clear(&n->raw);
	if (n->setting->kind == SETTING_LIST)
		strlist_split(&n->raw, value, " ");
	else
		strlist_add(&n->raw, value);
}

void
config_operands(
    struct config *c, const char *name, char *const *items, size_t n)
{
	struct entry *entry = entry_must(c, "DEFAULT", name);

	if (n == 0)
		return;
	entry->given = false;
	for (size_t i = 0; i < n; i++)
		entry_assign(entry, items[i]);
}
