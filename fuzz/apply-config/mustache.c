/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any template with any data: it compiles or not, renders or not, twice the
 * same, and watching it changes nothing.  The input is options, a template, a
 * document and a partial, with bytes 0xff between them.
 */
#include "apply-config/mustache.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "apply-config/reads.h"
#include "apply-config/secrets.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define STEPS 2000 /* soon enough for an engine that is in a hurry */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part {
	const char *s;
	size_t len;
};

static struct part
next_part(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *start = *at,
		      *stop = memchr(start, 0xff, (size_t)(end - start));
	struct part p = { (const char *)start,
		(size_t)((stop == NULL ? end : stop) - start) };

	*at = stop == NULL ? end : stop + 1;
	return p;
}

static struct mustache *
compiled(struct part p, const struct mustache_dialect *d)
{
	struct error e;

	return mustache_compile("t", mem_dupn(p.s, p.len), p.len, d, &e);
}

/* Every name but "none" is the partial. */
static int
partial(void *ctx, const char *name, size_t len, struct mustache **m,
    struct error *e)
{
	(void)e;
	*m = len == 4 && memcmp(name, "none", 4) == 0 ? NULL : ctx;
	return 0;
}

static void
check_watched(const struct spans *spans, const struct reads *reads,
    const struct strbuf *out)
{
	size_t n, end = 0;
	const uint32_t *marks = reads_marked(reads, &n);

	for (size_t i = 0; i < spans->len; i++) {
		if (spans->items[i].start < end ||
		    spans->items[i].len > out->len - spans->items[i].start)
			abort();
		end = spans->items[i].start + spans->items[i].len;
	}
	for (size_t i = 0; i < n; i++)
		if (marks[i] / 2 >= reads_count(reads))
			abort();
}

static void
render(struct mustache *m, struct mustache_job job)
{
	own(strbuf_clear) struct strbuf once = { 0 }, twice = { 0 };
	own(spans_clear) struct spans spans = { 0 };
	own(strlist_clear) struct strlist missing = { 0 };
	ownp(reads_free) struct reads *reads = reads_new();
	struct error e;
	int a = mustache_render(m, &job, &once, &e), b;

	job.reads = reads;
	job.spans = &spans;
	job.missing = &missing;
	reads_begin(reads);
	b = mustache_render(m, &job, &twice, &e);
	if (a != b || (a == -1 && *e.text == '\0'))
		abort();
	if (a == 0 &&
	    (once.len != twice.len ||
		memcmp(strbuf_text(&once), strbuf_text(&twice), once.len) != 0))
		abort();
	if (a == 0)
		check_watched(&spans, reads, &twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data + 1, *end = data + size;
	ownp(doc_free) struct doc *d = doc_new();
	static struct strlist words;
	static struct secrets secrets;
	struct mustache_dialect dialect = { .secrets = &secrets };
	struct mustache_job job = { .partial = partial, .steps = STEPS };
	struct part text, json, other;
	struct mustache *m, *p;
	struct error e;

	if (size < 1)
		return 0;
	if (words.len == 0) {
		secrets_usual(&words);
		secrets_init(&secrets, &words);
	}
	dialect.extended = data[0] & 1;
	job.html = data[0] & 2;
	job.indexes = data[0] & 4;
	text = next_part(&at, end);
	json = next_part(&at, end);
	other = next_part(&at, end);
	job.root = doc_parse(d, json.s, json.len, "json", &e);
	if (job.root == NULL)
		job.root = value_map(d);
	m = compiled(text, &dialect);
	p = compiled(other, &dialect);
	job.ctx = p != NULL ? p : m;
	if (m != NULL)
		render(m, job);
	mustache_free(m);
	mustache_free(p);
	return 0;
}
