/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-build: elements to golden image.
 *
 * What is done is chosen by the name that we are called by, or by a verb in
 * the first place; without either, an image is made.
 */
#include <stdio.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/path.h"

struct verb {
	const char *name;
	bool is_name; /* of a link to this program, else the first word */
	int (*run)(int argc, char **argv, struct error *e);
};

static const struct verb verbs[] = {
	{ "disk-image-create", true, image_create },
	{ "ramdisk-image-create", true, image_create },
	{ "element-info", true, element_info },
	{ "diskimage-builder", true, project_verb },
	{ "lint", false, lint_verb },
	{ "new", false, new_verb },
	{ "project", false, project_verb },
	{ "pack", false, image_pack },
	{ "verify", false, image_verify },
	{ "compare", false, image_compare },
	{ "cache", false, cache_verb },
	{ "doctor", false, doctor },
	{ NULL, false, NULL },
};

static const struct verb *
find(const char *name, bool is_name)
{
	for (const struct verb *v = verbs; v->name != NULL; v++)
		if (v->is_name == is_name && strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

int
main(int argc, char **argv)
{
	const char *name = path_base(argv[0]);
	const struct verb *v = find(name, true);
	struct error e = { 0 };
	int status;

	log_open(name, LOG_INFO);
	if (v != NULL) {
		status = v->run(argc, argv, &e);
	} else if (argc > 1 && (v = find(argv[1], false)) != NULL) {
		status = v->run(argc - 1, argv + 1, &e);
	} else {
		status = image_create(argc, argv, &e);
	}
	if (e.text[0] != '\0')
		log_error(&e);
	return status;
}
