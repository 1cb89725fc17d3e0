/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables written, read back, damaged. */
#include "lib/gpt.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/disk.h"
#include "lib/error.h"
#include "lib/own.h"
#include "tests/unit/check.h"

#define SECTORS 4096

static int
new_file(void)
{
	char name[] = "/tmp/gpt.XXXXXX";
	int fd = mkstemp(name);

	unlink(name);
	CHECK(fd != -1 && ftruncate(fd, SECTORS * 512) == 0);
	return fd;
}

static void
fill(struct gpt *g)
{
	*g = (struct gpt){
		.sector = 512, .sectors = SECTORS, .guid = { 1, 2, 3 }
	};
	CHECK(gpt_type("EF02", g->partitions[0].type));
	CHECK(gpt_type("root-x86-64", g->partitions[2].type));
	g->partitions[0].first = 34;
	g->partitions[0].last = 40;
	g->partitions[2].first = 41;
	g->partitions[2].last = gpt_last_usable(g);
	snprintf(g->partitions[2].name, sizeof(g->partitions[2].name), "root");
}

static void
check_types(void)
{
	static const uint8_t esp[16] = { 0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8,
		0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b };
	uint8_t type[16], again[16];

	CHECK(gpt_type("EF00", type) && memcmp(type, esp, 16) == 0);
	CHECK(gpt_type("esp", again) && memcmp(again, esp, 16) == 0);
	CHECK(gpt_type("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", again) &&
	    memcmp(again, esp, 16) == 0);
	CHECK(!gpt_type("", type));
	CHECK(!gpt_type("zz00", type));
	CHECK(!gpt_type("c12a7328-f81f-11d2-ba4b-00a0c93ec93", type));
	CHECK(!gpt_type("c12a7328+f81f-11d2-ba4b-00a0c93ec93b", type));
}

static void
check_round_trip(void)
{
	own_fd int fd = new_file();
	static struct gpt g, back;
	struct error e;

	fill(&g);
	CHECK(gpt_write(&g, fd, &e) == 0);
	back = (struct gpt){ .sector = 512, .sectors = SECTORS };
	CHECK(gpt_read(&back, &(struct disk_source){ .fd = fd }, &e) == 0);
	CHECK(memcmp(&g, &back, sizeof(g)) == 0);
}

/* Zero some bytes; the other copy of the table must still be found. */
static void
check_damage(void)
{
	static const struct {
		off_t at;
		bool readable;
	} places[] = { { 512, true }, { 1024, true },
		{ (SECTORS - 1) * 512, true } };
	static const char zeros[512];
	struct error e;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		own_fd int fd = new_file();
		static struct gpt g, back;

		fill(&g);
		CHECK(gpt_write(&g, fd, &e) == 0);
		CHECK(pwrite(fd, zeros, 512, places[i].at) == 512);
		back = (struct gpt){ .sector = 512, .sectors = SECTORS };
		CHECK((gpt_read(&back, &(struct disk_source){ .fd = fd }, &e) ==
			  0) == places[i].readable);
		CHECK(pwrite(fd, zeros, 512, 512) == 512);
		CHECK(pwrite(fd, zeros, 512, (SECTORS - 1) * 512) == 512);
		CHECK(gpt_read(&back, &(struct disk_source){ .fd = fd }, &e) ==
		    -1);
		CHECK_STR(e.text, "no GPT header");
	}
}

static void
check_overlap(void)
{
	own_fd int fd = new_file();
	static struct gpt g;
	struct error e;

	fill(&g);
	g.partitions[0].last = 41;
	CHECK(gpt_write(&g, fd, &e) == 0);
	CHECK(gpt_read(&g, &(struct disk_source){ .fd = fd }, &e) == -1);
	CHECK_STR(e.text, "partitions 1 and 3 overlap");
}

int
main(void)
{
	check_types();
	check_round_trip();
	check_damage();
	check_overlap();
	return check_result();
}
