/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME.html: where a build's time went and what takes the space, as one page
 * without scripts, made from the report for programs and the finished tree.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "image-build/report.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/plain.h"
#include "lib/strbuf.h"
#include "lib/tree.h"

#define WIDTH 900.0 /* of the pictures, in units of their own */
#define LEFT 260.0 /* of the bars: labels stand before them */
#define RIGHT 70.0 /* after them: seconds */
#define ROW 20.0
#define HEIGHT 380.0 /* of the map of sizes */
#define BAR_SECONDS 0.05 /* shorter steps are only counted */
#define LABEL_COLUMNS 36

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, "
    "initial-scale=1\">\n<style>\n"
    ":root { color-scheme: light dark; --ink: #1c2733; --dim: #5c6b7a;\n"
    "  --line: #d5dde5; --page: #fff; --bar: #2f6fb0; --part: #8a6bbf;\n"
    "  --a: #cfe1f3; --b: #dcedd5; --c: #f6e3c5; --d: #ecd9ee; }\n"
    "@media (prefers-color-scheme: dark) { :root { --ink: #e3e9ef;\n"
    "  --dim: #9aa8b5; --line: #37434f; --page: #161d24; --bar: #6aa9e6;\n"
    "  --part: #b39be0; --a: #23405c; --b: #2c4a2b; --c: #5a4621;\n"
    "  --d: #4b2f50; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink);\n"
    "  background: var(--page); max-width: 62rem; margin: 2rem auto;\n"
    "  padding: 0 1rem; }\n"
    "h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }\n"
    "h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }\n"
    "p { margin: .25rem 0; } .dim { color: var(--dim); }\n"
    ".wide { overflow-x: auto; }\n"
    "svg { width: 100%; min-width: 40rem; height: auto; display: block; }\n"
    "svg text { fill: var(--ink); font-size: 12px; }\n"
    ".bar { fill: var(--bar); } .part { fill: var(--part); }\n"
    ".c0 { fill: var(--a); } .c1 { fill: var(--b); } .c2 { fill: var(--c); }\n"
    ".c3 { fill: var(--d); } .map rect { stroke: var(--page); }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; padding: .25rem .8rem .25rem 0;\n"
    "  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }\n"
    "th { color: var(--dim); font-weight: 500; }\n"
    "td.n, th.n { text-align: right; font-variant-numeric: tabular-nums;\n"
    "  white-space: nowrap; }\n"
    "pre { white-space: pre-wrap; overflow-wrap: anywhere; }\n"
    "summary { cursor: pointer; }\n"
    "@media print { body { max-width: none; margin: 0; }\n"
    "  h2 { break-after: avoid; } }\n"
    "</style>\n";

/* Foreign text: no control characters, no markup, at most so many columns. */
static void
put(struct strbuf *b, const char *s, size_t columns)
{
	plain_add_html(b, s, strlen(s), columns);
}

static void
put_bytes(struct strbuf *b, double bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	size_t i = 0;

	while (bytes >= 1024 && i < 3) {
		bytes /= 1024;
		i++;
	}
	strbuf_printf(b, i == 0 ? "%.0f %s" : "%.1f %s", bytes, units[i]);
}

/* ---- the time line ----------------------------------------------------------- */

static double
seconds_of(const struct value *step)
{
	return value_to_real(value_get(step, "seconds"));
}

static void
put_step(struct strbuf *b, const struct value *step, double start, double all,
    unsigned row)
{
	const char *phase = value_text(step, "phase", NULL);
	own_free char *name = phase == NULL
	    ? mem_dup(value_text(step, "name", ""))
	    : mem_printf("%s.d/%s", phase, value_text(step, "name", ""));
	double unit = (WIDTH - LEFT - RIGHT) / all, y = row * ROW;
	double width = seconds_of(step) * unit;

	strbuf_printf(b, "<g><title>");
	put(b, name, 0);
	if (phase != NULL) {
		strbuf_puts(b, " of ");
		put(b, value_text(step, "element", "?"), 0);
	}
	strbuf_printf(b, "</title><text x=\"0\" y=\"%.0f\">", y + 14);
	put(b, name, LABEL_COLUMNS);
	strbuf_printf(b,
	    "</text><rect class=\"%s\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" "
	    "height=\"14\" rx=\"2\"/><text x=\"%.1f\" y=\"%.0f\">%.1f s</text>"
	    "</g>\n",
	    phase != NULL ? "bar" : "part", LEFT + start * unit, y + 3,
	    width < 1 ? 1 : width, LEFT + start * unit + width + 5, y + 14,
	    seconds_of(step));
}

