/* SPDX-License-Identifier: Apache-2.0 */
/* svc-map: which name a service has on which distribution. */
#include <fcntl.h>
#include <stdlib.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static char root[] = "/tmp/services.XXXXXX";

/* The merged text of two elements' maps, or the error after the path. */
static char *
merged(const char *one, const char *two, const char *distro)
{
	const char *const texts[] = { one, two };
	struct element elements[2] = { 0 }, *chosen[2];
	struct build b = { .chosen = chosen };
	struct strbuf out = { 0 };
	struct error e;

	for (size_t i = 0; i < 2; i++) {
		own_free char *file = NULL;

		elements[i].name = mem_printf("e%zu", i + 1);
		elements[i].path = path_join(root, elements[i].name);
		chosen[i] = &elements[i];
		file = path_join(elements[i].path, "svc-map");
		CHECK(file_mkdirs(AT_FDCWD, elements[i].path, 0755, &e) == 0);
		if (texts[i] == NULL)
			continue;
		b.nchosen = i + 1;
		CHECK(file_replace(AT_FDCWD, file, 0644, texts[i],
			  strlen(texts[i]), &e) == 0);
	}
	if (services_map(&b, distro, &out, &e) == -1) {
		const char *s = strstr(e.text, "svc-map: ");

		strbuf_cut(&out, 0);
		strbuf_puts(&out, s != NULL ? s + 9 : e.text);
	}
	for (size_t i = 0; i < 2; i++) {
		free(elements[i].name);
		free(elements[i].path);
	}
	return strbuf_take(&out);
}

int
main(void)
{
	static const char web[] = "web: {redhat: httpd, default: apache2}\n"
				  "dns: {ubuntu: bind9, debian: named}\n"
				  "same:\n"
				  "none: {suse: x}\n";
	static const char key[] = "key: {fedora: one, redhat: two}\n";
	static const struct {
		const char *one, *two, *distro, *want;
	} all[] = {
		/* The distribution, else its family, else the default. */
		{ web, key, "fedora",
		    "web: httpd\ndns: dns\nsame: same\nnone: none\nkey: "
		    "one\n" },
		{ web, key, "rhel",
		    "web: httpd\ndns: dns\nsame: same\nnone: none\nkey: "
		    "two\n" },
		{ web, key, "ubuntu",
		    "web: apache2\ndns: bind9\nsame: same\nnone: none\nkey: "
		    "key\n" },
		{ web, key, "debian",
		    "web: apache2\ndns: named\nsame: same\nnone: none\nkey: "
		    "key\n" },
		{ web, NULL, "opensuse",
		    "web: apache2\ndns: dns\nsame: same\nnone: x\n" },
		/* Families that packages have and services have not. */
		{ web, NULL, "rocky",
		    "web: apache2\ndns: dns\nsame: same\nnone: none\n" },
		{ web, "web: {default: x}\n", "debian",
		    "web already found in services list" },
		{ "- a\n", NULL, "debian", "wants a map, not a list" },
		{ "a: b\n", NULL, "debian", "a: wants a map, not a string" },
		{ "a: {debian: [b, c]}\n", NULL, "ubuntu",
		    "a: debian: wants a string, not a list" },
		{ key, NULL, "rhel7", "key: two\n" },
	};

	if (mkdtemp(root) == NULL)
		return 1;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		own_free char *got =
		    merged(all[i].one, all[i].two, all[i].distro);

		CHECK_STR(got, all[i].want);
	}
	CHECK(tree_remove(AT_FDCWD, root, &(struct error){ 0 }) == 0);
	return check_result();
}
