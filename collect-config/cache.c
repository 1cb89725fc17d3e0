/* SPDX-License-Identifier: Apache-2.0 */
/* Files of one folder, each compared before it is replaced. */
#include "collect-config/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/config.h"
#include "collect-config/source.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define LIST "os_config_files"
#define LONGEST_SUFFIX ".json.last.corrupt"

int
cache_open(struct cache *cache, const struct config *c, struct error *e)
{
	const char *path = config_text(c, "DEFAULT", "cachedir"), *at;

	*cache = (struct cache){ .fd = -1, .path = path, .config = c };
	at = config_at(c, path);
	if (file_mkdirs(config_root(c), at, 0755, e) == -1)
		return -1;
	cache->fd =
	    openat(config_root(c), at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return cache->fd == -1 ? error_errno(e, "%s", path) : 0;
}

void
cache_close(struct cache *cache)
{
	if (cache->fd != -1)
		close(cache->fd);
	cache->fd = -1;
}

int
cache_check_name(const char *name, struct error *e)
{
	if (!path_is_name(name) || *name == '.' || strchr(name, ':') != NULL ||
	    strlen(name) + sizeof(LONGEST_SUFFIX) > 255)
		return error_set(
		    e, EINVAL, "\"%.80s\" cannot be the name of a file", name);
	if (strcmp(name, LIST) == 0 || source_find(name) != NULL)
		return error_set(
		    e, EINVAL, "\"%s\" is the name of another file", name);
	return 0;
}

/* Whether the file holds exactly these bytes. */
static bool
is_same(int dir, const char *name, const struct strbuf *want)
{
	own(strbuf_clear) struct strbuf have = { 0 };
	struct error e;

	return file_read(dir, name, want->len, &have, &e) == 0 &&
	    have.len == want->len &&
	    memcmp(strbuf_text(&have), strbuf_text(want), want->len) == 0;
}

static int
put(const struct cache *cache, const char *name, const struct strbuf *text,
    struct error *e)
{
	if (is_same(cache->fd, name, text))
		return 0;
	if (file_replace(
		cache->fd, name, 0600, strbuf_text(text), text->len, e) == -1)
		return error_prefix(e, "%s", cache->path);
	return 0;
}

/* Parse a file of the cache; a damaged one is set aside.  NULL: none. */
static struct value *
load(const struct cache *cache, struct doc *d, const char *file)
{
	own_free char *aside = mem_printf("%s.corrupt", file);
	struct value *v;
	struct error e;

	if (!file_exists(cache->fd, file))
		return NULL;
	v = doc_load(d, cache->fd, file, &e);
	if (v != NULL)
		return v;
	log_warn("%s: %s: set aside as %s", cache->path, e.text, aside);
	renameat(cache->fd, file, cache->fd, aside);
	return NULL;
}

struct value *
cache_load(
    struct cache *cache, struct doc *d, const char *name, struct error *e)
{
	own_free char *file = mem_printf("%s.json", name);
	struct value *v = load(cache, d, file);

	if (v == NULL)
		error_set(e, ENOENT, "%s: no %s", cache->path, file);
	return v;
}

bool
cache_has(const struct cache *cache, const char *name)
{
	own_free char *file = mem_printf("%s.json", name);

	return file_exists(cache->fd, file);
}

/* Whether .last is the same as this document, byte by byte or as JSON. */
static bool
is_last(struct cache *cache, const char *name, const struct value *v,
    const struct strbuf *text)
{
	own_free char *last = mem_printf("%s.json.last", name);
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *before;

	if (is_same(cache->fd, last, text))
		return true;
	before = load(cache, d, last);
	return before != NULL && value_equal(before, v);
}

int
cache_store(struct cache *cache, const char *name, const struct value *v,
    bool *changed, struct error *e)
{
	own_free char *file = mem_printf("%s.json", name);
	own_free char *orig = mem_printf("%s.json.orig", name);
	own(strbuf_clear) struct strbuf text = { 0 };
	bool first = !file_exists(cache->fd, orig);

	value_print(v, STYLE_INDENT, &text);
	if (put(cache, file, &text, e) == -1)
		return -1;
	if (first && put(cache, orig, &text, e) == -1)
		return -1;
	*changed = !is_last(cache, name, v, &text) || first;
	return 0;
}

bool
cache_is_committed(struct cache *cache, const char *name)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf text = { 0 };
	const struct value *v;
	struct error e;

	v = cache_load(cache, d, name, &e);
	if (v == NULL)
		return false;
	value_print(v, STYLE_INDENT, &text);
	return is_last(cache, name, v, &text);
}

int
cache_commit(struct cache *cache, const char *name, struct error *e)
{
	own_free char *file = mem_printf("%s.json", name);
	own_free char *last = mem_printf("%s.json.last", name);
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(cache->fd, file, LIMIT_DOC_BYTES, &text, e) == -1)
		return error_prefix(e, "%s", cache->path);
	return put(cache, last, &text, e);
}

char *
cache_paths(
    const struct cache *cache, const struct strlist *names, const char *sep)
{
	own(strlist_clear) struct strlist paths = { 0 };

	for (size_t i = 0; i < names->len; i++) {
		own_free char *path = path_join(cache->path, names->items[i]);

		strlist_printf(&paths, "%s.json", path);
	}
	return strlist_join(&paths, sep);
}

int
cache_write_list(struct cache *cache, const struct strlist *names,
    bool *changed, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *list = value_list(d);
	own(strbuf_clear) struct strbuf text = { 0 };

	for (size_t i = 0; i < names->len; i++) {
		own_free char *path = path_join(cache->path, names->items[i]);
		own_free char *file = mem_printf("%s.json", path);

		value_add(d, list, value_string(d, file));
	}
	value_print(list, STYLE_PYTHON, &text);
	/* Nothing to list yet is no change. */
	*changed = !is_same(cache->fd, LIST ".json", &text) &&
	    (names->len > 0 || file_exists(cache->fd, LIST ".json"));
	if (!*changed)
		return 0;
	return put(cache, LIST ".json", &text, e);
}

void
cache_read_list(const struct cache *cache, struct strlist *names)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *list = load(cache, d, LIST ".json");

	if (list == NULL || list->kind != VALUE_LIST)
		return;
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *v = list->items[i];
		const char *base;
		size_t len;

		if (v->kind != VALUE_STRING)
			continue;
		base = path_base(v->text);
		len = strlen(base);
		if (len > 5 && strcmp(base + len - 5, ".json") == 0)
			strlist_addn(names, base, len - 5);
	}
}

int
cache_backup(const struct cache *cache, struct error *e)
{
	const struct config *c = cache->config;
	const char *to = config_text(c, "DEFAULT", "backup_cachedir");
	own_free char *parent = path_dir(config_at(c, to));

	if (*to == '\0')
		return 0;
	if (tree_remove(config_root(c), config_at(c, to), e) == -1 ||
	    file_mkdirs(config_root(c), parent, 0755, e) == -1 ||
	    tree_copy(config_root(c), config_at(c, cache->path), config_root(c),
		config_at(c, to), e) == -1)
		return error_prefix(e, "backup of %s", cache->path);
	return 0;
}
