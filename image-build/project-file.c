/* SPDX-License-Identifier: Apache-2.0 */
/* Project files: what may stand in them, and images put together from them. */
#include <errno.h>
#include <string.h>

#include "image-build/project.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

/* In the order of the options on the command line. */
const struct project_key project_keys[] = {
	{ "arch", PROJECT_CHOICE,
	    "aarch64 amd64 arm64 armhf powerpc ppc64 ppc64el ppc64le s390x "
	    "x86_64",
	    "-a" },
	{ "imagename", PROJECT_TEXT, NULL, "-o" },
	{ "types", PROJECT_CHOICES, "qcow2 tar tgz squashfs vhd docker aci raw",
	    "-t" },
	{ "environment", PROJECT_MAP, NULL, NULL },
	{ "ramdisk", PROJECT_FLAG, NULL, NULL },
	{ "debug-trace", PROJECT_LEVEL, NULL, "-x" },
	{ "uncompressed", PROJECT_FLAG, NULL, "-u" },
	{ "clear", PROJECT_FLAG, NULL, NULL },
	{ "logfile", PROJECT_TEXT, NULL, "--logfile" },
	{ "checksum", PROJECT_FLAG, NULL, "--checksum" },
	{ "image-size", PROJECT_NUMBER, NULL, "--image-size" },
	{ "image-extra-size", PROJECT_NUMBER, NULL, "--image-extra-size" },
	{ "image-cache", PROJECT_TEXT, NULL, "--image-cache" },
	{ "max-online-resize", PROJECT_NUMBER, NULL, "--max-online-resize" },
	{ "min-tmpfs", PROJECT_NUMBER, NULL, "--min-tmpfs" },
	{ "mkfs-journal-size", PROJECT_NUMBER, NULL, "--mkfs-journal-size" },
	{ "mkfs-options", PROJECT_TEXT, NULL, "--mkfs-options" },
	{ "no-tmpfs", PROJECT_FLAG, NULL, "--no-tmpfs" },
	{ "offline", PROJECT_FLAG, NULL, "--offline" },
	{ "qemu-img-options", PROJECT_MAP, NULL, "--qemu-img-options" },
	{ "ramdisk-element", PROJECT_TEXT, NULL, "--ramdisk-element" },
	{ "install-type", PROJECT_CHOICE, "source package", "--install-type" },
	{ "root-label", PROJECT_TEXT, NULL, "--root-label" },
	{ "docker-target", PROJECT_TEXT, NULL, "--docker-target" },
	{ "skip-base", PROJECT_FLAG, NULL, "-n" },
	{ "packages", PROJECT_TEXTS, NULL, "-p" },
	{ "elements", PROJECT_TEXTS, NULL, NULL },
	{ NULL, PROJECT_TEXT, NULL, NULL },
};

/* ---- checking ------------------------------------------------------------ */

struct place {
	const char *source;
	uint32_t entry; /* from 1 */
	const char *key;
};

static int
refuse(const struct place *p, const char *wants, const struct value *v,
    struct error *e)
{
	return error_set(e, EINVAL, "%s: entry %u: %s: wants %s, not %s",
	    p->source, p->entry, p->key, wants, value_kind_name(v));
}

static int
check_text(const struct place *p, const struct value *v, struct error *e)
{
	if (v->kind == VALUE_NUMBER || v->kind == VALUE_BOOL ||
	    v->kind == VALUE_NULL)
		return refuse(p, "text (in quotes)", v, e);
	if (v->kind != VALUE_STRING)
		return refuse(p, "text", v, e);
	if (strlen(v->text) != v->len)
		return error_set(e, EINVAL, "%s: entry %u: %s: has a NUL",
		    p->source, p->entry, p->key);
	return 0;
}

static int
check_choice(const struct place *p, const char *words, const struct value *v,
    struct error *e)
{
	own(strlist_clear) struct strlist all = { 0 };

	if (check_text(p, v, e) == -1)
		return -1;
	strlist_split(&all, words, " ");
	if (strlist_has(&all, v->text))
		return 0;
	return error_set(e, EINVAL, "%s: entry %u: %s: \"%.60s\" is none of %s",
	    p->source, p->entry, p->key, v->text, words);
}

/* A list of text, of the words if there are any. */
static int
check_list(const struct place *p, const char *words, const struct value *v,
    struct error *e)
{
	if (v->kind != VALUE_LIST)
		return refuse(p, "a list", v, e);
	for (uint32_t i = 0; i < v->len; i++)
		if ((words != NULL ? check_choice(p, words, v->items[i], e)
				   : check_text(p, v->items[i], e)) == -1)
			return -1;
	return 0;
}