static void
put_times(struct strbuf *b, const struct value *steps)
{
	double all = 0, at = 0;
	unsigned rows = 0, row = 0;

	for (uint32_t i = 0; i < steps->len; i++) {
		all += seconds_of(steps->items[i]);
		rows += seconds_of(steps->items[i]) >= BAR_SECONDS;
	}
	strbuf_puts(b, "<h2>Time</h2>\n");
	if (rows > 0)
		strbuf_printf(b,
		    "<div class=\"wide\" tabindex=\"0\">"
		    "<svg class=\"times\" viewBox=\"0 0 %.0f %.0f\" "
		    "role=\"img\" aria-label=\"Seconds by step\">\n",
		    WIDTH, rows * ROW);
	for (uint32_t i = 0; i < steps->len; i++) {
		double seconds = seconds_of(steps->items[i]);

		if (seconds >= BAR_SECONDS)
			put_step(b, steps->items[i], at, all, row++);
		at += seconds;
	}
	if (rows > 0)
		strbuf_puts(b, "</svg></div>\n");
	strbuf_printf(b,
	    "<p class=\"dim\">%u more took less than %.2f s each.</p>\n",
	    steps->len - rows, BAR_SECONDS);
}

/* ---- the map of sizes ---------------------------------------------------------- */

struct part {
	char *name;
	double bytes;
	size_t above; /* index of its folder, among the first level */
};

struct map {
	struct part *tops, *parts;
	size_t ntops, top_cap, nparts, part_cap;
	double bytes;
	dev_t device; /* of the tree; what is mounted in it is not its own */
};

static void
map_clear(struct map *m)
{
	for (size_t i = 0; i < m->ntops; i++)
		free(m->tops[i].name);
	for (size_t i = 0; i < m->nparts; i++)
		free(m->parts[i].name);
	free(m->tops);
	free(m->parts);
}

/* The walk is in order: what is new in a path stands last in the lists. */
static int
map_add(void *ctx, const struct tree_entry *entry, struct error *e)
{
	double bytes = (double)entry->st->st_blocks * 512 /
	    (double)(S_ISDIR(entry->st->st_mode) || entry->st->st_nlink == 0
		    ? 1
		    : entry->st->st_nlink);
	struct map *m = ctx;

	(void)e;
	if (entry->depth == 0) {
		m->device = entry->st->st_dev;
		return 0;
	}
	if (S_ISDIR(entry->st->st_mode) && entry->st->st_dev != m->device)
		return 1;
	if (entry->depth == 1) {
		m->tops = mem_grow(
		    m->tops, &m->top_cap, m->ntops + 1, sizeof(*m->tops));
		m->tops[m->ntops++] =
		    (struct part){ .name = mem_dup(entry->name) };
	}
	if (entry->depth <= 2) {
		m->parts = mem_grow(
		    m->parts, &m->part_cap, m->nparts + 1, sizeof(*m->parts));
		m->parts[m->nparts++] =
		    (struct part){ .name = mem_dup(entry->path),
			    .above = m->ntops - 1 };
	}
	m->parts[m->nparts - 1].bytes += bytes;
	m->tops[m->ntops - 1].bytes += bytes;
	m->bytes += bytes;
	return 0;
}

static int
larger(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->bytes < y->bytes ? 1
	    : x->bytes > y->bytes  ? -1
				   : strcmp(x->name, y->name);
}

static void
put_part(struct strbuf *b, const struct part *p, double x, double y, double w,
    double h)
{
	strbuf_puts(b, "<g><title>/");
	put(b, p->name, 0);
	strbuf_puts(b, ", ");
	put_bytes(b, p->bytes);
	strbuf_printf(b,
	    "</title><rect class=\"c%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
	    "height=\"%.1f\"/>",
	    p->above % 4, x, y, w, h);
	if (h >= 14 && w >= 60) {
		strbuf_printf(
		    b, "<text x=\"%.1f\" y=\"%.1f\">/", x + 4, y + 12);
		put(b, p->name, (size_t)(w / 7.5));
		strbuf_puts(b, "</text>");
	}
	strbuf_puts(b, "</g>\n");
}

