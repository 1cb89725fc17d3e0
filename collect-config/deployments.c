/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of deployments under the settings' deployment_key. */
#include "collect-config/deployments.h"

#include <string.h>

#include "collect-config/cache.h"
#include "collect-config/source.h"
#include "lib/log.h"

/* Groups whose config is data for templates; others belong to hooks. */
static bool
is_data(const struct value *item)
{
	const struct value *group = value_get(item, "group");

	return group == NULL ||
	    (group->kind == VALUE_STRING &&
		(strcmp(group->text, "os-apply-config") == 0 ||
		    strcmp(group->text, "Heat::Ungrouped") == 0));
}

/* A name becomes a file name and must not be one that we use otherwise. */
static int
check_name(const struct value *name, struct error *e)
{
	if (name == NULL || name->kind != VALUE_STRING || name->len == 0)
		return error_set(e, 0, "No name found");
	if (strlen(name->text) != name->len)
		return error_set(e, 0, "a NUL in its name");
	return cache_check_name(name->text, e);
}

/* Add one deployment, or say why it cannot be. */
static int
one(struct round *r, const struct value *item, struct error *e)
{
	const struct value *name = value_get(item, "name"),
			   *config = value_get(item, "config");

	if (check_name(name, e) == -1)
		return -1;
	if (!is_data(item))
		return 0;
	if (config == NULL)
		return error_set(e, 0, "%s has no config", name->text);
	round_output(r, name->text, config);
	return 0;
}

static void
complain(const struct round *r, const char *key, const char *what)
{
	if (!r->recalled)
		log_warn("%s: %s: %s", r->source->kind->name, key, what);
}

static void
one_list(struct round *r, const char *key, const struct value *list)
{
	struct error e;

	if (list->kind != VALUE_LIST) {
		complain(r, key, "does not contain a list");
		return;
	}
	for (uint32_t i = 0; i < list->len; i++)
		if (one(r, list->items[i], &e) == -1) {
			error_prefix(&e, "deployment %u left out", i);
			complain(r, key, e.text);
		}
}

void
deployments_output(struct round *r, const struct value *document)
{
	const struct config *c = r->source->config;
	bool cfn = strcmp(r->source->kind->name, "cfn") == 0;
	const struct strlist *keys =
	    config_list(c, cfn ? "cfn" : "DEFAULT", "deployment_key");

	for (size_t i = 0; i < keys->len; i++) {
		const struct value *list = value_get(document, keys->items[i]);

		if (list != NULL)
			one_list(r, keys->items[i], list);
	}
}
