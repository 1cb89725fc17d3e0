/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever stands in package-installs.yaml: an error that names the file, or
 * a plan in which nothing is listed twice.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_list(const struct package_list *l)
{
	for (size_t i = 0; i < l->len; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(l->items[i].name, l->items[k].name) == 0)
				abort();
}

static void
plan(const char *root, const char *file)
{
	own(elements_clear) struct elements all = { 0 };
	own(strlist_clear) struct strlist env = { 0 };
	own(packages_clear) struct package_plan p = { 0 };
	struct element *chosen[1];
	struct build b = { .all = &all, .chosen = chosen, .nchosen = 1 };
	struct error e = { .text = "" };

	strlist_add(&env, "ARCH=amd64");
	strlist_add(&env, "A=b");
	if (elements_index(&all, root, root, &e) == -1)
		abort();
	chosen[0] = elements_find(&all, "x");
	if (packages_plan(&b, &env, &p, &e) == -1) {
		if (strstr(e.text, path_base(file)) == NULL)
			abort();
		return;
	}
	for (int i = 0; i < PACKAGES_N; i++) {
		check_list(&p.install[i]);
		check_list(&p.uninstall[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[] = "/tmp/fuzz-packages.XXXXXX";
	own_free char *element = NULL, *file = NULL;
	struct error e;

	log_open("fuzz", LOG_ERROR);
	if (mkdtemp(dir) == NULL)
		return 0;
	element = path_join(dir, "x");
	file = path_join(element, "package-installs.yaml");
	if (file_mkdirs(AT_FDCWD, element, 0755, &e) == -1 ||
	    file_replace(AT_FDCWD, file, 0644, data, size, &e) == -1)
		abort();
	plan(dir, file);
	if (tree_remove(AT_FDCWD, dir, &e) == -1)
		abort();
	return 0;
}
