/* SPDX-License-Identifier: Apache-2.0 */
/* The argument lists of QEMU and qemu-img. */
#include "image-run/image-run.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

/* Whether option is followed by value somewhere. */
static bool
has(const struct strlist *l, const char *option, const char *value)
{
	for (size_t i = 0; i + 1 < l->len; i++)
		if (strcmp(l->items[i], option) == 0 &&
		    strcmp(l->items[i + 1], value) == 0)
			return true;
	return false;
}

static void
machine_is_planned(void)
{
	own(strlist_clear) struct strlist extra = { 0 }, l = { 0 };
	const struct forward forwards[] = {
		{ .host = { ADDRESS_LOOPBACK, 8080 }, .guest = 80 },
		{ .host = { ADDRESS_LOOPBACK, 2222 }, .guest = 22 },
	};
	struct qemu_plan q = { .overlay = "/tmp/a,b/o.qcow2",
		.url = "http://10.0.2.2:1234/metadata",
		.memory = 512,
		.cpus = 2,
		.forwards = forwards,
		.nforwards = 2 };

	strlist_add(&extra, "-device");
	strlist_add(&extra, "one,two=3");
	q.extra = strlist_argv(&extra);
	qemu_plan(&q, &l);
	CHECK_STR(l.items[0], "qemu-system-x86_64");
	CHECK(has(&l, "-accel", "tcg,thread=multi") && has(&l, "-cpu", "max"));
	CHECK(has(&l, "-m", "512") && has(&l, "-smp", "2"));
	CHECK(has(&l, "-smbios",
	    "type=11,value=ingot.metadata=http://10.0.2.2:1234/metadata"));
	CHECK(has(&l, "-netdev",
	    "user,id=net,hostfwd=tcp:127.0.0.1:8080-:80,"
	    "hostfwd=tcp:127.0.0.1:2222-:22"));
	/* A comma in a path must not begin another option. */
	CHECK(has(&l, "-drive",
	    "if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,"
	    "file=/tmp/a,,b/o.qcow2"));
	CHECK(strcmp(l.items[l.len - 2], "-device") == 0);
	CHECK_STR(l.items[l.len - 1], "one,two=3");
}

static void
kvm_changes_the_processor(void)
{
	own(strlist_clear) struct strlist l = { 0 }, probe = { 0 };
	struct qemu_plan q = { .overlay = "o", .url = "u", .kvm = true };

	qemu_plan(&q, &l);
	CHECK(has(&l, "-accel", "kvm") && has(&l, "-cpu", "host"));
	CHECK(has(&l, "-netdev", "user,id=net"));
	/* What is tried is what is used. */
	qemu_probe_plan("d,1", &probe);
	CHECK(has(&probe, "-accel", "kvm") && has(&probe, "-cpu", "host"));
	CHECK(has(&probe, "-machine", "q35,graphics=off"));
	CHECK(has(&probe, "-drive", "if=none,id=disk,format=raw,file=d,,1"));
}

static void
overlay_is_planned(void)
{
	own(strlist_clear) struct strlist l = { 0 };
	own_free char *text = NULL;

	qemu_overlay_plan("/i,1.raw", "raw", "/w/o.qcow2", &l);
	text = strlist_join(&l, " ");
	CHECK_STR(
	    text, "qemu-img create -q -f qcow2 -F raw -b /i,1.raw /w/o.qcow2");
}

static void
formats_are_told_apart(void)
{
	CHECK_STR(qemu_format("QFI\xfb\0\0\0\3", 8), "qcow2");
	CHECK_STR(qemu_format("QFI\xfb", 4), "qcow2");
	CHECK_STR(qemu_format("QFI", 3), "raw");
	CHECK_STR(qemu_format("", 0), "raw");
	CHECK_STR(qemu_format("\xeb\x63\x90\x10", 4), "raw");
}

int
main(void)
{
	machine_is_planned();
	kvm_changes_the_processor();
	overlay_is_planned();
	formats_are_told_apart();
	return check_result();
}
