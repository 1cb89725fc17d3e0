/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any block-device description is refused, or places its partitions one after
 * the other within the disk.
 */
#include "image-build/layout.h"

#include <stdlib.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* They overlap neither each other nor the end. */
static void
check_disk(const struct disk *disk)
{
	for (size_t i = 0; i < disk->npartitions; i++) {
		const struct partition *p = &disk->partitions[i];

		if (p->bytes > disk->bytes || p->start > disk->bytes - p->bytes)
			abort();
		for (size_t k = 0; k < i; k++) {
			const struct partition *q = &disk->partitions[k];

			if (q->start + q->bytes > p->start &&
			    p->start + p->bytes > q->start)
				abort();
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct layout_defaults defaults = { .root_type = "ext4",
		.seed = "x" };
	ownp(doc_free) struct doc *d = doc_new();
	own(layout_clear) struct layout l = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	const struct value *v;
	struct error e;

	v = yaml_parse(d, (const char *)data, size, "input", &e);
	if (v == NULL || layout_parse(&l, v, "input", &defaults, &e) == -1)
		return 0;
	for (size_t i = 0; i < l.nfilesystems; i++)
		l.filesystems[i].content = 5000000;
	if (layout_compute(&l, 0, &e) == -1)
		return 0;
	for (size_t i = 0; i < l.ndisks; i++)
		check_disk(&l.disks[i]);
	layout_fstab(&l, &text);
	layout_print(&l, &text);
	layout_devices(&l, "/dev/x", &text);
	return 0;
}
