/* SPDX-License-Identifier: Apache-2.0 */
/* Formats that qemu-img writes well. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "image-build/format.h"
#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

/* qemu-img's "(12.34/100%)" to our progress; anything else to the log. */
static void
listen(void *ctx, int stream, const char *line, size_t len)
{
	own_free char *text = mem_dupn(line, len);
	char *at = strrchr(text, '(');

	if (stream == 1 && at != NULL)
		log_status(
		    "%s: %.0f %%", (const char *)ctx, strtod(at + 1, NULL));
	else if (len > 0)
		log_output("qemu-img", line, len);
}

static int
convert(const struct format_job *job, const char *type, const char *options,
    const char *to, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	own_free char *name = mem_dup(type);
	struct proc run = { .line = listen,
		.ctx = name,
		.tick = log_tick,
		.seconds = LIMIT_BUILD_SECONDS };
	struct proc_status status;

	strlist_split(&argv, "qemu-img convert -p -f raw -O", " ");
	strlist_add(&argv, type);
	strlist_split(&argv, options, " ");
	strlist_add(&argv, job->raw);
	strlist_add(&argv, to);
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1)
		return error_prefix(e, "qemu-img");
	return proc_check(&status, e) == -1 ? error_prefix(e, "qemu-img") : 0;
}

int
format_qemu(const struct format_job *job, const char *type, const char *options,
    struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };

	/* Claim the temporary's name; qemu-img then fills the same file. */
	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1 ||
	    convert(job, type, options, w.temp, e) == -1)
		return -1;
	return file_publish(&w, e);
}

static int
write_vmdk(const struct format_job *job, struct error *e)
{
	return format_qemu(job, "vmdk", "-o subformat=streamOptimized", e);
}

static int
write_vhdx(const struct format_job *job, struct error *e)
{
	return format_qemu(job, "vhdx", "-o subformat=dynamic", e);
}

static int
write_vdi(const struct format_job *job, struct error *e)
{
	return format_qemu(job, "vdi", "", e);
}

const struct format_kind format_vmdk = {
	.name = "vmdk",
	.summary = "VMware's, stream-optimised (qemu-img)",
	.by_file = format_always,
	.write = write_vmdk,
};

const struct format_kind format_vhdx = {
	.name = "vhdx",
	.summary = "Hyper-V's newer format (qemu-img)",
	.by_file = format_always,
	.write = write_vhdx,
};

const struct format_kind format_vdi = {
	.name = "vdi",
	.summary = "VirtualBox's (qemu-img)",
	.by_file = format_always,
	.write = write_vdi,
};
