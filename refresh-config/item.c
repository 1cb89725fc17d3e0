/* SPDX-License-Identifier: Apache-2.0 */
/* A deployment as Heat makes it, checked: nothing of it is trusted. */
#include <errno.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/python.h"
#include "refresh-config/deploy.h"

#define INPUTS_MAX 10000

static int
read_input(struct doc *d, struct value *input, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	const struct value *value = value_get(input, "value");

	if (*value_text(input, "name", "") == '\0')
		return error_set(e, EINVAL, "an input without a name");
	if (strcmp(value_text(input, "type", ""), "String") != 0 ||
	    value == NULL || value->kind == VALUE_STRING)
		return 0;
	python_str(value, &text);
	value_set(
	    d, input, "value", value_stringn(d, strbuf_text(&text), text.len));
	return 0;
}

int
item_read(struct doc *d, struct value *v, struct item *item, struct error *e)
{
	struct value *inputs = value_get(v, "inputs");

	*item = (struct item){ .d = d,
		.root = v,
		.id = value_text(v, "id", ""),
		.name = value_text(v, "name", ""),
		.group = value_text(v, "group", "") };
	if (v->kind != VALUE_MAP)
		return error_set(
		    e, EINVAL, "a deployment that is %s", value_kind_name(v));
	if (inputs == NULL || inputs->kind == VALUE_NULL) {
		value_set(d, v, "inputs", value_list(d));
		return 0;
	}
	if (inputs->kind != VALUE_LIST || inputs->len > INPUTS_MAX)
		return error_set(e, EINVAL,
		    "deployment %s: inputs is not a list of up to %d", item->id,
		    INPUTS_MAX);
	for (uint32_t i = 0; i < inputs->len; i++)
		if (read_input(d, inputs->items[i], e) == -1)
			return error_prefix(e, "deployment %s", item->id);
	return 0;
}

int
item_check_id(const struct item *item, struct error *e)
{
	if (*item->id != '\0')
		return 0;
	return error_set(
	    e, EINVAL, "a deployment without an id (%s)", item->name);
}

const struct value *
item_input(const struct item *item, const char *name)
{
	const struct value *inputs = value_get(item->root, "inputs");

	/* Of two with the same name the last counts. */
	for (uint32_t i = inputs->len; i-- > 0;)
		if (strcmp(value_text(inputs->items[i], "name", ""), name) == 0)
			return value_get(inputs->items[i], "value");
	return NULL;
}

const char *
item_text(const struct item *item, const char *name, const char *fallback)
{
	const struct value *v = item_input(item, name);

	return v != NULL && v->kind == VALUE_STRING ? v->text : fallback;
}

static bool
has_action(const struct value *config, const char *action)
{
	const struct value *actions = value_get(config, "actions");

	for (uint32_t i = 0;
	     actions != NULL && actions->kind == VALUE_LIST && i < actions->len;
	     i++)
		if (actions->items[i]->kind == VALUE_STRING &&
		    strcmp(actions->items[i]->text, action) == 0)
			return true;
	return false;
}

int
item_select(struct item *item)
{
	const struct value *configs =
	    value_get(value_get(item->root, "config"), "configs");
	const char *action = item_text(item, "deploy_action", "");

	if (strcmp(item->group, "component") != 0)
		return 0;
	for (uint32_t i = 0;
	     configs != NULL && configs->kind == VALUE_LIST && i < configs->len;
	     i++) {
		const struct value *c = configs->items[i];
		struct value *config = value_get(c, "config");

		if (!has_action(c, action))
			continue;
		item->group = value_text(c, "tool", "");
		value_set(item->d, item->root, "group",
		    value_string(item->d, item->group));
		value_set(item->d, item->root, "config",
		    config ? config : value_null(item->d));
		return 0;
	}
	return 1;
}
