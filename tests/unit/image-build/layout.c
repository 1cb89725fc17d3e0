/* SPDX-License-Identifier: Apache-2.0 */
/* Block-device descriptions: parsed, measured, told. */
#include "image-build/image-build.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"
#include "tests/unit/check.h"

static const struct layout_defaults defaults = { .root_type = "ext4",
	.options = "-i 4096",
	.seed = "x" };

/* Parse; the error's text goes to e, "" if there is none. */
static void
parse(const char *text, struct layout *l, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *v = yaml_parse(d, text, strlen(text), "t", e);

	e->text[0] = '\0';
	CHECK(v != NULL);
	(void)layout_parse(l, v, "t", &defaults, e);
}

static void
check_sizes(void)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "1", 1 }, { "1024B", 1024 }, { "1KiB", 1024 },
		{ "1.5 GiB", 1610612736 }, { "2G", 2000000000 },
		{ "2GB", 2000000000 }, { "3TiB", 3298534883328 },
		{ "MiB", 1048576 }, { "0.5K", 500 } };
	static const char *const bad[] = { "1 X", "1.2.3", "ten", "1gib",
		"99999999TiB" };
	struct error e;
	uint64_t n;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		n = 0;
		CHECK(layout_size(good[i].text, &n, &e) == 0);
		CHECK(n == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK(layout_size(bad[i], &n, &e) == -1);
}

#define THREE \
	"- local_loop: {name: image0}\n" \
	"- partitioning:\n" \
	"    base: image0\n" \
	"    label: gpt\n" \
	"    partitions:\n" \
	"    - {name: bios, type: EF02, size: 1MiB}\n" \
	"    - name: root\n" \
	"      size: fit\n" \
	"      mkfs: {name: mkfs_root, mount: {mount_point: /, fstab: " \
	"{options: ro, fsck-passno: 1}}}\n" \
	"    - name: var\n" \
	"      size: 50%\n" \
	"      minimum: 10MiB\n" \
	"      mkfs: {type: ext4, mount: {mount_point: /var, fstab: {}}}\n" \
	"    - name: rest\n" \
	"      size: 100%\n" \
	"      mkfs: {type: swap, label: swap0, mount: {mount_point: none, " \
	"fstab: {}}}\n"

static void
check_names(void)
{
	own(layout_clear) struct layout l = { 0 };
	own(strbuf_clear) struct strbuf fstab = { 0 };
	struct error e;

	parse(THREE, &l, &e);
	CHECK_STR(e.text, "");
	CHECK(l.ndisks == 1 && l.nfilesystems == 3);
	CHECK_STR(layout_root(&l)->label, "cloudimg-rootfs");
	CHECK_STR(layout_root(&l)->type, "ext4");
	CHECK_STR(l.filesystems[2].name, "mkfs_var");
	layout_fstab(&l, &fstab);
	CHECK_STR(strbuf_text(&fstab),
	    "LABEL=swap0 none swap sw 0 0\n"
	    "LABEL=cloudimg-rootfs / ext4 ro 0 1\n"
	    "LABEL=mkfs_var /var ext4 defaults 0 2\n");
}

#define MIB ((uint64_t)1 << 20)

static void
check_places(void)
{
	own(layout_clear) struct layout l = { 0 };
	struct partition *p;
	struct error e;

	parse(THREE, &l, &e);
	for (size_t i = 0; i < l.nfilesystems; i++)
		if (&l.filesystems[i] == layout_root(&l))
			l.filesystems[i].content = 100 * MIB + 1;
	CHECK(layout_compute(&l, 0, &e) == 0 || puts(e.text) < 0);
	p = l.disks[0].partitions;
	CHECK(p[0].start == MIB && p[0].bytes == MIB);
	CHECK(p[1].start == 2 * MIB && p[1].bytes == 101 * MIB);
	CHECK(p[2].bytes >= 10 * MIB && p[2].bytes <= 12 * MIB);
	CHECK(p[3].bytes >= 10 * MIB && p[3].bytes <= 12 * MIB);
	CHECK(p[3].start + p[3].bytes == l.disks[0].bytes - MIB);
}

