/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/cmdline and /sys/firmware/dmi/tables/DMI. */
#include "collect-config/machine.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "collect-config/config.h"
#include "collect-config/disc.h"
#include "lib/bytes.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define HEADER 4 /* of a structure: type, length, handle */
#define STRUCTURES 4096

struct structure {
	const uint8_t *data; /* the formatted part, len bytes */
	size_t len;
	const char *strings; /* each ends with a NUL, the last with two */
	size_t strings_len;
};

/* The string whose number (from 1) stands at the offset at; never NULL. */
static char *
string_at(const struct structure *s, size_t at)
{
	const char *p = s->strings, *end = p + s->strings_len;
	unsigned n = at < s->len ? s->data[at] : 0;

	for (; n > 1 && p < end; n--)
		p += strnlen(p, (size_t)(end - p)) + 1;
	return n == 1 && p < end ? mem_dupn(p, strnlen(p, (size_t)(end - p)))
				 : mem_dup("");
}

static void
keep(char **to, char *s)
{
	free(*to);
	*to = s;
}

/* The first three fields of a UUID are little endian (DSP0134, 7.2.1). */
static char *
uuid_text(const uint8_t *u)
{
	return mem_printf("%08x-%04x-%04x-%02x%02x-"
			  "%02x%02x%02x%02x%02x%02x",
	    get_le32(u), get_le16(u + 4), get_le16(u + 6), u[8], u[9], u[10],
	    u[11], u[12], u[13], u[14], u[15]);
}

static void
structure_read(struct machine *m, const struct structure *s)
{
	switch (s->data[0]) {
	case 0:
		keep(&m->bios_vendor, string_at(s, 4));
		break;
	case 1:
		keep(&m->vendor, string_at(s, 4));
		keep(&m->product, string_at(s, 5));
		keep(&m->serial, string_at(s, 7));
		if (s->len >= 24)
			keep(&m->uuid, uuid_text(s->data + 8));
		break;
	case 3:
		keep(&m->asset_tag, string_at(s, 8));
		break;
	case 11:
		for (const char *p = s->strings, *end = p + s->strings_len;
		     p < end && *p != '\0';
		     p += strnlen(p, (size_t)(end - p)) + 1)
			strlist_addn(&m->oem, p, strnlen(p, (size_t)(end - p)));
		break;
	}
}

void
machine_parse_dmi(struct machine *m, const void *table, size_t len)
{
	const uint8_t *p = table, *end = p + len;

	for (unsigned i = 0; i < STRUCTURES; i++) {
		struct structure s;
		const uint8_t *stop;

		if (end - p < HEADER + 2 || p[1] < HEADER ||
		    end - p < p[1] + 2 || p[0] == 127)
			return;
		s = (struct structure){ .data = p,
			.len = p[1],
			.strings = (const char *)p + p[1] };
		stop = p + p[1];
		while (stop + 1 < end && (stop[0] != 0 || stop[1] != 0))
			stop++;
		if (stop + 1 >= end)
			return;
		s.strings_len = (size_t)(stop - (p + p[1]));
		structure_read(m, &s);
		p = stop + 2;
	}
}

/* Split like the kernel: double quotes keep blanks together. */
static void
cmdline_split(struct machine *m, const char *text)
{
	own(strbuf_clear) struct strbuf word = { 0 };
	bool quoted = false;

	for (const char *s = text;; s++) {
		if (*s == '"') {
			quoted = !quoted;
		} else if (*s == '\0' ||
		    (!quoted && (*s == ' ' || *s == '\n' || *s == '\t'))) {
			if (word.len > 0)
				strlist_add(&m->cmdline, word.s);
			strbuf_cut(&word, 0);
			if (*s == '\0')
				return;
		} else {
			strbuf_putc(&word, *s);
		}
	}
}

static void
read_into(const struct config *c, const char *path, struct strbuf *b)
{
	struct error e;

	if (file_read(config_root(c), config_at(c, path), LIMIT_TEXT_BYTES, b,
		&e) == -1)
		strbuf_cut(b, 0);
}

void
machine_init(struct machine *m)
{
	*m = (struct machine){ .bios_vendor = mem_dup(""),
		.vendor = mem_dup(""),
		.product = mem_dup(""),
		.serial = mem_dup(""),
		.uuid = mem_dup(""),
		.asset_tag = mem_dup("") };
}

void
machine_load(struct machine *m, const struct config *c)
{
	own(strbuf_clear) struct strbuf cmdline = { 0 }, dmi = { 0 };

	machine_init(m);
	read_into(c, "/proc/cmdline", &cmdline);
	cmdline_split(m, strbuf_text(&cmdline));
	read_into(c, "/sys/firmware/dmi/tables/DMI", &dmi);
	if (dmi.len > 0)
		machine_parse_dmi(m, dmi.s, dmi.len);
	disc_list(c, &m->discs);
}

void
machine_clear(struct machine *m)
{
	free(m->bios_vendor);
	free(m->vendor);
	free(m->product);
	free(m->serial);
	free(m->uuid);
	free(m->asset_tag);
	strlist_clear(&m->oem);
	strlist_clear(&m->cmdline);
	strlist_clear(&m->discs);
	*m = (struct machine){ 0 };
}

static const char *
last_named(const struct strlist *l, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = l->len; i > 0; i--)
		if (strncmp(l->items[i - 1], name, n) == 0 &&
		    l->items[i - 1][n] == '=')
			return l->items[i - 1] + n + 1;
	return NULL;
}

const char *
machine_cmdline(const struct machine *m, const char *name)
{
	return last_named(&m->cmdline, name);
}

bool
machine_says(const char *name, const char *text, const char *want, char **why)
{
	if (strcmp(text, want) != 0)
		return false;
	*why = mem_printf("firmware says %s \"%s\"", name, text);
	return true;
}

const char *
machine_disc(const struct machine *m, const char *label)
{
	size_t n = strlen(label);

	for (size_t i = 0; i < m->discs.len; i++) {
		const char *s = m->discs.items[i];

		if (strncasecmp(s, label, n) == 0 && s[n] == '=')
			return s + n + 1;
	}
	return NULL;
}

const char *
machine_oem(const struct machine *m, const char *name)
{
	return last_named(&m->oem, name);
}
