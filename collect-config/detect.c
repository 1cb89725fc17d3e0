/* SPDX-License-Identifier: Apache-2.0 */
/* The settings' list of collectors, or what this machine looks like. */
#include "collect-config/detect.h"

#include "collect-config/source.h"
#include "lib/log.h"

static int
check_names(const struct strlist *names, struct error *e)
{
	for (size_t i = 0; i < names->len; i++)
		if (source_find(names->items[i]) == NULL)
			return error_set(e, 0,
			    "Unknown collectors ['%s'] (--list-sources shows "
			    "those that there are)",
			    names->items[i]);
	return 0;
}

int
detect_collectors(const struct config *c, const struct machine *m,
    struct strlist *names, struct error *e)
{
	const struct strlist *given = config_list(c, "DEFAULT", "collectors");

	if (given->len > 0) {
		strlist_add_all(names, given);
		return check_names(names, e);
	}
	for (size_t i = 0; source_kinds[i] != NULL; i++) {
		const struct source_kind *kind = source_kinds[i];
		own_free char *why = NULL;

		if (kind->detect != NULL && !kind->detect(c, m, &why))
			continue;
		if (why != NULL)
			log_info("source %s: %s", kind->name, why);
		strlist_add(names, kind->name);
	}
	return 0;
}
