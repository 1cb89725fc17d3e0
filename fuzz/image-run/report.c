/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a report: nothing of it may steer a terminal. */
#include <stdint.h>
#include <stdlib.h>

#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/strbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf out = { 0 };
	struct error e;
	struct value *v = doc_parse(d, (const char *)data, size, "report", &e);

	if (v == NULL)
		return 0;
	report_judge(v);
	report_print(v, &out);
	for (size_t i = 0; i < out.len; i++)
		if (((unsigned char)out.s[i] < 0x20 && out.s[i] != '\n' &&
			out.s[i] != '\t') ||
		    out.s[i] == 0x7f)
			abort();
	return 0;
}
