/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAME.manifest.json: every file that belongs to the image with its size and
 * digest.  Who trusts the manifest trusts them all, so it is what is signed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

struct manifest {
	const struct build *b;
	struct doc *doc;
	struct value *files;
};

static void
add_file(struct manifest *m, const char *path, uint64_t bytes,
    const uint8_t sum[DIGEST_BYTES])
{
	struct value *v = value_map(m->doc);
	char text[DIGEST_TEXT];

	digest_print(sum, text);
	value_set(m->doc, v, "name", value_string(m->doc, path_base(path)));
	value_set(m->doc, v, "bytes", value_int(m->doc, (long long)bytes));
	value_set(m->doc, v, "sha256", value_string(m->doc, text));
	value_add(m->doc, m->files, v);
}

static int
put(struct manifest *m, const char *ending, const struct value *v, bool listed,
    struct error *e)
{
	own_free char *path = mem_printf("%s.%s", m->b->settings->name, ending);
	own(strbuf_clear) struct strbuf text = { 0 };
	uint8_t sum[DIGEST_BYTES];

	value_print(v, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	digest_buffer(text.s, text.len, sum);
	if (listed)
		add_file(m, path, text.len, sum);
	return file_replace(AT_FDCWD, path, 0644, text.s, text.len, e);
}

/* Who wrote which file, as origins.c left it; a tree that is packed has none. */
static int
add_origins(struct manifest *m, struct error *e)
{
	own_free char *path = mem_printf("%s.origins", m->b->settings->name);
	own(strbuf_clear) struct strbuf text = { 0 };
	uint8_t sum[DIGEST_BYTES];

	if (m->b->written == NULL)
		return 0;
	if (file_read(AT_FDCWD, path, LIMIT_CONTENTS_BYTES, &text, e) == -1)
		return -1;
	digest_buffer(strbuf_text(&text), text.len, sum);
	add_file(m, path, text.len, sum);
	return 0;
}

static int
put_documents(struct manifest *m, const struct strlist *products,
    const struct checksum *sums, struct error *e)
{
	own(installed_clear) struct installed_list packages = { 0 };
	struct value *origin;

	if (installed_load(m->b->tree, &packages, e) == -1)
		return -1;
	origin = provenance(m->doc, m->b, products, sums, e);
	if (origin == NULL ||
	    put(m, "provenance.json", origin, true, e) == -1 ||
	    put(m, "spdx.json", sbom_spdx(m->doc, m->b, &packages), true, e) ==
		-1)
		return -1;
	return put(
	    m, "cdx.json", sbom_cyclonedx(m->doc, m->b, &packages), true, e);
}

static void
add_contents(struct manifest *m)
{
	own_free char *path = mem_printf("%s.contents", m->b->settings->name);
	size_t n = strlen(m->b->contents);
	uint8_t sum[DIGEST_BYTES];

	digest_buffer(m->b->contents, n, sum);
	add_file(m, path, n, sum);
}

/* The root hashes, for who starts the image by a loader of his own. */
static void
add_hashes(struct manifest *m, struct value *root)
{
	struct value *map = value_map(m->doc);

	for (size_t i = 0; i < m->b->layout.nverities; i++) {
		const struct verity *v = &m->b->layout.verities[i];

		if (v->root_hash[0] != '\0')
			value_set(m->doc, map, v->data,
			    value_string(m->doc, v->root_hash));
	}
	if (map->len > 0)
		value_set(m->doc, root, "root_hashes", map);
}

int
manifest_write(const struct build *b, const struct strlist *products,
    const struct checksum *sums, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct manifest m = { .b = b, .doc = d, .files = value_list(d) };
	struct value *root = value_map(d);
	own_free char *path = mem_printf("%s.manifest.json", b->settings->name);

	for (size_t i = 0; i < products->len; i++)
		add_file(&m, products->items[i], sums[i].bytes, sums[i].sha256);
	add_contents(&m);
	if (put_documents(&m, products, sums, e) == -1 ||
	    add_origins(&m, e) == -1)
		return -1;
	value_set(d, root, "version", value_int(d, 1));
	value_set(
	    d, root, "name", value_string(d, path_base(b->settings->name)));
	value_set(d, root, "made", inventory_time(d, b));
	value_set(d, root, "files", m.files);
	add_hashes(&m, root);
	if (put(&m, "manifest.json", root, false, e) == -1)
		return -1;
	return b->settings->sign == NULL
	    ? 0
	    : sign_file(path, b->settings->sign, e);
}
