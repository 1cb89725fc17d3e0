/* SPDX-License-Identifier: Apache-2.0 */
/* User data and the like: files of their own beside the documents. */
#include "collect-config/extra.h"

#include "collect-config/mime.h"
#include "collect-config/source.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/gzip.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

/* What Heat sent this machine stands in a part of the user data. */
static void
heat_output(struct round *r, const void *data, size_t n)
{
	own(strbuf_clear) struct strbuf plain = { 0 }, part = { 0 };
	struct value *v;
	struct error e;

	if (gzip_probe(data, n)) {
		if (gzip_inflate(data, n, LIMIT_TEXT_BYTES, &plain, &e) == -1)
			return;
		data = strbuf_text(&plain);
		n = plain.len;
	}
	if (!mime_find(data, n, "cfn-init-data", "text/x-cfninitdata", &part))
		return;
	v = doc_parse(
	    r->doc, strbuf_text(&part), part.len, "cfn-init-data", &e);
	if (v != NULL && v->kind == VALUE_MAP)
		round_output(r, "cfn-init-data", v);
}

void
round_file(struct round *r, struct value *content, const char *suffix,
    const void *data, size_t n)
{
	const char *folder =
	    config_text(r->source->config, "DEFAULT", "cachedir");
	own_free char *name =
	    mem_printf("%s.%s", r->source->kind->name, suffix);
	own_free char *path = path_join(folder, name);
	struct value *v = value_map(r->doc);
	char text[DIGEST_TEXT];

	digest_text(data, n, text);
	value_set(r->doc, v, "file", value_string(r->doc, path));
	value_set(r->doc, v, "sha256", value_string(r->doc, text));
	value_set(r->doc, content, suffix, v);
	r->extras = mem_grow(
	    r->extras, &r->cap_extras, r->n_extras + 1, sizeof(*r->extras));
	r->extras[r->n_extras++] = (struct extra){
		.suffix = suffix, .data = doc_text(r->doc, data, n), .len = n
	};
}

/* The same from a file that an earlier run stored. */
static void
recall_file(struct round *r, const struct value *v)
{
	const struct config *c = r->source->config;
	const char *path = value_text(v, "file", NULL);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;

	if (path != NULL && value_get(v, "sha256") != NULL &&
	    file_read(config_root(c), config_at(c, path), LIMIT_TEXT_BYTES,
		&text, &e) == 0)
		heat_output(r, text.s, text.len);
}

void
extra_outputs(struct round *r, const struct value *content)
{
	for (size_t i = 0; i < r->n_extras; i++)
		heat_output(r, r->extras[i].data, r->extras[i].len);
	if (!r->recalled || content->kind != VALUE_MAP)
		return;
	for (size_t i = 0; i < content->len; i++)
		recall_file(r, value_member(content, i).value);
}

int
extra_store(const struct round *r, int dir, struct error *e)
{
	for (size_t i = 0; i < r->n_extras; i++) {
		const struct extra *x = &r->extras[i];
		own_free char *name =
		    mem_printf("%s.%s", r->source->kind->name, x->suffix);

		if (file_replace(dir, name, 0600, x->data, x->len, e) == -1)
			return -1;
	}
	return 0;
}
