/* SPDX-License-Identifier: Apache-2.0 */
/* Which block device holds the disc that is looked for. */
#include "collect-config/disc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collect-config/config.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

static const struct disc_format *const formats[] = { &disc_iso, &disc_fat };

bool
disc_pread(int fd, void *to, size_t n, uint64_t at)
{
	return pread(fd, to, n, (off_t)at) == (ssize_t)n;
}

bool
disc_probe(int fd, struct disc *disc)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (formats[i]->probe(fd, disc->label)) {
			disc->fd = fd;
			disc->format = formats[i];
			return true;
		}
	return false;
}

/* Devices that never are such a disc, or are slow to say so. */
static bool
is_unlikely(const char *name)
{
	static const char *const prefixes[] = { "ram", "zram", "loop", "fd",
		"." };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static void
list_devices(const struct config *c, struct strlist *names)
{
	own_fd int fd = openat(config_root(c), config_at(c, "/sys/class/block"),
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_dir DIR *d = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (d == NULL)
		return;
	take_fd(&fd);
	while ((entry = readdir(d)) != NULL)
		if (!is_unlikely(entry->d_name))
			strlist_add(names, entry->d_name);
	strlist_sort(names);
}

/* Open a device; returns whether it holds a disc. */
static bool
open_device(const struct config *c, const char *name, struct disc *disc)
{
	own_free char *path = mem_printf("/dev/%s", name);
	own_fd int fd = openat(config_root(c), config_at(c, path),
	    O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	*disc = (struct disc){ .fd = -1 };
	if (fd == -1 || !disc_probe(fd, disc)) {
		disc->fd = -1;
		return false;
	}
	take_fd(&fd);
	disc->name = mem_dup(name);
	return true;
}

bool
disc_find(const struct config *c, const char *label, struct disc *disc)
{
	own(strlist_clear) struct strlist names = { 0 };

	*disc = (struct disc){ .fd = -1 };
	list_devices(c, &names);
	for (size_t i = 0; i < names.len; i++) {
		if (!open_device(c, names.items[i], disc))
			continue;
		if (strcasecmp(disc->label, label) == 0)
			return true;
		disc_close(disc);
	}
	return false;
}

bool
disc_find_file(const struct config *c, const char *path, struct disc *disc,
    struct strbuf *b)
{
	own(strlist_clear) struct strlist names = { 0 };
	struct error e;

	*disc = (struct disc){ .fd = -1 };
	list_devices(c, &names);
	for (size_t i = 0; i < names.len; i++) {
		if (!open_device(c, names.items[i], disc))
			continue;
		if (disc_read(disc, path, LIMIT_TEXT_BYTES, b, &e) == 0)
			return true;
		strbuf_cut(b, 0);
		disc_close(disc);
	}
	return false;
}

void
disc_list(const struct config *c, struct strlist *l)
{
	own(strlist_clear) struct strlist names = { 0 };

	list_devices(c, &names);
	for (size_t i = 0; i < names.len; i++) {
		own(disc_close) struct disc disc = { .fd = -1 };

		if (open_device(c, names.items[i], &disc))
			strlist_printf(l, "%s=%s", disc.label, disc.name);
	}
}

int
disc_read(const struct disc *disc, const char *path, size_t max,
    struct strbuf *b, struct error *e)
{
	if (disc->format->read(disc->fd, path, max, b, e) == -1)
		return error_prefix(
		    e, "%s", disc->name ? disc->name : disc->label);
	return 0;
}

void
disc_close(struct disc *disc)
{
	if (disc->fd != -1)
		close(disc->fd);
	free(disc->name);
	*disc = (struct disc){ .fd = -1 };
}
