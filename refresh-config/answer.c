/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a hook printed to what Heat gets.  JSON on standard output is
 * the answer, whatever the exit status says; anything else is sent as the
 * output that it is.  A hook that did not end by itself has failed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/utf8.h"
#include "refresh-config/deploy.h"

#define STDOUT "deploy_stdout"
#define STDERR "deploy_stderr"
#define CODE "deploy_status_code"
#define MARK_BYTES 64 /* what the note about trimmed text may take */

void
answer_keep(struct strbuf *tail, const char *data, size_t n, size_t max)
{
	if (n > max) {
		data += n - max;
		n = max;
	}
	if (tail->len + n > 2 * max) {
		size_t drop = tail->len - max;

		memmove(tail->s, tail->s + drop, max);
		strbuf_cut(tail, max);
	}
	strbuf_add(tail, data, n);
}

/* The map that it printed, or NULL. */
static struct value *
parse(struct doc *d, const struct strbuf *out)
{
	own(strbuf_clear) struct strbuf clean = { 0 };
	struct error not_json;
	struct value *v;

	utf8_clean(&clean, strbuf_text(out), out->len);
	v = doc_parse(d, strbuf_text(&clean), clean.len, "answer", &not_json);
	return v != NULL && v->kind == VALUE_MAP ? v : NULL;
}

bool
answer_is_success(const struct value *answer)
{
	const struct value *code = value_get(answer, CODE);
	long long n;

	if (code == NULL || code->kind == VALUE_NULL)
		return true;
	if (code->kind == VALUE_STRING)
		return strcmp(code->text, "0") == 0;
	return value_to_int(code, &n) && n == 0;
}

/* Say why it failed, after what it said itself. */
static void
add_failure(struct doc *d, struct value *answer, const struct ending *end)
{
	const char *said = value_text(answer, STDERR, "");
	size_t n = strlen(said);
	own_free char *text = mem_printf("%s%s%s\n", said,
	    n > 0 && said[n - 1] != '\n' ? "\n" : "", end->failure);

	value_set(d, answer, STDERR, value_string(d, text));
	if (answer_is_success(answer))
		value_set(d, answer, CODE,
		    value_int(d, end->status ? end->status : 1));
}

struct value *
answer_make(struct doc *d, const struct ending *end)
{
	struct value *answer;

	if (end->out->len == 0 && end->status == 0 && end->failure == NULL)
		return value_map(d);
	answer = parse(d, end->out);
	if (answer == NULL) {
		answer = value_map(d);
		value_set(d, answer, STDOUT,
		    value_foreign(d, strbuf_text(end->out), end->out->len));
		value_set(d, answer, STDERR,
		    value_foreign(d, strbuf_text(end->err), end->err->len));
		value_set(d, answer, CODE, value_int(d, end->status));
	}
	if (end->status != 0 && value_get(answer, CODE) == NULL)
		value_set(d, answer, CODE, value_int(d, end->status));
	if (end->failure != NULL)
		add_failure(d, answer, end);
	return answer;
}

/* ---- to size ----------------------------------------------------------- */

static size_t
printed_size(const struct value *v)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	value_print(v, STYLE_PYTHON, &b);
	return b.len;
}

/* Bytes that a character takes in JSON with ASCII escapes. */
static size_t
escaped_size(uint32_t code)
{
	if (code >= 0x10000)
		return 12;
	if (code == '"' || code == '\\' || code == '\n' || code == '\r' ||
	    code == '\t' || code == '\b' || code == '\f')
		return 2;
	return code < 0x20 || code >= 0x7f ? 6 : 1;
}

/* The text without its beginning, at least so many escaped bytes of it. */
static struct value *
trim_left(struct doc *d, const struct value *v, size_t drop)
{
	own(strbuf_clear) struct strbuf rest = { 0 };
	const char *s = v->text, *end = s + v->len;
	size_t dropped = 0;

	drop += MARK_BYTES;
	while (s < end && dropped < drop) {
		uint32_t code;

		s += utf8_decode(s, (size_t)(end - s), &code);
		dropped += escaped_size(code);
	}
	strbuf_printf(&rest, "[%zu bytes trimmed]\n", (size_t)(s - v->text));
	strbuf_add(&rest, s, (size_t)(end - s));
	return value_stringn(d, rest.s, rest.len);
}

static bool
is_output(const char *name)
{
	return strcmp(name, STDOUT) == 0 || strcmp(name, STDERR) == 0;
}

static bool
is_trimmed(struct member m, bool outputs)
{
	return m.value->kind == VALUE_STRING && (!outputs || is_output(m.name));
}

/* The sum of n sizes when each is cut to at most so many. */
static size_t
cut_size(const size_t *sizes, size_t n, size_t most)
{
	size_t all = 0;

	for (size_t i = 0; i < n; i++)
		all += sizes[i] < most ? sizes[i] : most;
	return all;
}

/* The most that each may have so that together they lose that many. */
static size_t
cut_level(const size_t *sizes, size_t n, size_t over)
{
	size_t all = cut_size(sizes, n, SIZE_MAX), low = 0, high = all;

	while (low < high) {
		size_t middle = low + (high - low + 1) / 2;

		if (cut_size(sizes, n, middle) + over <= all)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/*
 * Take at least so many bytes from all texts (or from the two outputs).  The
 * long ones are cut to the same size, so that a short one stays whole.
 */
static void
trim_texts(struct doc *d, struct value *answer, size_t over, bool outputs)
{
	own_free size_t *sizes =
	    mem_resize(NULL, answer->len + 1, sizeof(*sizes));
	size_t level;

	for (uint32_t i = 0; i < answer->len; i++) {
		const struct member m = value_member(answer, i);

		sizes[i] = is_trimmed(m, outputs) ? printed_size(m.value) : 0;
	}
	level = cut_level(sizes, answer->len, over);
	for (uint32_t i = 0; i < answer->len; i++) {
		const struct member m = value_member(answer, i);

		if (sizes[i] > level)
			value_set(d, answer, m.name,
			    trim_left(d, m.value, sizes[i] - level));
	}
}

static struct value *
too_large(struct doc *d, size_t size, size_t max)
{
	own_free char *why = mem_printf(
	    "The answer has %zu bytes that cannot be trimmed; Heat takes "
	    "%zu.\n",
	    size, max);
	struct value *v = value_map(d);

	value_set(d, v, STDOUT, value_string(d, ""));
	value_set(d, v, STDERR, value_string(d, why));
	value_set(d, v, CODE, value_int(d, 1));
	return v;
}

struct value *
answer_trim(struct doc *d, struct value *answer, size_t max)
{
	/* First the two outputs, then every text there is. */
	for (int outputs = 1; outputs >= 0; outputs--) {
		size_t size = printed_size(answer);

		if (size <= max)
			return answer;
		trim_texts(d, answer, size - max, outputs == 1);
	}
	size_t size = printed_size(answer);
	return size <= max ? answer : too_large(d, size, max);
}
