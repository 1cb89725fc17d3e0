/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ISO 9660: find the volume, walk from its root to one file, read it.
 *
 * The names are Joliet's where the disc has them, else Rock Ridge's, else the
 * plain ones without regard to case.  Every place and length on the disc is
 * foreign: each read is bounded and a folder is read at most once a step.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "collect-config/disc.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

#define SECTOR 2048
#define FIRST_SECTOR 16 /* of the volume descriptors */
#define DESCRIPTORS 32 /* looked at */
#define FOLDER_BYTES MIB(1)
#define RECORD_BYTES 33 /* of a directory record before its name */

struct volume {
	uint32_t at, size; /* root folder: first sector, bytes */
	bool joliet;
	char label[DISC_LABEL];
};

struct record {
	uint32_t at, size;
	bool is_dir;
	bool in_parts; /* more extents follow: not read */
	char name[256 * 3];
};

/* n bytes of UCS-2, big endian, as UTF-8. */
static void
put_ucs2(const uint8_t *s, size_t n, char *to, size_t size)
{
	size_t at = 0;

	for (size_t i = 0; i + 1 < n && at + 4 < size; i += 2) {
		uint32_t code = get_be16(s + i);

		if (code == 0)
			break;
		at += utf8_encode(code, to + at);
	}
	to[at] = '\0';
}

static void
put_bytes(const uint8_t *s, size_t n, char *to, size_t size)
{
	if (n >= size)
		n = size - 1;
	memcpy(to, s, n);
	to[n] = '\0';
}

static void
cut_blanks(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && s[n - 1] == ' ')
		s[--n] = '\0';
}

/* ---- the volume --------------------------------------------------------- */

static bool
is_joliet(const uint8_t *sector)
{
	return sector[0] == 2 && sector[88] == '%' && sector[89] == '/' &&
	    (sector[90] == '@' || sector[90] == 'C' || sector[90] == 'E');
}

static void
volume_read(const uint8_t *sector, bool joliet, struct volume *v)
{
	v->at = get_le32(sector + 156 + 2);
	v->size = get_le32(sector + 156 + 10);
	v->joliet = joliet;
	/* The primary label is kept: the other one is often cut short. */
	if (joliet)
		return;
	put_bytes(sector + 40, 32, v->label, sizeof(v->label));
	cut_blanks(v->label);
}

static bool
volume_find(int fd, struct volume *v)
{
	uint8_t sector[SECTOR];
	bool found = false;

	for (unsigned i = 0; i < DESCRIPTORS; i++) {
		if (!disc_pread(fd, sector, SECTOR,
			(uint64_t)(FIRST_SECTOR + i) * SECTOR) ||
		    memcmp(sector + 1, "CD001", 5) != 0 || sector[0] == 255)
			break;
		if (sector[0] == 1 && get_le16(sector + 128) == SECTOR) {
			volume_read(sector, false, v);
			found = true;
		} else if (found && is_joliet(sector)) {
			volume_read(sector, true, v);
		}
	}
	return found;
}

/* ---- folders ------------------------------------------------------------ */

/* The Rock Ridge name (NM) in a record's system use area, if any. */
static void
rock_ridge_name(const uint8_t *s, size_t n, struct record *r)
{
	size_t at = 0;
	char name[sizeof(r->name)];

	while (n >= 4 && s[2] >= 4 && s[2] <= n) {
		size_t len = s[2] - 5u;

		if (s[0] == 'N' && s[1] == 'M' && s[2] > 5 &&
		    at + len < sizeof(name)) {
			memcpy(name + at, s + 5, len);
			at += len;
		}
		n -= s[2];
		s += s[2];
	}
	if (at > 0)
		put_bytes((const uint8_t *)name, at, r->name, sizeof(r->name));
}

