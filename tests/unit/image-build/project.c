/* SPDX-License-Identifier: Apache-2.0 */
/* Project files: what each key becomes, how entries merge, what is refused. */
#include "image-build/project.h"

#include <stdlib.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"
#include "tests/unit/check.h"

/* The command lines of the files, "; " between, or the error. */
static char *
lines(const char *const *files)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *images = value_list(d);
	struct strbuf out = { 0 };
	struct error e;

	for (; *files != NULL; files++) {
		const struct value *v =
		    yaml_parse(d, *files, strlen(*files), "f", &e);

		if (v == NULL || project_add(d, images, v, "f", &e) == -1) {
			strbuf_puts(&out, e.text);
			return strbuf_take(&out);
		}
	}
	for (uint32_t i = 0; i < images->len; i++) {
		own(project_command_clear) struct project_command c = { 0 };
		own_free char *line = NULL;

		project_command(images->items[i], true, &c);
		line = project_command_line(&c);
		strbuf_printf(&out, "%s%s", i > 0 ? "; " : "", line);
	}
	return strbuf_take(&out);
}

static void
one_file_gives(const char *yaml, const char *want)
{
	const char *const files[] = { yaml, NULL };
	own_free char *got = lines(files);

	CHECK_STR(got, want);
}

#define D "disk-image-create "

static void
keys_become_options(void)
{
	static const struct {
		const char *yaml, *want;
	} all[] = {
		{ "- {}\n", D "-o image" },
		{ "[]\n", "" },
		{ "- {imagename: a, arch: arm64, types: [raw, qcow2]}\n",
		    D "-a arm64 -o a -t raw,qcow2" },
		{ "- {environment: {A: x y, B: \"it's\", C: ''}}\n",
		    "A='x y' B='it'\\''s' C='' " D "-o image" },
		{ "- {ramdisk: true, ramdisk-element: r}\n",
		    "ramdisk-image-create -o image --ramdisk-element r" },
		{ "- {ramdisk: false, debug-trace: 0}\n", D "-o image" },
		{ "- {debug-trace: 2, uncompressed: yes, checksum: true}\n",
		    D "-o image -x -x -u --checksum" },
		{ "- {clear: true}\n",
		    "env -i HOME=\"$HOME\" PATH=\"$PATH\" " D "-o image" },
		{ "- {image-size: 3, image-extra-size: 4, min-tmpfs: 5,\n"
		  "   max-online-resize: 274877906944, mkfs-journal-size: 6}\n",
		    D "-o image --image-size 3 --image-extra-size 4 "
		      "--max-online-resize 274877906944 --min-tmpfs 5 "
		      "--mkfs-journal-size 6" },
		{ "- {logfile: l, image-cache: c, mkfs-options: -i 1,\n"
		  "   root-label: r, docker-target: 'a:b'}\n",
		    D "-o image --logfile l --image-cache c --mkfs-options "
		      "'-i 1' --root-label r --docker-target a:b" },
		{ "- {no-tmpfs: true, offline: true, skip-base: true,\n"
		  "   install-type: package, qemu-img-options: {a: b, c: d}}\n",
		    D "-o image --no-tmpfs --offline --qemu-img-options "
		      "a=b,c=d --install-type package -n" },
		{ "- {packages: [p, q], elements: [x, y z]}\n",
		    D "-o image -p p,q -- x 'y z'" },
		{ "- {packages: [], types: []}\n", D "-o image" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		one_file_gives(all[i].yaml, all[i].want);
}

static void
entries_merge(void)
{
	static const char *const two[] = {
		"- {imagename: a, elements: [x], environment: {A: b, C: d}}\n"
		"- {imagename: b, arch: amd64, elements: [q]}\n",
		"- {arch: arm64}\n"
		"- {imagename: a, elements: [y], environment: {C: e, F: g}}\n"
		"- {packages: [p]}\n",
		NULL
	};
	own_free char *got = lines(two);

	CHECK_STR(
	    got, "A=b C=e F=g " D "-o a -p p -- x y; " D "-a arm64 -o b -- q");
	one_file_gives("- {arch: amd64}\n- {imagename: b}\n- {offline: true}\n",
	    D "-a amd64 -o image; " D "-o b --offline");
}

static void
the_schema_is_strict(void)
{
	static const struct {
		const char *yaml, *want;
	} all[] = {
		{ "a: b\n", "f: wants a list of images, not a map" },
		{ "- a\n", "f: entry 1: wants a map, not a string" },
		{ "- {}\n- {image: a}\n", "f: entry 2: no such key: image" },
		{ "- {imagename: 5}\n",
		    "f: entry 1: imagename: wants text (in quotes), not a "
		    "number" },
		{ "- {environment: {A: 1}}\n",
		    "A: f: entry 1: environment: wants text (in quotes), not "
		    "a number" },
		{ "- {environment: {'A=': x}}\n",
		    "f: entry 1: environment: \"A=\" cannot be a name" },
		{ "- {environment: [A]}\n",
		    "f: entry 1: environment: wants a map, not a list" },
		{ "- {arch: vax}\n",
		    "f: entry 1: arch: \"vax\" is none of aarch64 amd64 arm64 "
		    "armhf powerpc ppc64 ppc64el ppc64le s390x x86_64" },
		{ "- {types: raw}\n",
		    "f: entry 1: types: wants a list, not a string" },
		{ "- {types: [raw, iso]}\n",
		    "f: entry 1: types: \"iso\" is none of qcow2 tar tgz "
		    "squashfs vhd docker aci raw" },
		{ "- {checksum: 1}\n",
		    "f: entry 1: checksum: wants true or false, not a number" },
		{ "- {debug-trace: 3}\n",
		    "f: entry 1: debug-trace: wants a whole number from 0 to "
		    "2, not 3" },
		{ "- {image-size: 0}\n",
		    "f: entry 1: image-size: wants a whole number from 1 on, "
		    "not 0" },
		{ "- {image-size: 1.5}\n",
		    "f: entry 1: image-size: wants a whole number from 1 on, "
		    "not 1.5" },
		{ "- {elements: [a, [b]]}\n",
		    "f: entry 1: elements: wants text, not a list" },
		{ "- {root-label: \"a\\0b\"}\n",
		    "f: entry 1: root-label: has a NUL" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		one_file_gives(all[i].yaml, all[i].want);
}

int
main(void)
{
	keys_become_options();
	entries_merge();
	the_schema_is_strict();
	return check_result();
}
