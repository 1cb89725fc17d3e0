/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside an image: older ones; and a look at its size. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "image-build/compat.h"
#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

bool
outputs_wanted(const struct build *b)
{
	if (b->settings->ramdisk)
		return false;
	for (size_t i = 0; i < b->nchosen; i++)
		if (strstr(b->chosen[i]->name, "no-final-image") != NULL)
			return false;
	return true;
}

void
outputs_tidy(const struct settings *s)
{
	own_free char *beside = path_dir(s->name);

	file_tidy(beside);
}

void
outputs_of_ramdisk(const struct build *b, struct strlist *paths)
{
	static const char *const endings[] = { "kernel", "initramfs", "vmlinuz",
		"initrd", NULL };

	for (const char *const *s = endings; *s != NULL; s++) {
		own_free char *path =
		    mem_printf("%s.%s", b->settings->name, *s);

		if (file_exists(AT_FDCWD, path))
			strlist_add(paths, path);
	}
}

/* ---- older images ------------------------------------------------------------ */

static int
move_aside(
    const char *path, const char *old, const char *ending, struct error *e)
{
	own_free char *from = mem_printf("%s%s", path, ending);
	own_free char *to = mem_printf("%s%s", old, ending);

	if (rename(from, to) == -1 && errno != ENOENT)
		return error_errno(e, "%s", from);
	return 0;
}

int
outputs_keep_old(const struct settings *s, const char *path, struct error *e)
{
	const char *overwrite = getenv("OVERWRITE_OLD_IMAGE");
	const char *dot = strrchr(path_base(path), '.');
	own_free char *old = NULL;
	time_t now = time(NULL);
	char when[32];
	struct tm tm;

	if (!s->compat || !file_exists(AT_FDCWD, path) || dot == NULL ||
	    (overwrite != NULL && strcmp(overwrite, "0") != 0))
		return 0;
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y.%m.%d-%H.%M.%S", &tm);
	old = mem_printf("%.*s-%s%s", (int)(dot - path), path, when, dot);
	log_info("Old image found. Renaming it to %s", old);
	if (move_aside(path, old, "", e) == -1 ||
	    move_aside(path, old, ".md5", e) == -1)
		return -1;
	return move_aside(path, old, ".sha256", e);
}

/* ---- usage ----------------------------------------------------------------------- */

static int
larger_first(const void *a, const void *b)
{
	return parts_compare(*(char *const *)b, *(char *const *)a);
}

static bool
is_on(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && *v != '\0' && strcmp(v, "0") != 0;
}

int
outputs_usage(const struct build *b, struct error *e)
{
	bool full = is_on("DIB_SHOW_IMAGE_USAGE_FULL");
	char du[] = "du", flags[] = "-xk", some[] = "--threshold=10M",
	     every[] = "-a";
	char *argv[] = { du, flags, full ? every : some, b->tree, NULL };
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };
	const struct proc run = { .argv = argv, .out = &text };
	struct proc_status status;

	if (!full && !is_on("DIB_SHOW_IMAGE_USAGE"))
		return 0;
	if (proc_run(&run, &status, e) == -1 || proc_check(&status, e) == -1)
		return error_prefix(e, "du");
	strlist_split(&lines, strbuf_text(&text), "\n");
	if (lines.len > 1)
		qsort(
		    lines.items, lines.len, sizeof(*lines.items), larger_first);
	log_info("Image usage in KiB%s:", full ? "" : ", from 10 MiB on");
	for (size_t i = 0; i < lines.len; i++)
		log_info("%s", lines.items[i]);
	return 0;
}
