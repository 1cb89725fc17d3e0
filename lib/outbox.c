/* SPDX-License-Identifier: Apache-2.0 */
/* One file per message; the file's age is the order. */
#include "lib/outbox.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define NAME_MAX_BYTES 160 /* leaves room for a temporary's name */

struct waiting {
	char *name;
	struct timespec since;
};

/* FNV-1a: tells apart what the length limit would make the same. */
static uint64_t
hash(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

char *
outbox_name(const char *identity)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	for (const char *s = identity; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		bool dot = c == '.' && s != identity;

		if (isalnum(c) || c == '-' || c == '_' || dot)
			strbuf_putc(&b, (char)c);
		else
			strbuf_printf(&b, "%%%02X", c);
	}
	if (b.len == 0)
		strbuf_puts(&b, "%00");
	if (b.len > NAME_MAX_BYTES) {
		strbuf_cut(&b, NAME_MAX_BYTES - 17);
		strbuf_printf(
		    &b, "-%016llx", (unsigned long long)hash(identity));
	}
	return strbuf_take(&b);
}

static int
write_message(const char *path, const struct value *message, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(message, STYLE_PYTHON, &text);
	strbuf_putc(&text, '\n');
	if (text.len > LIMIT_MESSAGE_BYTES)
		return error_set(e, EFBIG,
		    "%s: a message of %zu bytes is too long", path, text.len);
	return file_replace(AT_FDCWD, path, 0600, text.s, text.len, e);
}

int
outbox_put(const char *dir, const char *name, const struct value *message,
    struct error *e)
{
	own_free char *file = outbox_name(name);
	own_free char *path = path_join(dir, file);

	if (file_mkdirs(AT_FDCWD, dir, 0700, e) == -1)
		return -1;
	return write_message(path, message, e);
}

static int
compare(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	if (x->since.tv_sec != y->since.tv_sec)
		return x->since.tv_sec < y->since.tv_sec ? -1 : 1;
	if (x->since.tv_nsec != y->since.tv_nsec)
		return x->since.tv_nsec < y->since.tv_nsec ? -1 : 1;
	return strcmp(x->name, y->name);
}

int
outbox_list(const char *dir, struct strlist *names, struct error *e)
{
	own_dir DIR *d = opendir(dir);
	struct waiting *all = NULL;
	size_t n = 0, cap = 0;
	struct dirent *entry;

	if (d == NULL)
		return errno == ENOENT ? 0 : error_errno(e, "%s", dir);
	while (n < LIMIT_OUTBOX && (entry = readdir(d)) != NULL) {
		struct stat st;

		if (entry->d_name[0] == '.' ||
		    fstatat(dirfd(d), entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode))
			continue;
		all = mem_grow(all, &cap, n + 1, sizeof(*all));
		all[n++] =
		    (struct waiting){ mem_dup(entry->d_name), st.st_mtim };
	}
	if (n > 1)
		qsort(all, n, sizeof(*all), compare);
	for (size_t i = 0; i < n; i++)
		strlist_take(names, all[i].name);
	free(all);
	return 0;
}

struct value *
outbox_load(struct doc *d, const char *dir, const char *name, struct error *e)
{
	own_free char *path = path_join(dir, name);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v;

	if (file_read(AT_FDCWD, path, LIMIT_MESSAGE_BYTES, &text, e) == -1)
		return NULL;
	v = doc_parse(d, strbuf_text(&text), text.len, path, e);
	if (v != NULL && v->kind != VALUE_MAP) {
		error_set(e, EINVAL, "%s: not a map", path);
		return NULL;
	}
	return v;
}

int
outbox_remove(const char *dir, const char *name, struct error *e)
{
	own_free char *path = path_join(dir, name);

	if (unlink(path) == -1 && errno != ENOENT)
		return error_errno(e, "%s", path);
	return 0;
}

int
outbox_refuse(
    const char *dir, const char *name, const char *why, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *aside = mem_printf("%s" OUTBOX_REFUSED, dir);
	own_free char *path = path_join(aside, name);
	struct error unreadable;
	struct value *message = outbox_load(d, dir, name, &unreadable);

	if (message == NULL)
		message = value_map(d);
	value_set(d, message, "refused", value_string(d, why));
	if (file_mkdirs(AT_FDCWD, aside, 0700, e) == -1 ||
	    write_message(path, message, e) == -1)
		return -1;
	return outbox_remove(dir, name, e);
}
