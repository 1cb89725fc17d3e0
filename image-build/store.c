/* SPDX-License-Identifier: Apache-2.0 */
/* Folders named by digests; each appears whole, by rename. */
#include "image-build/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/scratch.h"
#include "lib/digest.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define CHUNK (1 << 16)

/* ---- the store ------------------------------------------------------------------ */

static int
lock_file(const char *path, int how, struct error *e)
{
	own_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd == -1 || flock(fd, how) == -1)
		return error_errno(e, "%s", path);
	return take_fd(&fd);
}

int
store_open(struct store *s, const char *path, struct error *e)
{
	static const char *const folders[] = { "steps", "last", "tmp",
		"dropped", NULL };
	own_free char *lock = path_join(path, "lock");
	own_free char *tmp = path_join(path, "tmp");

	*s = (struct store){ .lock = -1, .scratch_lock = -1 };
	for (const char *const *f = folders; *f != NULL; f++) {
		own_free char *dir = path_join(path, *f);

		if (file_mkdirs(AT_FDCWD, dir, 0700, e) == -1)
			return -1;
	}
	s->path = realpath(path, NULL);
	if (s->path == NULL)
		return error_errno(e, "%s", path);
	s->lock = lock_file(lock, LOCK_SH, e);
	if (s->lock == -1)
		return -1;
	scratch_sweep(tmp, "");
	s->scratch_lock = scratch_make(tmp, "", &s->scratch, e);
	return s->scratch_lock == -1 ? -1 : 0;
}

void
store_close(struct store *s)
{
	struct error e;

	if (s->path == NULL)
		return;
	if (s->scratch != NULL)
		(void)tree_remove(AT_FDCWD, s->scratch, &e);
	if (s->scratch_lock != -1)
		close(s->scratch_lock);
	if (s->lock != -1)
		close(s->lock);
	free(s->scratch);
	free(s->path);
	*s = (struct store){ .lock = -1, .scratch_lock = -1 };
}

/* ---- fingerprints ----------------------------------------------------------------- */

struct print {
	struct digest *digest;
	uint64_t entries, bytes;
};

static int
add_entry(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct print *p = ctx;
	const struct stat *st = t->st;
	/* All whiteouts of an overlay are links to one: they change. */
	bool whiteout = S_ISCHR(st->st_mode) && st->st_rdev == 0;
	const uint64_t words[] = { st->st_mode, st->st_uid, st->st_gid,
		S_ISDIR(st->st_mode) ? 0 : (uint64_t)st->st_size, st->st_rdev,
		whiteout ? 0 : st->st_ino,
		whiteout ? 0 : (uint64_t)st->st_mtim.tv_sec,
		whiteout ? 0 : (uint64_t)st->st_mtim.tv_nsec,
		whiteout ? 0 : (uint64_t)st->st_ctim.tv_sec,
		whiteout ? 0 : (uint64_t)st->st_ctim.tv_nsec };

	(void)e;
	/* The top folder was renamed, which changes its own times. */
	if (t->depth == 0)
		return 0;
	digest_add(p->digest, t->path, strlen(t->path) + 1);
	digest_add(p->digest, words, sizeof(words));
	p->entries++;
	p->bytes += (uint64_t)st->st_blocks * 512;
	return 0;
}

/*
 * A digest of all that a folder's entries are but their bytes: names, types,
 * modes, owners, sizes, times of change and inode numbers.  Whoever writes to
 * a file changes it.  *entries and *bytes may be NULL.
 */
static int
fingerprint(const char *folder, char text[65], uint64_t *entries,
    uint64_t *bytes, struct error *e)
{
	struct print p = { .digest = digest_new() };
	uint8_t sum[DIGEST_BYTES];
	int r = tree_walk(AT_FDCWD, folder, add_entry, &p, e);

	digest_end(p.digest, sum);
	if (r == -1)
		return -1;
	digest_print(sum, text);
	if (entries != NULL)
		*entries = p.entries;
	if (bytes != NULL)
		*bytes = p.bytes;
	return 0;
}

/* ---- content ------------------------------------------------------------------------ */

/* Where a link leads. */
static int
add_link(struct digest *digest, const struct tree_entry *t, struct error *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(t->dir, t->name, target, sizeof(target));

	if (n == -1)
		return error_errno(e, "%s", t->path);
	digest_add(digest, target, (size_t)n);
	return 0;
}

