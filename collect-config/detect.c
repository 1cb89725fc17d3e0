/* SPDX-License-Identifier: Apache-2.0 */
/* The settings' list of collectors, or what this machine looks like. */
#include "collect-config/detect.h"

#include <stdio.h>

#include "collect-config/source.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* Told of each source that is to be asked. */
typedef void
detect_found(void *ctx, const struct source_kind *kind, const char *why);

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

static bool
is_detected(struct config *c, const struct machine *m,
    const struct source_kind *kind, char **why)
{
	struct error e;

	return config_resolve(c, kind->name, &e) == 0 &&
	    kind->detect(c, m, why);
}

static bool
is_cached(const struct config *c, const struct source_kind *kind)
{
	own_free char *path = mem_printf(
	    "%s/%s.json", config_text(c, "DEFAULT", "cachedir"), kind->name);

	return file_exists(config_root(c), config_at(c, path));
}

static void
detect(
    struct config *c, const struct machine *m, detect_found *found, void *ctx)
{
	bool any = false;

	for (size_t i = 0; source_kinds[i] != NULL && !any; i++) {
		own_free char *why = NULL;

		any = source_kinds[i]->detect != NULL &&
		    is_detected(c, m, source_kinds[i], &why);
	}
	for (size_t i = 0; source_kinds[i] != NULL; i++) {
		const struct source_kind *kind = source_kinds[i];
		own_free char *why = NULL;

		if (kind->detect == NULL)
			found(ctx, kind, NULL);
		else if (is_detected(c, m, kind, &why))
			found(ctx, kind, why);
		else if (!any && is_cached(c, kind))
			found(ctx, kind, "its document is in the cache");
	}
}

static void
on_add(void *ctx, const struct source_kind *kind, const char *why)
{
	if (why != NULL)
		log_info("source %s: %s", kind->name, why);
	strlist_add(ctx, kind->name);
}

int
detect_collectors(struct config *c, const struct machine *m,
    struct strlist *names, struct error *e)
{
	const struct strlist *given = config_list(c, "DEFAULT", "collectors");

	if (given->len > 0) {
		strlist_add_all(names, given);
		return check_names(names, e);
	}
	detect(c, m, on_add, names);
	return 0;
}

static void
print_fact(const char *name, const char *value)
{
	if (*value != '\0')
		printf("  %-13s %s\n", name, value);
}

static void
on_print(void *ctx, const struct source_kind *kind, const char *why)
{
	(void)ctx;
	print_fact(kind->name, why != NULL ? why : "needs no platform");
}

int
detect_print(struct config *c, const struct machine *m, struct error *e)
{
	const struct strlist *given = config_list(c, "DEFAULT", "collectors");

	printf("seen:\n");
	print_fact("BIOS vendor", m->bios_vendor);
	print_fact("vendor", m->vendor);
	print_fact("product", m->product);
	print_fact("asset tag", m->asset_tag);
	for (size_t i = 0; i < m->discs.len; i++)
		print_fact("disc", m->discs.items[i]);
	printf("sources, in rising precedence:\n");
	for (size_t i = 0; i < given->len; i++)
		print_fact(given->items[i], "named by the settings");
	if (given->len == 0)
		detect(c, m, on_print, NULL);
	return fflush(stdout) == 0 ? 0 : error_errno(e, "standard output");
}
