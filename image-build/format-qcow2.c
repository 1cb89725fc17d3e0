/* SPDX-License-Identifier: Apache-2.0 */
/* qcow2 by qemu-img, compressed unless told otherwise. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

	(void)ctx;
	if (stream == 1 && at != NULL)
		log_status("qcow2: %.0f %%", strtod(at + 1, NULL));
	else if (len > 0)
		log_output("qemu-img", line, len);
}

static int
convert(const struct format_job *job, const char *to, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc run = {
		.line = listen, .tick = log_tick, .seconds = LIMIT_BUILD_SECONDS
	};
	struct proc_status status;

	strlist_split(
	    &argv, "qemu-img convert -p -W -m 16 -f raw -O qcow2", " ");
	if (!job->settings->uncompressed)
		strlist_add(&argv, "-c");
	if (job->settings->qemu_options != NULL) {
		strlist_add(&argv, "-o");
		strlist_add(&argv, job->settings->qemu_options);
	}
	strlist_add(&argv, job->raw);
	strlist_add(&argv, to);
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1)
		return -1;
	return proc_check(&status, e) == -1 ? error_prefix(e, "qemu-img") : 0;
}

static int
write_qcow2(const struct format_job *job, struct error *e)
{
	own(file_discard) struct file_writer w = { 0 };

	/* Claim the temporary's name; qemu-img then fills the same file. */
	if (file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1)
		return -1;
	log_status("qcow2: begins");
	if (convert(job, w.temp, e) == -1)
		return -1;
	log_status("%s", "");
	return file_publish(&w, e);
}

const struct format_kind format_qcow2 = {
	.name = "qcow2",
	.summary = "QEMU's format, compressed",
	.write = write_qcow2,
};
