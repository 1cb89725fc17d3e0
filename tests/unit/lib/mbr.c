/* SPDX-License-Identifier: Apache-2.0 */
/* Old partition tables written, read back, damaged. */
#include "lib/mbr.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/disk.h"
#include "lib/error.h"
#include "lib/own.h"
#include "tests/unit/check.h"

#define SECTORS 65536

static int
new_file(void)
{
	char name[] = "/tmp/mbr.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	CHECK(fd != -1 && ftruncate(fd, SECTORS * 512) == 0);
	return fd;
}

/* Two primary partitions and three logical ones. */
static void
fill(struct mbr *m)
{
	*m = (struct mbr){ .sectors = SECTORS, .id = 0x12345678, .len = 5 };
	for (unsigned i = 0; i < 5; i++)
		m->partitions[i] = (struct mbr_partition){
			.number = i < 2 ? i + 1 : i + 3,
			.type = (uint8_t)(0x80 + i),
			.boot = i == 1,
			.first = 2048 + i * 8192,
			.sectors = 4096 + i,
			.table = i < 2 ? 0 : i * 8192,
		};
}

static void
check_round_trip(void)
{
	own_fd int fd = new_file();
	struct mbr m, again = { .sectors = SECTORS };
	struct error e;
	uint8_t code = 0xeb;

	fill(&m);
	CHECK(pwrite(fd, &code, 1, 0) == 1);
	CHECK(mbr_write(&m, fd, &e) == 0);
	CHECK(mbr_read(&again, &(struct disk_source){ .fd = fd }, &e) == 0 ||
	    puts(e.text) < 0);
	CHECK(again.len == 5 && again.id == 0x12345678);
	for (size_t i = 0; i < 5; i++) {
		const struct mbr_partition *a = &m.partitions[i];
		const struct mbr_partition *b = &again.partitions[i];

		CHECK(a->number == b->number && a->type == b->type);
		CHECK(a->boot == b->boot && a->first == b->first);
		CHECK(a->sectors == b->sectors);
	}
	code = 0;
	CHECK(pread(fd, &code, 1, 0) == 1 && code == 0xeb);
}

/* Each damage to the bytes of a good table is an error, and ends. */
static void
check_damage(void)
{
	static const struct {
		off_t at;
		size_t n;
		uint32_t value;
		const char *error;
	} damages[] = {
		{ 510, 2, 0, "no partition table" },
		{ 446, 1, 0x7f, "no partition table" },
		{ 450, 1, 0xee, "the disk has a GPT" },
		{ 450, 1, 0x05, "two extended partitions" },
		{ 454, 4, 0, "partition 1 lies outside the disk" },
		{ 454, 4, SECTORS, "partition 1 lies outside the disk" },
		{ 458, 4, SECTORS, "partition 1 lies outside the disk" },
		{ 458, 4, 10000, "partitions 1 and 2 overlap" },
		{ 486, 4, SECTORS - 1, "no partition table" },
		{ 486, 4, 0xffffffff,
		    "the chain of logical partitions is "
		    "broken" },
		/* The second logical partition's table leads to itself. */
		{ 3 * 8192 * 512 + 470, 4, 8192,
		    "the chain of logical partitions is broken" },
	};

	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		own_fd int fd = new_file();
		uint8_t value[4];
		struct mbr m, again = { .sectors = SECTORS };
		struct error e;

		fill(&m);
		CHECK(mbr_write(&m, fd, &e) == 0);
		put_le32(value, damages[i].value);
		CHECK(pwrite(fd, value, damages[i].n, damages[i].at) ==
		    (ssize_t)damages[i].n);
		CHECK(mbr_read(&again, &(struct disk_source){ .fd = fd }, &e) ==
		    -1);
		CHECK_STR(e.text, damages[i].error);
	}
}

int
main(void)
{
	check_round_trip();
	check_damage();
	return check_result();
}
