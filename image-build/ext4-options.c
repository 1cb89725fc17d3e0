/* SPDX-License-Identifier: Apache-2.0 */
/* The options of mke2fs(8) that mean something here; later ones win. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/ext4.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strlist.h"

static int
number(const char *option, const char *text, double most, double *n,
    struct error *e)
{
	char *end;

	*n = strtod(text, &end);
	if (end == text || *end != '\0' || !(*n >= 0) || *n > most)
		return error_set(
		    e, EINVAL, "mkfs option %s: %s is no number", option, text);
	return 0;
}

static int
unknown(const char *option, const char *word, struct error *e)
{
	return error_set(e, EINVAL,
	    "mkfs option %s %s is not known for ext4 (man image-build: The "
	    "disk)",
	    option, word);
}

static int
set_count(const char *option, const char *text, uint64_t *to, struct error *e)
{
	double n;

	if (number(option, text, 1e15, &n, e) == -1)
		return -1;
	*to = (uint64_t)n;
	return 0;
}

static int
set_ratio(const char *text, struct ext4_options *o, struct error *e)
{
	if (set_count("-i", text, &o->inode_ratio, e) == -1)
		return -1;
	o->inodes = 0;
	if (o->inode_ratio < 1024 || o->inode_ratio > 64 << 20)
		return error_set(
		    e, EINVAL, "mkfs option -i: not from 1024 to 67108864");
	return 0;
}

static int
set_inodes(const char *text, struct ext4_options *o, struct error *e)
{
	return set_count("-N", text, &o->inodes, e);
}

static int
set_reserved(const char *text, struct ext4_options *o, struct error *e)
{
	return number("-m", text, 50, &o->reserved, e);
}

static int
set_journal(const char *text, struct ext4_options *o, struct error *e)
{
	if (strncmp(text, "size=", 5) != 0)
		return unknown("-J", text, e);
	if (set_count("-J", text + 5, &o->journal, e) == -1)
		return -1;
	if (o->journal != 0 && (o->journal < 4 || o->journal > 40000))
		return error_set(e, EINVAL,
		    "mkfs option -J: size is not from 4 to 40000 MiB");
	return 0;
}

/* Blocks and inodes have one size here. */
static int
check_block(const char *text, struct ext4_options *o, struct error *e)
{
	(void)o;
	return strcmp(text, "4096") == 0 ? 0 : unknown("-b", text, e);
}

static int
check_inode(const char *text, struct ext4_options *o, struct error *e)
{
	(void)o;
	return strcmp(text, "256") == 0 ? 0 : unknown("-I", text, e);
}

static int
set_features(const char *text, struct ext4_options *o, struct error *e)
{
	static const char *const have[] = { "has_journal", "ext_attr",
		"dir_index", "resize_inode", "filetype", "extent", "extents",
		"64bit", "flex_bg", "sparse_super", "large_file", "huge_file",
		"dir_nlink", "extra_isize", "metadata_csum", NULL };
	own(strlist_clear) struct strlist words = { 0 };

	strlist_split(&words, text, ",");
	for (size_t i = 0; i < words.len; i++) {
		const char *word = words.items[i];
		size_t k = 0;

		while (have[k] != NULL && strcmp(word, have[k]) != 0)
			k++;
		if (strcmp(word, "^metadata_csum") == 0)
			o->no_checksums = true;
		else if (strcmp(word, "^has_journal") == 0)
			o->no_journal = true;
		else if (strcmp(word, "^64bit") == 0)
			o->no_64bit = true;
		else if (have[k] == NULL)
			return unknown("-O", word, e);
	}
	return 0;
}

/* What speeds up mke2fs or comes with device geometry is passed over. */
static int
set_extended(const char *text, struct ext4_options *o, struct error *e)
{
	static const char *const idle[] = { "lazy_itable_init",
		"lazy_journal_init", "nodiscard", "discard",
		"assume_storage_prezeroed", "stride", "stripe_width",
		"stripe-width", NULL };
	own(strlist_clear) struct strlist words = { 0 };

	strlist_split(&words, text, ",");
	for (size_t i = 0; i < words.len; i++) {
		const char *word = words.items[i];
		size_t n = strcspn(word, "="), k = 0;

		while (idle[k] != NULL &&
		    (strlen(idle[k]) != n || strncmp(word, idle[k], n) != 0))
			k++;
		if (strncmp(word, "resize=", 7) == 0) {
			if (set_count("-E resize", word + 7, &o->resize, e) ==
			    -1)
				return -1;
		} else if (idle[k] == NULL) {
			return unknown("-E", word, e);
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int (*set)(const char *, struct ext4_options *, struct error *);
} known[] = {
	{ "-E", set_extended },
	{ "-I", check_inode },
	{ "-J", set_journal },
	{ "-N", set_inodes },
	{ "-O", set_features },
	{ "-b", check_block },
	{ "-i", set_ratio },
	{ "-m", set_reserved },
	{ NULL, NULL },
};

static int
option(const char *word, const char *value, struct ext4_options *o,
    struct error *e)
{
	for (size_t i = 0; known[i].name != NULL; i++) {
		if (strncmp(word, known[i].name, 2) != 0)
			continue;
		if (word[2] != '\0')
			value = word + 2;
		if (value == NULL)
			return error_set(e, EINVAL,
			    "mkfs option %s: its value is missing", word);
		return known[i].set(value, o, e);
	}
	return unknown(word, "", e);
}

int
ext4_options(const char *text, struct ext4_options *o, struct error *e)
{
	own(strlist_clear) struct strlist words = { 0 };

	*o = (struct ext4_options){ .inode_ratio = 16384, .reserved = 1 };
	strlist_split(&words, text != NULL ? text : "", " ");
	for (size_t i = 0; i < words.len; i++) {
		const char *word = words.items[i];
		bool attached = strlen(word) > 2;

		if (strcmp(word, "-q") == 0 || strcmp(word, "-F") == 0)
			continue;
		if (option(word, i + 1 < words.len ? words.items[i + 1] : NULL,
			o, e) == -1)
			return -1;
		i += !attached;
	}
	return 0;
}
