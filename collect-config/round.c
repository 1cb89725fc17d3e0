/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds, and what the steps of all kinds share. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/deployments.h"
#include "collect-config/extra.h"
#include "collect-config/source.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/yaml.h"

struct round *
round_new(struct source *s)
{
	struct round *r = mem_alloc(sizeof(*r));

	r->source = s;
	r->doc = doc_new();
	return r;
}

static void
ask_clear(struct ask *a)
{
	free(a->url);
	strlist_clear(&a->headers);
	strbuf_clear(&a->body);
	*a = (struct ask){ 0 };
}

void
round_free(struct round *r)
{
	if (r == NULL)
		return;
	doc_free(r->doc);
	ask_clear(&r->ask);
	http_reply_clear(&r->reply);
	free(r->outputs);
	free(r->extras);
	strlist_clear(&r->learned);
	strlist_clear(&r->folders);
	strlist_clear(&r->argv);
	strlist_clear(&r->outgoing);
	strbuf_clear(&r->line);
	free(r);
}

enum step
round_step(struct round *r)
{
	r->result = r->source->kind->step(r, &r->error);
	return r->result;
}

enum step
round_get(struct round *r, const char *fmt, ...)
{
	va_list ap;

	ask_clear(&r->ask);
	va_start(ap, fmt);
	if (vasprintf(&r->ask.url, fmt, ap) == -1)
		abort();
	va_end(ap);
	return STEP_ASK;
}

void
round_header(struct round *r, const char *fmt, ...)
{
	va_list ap;
	char *header;

	va_start(ap, fmt);
	if (vasprintf(&header, fmt, ap) == -1)
		abort();
	va_end(ap);
	strlist_take(&r->ask.headers, header);
}

void
round_tls(struct round *r)
{
	r->ask.ca_file = round_text(r, "ca_file");
	r->ask.cert_file = round_text(r, "cert_file");
	r->ask.key_file = round_text(r, "key_file");
}

size_t
url_length(const char *url)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	return n;
}

int
round_check(const struct round *r, struct error *e)
{
	own_free char *shown = NULL;

	if (r->reply.status == 0) {
		*e = r->failure;
		return -1;
	}
	if (r->reply.status >= 200 && r->reply.status <= 299)
		return 0;
	shown = http_redacted(r->ask.url);
	return error_set(e, EPROTO, "%s: answered %ld", shown, r->reply.status);
}

struct value *
round_body(struct round *r, struct error *e)
{
	own_free char *shown = http_redacted(r->ask.url);
	struct value *v;

	if (round_check(r, e) == -1)
		return NULL;
	v = doc_parse(
	    r->doc, strbuf_text(&r->reply.body), r->reply.body.len, shown, e);
	if (v != NULL && v->kind != VALUE_MAP) {
		error_set(e, EPROTO, "%s: is %s, not a map", shown,
		    value_kind_name(v));
		return NULL;
	}
	return v;
}

/*
 * FNV-1a, 64 bits: enough to tell whether a server's answer is what it was,
 * and much less to keep in memory than a cryptographic library.
 */
static uint64_t
fingerprint(const uint8_t *p, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

bool
round_is_new(struct round *r, const void *data, size_t n)
{
	const char *last = round_memory(r, "body");
	own_free char *now = mem_printf(
	    "%zu %016llx", n, (unsigned long long)fingerprint(data, n));

	round_learn(r, "body", now);
	return last == NULL || strcmp(last, now) != 0;
}

struct value *
round_value(struct round *r, const char *text, size_t n, const char *name,
    struct error *e)
{
	struct value *v = doc_parse(r->doc, text, n, name, e);

	return v != NULL ? v : yaml_parse(r->doc, text, n, name, e);
}

struct value *
round_parse(struct round *r, const char *text, size_t n, const char *name,
    struct error *e)
{
	struct value *v = round_value(r, text, n, name, e);

	if (v != NULL && v->kind != VALUE_MAP) {
		error_set(e, EPROTO, "%s: is %s, not a map", name,
		    value_kind_name(v));
		return NULL;
	}
	return v;
}

enum step
round_finish(struct round *r, struct value *content)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(content, STYLE_PYTHON, &text);
	if (!round_is_new(r, text.s, text.len))
		return STEP_SAME;
	round_content(r, content);
	return STEP_DONE;
}

enum step
round_take(struct round *r, struct error *e)
{
	struct value *v;

	if (round_check(r, e) == -1)
		return STEP_FAILED;
	if (!round_is_new(r, r->reply.body.s, r->reply.body.len))
		return STEP_SAME;
	v = round_body(r, e);
	if (v == NULL)
		return STEP_FAILED;
	round_content(r, v);
	return STEP_DONE;
}

void
round_output(struct round *r, const char *name, const struct value *v)
{
	size_t i = 0;

	while (i < r->len && strcmp(r->outputs[i].name, name) != 0)
		i++;
	if (i < r->len) {
		memmove(&r->outputs[i], &r->outputs[i + 1],
		    (r->len - i - 1) * sizeof(*r->outputs));
		r->len--;
	}
	r->outputs =
	    mem_grow(r->outputs, &r->cap, r->len + 1, sizeof(*r->outputs));
	r->outputs[r->len++] =
	    (struct output){ .name = doc_text(r->doc, name, strlen(name)),
		    .value = v };
}

void
round_content(struct round *r, const struct value *v)
{
	round_output(r, r->source->kind->name, v);
	if (r->source->kind->deployments)
		deployments_output(r, v);
	extra_outputs(r, v);
}

const char *
round_memory(const struct round *r, const char *name)
{
	return strlist_env_get(&r->source->memory, name);
}

void
round_learn(struct round *r, const char *name, const char *value)
{
	strlist_env_set(&r->learned, name, value);
}

const char *
round_text(const struct round *r, const char *name)
{
	const char *text =
	    config_text(r->source->config, r->source->kind->name, name);

	return text != NULL && *text != '\0' ? text : NULL;
}

unsigned
round_number(const struct round *r, const char *name)
{
	double n =
	    config_number(r->source->config, r->source->kind->name, name);

	return n < 1 ? 1 : n > 86400 ? 86400 : (unsigned)n;
}
