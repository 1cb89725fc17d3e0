/* SPDX-License-Identifier: Apache-2.0 */
/* Project files: the command line that an image stands for. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/project.h"
#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

/* "a,b" of a list, "k=v,l=w" of a map; the caller's. */
static char *
joined(const struct value *v)
{
	own(strlist_clear) struct strlist parts = { 0 };

	for (uint32_t i = 0; i < v->len; i++)
		if (v->kind == VALUE_LIST)
			strlist_add(&parts, v->items[i]->text);
		else
			strlist_printf(&parts, "%s=%s", value_member(v, i).name,
			    value_member(v, i).value->text);
	return strlist_join(&parts, ",");
}

static void
add_option(
    const struct project_key *k, const struct value *v, struct strlist *args)
{
	own_free char *text = NULL;
	long long times = 0;

	if (k->kind == PROJECT_FLAG || k->kind == PROJECT_LEVEL) {
		if (!value_to_int(v, &times))
			times = v->truth;
		while (times-- > 0)
			strlist_add(args, k->option);
		return;
	}
	if (v->kind != VALUE_LIST && v->kind != VALUE_MAP)
		text = mem_dup(v->text);
	else if (v->len > 0)
		text = joined(v);
	if (text == NULL)
		return;
	strlist_add(args, k->option);
	strlist_add(args, text);
}

static bool
is_true(const struct value *image, const char *key)
{
	const struct value *v = value_get(image, key);

	return v != NULL && v->truth;
}

void
project_command(
    const struct value *image, bool compat, struct project_command *c)
{
	const struct value *env = value_get(image, "environment");
	const struct value *elements = value_get(image, "elements");

	*c = (struct project_command){ .clear = is_true(image, "clear") };
	c->program = is_true(image, "ramdisk") ? "ramdisk-image-create"
	    : compat			       ? "disk-image-create"
					       : "image-build";
	for (uint32_t i = 0; env != NULL && i < env->len; i++)
		strlist_env_set(&c->env, value_member(env, i).name,
		    value_member(env, i).value->text);
	for (const struct project_key *k = project_keys; k->name != NULL; k++) {
		const struct value *v = value_get(image, k->name);

		if (v != NULL && k->option != NULL)
			add_option(k, v, &c->args);
	}
	if (elements != NULL && elements->len > 0)
		strlist_add(&c->args, "--");
	for (uint32_t i = 0; elements != NULL && i < elements->len; i++)
		strlist_add(&c->args, elements->items[i]->text);
}

void
project_command_clear(struct project_command *c)
{
	strlist_clear(&c->env);
	strlist_clear(&c->args);
}

/* ---- for people --------------------------------------------------------------- */

/* In quotes wherever a shell would see more in it than text. */
static void
quote(struct strbuf *b, const char *s)
{
	static const char plain[] = "%+,-./:=@_";
	const char *t = s;

	while (*t != '\0' &&
	    (isalnum((unsigned char)*t) || strchr(plain, *t) != NULL))
		t++;
	if (*t == '\0' && t != s) {
		strbuf_puts(b, s);
		return;
	}
	strbuf_putc(b, '\'');
	for (; *s != '\0'; s++)
		if (*s == '\'')
			strbuf_puts(b, "'\\''");
		else
			strbuf_putc(b, *s);
	strbuf_putc(b, '\'');
}

char *
project_command_line(const struct project_command *c)
{
	struct strbuf b = { 0 };

	if (c->clear)
		strbuf_puts(&b, "env -i HOME=\"$HOME\" PATH=\"$PATH\" ");
	for (size_t i = 0; i < c->env.len; i++) {
		const char *item = c->env.items[i], *value = strchr(item, '=');

		strbuf_add(&b, item, (size_t)(value - item) + 1);
		quote(&b, value + 1);
		strbuf_putc(&b, ' ');
	}
	strbuf_puts(&b, c->program);
	for (size_t i = 0; i < c->args.len; i++) {
		strbuf_putc(&b, ' ');
		quote(&b, c->args.items[i]);
	}
	return strbuf_take(&b);
}
