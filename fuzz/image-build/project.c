/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any YAML is refused with its source's name, or is images whose commands
 * can be printed, each with the name that it was given.
 */
#include "image-build/project.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_image(const struct value *image)
{
	own(project_command_clear) struct project_command c = { 0 };
	own_free char *line = NULL;

	project_command(image, true, &c);
	line = project_command_line(&c);
	if (strstr(line, c.program) == NULL || !strlist_has(&c.args, "-o"))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *images = value_list(d);
	struct error e = { .text = "" };
	const struct value *v =
	    yaml_parse(d, (const char *)data, size, "input", &e);

	if (v == NULL)
		return 0;
	if (project_add(d, images, v, "input", &e) == -1) {
		if (strstr(e.text, "input: ") == NULL)
			abort();
		return 0;
	}
	for (uint32_t i = 0; i < images->len; i++)
		check_image(images->items[i]);
	return 0;
}