/* A column for each folder of the root, in it a field for what is inside. */
static void
put_map(struct strbuf *b, struct map *m)
{
	double x = 0;

	strbuf_puts(b, "<h2>Space</h2>\n<p class=\"dim\">");
	put_bytes(b, m->bytes);
	strbuf_printf(b,
	    " in files, by folder.</p>\n<div class=\"wide\" tabindex=\"0\">"
	    "<svg class=\"map\" viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
	    "aria-label=\"Bytes by folder\">\n",
	    WIDTH, HEIGHT);
	if (m->nparts > 1)
		qsort(m->parts, m->nparts, sizeof(*m->parts), larger);
	for (size_t i = 0; i < m->ntops && m->bytes > 0; i++) {
		double w = m->tops[i].bytes / m->bytes * WIDTH, y = 0;

		for (size_t k = 0; k < m->nparts && w >= 1; k++) {
			const struct part *p = &m->parts[k];
			double h = p->bytes / m->tops[i].bytes * HEIGHT;

			if (p->above != i || h < 0.5)
				continue;
			put_part(b, p, x, y, w, h);
			y += h;
		}
		x += w;
	}
	strbuf_puts(b, "</svg></div>\n");
}

/* ---- tables ------------------------------------------------------------------------ */

static void
put_images(struct strbuf *b, const struct value *images)
{
	strbuf_puts(b,
	    "<h2>Images</h2>\n<table><tr><th>File</th><th class=\"n\">Bytes"
	    "</th><th class=\"n\">On disk</th></tr>\n");
	for (uint32_t i = 0; i < images->len; i++) {
		const struct value *v = images->items[i];

		strbuf_puts(b, "<tr><td>");
		put(b, path_base(value_text(v, "path", "")), 0);
		strbuf_puts(b, "</td><td class=\"n\">");
		put_bytes(b, value_to_real(value_get(v, "bytes")));
		strbuf_puts(b, "</td><td class=\"n\">");
		put_bytes(b, value_to_real(value_get(v, "bytes_on_disk")));
		strbuf_puts(b, "</td></tr>\n");
	}
	strbuf_puts(b, "</table>\n");
}

static void
put_layout(struct strbuf *b, const struct layout *l)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist lines = { 0 };

	layout_print(l, &text);
	strlist_split(&lines, strbuf_text(&text), "\n");
	strbuf_puts(b, "<h2>Disk</h2>\n<pre>");
	for (size_t i = 0; i < lines.len; i++) {
		put(b, lines.items[i], 0);
		strbuf_putc(b, '\n');
	}
	strbuf_puts(b, "</pre>\n");
}

static void
put_packages(struct strbuf *b, const struct installed_list *list)
{
	strbuf_printf(b,
	    "<h2>Packages</h2>\n<details><summary>%zu packages</summary>\n"
	    "<table><tr><th>Name</th><th>Version</th><th>Architecture</th>"
	    "</tr>\n",
	    list->len);
	for (size_t i = 0; i < list->len; i++) {
		strbuf_puts(b, "<tr><td>");
		put(b, list->items[i].name, 0);
		strbuf_puts(b, "</td><td>");
		put(b, list->items[i].version, 0);
		strbuf_puts(b, "</td><td>");
		put(b, list->items[i].arch, 0);
		strbuf_puts(b, "</td></tr>\n");
	}
	strbuf_puts(b, "</table></details>\n");
}

static void
put_head(struct strbuf *b, const struct build *build, const struct value *root)
{
	const struct value *elements = value_get(root, "elements");
	const char *name = path_base(build->settings->name);

	strbuf_puts(b, head);
	strbuf_puts(b, "<title>");
	put(b, name, 0);
	strbuf_puts(b, "</title>\n</head>\n<body>\n<h1>");
	put(b, name, 0);
	strbuf_printf(b, "</h1>\n<p>Built in %.1f s, of these elements:",
	    value_to_real(value_get(root, "seconds")));
	for (uint32_t i = 0; i < elements->len; i++) {
		strbuf_puts(b, i > 0 ? ", " : " ");
		put(b, elements->items[i]->text, 0);
	}
	strbuf_puts(b, "</p>\n");
}

int
report_html(const struct build *b, const struct value *root, struct error *e)
{
	own(installed_clear) struct installed_list packages = { 0 };
	own(map_clear) struct map map = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *path = mem_printf("%s.html", b->settings->name);

	if (installed_load(b->tree, &packages, e) == -1 ||
	    tree_walk(AT_FDCWD, b->tree, map_add, &map, e) == -1)
		return error_prefix(e, "%s", path);
	put_head(&text, b, root);
	put_images(&text, value_get(root, "images"));
	put_times(&text, value_get(root, "steps"));
	put_map(&text, &map);
	put_layout(&text, &b->layout);
	put_packages(&text, &packages);
	strbuf_puts(&text, "</body>\n</html>\n");
	return file_replace(AT_FDCWD, path, 0644, text.s, text.len, e);
}