static int
check_map(const struct place *p, const struct value *v, struct error *e)
{
	if (v->kind != VALUE_MAP)
		return refuse(p, "a map", v, e);
	for (uint32_t i = 0; i < v->len; i++) {
		const struct member m = value_member(v, i);

		if (check_text(p, m.value, e) == -1)
			return error_prefix(e, "%s", m.name);
		if (m.len == 0 || strlen(m.name) != m.len ||
		    strchr(m.name, '=') != NULL)
			return error_set(e, EINVAL,
			    "%s: entry %u: %s: \"%.60s\" cannot be a name",
			    p->source, p->entry, p->key, m.name);
	}
	return 0;
}

static int
check_number(const struct place *p, long long least, long long most,
    const struct value *v, struct error *e)
{
	long long n;

	if (v->kind != VALUE_NUMBER)
		return refuse(p, "a whole number", v, e);
	if (value_to_int(v, &n) && n >= least && n <= most)
		return 0;
	return error_set(e, EINVAL,
	    "%s: entry %u: %s: wants a whole number from %lld%s, not %.60s",
	    p->source, p->entry, p->key, least, most == 2 ? " to 2" : " on",
	    v->text);
}

static int
check_value(const struct place *p, const struct project_key *k,
    const struct value *v, struct error *e)
{
	switch (k->kind) {
	case PROJECT_TEXT:
		return check_text(p, v, e);
	case PROJECT_CHOICE:
		return check_choice(p, k->words, v, e);
	case PROJECT_CHOICES:
	case PROJECT_TEXTS:
		return check_list(p, k->words, v, e);
	case PROJECT_MAP:
		return check_map(p, v, e);
	case PROJECT_FLAG:
		return v->kind == VALUE_BOOL ? 0
					     : refuse(p, "true or false", v, e);
	case PROJECT_LEVEL:
		return check_number(p, 0, 2, v, e);
	case PROJECT_NUMBER:
		return check_number(p, 1, 1LL << 62, v, e);
	}
	return 0;
}

static int
check_entry(
    const char *source, uint32_t n, const struct value *entry, struct error *e)
{
	if (entry->kind != VALUE_MAP)
		return error_set(e, EINVAL, "%s: entry %u: wants a map, not %s",
		    source, n, value_kind_name(entry));
	for (uint32_t i = 0; i < entry->len; i++) {
		const struct member m = value_member(entry, i);
		const struct place p = { source, n, m.name };
		const struct project_key *k = project_keys;

		while (k->name != NULL && strcmp(k->name, m.name) != 0)
			k++;
		if (k->name == NULL)
			return error_set(e, EINVAL,
			    "%s: entry %u: no such key: %.60s", source, n,
			    m.name);
		if (check_value(&p, k, m.value, e) == -1)
			return -1;
	}
	return 0;
}

/* ---- merging --------------------------------------------------------------- */

/* One value into an image's: both are of the kind that the key has. */
static void
merge_value(struct doc *d, struct value *image, const char *key,
    const struct value *from)
{
	struct value *into = value_get(image, key);

	if (into == NULL || into->kind != from->kind ||
	    (from->kind != VALUE_LIST && from->kind != VALUE_MAP)) {
		value_set(d, image, key, value_copy(d, from));
		return;
	}
	for (uint32_t i = 0; i < from->len; i++)
		if (from->kind == VALUE_LIST)
			value_add(d, into, value_copy(d, from->items[i]));
		else
			value_set(d, into, value_member(from, i).name,
			    value_copy(d, value_member(from, i).value));
}

/* The image of a name, made if it is not there. */
static struct value *
image_named(struct doc *d, struct value *images, const char *name)
{
	struct value *image;

	for (uint32_t i = 0; i < images->len; i++)
		if (strcmp(value_text(images->items[i], "imagename", ""),
			name) == 0)
			return images->items[i];
	image = value_map(d);
	value_set(d, image, "imagename", value_string(d, name));
	value_add(d, images, image);
	return image;
}

int
project_add(struct doc *d, struct value *images, const struct value *file,
    const char *source, struct error *e)
{
	const char *name = images->len == 0
	    ? "image"
	    : value_text(images->items[images->len - 1], "imagename", "image");

	if (file->kind != VALUE_LIST)
		return error_set(e, EINVAL,
		    "%s: wants a list of images, not %s", source,
		    value_kind_name(file));
	for (uint32_t i = 0; i < file->len; i++) {
		const struct value *entry = file->items[i];
		struct value *image;

		if (check_entry(source, i + 1, entry, e) == -1)
			return -1;
		name = value_text(entry, "imagename", name);
		image = image_named(d, images, name);
		for (uint32_t k = 0; k < entry->len; k++) {
			const struct member m = value_member(entry, k);

			merge_value(d, image, m.name, m.value);
		}
	}
	return 0;
}
