/* SPDX-License-Identifier: Apache-2.0 */
/* Where deployments come from and where is noted what became of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

#define CONFIG "/var/run/heat-config/heat-config"
#define DEPLOYED "/var/lib/heat-config/deployed"
#define DEPLOYED_OLD "/var/run/heat-config/deployed"

static char *
place(const struct settings *s, const char *variable, const char *fallback)
{
	const char *set = getenv(variable);

	return set != NULL ? mem_dup(set)
			   : mem_printf("%s%s", s->root, fallback);
}

void
places_find(struct places *p, const struct settings *s)
{
	const char *hooks = getenv("HEAT_CONFIG_HOOKS");
	const char *notify = getenv("HEAT_CONFIG_NOTIFY");

	*p = (struct places){
		.config = place(s, "HEAT_SHELL_CONFIG", CONFIG),
		.deployed = place(s, "HEAT_CONFIG_DEPLOYED", DEPLOYED),
		.old_deployed =
		    place(s, "HEAT_CONFIG_DEPLOYED_OLD", DEPLOYED_OLD),
		.notify = notify != NULL && *notify != '\0' ? notify : NULL,
	};
	if (hooks != NULL && *hooks != '\0')
		strlist_add(&p->hooks, hooks);
	strlist_printf(&p->hooks, "%s/usr/libexec/heat-config/hooks", s->root);
	strlist_printf(&p->hooks, "%s/var/lib/heat-config/hooks", s->root);
	strlist_printf(&p->hooks, "%s/deploy.d", s->base);
	strlist_printf(&p->hooks, "%s" LIBEXECDIR "/hooks/deploy.d", s->root);
}

void
places_clear(struct places *p)
{
	free(p->config);
	free(p->deployed);
	free(p->old_deployed);
	strlist_clear(&p->hooks);
}

bool
deployments_is_data(const char *group)
{
	return strcmp(group, "os-apply-config") == 0 ||
	    strcmp(group, "Heat::Ungrouped") == 0;
}

char *
deployments_path(const struct places *p, const char *id, const char *suffix)
{
	own_free char *name = outbox_name(id);

	return mem_printf("%s/%s%s", p->deployed, name, suffix);
}

/* It holds passwords and signed URLs. */
static void
make_private(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && (st.st_mode & 07777) != 0600 &&
	    chmod(path, 0600) == -1)
		log_warn("%s: %s", path, strerror(errno));
}

/* A file that is not JSON, say an empty one, holds no deployments. */
static const struct value *
load_file(struct doc *d, const char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error not_json;
	const struct value *list;

	make_private(path);
	if (file_read(AT_FDCWD, path, LIMIT_DOC_BYTES, &text, e) == -1)
		return NULL;
	list = doc_parse(d, strbuf_text(&text), text.len, path, &not_json);
	if (list == NULL && text.len > 0)
		log_warn("%s", not_json.text);
	return list == NULL ? value_list(d) : list;
}

/*
 * The file that a template makes has them; whoever has no such template
 * needs none, as the metadata has them, too.
 */
const struct value *
deployments_load(struct doc *d, const struct places *p,
    const struct settings *s, struct error *e)
{
	bool named = getenv("HEAT_SHELL_CONFIG") != NULL;
	const struct value *list, *metadata;

	if (named || file_exists(AT_FDCWD, p->config)) {
		list = load_file(d, p->config, e);
	} else {
		metadata = settings_metadata(s, d, e);
		if (metadata == NULL)
			return NULL;
		list = value_get(metadata, "deployments");
		if (list == NULL)
			list = value_list(d);
	}
	if (list != NULL && list->kind != VALUE_LIST) {
		error_set(e, EINVAL, "deployments: not a list but %s",
		    value_kind_name(list));
		return NULL;
	}
	return list;
}
