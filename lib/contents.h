/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image holds, in a form that has one spelling: the canonical
 * manifest, a text that stands beside an image and inside it.
 *
 *	ingot-contents 1
 *	name web
 *	version 1700000000
 *	expires 1800000000
 *	kernel SHA-256 boot/vmlinuz-6.1.0-50-cloud-amd64
 *	initrd SHA-256 boot/initrd.img-6.1.0-50-cloud-amd64
 *	cmdline ro%20console=ttyS0
 *	state 1 2
 *	preserve srv/mail
 *	restart usr/share/web web.service
 *	root SHA-256 of the line of "."
 *	entries 3
 *	signature BASE64
 *
 *	. d 755 0 0 SHA-256
 *	etc d 755 0 0 SHA-256
 *	etc/motd f 644 0 0 6 SHA-256 user.colour=Z3JlZW4=
 *
 * A folder's digest is of the lines of what stands in it, so "root" stands
 * for every byte of every file, and the head alone is signed.  An entry is
 * "PATH d|f|l|c|b|p MODE UID GID ..." with size and digest of a file, target
 * of a symlink, number of a device, then extended attributes; or "PATH h
 * FIRST" for one more name of a file.  Paths are percent-encoded and in the
 * order of a walk by bytes.  Times are not listed: they decide nothing.
 *
 * Of the head only name, version, root and entries have to be there.  kernel
 * and initrd are files of the list; "state" is the oldest and the newest
 * form of a machine's data that the image can work with; "preserve" a path
 * that is the machine's and not the image's; "restart" a path whose files
 * may change under a running system if the unit is restarted then ("-":
 * none has to be).
 */
#ifndef LIB_CONTENTS_H
#define LIB_CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "lib/digest.h"
#include "lib/own.h"
#include "lib/strlist.h"

struct error;
struct strbuf;

/* Where an image has its own contents; the one path that is not listed. */
#define CONTENTS_INSIDE "usr/lib/ingot/contents"

struct contents_entry {
	const char *path; /* from the root; "." is the root itself */
	const char *xattrs; /* " name=base64" of each, sorted; "" */
	uint64_t size; /* of a file; of a device its number */
	union {
		uint8_t sum[DIGEST_BYTES]; /* of a file or folder */
		const char *target; /* of a symlink; of h its first name */
	};
	uint32_t uid, gid;
	uint16_t mode, depth; /* depth of "." is 0 */
	char type; /* d f l c b p h */
};

struct contents {
	char *name; /* of the image */
	uint64_t version; /* never goes back */
	int64_t expires; /* seconds since 1970, or 0: never */
	char *kernel, *initrd; /* paths of files in it, or NULL */
	uint8_t kernel_sum[DIGEST_BYTES], initrd_sum[DIGEST_BYTES];
	char *cmdline; /* of the kernel, or NULL */
	uint32_t state_oldest, state_newest; /* newest 0: not told */
	struct strlist preserve; /* paths, sorted */
	struct strlist restart; /* "PATH UNIT", sorted */
	uint8_t root[DIGEST_BYTES];
	char id[DIGEST_TEXT]; /* digest of the head: which image this is */
	char *signature; /* in base64, or NULL */
	struct contents_entry *entries;
	size_t n, cap;
	struct doc *memory; /* holds the entries' texts */
};

struct contents *contents_new(const char *name);
void contents_free(struct contents *c);
OWN_POINTER(contents)

enum contents_depth {
	CONTENTS_ATTRIBUTES, /* digests of files stay zero; nothing is opened */
	CONTENTS_DIGESTS, /* on all processors */
};

/*
 * Whether the digest of a file is known without reading it; sum becomes it.
 * Asked once for each file, in the order of the entries of type f.
 */
typedef bool
contents_known(void *ctx, const struct stat *st, uint8_t sum[DIGEST_BYTES]);

/*
 * List the tree below dir.  What is mounted on a folder in it, sockets, and
 * CONTENTS_INSIDE are left out.  NULL on error, also when a file changes.
 */
struct contents *contents_scan(
    int dir, const char *name, enum contents_depth depth, struct error *e);
struct contents *contents_scan_known(int dir, const char *name,
    contents_known *known, void *ctx, struct error *e);

/*
 * Let the head say what the tree that was listed says of itself: the newest
 * /boot/vmlinuz-* with its initrd, /etc/kernel/cmdline, and in
 * /usr/lib/ingot the file "state" ("OLDEST NEWEST") and the folders
 * preserve.d (a path a line) and restart.d ("PATH UNIT" a line).
 */
int contents_describe(struct contents *c, int dir, struct error *e);

/* Set what the head says, and the id, after entries or head have changed. */
void contents_seal(struct contents *c);

/* Sign the head with an Ed25519 key in PEM; check the signature with one. */
int contents_sign(struct contents *c, const char *key, struct error *e);
int contents_check(const struct contents *c, const char *key, struct error *e);

/*
 * Add the text; or only the head, without the signature; or the lines of the
 * entries.
 */
void contents_print(const struct contents *c, struct strbuf *b);
void contents_print_head(const struct contents *c, struct strbuf *b);
void contents_print_entries(const struct contents *c, struct strbuf *b);

/*
 * Parse a text that anyone may have written.  Only the one spelling, with
 * right digests of all folders and of the root, is taken; NULL otherwise.
 */
struct contents *
contents_parse(const char *text, size_t len, const char *name, struct error *e);
struct contents *contents_load(int dir, const char *path, struct error *e);

/* The next bytes of a text: how many, 0 at its end, -1 on error. */
typedef ssize_t contents_source(void *ctx, void *to, size_t n, struct error *e);

/* The same of a text that comes piece by piece, and is never held whole. */
struct contents *contents_read(
    contents_source *source, void *ctx, const char *name, struct error *e);

/* The entry of a path, or NULL. */
const struct contents_entry *
contents_find(const struct contents *c, const char *path);

enum contents_difference {
	CONTENTS_SAME = 0,
	CONTENTS_OTHER_DATA = 1, /* type, bytes, target, device, link */
	CONTENTS_OTHER_ATTRIBUTES = 2, /* owner, mode, extended attributes */
};

/* How two entries of one path differ.  Folders differ in attributes only. */
unsigned
contents_differ(const struct contents_entry *a, const struct contents_entry *b);

/* Called for each path that differs; from or to is NULL where it is new. */
typedef int contents_visit(void *ctx, const struct contents_entry *from,
    const struct contents_entry *to, unsigned how, struct error *e);

/* Walk over two lists at once, in order.  Returns 0, or visit's -1. */
int contents_compare(const struct contents *from, const struct contents *to,
    contents_visit *visit, void *ctx, struct error *e);

/*
 * Whether the tree below dir is what c says: each byte of it, or names, sizes
 * and attributes alone.  besides is a path that may stand there though it is
 * not listed, or NULL.  The error, with code EBADMSG, names the first path
 * that is not as it is listed, or the first whose bytes alone are not.
 */
int contents_verify(const struct contents *c, int dir,
    enum contents_depth depth, const char *besides, struct error *e);

/* The same of the bytes of its files alone, whatever else there is. */
int contents_verify_files(const struct contents *c, int dir, struct error *e);

/* Byte order with "/" before everything else: the order of the entries. */
int contents_order(const char *a, const char *b);

#endif
