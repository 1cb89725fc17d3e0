/* SPDX-License-Identifier: Apache-2.0 */
/* One key of the metadata, as os-apply-config prints it. */
#include "apply-config/query.h"

#include <errno.h>
#include <string.h>

#include "apply-config/secrets.h"
#include "apply-config/values.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/python.h"
#include "lib/strbuf.h"
#include "lib/utf8.h"

/* The names of the files as Python prints a list of strings. */
static void
add_files(const struct strlist *files, struct strbuf *b)
{
	strbuf_putc(b, '[');
	for (size_t i = 0; i < files->len; i++) {
		if (i > 0)
			strbuf_puts(b, ", ");
		python_repr_text(files->items[i], strlen(files->items[i]), b);
	}
	strbuf_putc(b, ']');
}

static bool
is_secret(const struct query *q, const struct value *v)
{
	const char *s = q->key;

	for (; *s != '\0'; s += s[0] == '.') {
		size_t n = strcspn(s, ".");

		if (secrets_match(q->secrets, s, n))
			return true;
		s += n;
	}
	return secrets_within(q->secrets, v);
}

static int
missing(const struct query *q, struct strbuf *b, struct error *e)
{
	own(strbuf_clear) struct strbuf files = { 0 };

	if (q->fallback != NULL) {
		strbuf_puts(b, q->fallback);
		strbuf_putc(b, '\n');
		return 0;
	}
	add_files(q->files, &files);
	return error_set(e, ENOENT, "key %s does not exist in %s", q->key,
	    strbuf_text(&files));
}

int
query_key(const struct query *q, const struct value *root, struct strbuf *b,
    struct error *e)
{
	const struct value *v = values_lookup(root, q->key);
	own(strbuf_clear) struct strbuf text = { 0 };
	int fits;

	if (v == NULL)
		return missing(q, b, e);
	fits = values_has_type(v, q->type, e);
	if (fits == -1)
		return -1;
	if (fits == 0) {
		if (is_secret(q, v))
			strbuf_puts(&text, "***");
		else
			python_str(v, &text);
		return error_set(e, EINVAL,
		    "cannot interpret value '%.800s' as type %s",
		    strbuf_text(&text), q->type);
	}
	values_print(v, b);
	strbuf_putc(b, '\n');
	if (!utf8_valid(b->s, b->len))
		return error_set(e, EILSEQ,
		    "%s: half of a surrogate pair is in the text", q->key);
	return 0;
}

int
query_boolean(const struct value *root, const char *key)
{
	const struct value *v = values_lookup(root, key);

	if (v == NULL || v->kind != VALUE_BOOL)
		return 255;
	return v->truth ? 0 : 1;
}
