/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hook printed: the first byte is its exit status, the rest its
 * output.  The answer must be JSON of UTF-8 within the bound.
 */
#include <stdint.h>
#include <stdlib.h>

#include "lib/doc.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"

#define MAX 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf out = { 0 }, json = { 0 };
	struct ending end = { .out = &out, .err = &out };
	struct value *answer;

	if (size == 0)
		return 0;
	strbuf_add(&out, data + 1, size - 1);
	end.status = data[0] & 0x7f;
	end.failure = data[0] & 0x80 ? "killed" : NULL;
	answer = answer_make(d, &end);
	if (end.failure != NULL && answer_is_success(answer))
		abort();
	answer = answer_trim(d, answer, MAX);
	value_print(answer, STYLE_PYTHON, &json);
	if (answer->kind != VALUE_MAP || json.len > MAX)
		abort();
	return 0;
}
