/* SPDX-License-Identifier: Apache-2.0 */
/* Headers, then parts between lines that begin with the boundary. */
#include "collect-config/mime.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/encode.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define PARTS 1000
#define DEPTH 4 /* multiparts within multiparts */
#define HEADER_BYTES 4096

struct span {
	const char *s;
	size_t n;
};

struct wanted {
	const char *filename, *type;
	struct strbuf *out;
};

/* Take the next line, without its line end, off text. */
static bool
take_line(struct span *text, struct span *line)
{
	const char *lf;

	if (text->n == 0)
		return false;
	lf = memchr(text->s, '\n', text->n);
	line->s = text->s;
	line->n = lf != NULL ? (size_t)(lf - text->s) : text->n;
	text->n -= line->n + (lf != NULL);
	text->s += line->n + (lf != NULL);
	if (line->n > 0 && line->s[line->n - 1] == '\r')
		line->n--;
	return true;
}

/*
 * Take the headers off text and add them to b, each on a line of its own,
 * folded ones joined.
 */
static void
take_headers(struct span *text, struct strbuf *b)
{
	struct span line;

	while (take_line(text, &line) && line.n > 0) {
		if (*line.s != ' ' && *line.s != '\t')
			strbuf_putc(b, '\n');
		if (b->len + line.n < HEADER_BYTES)
			strbuf_add(b, line.s, line.n);
	}
	strbuf_putc(b, '\n');
}

/* The value of a header, the caller's, or NULL. */
static char *
header(const struct strbuf *headers, const char *name)
{
	const char *s = strbuf_text(headers);
	size_t n = strlen(name);

	while ((s = strchr(s, '\n')) != NULL) {
		s++;
		if (strncasecmp(s, name, n) == 0 && s[n] == ':') {
			s += n + 1;
			s += strspn(s, " \t");
			return mem_dupn(s, strcspn(s, "\n"));
		}
	}
	return NULL;
}

/* The parameter name="value" or name=value of a header, or NULL. */
static char *
parameter(const char *value, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = value; (s = strchr(s, ';')) != NULL;) {
		s++;
		s += strspn(s, " \t");
		if (strncasecmp(s, name, n) != 0 || s[n] != '=')
			continue;
		s += n + 1;
		if (*s == '"')
			return mem_dupn(s + 1, strcspn(s + 1, "\""));
		return mem_dupn(s, strcspn(s, "; \t"));
	}
	return NULL;
}

/* Whether line is the boundary; *last tells whether it ends the parts. */
static bool
is_boundary(struct span line, const char *boundary, bool *last)
{
	size_t n = strlen(boundary);

	if (line.n < n + 2 || memcmp(line.s, "--", 2) != 0 ||
	    memcmp(line.s + 2, boundary, n) != 0)
		return false;
	*last = line.n >= n + 4 && memcmp(line.s + 2 + n, "--", 2) == 0;
	return true;
}

static void
decode(struct span body, const char *encoding, struct strbuf *b)
{
	struct error e;

	if (encoding == NULL || strcasecmp(encoding, "base64") != 0 ||
	    base64_decode(body.s, body.n, b, &e) == -1)
		strbuf_add(b, body.s, body.n);
}

static bool
is_type(const char *value, const char *type)
{
	size_t n = strlen(type);

	return value != NULL && strncasecmp(value, type, n) == 0 &&
	    (value[n] == '\0' || value[n] == ';' || value[n] == ' ');
}

static bool search(struct span text, const struct wanted *w, unsigned depth);

/* Whether one part is the one, or holds it. */
static bool
one_part(struct span part, const struct wanted *w, unsigned depth)
{
	own(strbuf_clear) struct strbuf headers = { 0 };
	struct span body = part;
	own_free char *type = NULL, *place = NULL, *encoding = NULL,
		      *name = NULL;

	take_headers(&body, &headers);
	type = header(&headers, "content-type");
	place = header(&headers, "content-disposition");
	encoding = header(&headers, "content-transfer-encoding");
	if (place != NULL)
		name = parameter(place, "filename");
	if ((name != NULL && strcmp(name, w->filename) == 0) ||
	    is_type(type, w->type)) {
		decode(body, encoding, w->out);
		return true;
	}
	return type != NULL && strncasecmp(type, "multipart/", 10) == 0 &&
	    search(part, w, depth + 1);
}

static bool
search(struct span text, const struct wanted *w, unsigned depth)
{
	own(strbuf_clear) struct strbuf headers = { 0 };
	own_free char *type = NULL, *boundary = NULL;
	struct span line, part = { 0 };
	bool last = false;

	if (depth > DEPTH)
		return false;
	take_headers(&text, &headers);
	type = header(&headers, "content-type");
	if (type == NULL || strncasecmp(type, "multipart/", 10) != 0)
		return false;
	boundary = parameter(type, "boundary");
	if (boundary == NULL || *boundary == '\0')
		return false;
	for (unsigned i = 0; i < PARTS && !last;) {
		if (!take_line(&text, &line))
			break;
		if (!is_boundary(line, boundary, &last))
			continue;
		if (part.s != NULL) {
			part.n = (size_t)(line.s - part.s);
			if (one_part(part, w, depth))
				return true;
		}
		part.s = text.s;
		i++;
	}
	return false;
}

bool
mime_find(const char *text, size_t n, const char *filename, const char *type,
    struct strbuf *b)
{
	const struct wanted w = {
		.filename = filename, .type = type, .out = b
	};

	return search((struct span){ text, n }, &w, 0);
}