static bool
is_zero(const char *s, size_t n)
{
	return *s == '\0' && memcmp(s, s + 1, n - 1) == 0;
}

/* The bytes of a file; what is zero only by where the rest is. */
static int
add_bytes(struct digest *digest, const struct tree_entry *t, struct error *e)
{
	own_free char *buf = mem_alloc(CHUNK);
	own_fd int fd =
	    openat(t->dir, t->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int64_t at = 0;
	ssize_t n = 1;

	if (fd == -1)
		return error_errno(e, "%s", t->path);
	while (n > 0 && (at = lseek(fd, at, SEEK_DATA)) != -1) {
		at -= at % CHUNK;
		n = pread(fd, buf, CHUNK, at);
		if (n > 0 && !is_zero(buf, (size_t)n)) {
			digest_add(digest, &at, sizeof(at));
			digest_add(digest, buf, (size_t)n);
		}
		at += n;
	}
	if (n == -1 || (at == -1 && errno != ENXIO))
		return error_errno(e, "%s", t->path);
	return 0;
}

static int
add_whole(void *ctx, const struct tree_entry *t, struct error *e)
{
	struct digest *digest = ctx;
	const struct stat *st = t->st;
	const uint64_t words[] = { st->st_mode, st->st_uid, st->st_gid,
		S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0, st->st_rdev };

	if (t->depth == 0)
		return 0;
	digest_add(digest, t->path, strlen(t->path) + 1);
	digest_add(digest, words, sizeof(words));
	if (S_ISLNK(st->st_mode))
		return add_link(digest, t, e);
	return S_ISREG(st->st_mode) ? add_bytes(digest, t, e) : 0;
}

int
store_content(const char *folder, char text[65], struct error *e)
{
	struct digest *digest = digest_new();
	uint8_t sum[DIGEST_BYTES];
	int r = tree_walk(AT_FDCWD, folder, add_whole, digest, e);

	digest_end(digest, sum);
	if (r == 0)
		digest_print(sum, text);
	return r;
}

/* ---- snapshots ---------------------------------------------------------------------- */

char *
store_path(const struct store *s, const char *slot, const char *key)
{
	return mem_printf("%s/steps/%.32s/%.32s", s->path, slot, key);
}

struct use {
	char *key; /* borrowed */
	struct timespec time;
};

static int
later_first(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->time.tv_sec != y->time.tv_sec)
		return x->time.tv_sec < y->time.tv_sec ? 1 : -1;
	return x->time.tv_nsec < y->time.tv_nsec ? 1
	    : x->time.tv_nsec > y->time.tv_nsec	 ? -1
						 : strcmp(x->key, y->key);
}

int
store_keys(const struct store *s, const char *slot, struct strlist *keys,
    struct error *e)
{
	own_free char *dir = mem_printf("%s/steps/%.32s", s->path, slot);
	own(strlist_clear) struct strlist names = { 0 };
	own_free struct use *uses = NULL;

	if (!file_is_dir(AT_FDCWD, dir))
		return 0;
	if (file_names(AT_FDCWD, dir, &names, e) == -1)
		return -1;
	uses = mem_alloc((names.len + 1) * sizeof(*uses));
	for (size_t i = 0; i < names.len; i++) {
		own_free char *path = store_path(s, slot, names.items[i]);
		own_free char *meta = path_join(path, "meta.json");
		struct stat st = { 0 };

		(void)stat(meta, &st);
		uses[i] = (struct use){ names.items[i], st.st_mtim };
	}
	if (names.len > 1)
		qsort(uses, names.len, sizeof(*uses), later_first);
	for (size_t i = 0; i < names.len; i++)
		strlist_add(keys, uses[i].key);
	return 0;
}

struct value *
store_load(const struct store *s, const char *slot, const char *key,
    struct doc *d, struct error *e)
{
	own_free char *dir = store_path(s, slot, key);
	own_free char *path = path_join(dir, "meta.json");
	own_free char *sum_path = path_join(dir, "sum");
	own(strbuf_clear) struct strbuf text = { 0 }, sum = { 0 };
	char now[DIGEST_TEXT];
	struct value *v;

