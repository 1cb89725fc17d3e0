/* SPDX-License-Identifier: Apache-2.0 */
/* What a file has beside mode and owner, as GNU tar and others write it. */
#include "lib/tar-attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/xattr.h>

#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tar-header.h"

#define ACL "system.posix_acl_"

/* ---- access control lists: Linux' binary form to text ----------------------- */

#define ACL_VERSION 2
#define ACL_HEAD 4
#define ACL_ENTRY 8

enum {
	USER_OBJ = 1,
	USER = 2,
	GROUP_OBJ = 4,
	GROUP = 8,
	MASK = 16,
	OTHER = 32
};

static const char *
acl_tag(unsigned tag)
{
	switch (tag) {
	case USER_OBJ:
	case USER:
		return "user";
	case GROUP_OBJ:
	case GROUP:
		return "group";
	case MASK:
		return "mask";
	case OTHER:
		return "other";
	default:
		return NULL;
	}
}

/* False: not a list as the kernel writes it. */
static bool
acl_text(const struct strbuf *acl, struct strbuf *text)
{
	if (acl->len < ACL_HEAD || get_le32(acl->s) != ACL_VERSION ||
	    (acl->len - ACL_HEAD) % ACL_ENTRY != 0)
		return false;
	for (size_t at = ACL_HEAD; at < acl->len; at += ACL_ENTRY) {
		const char *p = acl->s + at;
		unsigned tag = get_le16(p), may = get_le16(p + 2);

		if (acl_tag(tag) == NULL)
			return false;
		strbuf_printf(
		    text, "%s%s:", text->len > 0 ? "," : "", acl_tag(tag));
		if (tag == USER || tag == GROUP)
			strbuf_printf(text, "%u", get_le32(p + 4));
		strbuf_printf(text, ":%c%c%c", may & 4 ? 'r' : '-',
		    may & 2 ? 'w' : '-', may & 1 ? 'x' : '-');
	}
	return true;
}

/* ---- attributes --------------------------------------------------------------- */

/* The list of names, or one's value: its size may change between two calls. */
static int
fetch(const char *path, const char *name, struct strbuf *b, struct error *e)
{
	for (int i = 0; i < 8; i++) {
		ssize_t n = name == NULL ? llistxattr(path, NULL, 0)
					 : lgetxattr(path, name, NULL, 0);
		char *to;

		if (n <= 0)
			return n == 0 || (name == NULL && errno == ENOTSUP)
			    ? 0
			    : error_errno(e, "attributes");
		to = strbuf_reserve(b, (size_t)n);
		n = name == NULL ? llistxattr(path, to, (size_t)n)
				 : lgetxattr(path, name, to, (size_t)n);
		if (n >= 0) {
			b->len += (size_t)n;
			return 0;
		}
		if (errno != ERANGE)
			break;
	}
	return error_errno(e, "attributes");
}

/* "=" ends a key, so GNU tar writes "%3D". */
static char *
record_key(const char *name)
{
	own(strbuf_clear) struct strbuf key = { 0 };

	strbuf_puts(&key, "SCHILY.xattr.");
	for (; *name != '\0'; name++)
		if (*name == '=')
			strbuf_puts(&key, "%3D");
		else
			strbuf_putc(&key, *name);
	return strbuf_take(&key);
}

static int
add_one(
    const char *path, const char *name, struct strbuf *records, struct error *e)
{
	own(strbuf_clear) struct strbuf value = { 0 }, text = { 0 };
	own_free char *key = NULL;

	if (fetch(path, name, &value, e) == -1)
		return error_prefix(e, "%s", name);
	if (strncmp(name, ACL, strlen(ACL)) != 0) {
		key = record_key(name);
		tar_record(records, key, strbuf_text(&value), value.len);
		return 0;
	}
	if (!acl_text(&value, &text))
		return error_set(e, EINVAL, "%s: not understood", name);
	key = mem_printf("SCHILY.acl.%s", name + strlen(ACL));
	tar_record(records, key, text.s, text.len);
	return 0;
}

int
tar_attributes(
    int dir, const char *name, struct strbuf *records, struct error *e)
{
	own_free char *path = dir == AT_FDCWD
	    ? mem_dup(name)
	    : mem_printf("/proc/self/fd/%d/%s", dir, name);
	own(strbuf_clear) struct strbuf list = { 0 };
	own(strlist_clear) struct strlist names = { 0 };

	if (fetch(path, NULL, &list, e) == -1)
		return -1;
	for (size_t at = 0; at < list.len; at += strlen(list.s + at) + 1)
		strlist_add(&names, list.s + at);
	strlist_sort(&names);
	for (size_t i = 0; i < names.len; i++)
		if (add_one(path, names.items[i], records, e) == -1)
			return -1;
	return 0;
}
