/* SPDX-License-Identifier: Apache-2.0 */
/* --lock: which packages a tree has, where they are from, how to keep them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/pins.h"
#include "image-build/target.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* ---- paragraphs of "Field: value" lines (deb822) --------------------------- */

struct paragraph {
	char *package, *arch, *version, *sha256, *status;
};

static void
paragraph_clear(struct paragraph *p)
{
	free(p->package);
	free(p->arch);
	free(p->version);
	free(p->sha256);
	free(p->status);
	*p = (struct paragraph){ 0 };
}

static void
take_line(struct paragraph *p, const char *line, size_t n)
{
	const struct {
		const char *name;
		char **to;
	} fields[] = { { "Package: ", &p->package },
		{ "Architecture: ", &p->arch }, { "Version: ", &p->version },
		{ "SHA256: ", &p->sha256 }, { "Status: ", &p->status } };

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		size_t m = strlen(fields[i].name);

		if (n < m || strncmp(line, fields[i].name, m) != 0)
			continue;
		free(*fields[i].to);
		*fields[i].to = mem_dupn(line + m, n - m);
	}
}

/* Read the next one; returns where it ends, or NULL at the end. */
static const char *
next_paragraph(const char *s, struct paragraph *p)
{
	paragraph_clear(p);
	s += strspn(s, "\n");
	if (*s == '\0')
		return NULL;
	while (*s != '\0' && *s != '\n') {
		size_t n = strcspn(s, "\n");

		take_line(p, s, n);
		s += n + (s[n] == '\n');
	}
	return s;
}

/* ---- what is installed ------------------------------------------------------- */

int
pins_installed(const char *tree, struct strlist *packages, struct error *e)
{
	own(paragraph_clear) struct paragraph p = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	const char *s;

	if (target_read(
		tree, "var/lib/dpkg/status", LIMIT_DOC_BYTES, &text, e) == -1)
		return e->code == ENOENT ? 0 : -1;
	s = strbuf_text(&text);
	while ((s = next_paragraph(s, &p)) != NULL)
		if (p.package != NULL && p.arch != NULL && p.version != NULL &&
		    p.status != NULL &&
		    strcmp(p.status, "install ok installed") == 0)
			strlist_printf(packages, "%s:%s\t%s", p.package, p.arch,
			    p.version);
	strlist_sort(packages);
	return 0;
}

/* ---- what the archive says of them --------------------------------------------- */

/* Ask the tree's own apt, without letting it leave caches behind. */
static int
ask_apt(struct build *b, const struct strlist *packages, struct strbuf *out,
    struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	strlist_add(&argv, "/usr/bin/apt-cache");
	strlist_add(&argv, "--option=Dir::Cache::pkgcache=");
	strlist_add(&argv, "--option=Dir::Cache::srcpkgcache=");
	strlist_add(&argv, "show");
	for (size_t i = 0; i < packages->len; i++) {
		const char *s = packages->items[i], *tab = strchr(s, '\t');

		strlist_printf(&argv, "%.*s=%s", (int)(tab - s), s, tab + 1);
	}
	/* Its status tells of packages that are in no list, and may be. */
	return step_ask(b, strlist_argv(&argv), out, e);
}

int
pins_known(struct build *b, const struct strlist *packages,
    struct strlist *known, struct error *e)
{
	own(paragraph_clear) struct paragraph p = { 0 };
	own(strbuf_clear) struct strbuf out = { 0 };
	const char *s;

	if (packages->len == 0 || !target_exists(b->tree, "usr/bin/apt-cache"))
		return 0;
	if (ask_apt(b, packages, &out, e) == -1)
		return error_prefix(e, "apt-cache in the target");
	s = strbuf_text(&out);
	while ((s = next_paragraph(s, &p)) != NULL)
		if (p.package != NULL && p.arch != NULL && p.version != NULL &&
		    p.sha256 != NULL)
			strlist_printf(known, "%s:%s\t%s\t%s", p.package,
			    p.arch, p.version, p.sha256);
	strlist_sort(known);
	strlist_unique(known);
	return 0;
}

/* ---- how to keep them ------------------------------------------------------------- */

void
pins_preferences(const struct value *packages, struct strbuf *text)
{
	for (uint32_t i = 0; packages != NULL && i < packages->len; i++) {
		const struct member m = value_member(packages, i);
		const char *version = value_text(m.value, "version", NULL);
		size_t n = strcspn(m.name, ":");

		/* Any priority over 1000 allows older versions too. */
		if (version != NULL)
			strbuf_printf(text,
			    "Package: %.*s\nPin: version %s\n"
			    "Pin-Priority: 1001\n\n",
			    (int)n, m.name, version);
	}
}
