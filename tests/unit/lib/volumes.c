/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a disk, by its tables and superblocks; which one is the system. */
#include "lib/volumes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/disk.h"
#include "lib/error.h"
#include "lib/gpt.h"
#include "lib/mbr.h"
#include "lib/own.h"
#include "tests/unit/check.h"

/* A disk of so many sectors in memory, with an ext4 label at a sector. */
static int
new_disk(uint64_t sectors)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	CHECK(ftruncate(fd, (off_t)sectors * 512) == 0);
	return fd;
}

static void
put_ext4(int fd, uint64_t sector, const char *label)
{
	off_t at = (off_t)sector * 512;

	CHECK(pwrite(fd, "\x53\xef", 2, at + 1080) == 2);
	CHECK(pwrite(fd, label, strlen(label), at + 1144) ==
	    (ssize_t)strlen(label));
	CHECK(pwrite(fd, "\x12\x34", 2, at + 1128) == 2);
}

static void
new_gpt(struct gpt *g, const char *first, const char *second)
{
	*g = (struct gpt){ .sector = 512, .sectors = 20000 };
	CHECK(gpt_type(first, g->partitions[0].type));
	CHECK(gpt_type(second, g->partitions[4].type));
	g->partitions[0].first = 2048;
	g->partitions[0].last = 4095;
	g->partitions[4].first = 4096;
	g->partitions[4].last = 8191;
	snprintf(g->partitions[4].name, sizeof(g->partitions[4].name), "here");
	g->partitions[4].guid[0] = 0x78;
}

static int
read_volumes(int fd, const char *arch, struct volumes *v, struct error *e)
{
	struct disk_source d;

	return disk_open(&d, fd, e) == -1 ? -1 : volumes_read(&d, arch, v, e);
}

static void
a_gpt_is_read(void)
{
	own(volumes_clear) struct volumes v = { 0 };
	own_free struct gpt *g = malloc(sizeof(*g));
	own_fd int fd = new_disk(20000);
	struct error e = { 0 };
	const struct disk_volume *root;

	new_gpt(g, "8300", "root-x86-64");
	CHECK(gpt_write(g, fd, &e) == 0);
	put_ext4(fd, 2048, "one");
	put_ext4(fd, 4096, "two");
	CHECK(read_volumes(fd, "amd64", &v, &e) == 0);
	CHECK(v.len == 2 && v.items[1].number == 5);
	root = volumes_root(&v);
	CHECK(root != NULL && root->number == 5);
	CHECK(root->offset == 4096 * 512 && root->bytes == 4096 * 512);
	CHECK_STR(root->label, "two");
	CHECK(volumes_named(&v, "LABEL=one") == &v.items[0]);
	CHECK(volumes_named(&v, "PARTLABEL=here") == root);
	CHECK(volumes_named(
		  &v, "PARTUUID=00000078-0000-0000-0000-000000000000") == root);
	CHECK(volumes_named(&v, "UUID=12340000-0000-0000-0000-000000000000") ==
	    &v.items[0]);
	CHECK(volumes_named(&v, "/dev/vda5") == root);
	CHECK(volumes_named(&v, "/dev/sda") == NULL);
	CHECK(volumes_named(&v, "tmpfs") == NULL);
}

static void
the_system_is_told_by_type_then_label_then_being_alone(void)
{
	static const struct {
		const char *type, *one, *two; /* labels; NULL: nothing there */
		unsigned root; /* its number, 0: cannot be told */
	} cases[] = {
		{ "root-x86-64", "", "rootfs", 1 },
		{ "root-arm64", "", "rootfs", 5 },
		{ "8300", "cloudimg-rootfs", "BOOT", 1 },
		{ "8300", "a", NULL, 1 },
		{ "8300", "a", "b", 0 },
		{ "8300", NULL, NULL, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own(volumes_clear) struct volumes v = { 0 };
		own_free struct gpt *g = malloc(sizeof(*g));
		own_fd int fd = new_disk(20000);
		const struct disk_volume *root;
		struct error e = { 0 };

		new_gpt(g, cases[i].type, "8300");
		CHECK(gpt_write(g, fd, &e) == 0);
		if (cases[i].one != NULL)
			put_ext4(fd, 2048, cases[i].one);
		if (cases[i].two != NULL)
			put_ext4(fd, 4096, cases[i].two);
		CHECK(read_volumes(fd, "amd64", &v, &e) == 0);
		root = volumes_root(&v);
		CHECK((root != NULL ? root->number : 0) == cases[i].root);
	}
}

static void
old_tables_and_bare_disks_are_read(void)
{
	own(volumes_clear) struct volumes v = { 0 }, bare = { 0 }, none = { 0 };
	own_fd int fd = new_disk(20000), whole = new_disk(4000),
		   zero = new_disk(4000);
	struct mbr m = { .sectors = 20000, .id = 0xdeadbeef, .len = 1 };
	struct error e = { 0 };

	m.partitions[0] = (struct mbr_partition){
		.number = 1, .type = 0x83, .first = 2048, .sectors = 4096
	};
	CHECK(mbr_write(&m, fd, &e) == 0);
	put_ext4(fd, 2048, "old");
	CHECK(read_volumes(fd, "amd64", &v, &e) == 0 && v.len == 1);
	CHECK(volumes_named(&v, "PARTUUID=deadbeef-01") == v.items);
	put_ext4(whole, 0, "bare");
	CHECK(read_volumes(whole, "amd64", &bare, &e) == 0);
	CHECK(bare.len == 1 && bare.items[0].number == 0);
	CHECK(volumes_root(&bare) == bare.items);
	CHECK(read_volumes(zero, "amd64", &none, &e) == -1);
}

/* Another architecture's root is one if none was asked for. */
static void
any_root_will_do(void)
{
	own(volumes_clear) struct volumes v = { 0 };
	own_free struct gpt *g = malloc(sizeof(*g));
	own_fd int fd = new_disk(20000);
	struct error e = { 0 };

	new_gpt(g, "root-arm64", "8300");
	CHECK(gpt_write(g, fd, &e) == 0);
	put_ext4(fd, 2048, "a");
	put_ext4(fd, 4096, "b");
	CHECK(read_volumes(fd, NULL, &v, &e) == 0);
	CHECK(volumes_root(&v) == v.items);
}

int
main(void)
{
	a_gpt_is_read();
	the_system_is_told_by_type_then_label_then_being_alone();
	old_tables_and_bare_disks_are_read();
	any_root_will_do();
	return check_result();
}
