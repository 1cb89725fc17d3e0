/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The argument lists.  The machine has one disk, one network card on the
 * user-mode network, a source of random numbers and a serial console, which
 * is QEMU's standard output; firmware and loader talk there as well
 * (graphics=off).
 */
#include <string.h>

#include "image-run/image-run.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

/* QEMU's option values separate by commas and double those they contain. */
static void
add_value(struct strbuf *b, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == ',')
			strbuf_putc(b, ',');
		strbuf_putc(b, *s);
	}
}

static void
add(struct strlist *argv, const char *option, const char *value)
{
	strlist_add(argv, option);
	strlist_add(argv, value);
}

/* An option whose value ends in a foreign text. */
static void
add_quoted(struct strlist *argv, const char *option, const char *before,
    const char *text)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_puts(&b, before);
	add_value(&b, text);
	add(argv, option, strbuf_text(&b));
}

static void
add_network(const struct qemu_plan *q, struct strlist *argv)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_puts(&b, "user,id=net");
	for (size_t i = 0; i < q->nforwards; i++) {
		own_free char *host = endpoint_text(&q->forwards[i].host);

		strbuf_printf(
		    &b, ",hostfwd=tcp:%s-:%u", host, q->forwards[i].guest);
	}
	add(argv, "-netdev", strbuf_text(&b));
	add(argv, "-device", "virtio-net-pci,netdev=net,romfile=");
}

static void
add_processor(bool kvm, struct strlist *argv)
{
	add(argv, "-machine", "q35,graphics=off");
	add(argv, "-accel", kvm ? "kvm" : "tcg,thread=multi");
	add(argv, "-cpu", kvm ? "host" : "max");
}

void
qemu_plan(const struct qemu_plan *q, struct strlist *argv)
{
	strlist_add(argv, QEMU_SYSTEM);
	strlist_add(argv, "-nodefaults");
	strlist_add(argv, "-no-user-config");
	add_processor(q->kvm, argv);
	strlist_add(argv, "-m");
	strlist_printf(argv, "%u", q->memory);
	strlist_add(argv, "-smp");
	strlist_printf(argv, "%u", q->cpus);
	add(argv, "-display", "none");
	add(argv, "-chardev", "stdio,id=console,signal=off");
	add(argv, "-serial", "chardev:console");
	/* Nothing of the overlay is to survive: the host need not sync. */
	add_quoted(argv, "-drive",
	    "if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,file=",
	    q->overlay);
	add(argv, "-device", "virtio-blk-pci,drive=disk,bootindex=1");
	add_network(q, argv);
	add(argv, "-device", "virtio-rng-pci");
	add_quoted(argv, "-smbios", "type=11,value=ingot.metadata=", q->url);
	for (char *const *x = q->extra; x != NULL && *x != NULL; x++)
		strlist_add(argv, *x);
}

void
qemu_probe_plan(const char *disk, struct strlist *argv)
{
	strlist_add(argv, QEMU_SYSTEM);
	strlist_add(argv, "-nodefaults");
	strlist_add(argv, "-no-user-config");
	add_processor(true, argv);
	add(argv, "-m", "64");
	add(argv, "-display", "none");
	add(argv, "-device", "isa-debug-exit,iobase=0xf4,iosize=1");
	add_quoted(argv, "-drive", "if=none,id=disk,format=raw,file=", disk);
	add(argv, "-device", "virtio-blk-pci,drive=disk,bootindex=1");
}

void
qemu_overlay_plan(const char *image, const char *format, const char *overlay,
    struct strlist *argv)
{
	strlist_add(argv, "qemu-img");
	strlist_add(argv, "create");
	strlist_add(argv, "-q");
	add(argv, "-f", "qcow2");
	add(argv, "-F", format);
	add(argv, "-b", image);
	strlist_add(argv, overlay);
}

const char *
qemu_format(const void *head, size_t n)
{
	return n >= 4 && memcmp(head, "QFI\xfb", 4) == 0 ? "qcow2" : "raw";
}