	if (file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, &text, e) == -1 ||
	    file_read(AT_FDCWD, sum_path, LIMIT_TEXT_BYTES, &sum, e) == -1)
		return NULL;
	digest_text(strbuf_text(&text), text.len, now);
	if (strcmp(now, strbuf_text(&sum)) != 0) {
		error_set(e, EIO, "%s: is not what was saved", path);
		return NULL;
	}
	v = doc_parse(d, strbuf_text(&text), text.len, path, e);
	if (v != NULL && v->kind != VALUE_MAP) {
		error_set(e, EINVAL, "%s: not a map", path);
		return NULL;
	}
	return v;
}

static int
add_fingerprint(
    const char *diff, struct doc *d, struct value *meta, struct error *e)
{
	struct value *v = value_map(d);
	uint64_t entries, bytes;
	char text[DIGEST_TEXT], content[DIGEST_TEXT];

	if (store_content(diff, content, e) == -1 ||
	    fingerprint(diff, text, &entries, &bytes, e) == -1)
		return -1;
	value_set(d, v, "fingerprint", value_string(d, text));
	value_set(d, v, "content", value_string(d, content));
	value_set(d, v, "entries", value_int(d, (long long)entries));
	value_set(d, v, "bytes", value_int(d, (long long)bytes));
	value_set(d, meta, "diff", v);
	return 0;
}

int
store_save(const struct store *s, const char *slot, const char *key,
    const char *diff, struct doc *d, struct value *meta, struct error *e)
{
	own_free char *dir = store_path(s, slot, key);
	own_free char *parent = path_dir(dir);
	own_free char *temp = path_join(s->scratch, "saved");
	own_free char *to = path_join(temp, "diff");
	own_free char *file = path_join(temp, "meta.json");
	own_free char *sum_file = path_join(temp, "sum");
	own(strbuf_clear) struct strbuf text = { 0 };
	char sum[DIGEST_TEXT];

	if (tree_remove(AT_FDCWD, temp, e) == -1 ||
	    file_mkdirs(AT_FDCWD, temp, 0700, e) == -1 ||
	    file_mkdirs(AT_FDCWD, parent, 0700, e) == -1)
		return -1;
	if (diff != NULL && rename(diff, to) == -1)
		return error_errno(e, "%s", to);
	if (diff != NULL && add_fingerprint(to, d, meta, e) == -1)
		return -1;
	value_print(meta, STYLE_PRETTY, &text);
	digest_text(strbuf_text(&text), text.len, sum);
	if (file_put(AT_FDCWD, file, 0600, strbuf_text(&text), text.len, e) ==
		-1 ||
	    file_put(AT_FDCWD, sum_file, 0600, sum, strlen(sum), e) == -1)
		return -1;
	if (rename(temp, dir) == 0)
		return 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return error_errno(e, "%s", dir);
	/* Another build, or this step run again for its side effects. */
	return 0;
}

int
store_check(const struct store *s, const char *slot, const char *key,
    const struct value *meta, struct error *e)
{
	const struct value *diff = value_get(meta, "diff");
	own_free char *dir = store_path(s, slot, key);
	own_free char *folder = path_join(dir, "diff");
	char text[65];

	if (diff == NULL || diff->kind != VALUE_MAP)
		return 0;
	if (fingerprint(folder, text, NULL, NULL, e) == -1)
		return -1;
	if (strcmp(text, value_text(diff, "fingerprint", "")) != 0)
		return error_set(e, EIO, "%s: is not what was saved", folder);
	return 0;
}

void
store_touch(const struct store *s, const char *slot, const char *key)
{
	own_free char *dir = store_path(s, slot, key);
	own_free char *path = path_join(dir, "meta.json");

	(void)utimensat(AT_FDCWD, path, NULL, 0);
}

int
store_drop(
    const struct store *s, const char *slot, const char *key, struct error *e)
{
	own_free char *dir = store_path(s, slot, key);
	own_free char *away =
	    mem_printf("%s/dropped/%.32s.XXXXXX", s->path, key);
	own_free char *to = NULL;

	/* Another build may have it mounted: it is only put aside. */
	if (mkdtemp(away) == NULL)
		return error_errno(e, "%s", away);
	to = path_join(away, "snapshot");
	if (rename(dir, to) == -1 && errno != ENOENT)
		return error_errno(e, "%s", dir);
	return 0;
}