/* The record at p, of which n bytes are there.  Returns its length, or 0. */
static size_t
record_read(
    const struct volume *v, const uint8_t *p, size_t n, struct record *r)
{
	size_t len = p[0], name_len, use;
	char *end;

	if (len < RECORD_BYTES + 1 || len > n)
		return 0;
	name_len = p[32];
	if (RECORD_BYTES + name_len > len)
		return 0;
	r->at = get_le32(p + 2);
	r->size = get_le32(p + 10);
	r->is_dir = (p[25] & 0x02) != 0;
	r->in_parts = (p[25] & 0x80) != 0;
	if (v->joliet)
		put_ucs2(p + RECORD_BYTES, name_len, r->name, sizeof(r->name));
	else
		put_bytes(p + RECORD_BYTES, name_len, r->name, sizeof(r->name));
	end = strrchr(r->name, ';'); /* the version */
	if (end != NULL && end != r->name)
		*end = '\0';
	end = r->name + strlen(r->name);
	if (!v->joliet && end > r->name + 1 && end[-1] == '.')
		end[-1] = '\0'; /* a plain name without extension */
	use = RECORD_BYTES + name_len + (name_len % 2 == 0);
	if (!v->joliet && use < len)
		rock_ridge_name(p + use, len - use, r);
	return len;
}

/* Find name (n bytes) in the folder at *r; *r becomes what was found. */
static int
folder_find(int fd, const struct volume *v, const char *name, size_t n,
    struct record *r, struct error *e)
{
	uint64_t start = (uint64_t)r->at * SECTOR;
	uint32_t size = r->size;
	uint8_t sector[SECTOR];

	if (size > FOLDER_BYTES)
		return error_set(e, EPROTO, "folder of %u bytes", size);
	for (uint32_t done = 0; done < size; done += SECTOR) {
		size_t at = 0, len;

		if (!disc_pread(fd, sector, SECTOR, start + done))
			return error_set(e, EIO, "cannot read a folder");
		while (at < SECTOR &&
		    (len = record_read(v, sector + at, SECTOR - at, r)) > 0) {
			at += len;
			if (strlen(r->name) == n &&
			    strncasecmp(r->name, name, n) == 0)
				return 0;
		}
	}
	return error_set(e, ENOENT, "no such file");
}

static int
iso_find(int fd, const char *path, struct record *r, struct error *e)
{
	struct volume v = { 0 };

	if (!volume_find(fd, &v))
		return error_set(e, EPROTO, "no ISO 9660 volume");
	*r = (struct record){ .at = v.at, .size = v.size, .is_dir = true };
	for (;;) {
		size_t n = strcspn(path, "/");

		if (!r->is_dir)
			return error_set(e, ENOENT, "no such file");
		if (folder_find(fd, &v, path, n, r, e) == -1)
			return -1;
		if (path[n] == '\0')
			return 0;
		path += n + 1;
	}
}

static bool
iso_probe(int fd, char label[DISC_LABEL])
{
	struct volume v = { 0 };

	if (!volume_find(fd, &v))
		return false;
	memcpy(label, v.label, DISC_LABEL);
	return true;
}

static int
iso_read(
    int fd, const char *path, size_t max, struct strbuf *b, struct error *e)
{
	struct record r;
	char *to;

	if (iso_find(fd, path, &r, e) == -1)
		return error_prefix(e, "%s", path);
	if (r.is_dir || r.in_parts)
		return error_set(e, EPROTO, "%s: not a plain file", path);
	if (r.size > max)
		return error_set(
		    e, EFBIG, "%s: longer than %zu bytes", path, max);
	to = strbuf_reserve(b, r.size + 1);
	if (!disc_pread(fd, to, r.size, (uint64_t)r.at * SECTOR))
		return error_set(e, EIO, "%s: cut short", path);
	b->len += r.size;
	b->s[b->len] = '\0';
	return 0;
}

const struct disc_format disc_iso = {
	.name = "ISO 9660",
	.probe = iso_probe,
	.read = iso_read,
};