/* A second root without anything in it is as large as the first. */
static void
check_as(void)
{
	static const char two[] =
	    "- local_loop: {name: image0}\n"
	    "- partitioning:\n"
	    "    base: image0\n"
	    "    label: gpt\n"
	    "    partitions:\n"
	    "    - {name: root-b, size: as root-a}\n"
	    "    - name: root-a\n"
	    "      size: fit\n"
	    "      minimum: 20MiB\n"
	    "      mkfs: {name: mkfs_root, mount: {mount_point: /}}\n";
	static const uint64_t contents[] = { 100 * MIB + 1, 5 * MIB },
			      sizes[] = { 101 * MIB, 20 * MIB };
	own(layout_clear) struct layout l = { 0 };
	struct partition *p;
	struct error e;

	parse(two, &l, &e);
	CHECK_STR(e.text, "");
	for (size_t i = 0; i < 2; i++) {
		l.filesystems[0].content = contents[i];
		CHECK(layout_compute(&l, 0, &e) == 0);
		p = l.disks[0].partitions;
		CHECK(p[0].bytes == sizes[i] && p[1].bytes == sizes[i]);
	}
}

static void
check_given_size(void)
{
	own(layout_clear) struct layout l = { 0 };
	struct partition *p;
	struct error e;

	parse(THREE, &l, &e);
	CHECK(layout_compute(&l, 1002 * MIB, &e) == 0);
	CHECK(l.disks[0].partitions[1].bytes == MIB); /* root is empty */
	for (size_t i = 0; i < l.nfilesystems; i++)
		l.filesystems[i].content = 99 * MIB;
	CHECK(layout_compute(&l, 1002 * MIB, &e) == 0);
	p = l.disks[0].partitions;
	CHECK(p[1].bytes == 99 * MIB);
	CHECK(p[2].bytes == 450 * MIB); /* half of 1002 - 2 - 1 - 99 */
	CHECK(p[3].start + p[3].bytes == 1001 * MIB);
	CHECK(layout_compute(&l, 50 * MIB, &e) == -1);
	CHECK_STR(e.text,
	    "partition root wants 99.0 MiB, 52.0 MiB more than "
	    "is left on image0 (50.0 MiB)");
}

static void
check_failures(void)
{
	static const struct {
		const char *yaml, *error;
	} bad[] = {
		{ "a: 1", "t: wants a list, not a map" },
		{ "- a: 1\n  b: 2", "t: entry 1 should be a single dict" },
		{ "- nonsense: {}",
		    "t: Config entry is not a plugin value: nonsense" },
		{ "- local_loop: {name: image0}\n"
		  "- partitioning: {base: image0, label: gpt, partitions: "
		  "[{name: x, size: as y}, {name: y, size: 1MiB}]}",
		    "t: partition x: size: no partition y on image0 that fits "
		    "what goes in" },
		{ "- local_loop: {}", "t: local_loop: name is missing" },
		{ "- local_loop: {name: x}",
		    "t: one local_loop must be named image0" },
		{ "- local_loop: {name: image0}\n- local_loop: {name: image0}",
		    "t: Duplicate node name: image0" },
		{ "- local_loop: {name: image0, size: 5 miles}",
		    "t: image0: size: \"5 miles\": no such unit \"miles\"" },
		{ "- local_loop: {name: image0}\n"
		  "- mkfs: {base: elsewhere, type: ext4}",
		    "t: Edge not defined: elsewhere->mkfs_elsewhere" },
		{ "- local_loop: {name: image0}\n"
		  "- mkfs: {base: image0, type: ext4, label: "
		  "seventeen-letters}",
		    "t: mkfs mkfs_image0: label seventeen-letters is longer "
		    "than the 16 characters of ext4" },
		{ "- local_loop: {name: image0}\n"
		  "- mkfs: {name: a, base: image0, type: ext4, label: l}\n"
		  "- mkfs: {name: b, base: image0, type: ext4, label: l}",
		    "t: File system label [l] used more than once" },
		{ "- lvm: {name: x}", "t: lvm x: Lvm config requires a 'pvs'" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		own(layout_clear) struct layout l = { 0 };
		struct error e;

		parse(bad[i].yaml, &l, &e);
		CHECK_STR(e.text, bad[i].error);
	}
}

int
main(void)
{
	check_sizes();
	check_names();
	check_places();
	check_as();
	check_given_size();
	check_failures();
	return check_result();
}
