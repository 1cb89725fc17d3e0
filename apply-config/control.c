/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control files: a YAML map that says how a file is to be written.  A table
 * has a row for each key; keys are taken in the order of the document.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apply-config/accounts.h"
#include "apply-config/apply.h"
#include "apply-config/values.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/python.h"
#include "lib/yaml.h"

struct setter {
	const struct settings *settings;
	struct control *control;
	struct error *error;
};

/* Fail with a value in the text, printed as Python prints it. */
static int
refuse(const struct setter *s, const char *before, const struct value *v,
    const char *after)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	python_str(v, &b);
	return error_set(
	    s->error, EINVAL, "%s'%.200s'%s", before, strbuf_text(&b), after);
}

static int
set_mode(const struct setter *s, const struct value *v)
{
	long long n;

	if (!value_is_int(v))
		return refuse(s, "mode ", v, " is not numeric");
	if (!value_to_int(v, &n))
		return refuse(s, "mode ", v, " out of range");
	if (n < 0 || n > 0777)
		return error_set(s->error, ERANGE,
		    "mode '%s0o%llo' out of range", n < 0 ? "-" : "",
		    n < 0 ? 0ULL - (unsigned long long)n
			  : (unsigned long long)n);
	s->control->mode = n == 0 ? -1 : (int)n; /* 0 means unset */
	return 0;
}

static int
set_owner(const struct setter *s, const struct value *v)
{
	if (v->kind != VALUE_STRING && !value_is_int(v))
		return refuse(s, "owner ", v, " must be a string or int");
	if (account_find(s->settings, "passwd", v, &s->control->uid) == -1)
		return refuse(s, "owner ", v, " not found in passwd database");
	return 0;
}

static int
set_group(const struct setter *s, const struct value *v)
{
	if (v->kind != VALUE_STRING && !value_is_int(v))
		return refuse(s, "group ", v, " must be a string or int");
	if (account_find(s->settings, "group", v, &s->control->gid) == -1)
		return refuse(s, "group ", v, " not found in group database");
	return 0;
}

static int
set_allow_empty(const struct setter *s, const struct value *v)
{
	if (v->kind != VALUE_BOOL)
		return refuse(s, "allow_empty requires Boolean, got: ", v, "");
	s->control->keep_empty = v->truth;
	return 0;
}

static int
set_validate(const struct setter *s, const struct value *v)
{
	struct strlist *argv = &s->control->validate;

	if (v->kind != VALUE_LIST || v->len == 0)
		return refuse(s, "validate ", v, " is not a list of arguments");
	strlist_clear(argv);
	for (uint32_t i = 0; i < v->len; i++) {
		if (v->items[i]->kind != VALUE_STRING)
			return refuse(
			    s, "validate: ", v->items[i], " is not a string");
		strlist_add(argv, v->items[i]->text);
	}
	return 0;
}

static int
set_on_change(const struct setter *s, const struct value *v)
{
	if (v->kind != VALUE_STRING || v->len == 0)
		return refuse(s, "on_change ", v, " is not a name");
	free(s->control->on_change);
	s->control->on_change = mem_dup(v->text);
	return 0;
}

#define BACKUP_MAX 100

static int
set_backup(const struct setter *s, const struct value *v)
{
	long long n;

	if (!value_to_int(v, &n) || n < 0 || n > BACKUP_MAX)
		return refuse(s, "backup ", v, " is not a number up to 100");
	s->control->backup = (unsigned)n;
	return 0;
}

static const struct key {
	const char *name;
	int (*set)(const struct setter *s, const struct value *v);
} keys[] = {
	{ "mode", set_mode },
	{ "owner", set_owner },
	{ "group", set_group },
	{ "allow_empty", set_allow_empty },
	{ "validate", set_validate },
	{ "on_change", set_on_change },
	{ "backup", set_backup },
};

/* Where the system would see less of a text than is there. */
static bool
has_nul(const struct value *v)
{
	for (uint32_t i = 0; v->kind == VALUE_LIST && i < v->len; i++)
		if (has_nul(v->items[i]))
			return true;
	return v->kind == VALUE_STRING && memchr(v->text, '\0', v->len) != NULL;
}

static int
set_member(const struct setter *s, struct member m)
{
	if (memchr(m.name, '\0', m.len) != NULL || has_nul(m.value))
		return error_set(
		    s->error, EINVAL, "%.200s: a NUL byte is in it", m.name);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, m.name) == 0)
			return keys[i].set(s, m.value);
	return error_set(
	    s->error, EINVAL, "unrecognised file control key '%.200s'", m.name);
}

/* How much of a control file's name is its template's. */
static size_t
template_length(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot == NULL ? strlen(name) : (size_t)(dot - name);
}

/*
 * The older program says what was wrong and where as Python prints a pair,
 * and means the template.
 */
static int
blame(const struct settings *s, const char *name, struct error *e)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	if (!s->compat)
		return error_prefix(e, "%s", name);
	strbuf_putc(&b, '(');
	python_repr_text(e->text, strlen(e->text), &b);
	strbuf_puts(&b, ", ");
	python_repr_text(name, template_length(name), &b);
	strbuf_putc(&b, ')');
	return error_set(e, e->code, "%s", strbuf_text(&b));
}

static int
refuse_kind(const struct settings *s, const char *name, struct error *e)
{
	if (!s->compat)
		return error_set(e, EINVAL, "header is not a dict: %s", name);
	error_set(e, EINVAL, "header is not a dict: %.*s",
	    (int)template_length(name), name);
	return blame(s, name, e);
}

int
control_parse(const struct settings *s, const char *text, size_t len,
    const char *name, struct control *c, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *v = yaml_parse(d, text, len, name, e);
	const struct setter setter = {
		.settings = s, .control = c, .error = e
	};

	if (v == NULL)
		return -1;
	if (!values_truth(v))
		return 0;
	if (v->kind != VALUE_MAP)
		return refuse_kind(s, name, e);
	for (uint32_t i = 0; i < v->len; i++)
		if (set_member(&setter, value_member(v, i)) == -1)
			return blame(s, name, e);
	return 0;
}

void
control_init(struct control *c)
{
	*c = (struct control){ .mode = -1,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.keep_empty = true };
}

void
control_clear(struct control *c)
{
	strlist_clear(&c->validate);
	free(c->on_change);
	control_init(c);
}
