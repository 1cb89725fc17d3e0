/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of members: ustar's, and in front of it what that cannot tell as
 * records of text.  The extended header comes only where it is needed.
 */
#include "lib/tar-header.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/mem.h"
#include "lib/own.h"
#include "lib/utf8.h"

/* Where ustar's fields stand, and how long they are. */
#define NAME_BYTES 100
#define LINK_AT 157
#define SUM_AT 148
#define EXTENDED 'x'

#define ID_MOST 07777777
#define SIZE_MOST 077777777777

/* n octal digits and a NUL. */
static void
put_octal(char *at, uint64_t value, int n)
{
	at[n] = '\0';
	while (n-- > 0) {
		at[n] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

/* The length at the start counts itself. */
void
tar_record(struct strbuf *records, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, digits = 1;

	for (;;) {
		size_t len = rest + digits;
		int need = snprintf(NULL, 0, "%zu", len);

		if ((size_t)need == digits)
			break;
		digits = (size_t)need;
	}
	strbuf_printf(records, "%zu %s=", rest + digits, key);
	strbuf_add(records, value, n);
	strbuf_putc(records, '\n');
}

static void
record_text(struct strbuf *records, const char *key, const char *value)
{
	tar_record(records, key, value, strlen(value));
}

static void
record_number(struct strbuf *records, const char *key, uint64_t value)
{
	own_free char *text = mem_printf("%llu", (unsigned long long)value);

	record_text(records, key, text);
}

/* Seconds with as many decimals as there are, before 1970 too. */
static void
record_time(struct strbuf *records, struct timespec t)
{
	bool before = t.tv_sec < 0;
	long nsec =
	    before && t.tv_nsec > 0 ? 1000000000 - t.tv_nsec : t.tv_nsec;
	long long sec = before ? -(long long)t.tv_sec - (t.tv_nsec > 0)
			       : (long long)t.tv_sec;
	own_free char *text =
	    mem_printf("%s%lld.%09ld", before ? "-" : "", sec, nsec);
	size_t n = strlen(text);

	while (text[n - 1] == '0')
		n--;
	if (text[n - 1] == '.')
		n--;
	tar_record(records, "mtime", text, n);
}

/* What ustar has no room for. */
static void
add_records(const struct tar_member *m, struct strbuf *records)
{
	bool long_name = strlen(m->name) > NAME_BYTES;
	bool long_link = m->link != NULL && strlen(m->link) > NAME_BYTES;

	/* Values are UTF-8 unless it is said that they are just bytes. */
	if ((long_name && !utf8_valid(m->name, strlen(m->name))) ||
	    (long_link && !utf8_valid(m->link, strlen(m->link))))
		record_text(records, "hdrcharset", "BINARY");
	if (long_name)
		record_text(records, "path", m->name);
	if (long_link)
		record_text(records, "linkpath", m->link);
	if (m->time.tv_nsec != 0 || m->time.tv_sec < 0 ||
	    m->time.tv_sec > SIZE_MOST)
		record_time(records, m->time);
	if (m->uid > ID_MOST)
		record_number(records, "uid", m->uid);
	if (m->gid > ID_MOST)
		record_number(records, "gid", m->gid);
	if (m->size > SIZE_MOST)
		record_number(records, "size", m->size);
	strbuf_add(records, strbuf_text(&m->records), m->records.len);
}

/* A number that does not fit stands in the extended header. */
static uint64_t
fitting(uint64_t value, uint64_t most)
{
	return value > most ? 0 : value;
}

static void
put_text(char *at, const char *text)
{
	size_t n = strlen(text);

	memcpy(at, text, n < NAME_BYTES ? n : NAME_BYTES);
}

static void
add_ustar(
    const struct tar_member *m, char type, uint64_t size, struct strbuf *out)
{
	char h[TAR_BLOCK] = { 0 };
	int64_t sec = m->time.tv_sec;
	unsigned sum = 0;

	put_text(h, m->name);
	put_octal(h + 100, m->mode & 07777, 7);
	put_octal(h + 108, fitting(m->uid, ID_MOST), 7);
	put_octal(h + 116, fitting(m->gid, ID_MOST), 7);
	put_octal(h + 124, fitting(size, SIZE_MOST), 11);
	put_octal(h + 136, sec < 0 ? 0 : fitting((uint64_t)sec, SIZE_MOST), 11);
	memset(h + SUM_AT, ' ', 8);
	h[156] = type;
	if (m->link != NULL)
		put_text(h + LINK_AT, m->link);
	memcpy(h + 257, "ustar\00000", 8);
	put_octal(h + 329, m->major, 7);
	put_octal(h + 337, m->minor, 7);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	put_octal(h + SUM_AT, sum, 6);
	strbuf_add(out, h, sizeof(h));
}

void
tar_pad(struct strbuf *out)
{
	static const char zeros[TAR_BLOCK];

	if (out->len % TAR_BLOCK != 0)
		strbuf_add(out, zeros, TAR_BLOCK - out->len % TAR_BLOCK);
}

void
tar_header(const struct tar_member *m, struct strbuf *out)
{
	own(strbuf_clear) struct strbuf records = { 0 };

	add_records(m, &records);
	if (records.len > 0) {
		struct tar_member x = *m;

		x.link = NULL;
		x.mode = 0644;
		add_ustar(&x, EXTENDED, records.len, out);
		strbuf_add(out, records.s, records.len);
		tar_pad(out);
	}
	add_ustar(m, (char)m->type, m->size, out);
}
