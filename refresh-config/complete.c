/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is told without running a hook: that deployments were done before we
 * came, and that the configuration as a whole is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

#define SIGNALLED "/var/lib/os-apply-config-deployments/deployed"

/* ---- done before ------------------------------------------------------- */

static int
mark(const struct places *p, struct doc *d, struct value *v, unsigned *marked,
    struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *path = NULL;
	struct item item;

	if (item_read(d, v, &item, e) == -1 || item_check_id(&item, e) == -1)
		return -1;
	path = deployments_path(p, item.id, ".json");
	if (deployments_is_data(item.group) || file_exists(AT_FDCWD, path))
		return 0;
	value_print(item.root, STYLE_PRETTY, &text);
	++*marked;
	return file_replace(AT_FDCWD, path, 0600, text.s, text.len, e);
}

int
deployments_mark(const struct settings *s, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(places_clear) struct places p = { 0 };
	const struct value *list;
	unsigned marked = 0;

	places_find(&p, s);
	list = deployments_load(d, &p, s, e);
	if (list == NULL || file_mkdirs(AT_FDCWD, p.deployed, 0700, e) == -1)
		return -1;
	for (uint32_t i = 0; i < list->len; i++)
		if (mark(&p, d, list->items[i], &marked, e) == -1)
			return -1;
	log_info("%u of %u deployments marked as done in %s", marked, list->len,
	    p.deployed);
	return 0;
}

/* ---- complete ---------------------------------------------------------- */

/* The wait condition of a stack of old: a handle, or a URL to post to. */
static int
complete_handle(const struct settings *s, struct doc *d,
    const struct value *metadata, const char *id, struct error *e)
{
	const char *handle = value_text(metadata, "completion-handle", "");
	const char *signal = value_text(metadata, "completion-signal", "");
	own_free char *identity = mem_printf("completion-%s", id);
	struct value *body = value_map(d);

	value_set(d, body, "Status", value_string(d, "SUCCESS"));
	value_set(d, body, "Reason", value_string(d, "Configuration Complete"));
	value_set(d, body, "UniqueId", value_string(d, id));
	value_set(
	    d, body, "Data", value_string(d, "Finished os-refresh-config."));
	if (*handle != '\0')
		return signal_queue_url(s, d, identity, "PUT", handle, body, e);
	if (*signal != '\0')
		return signal_queue_url(
		    s, d, identity, "POST", signal, body, e);
	return 0;
}

static struct value *
completed(const struct item *item)
{
	own_free char *text =
	    mem_printf("%s deployment %s completed", item->group, item->id);
	struct value *answer = value_map(item->d);

	value_set(
	    item->d, answer, "deploy_stdout", value_string(item->d, text));
	value_set(
	    item->d, answer, "deploy_status_code", value_string(item->d, "0"));
	return answer;
}

/* The config of such a deployment was data: by now it has been applied. */
static int
complete_data(
    const struct settings *s, struct doc *d, struct value *v, struct error *e)
{
	own_free char *folder = mem_printf("%s" SIGNALLED, s->root);
	own_free char *name = NULL, *path = NULL;
	struct item item;
	unsigned queued;

	if (item_read(d, v, &item, e) == -1 || item_check_id(&item, e) == -1)
		return -1;
	name = outbox_name(item.id);
	path = path_join(folder, name);
	if (!deployments_is_data(item.group) || file_exists(AT_FDCWD, path))
		return 0;
	if (file_mkdirs(AT_FDCWD, folder, 0755, e) == -1 ||
	    signal_queue(s, &item, completed(&item), &queued, e) == -1)
		return -1;
	return file_replace(AT_FDCWD, path, 0644, "", 0, e);
}

int
deployments_complete(const struct settings *s, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(sender_wait) struct sender sender = { .settings = s };
	const struct value *metadata = settings_metadata(s, d, e);
	const struct value *list = value_get(metadata, "deployments");
	const char *id = value_text(metadata, "instance-id", "");

	if (metadata == NULL ||
	    (*id != '\0' && complete_handle(s, d, metadata, id, e) == -1))
		return -1;
	for (uint32_t i = 0;
	     list != NULL && list->kind == VALUE_LIST && i < list->len; i++)
		if (complete_data(s, d, list->items[i], e) == -1)
			return -1;
	sender_start(&sender);
	return 0;
}
