/* SPDX-License-Identifier: Apache-2.0 */
/* A deployment: whatever Heat's metadata may hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/python.h"
#include "refresh-config/deploy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf b = { 0 };
	own_free char *name = NULL;
	struct error e;
	struct item item;
	struct value *v = doc_parse(d, (const char *)data, size, "fuzz", &e);

	if (v == NULL || item_read(d, v, &item, &e) == -1)
		return 0;
	name = outbox_name(item.id);
	if (!path_is_name(name))
		abort();
	item_select(&item);
	item_text(&item, "deploy_signal_id", "");
	python_str(item.root, &b);
	strbuf_cut(&b, 0);
	value_print(item.root, STYLE_PYTHON, &b);
	return 0;
}
