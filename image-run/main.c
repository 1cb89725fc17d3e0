/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-run: boot an image in QEMU, give the machine its metadata, show what
 * it reports.  The image itself is never written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-run/image-run.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define DEFAULT_SECONDS 600
#define DEFAULT_MEMORY 1024
#define MOST_CPUS 255
#define NOT_SET 0xffffffffu

static struct {
	const char *metadata, *listen;
	struct strlist forwards;
	unsigned seconds, memory, cpus;
	bool exit_on_signal, serve_only, dry_run, verbose, quiet;
} opt = {
	.listen = "127.0.0.1:0",
	.seconds = NOT_SET,
	.memory = DEFAULT_MEMORY,
};

static const struct option_def defs[] = {
	{ 'm', "metadata", "FILE", OPTION_STRING, &opt.metadata, NULL,
	    "serve this JSON or YAML file" },
	{ 't', "timeout", "S", OPTION_NUMBER, &opt.seconds, NULL,
	    "end the run after S seconds (600); 0: never" },
	{ 'e', "exit-on-signal", NULL, OPTION_FLAG, &opt.exit_on_signal, NULL,
	    "end when the machine has reported; 0: success" },
	{ 'f', "forward", "HOST:GUEST", OPTION_LIST, &opt.forwards, NULL,
	    "forward a port of 127.0.0.1 (0: a free one)" },
	{ 's', "serve-only", NULL, OPTION_FLAG, &opt.serve_only, NULL,
	    "run the metadata service alone, boot nothing" },
	{ 'l', "listen", "ADDRESS:PORT", OPTION_STRING, &opt.listen, NULL,
	    "where the service listens (127.0.0.1:0)" },
	{ 0, "memory", "MIB", OPTION_NUMBER, &opt.memory, NULL,
	    "the machine's memory (1024)" },
	{ 0, "cpus", "N", OPTION_NUMBER, &opt.cpus, NULL,
	    "its processors (as many as here, at most 2)" },
	{ 'n', "dry-run", NULL, OPTION_FLAG, &opt.dry_run, NULL,
	    "print how QEMU would be called, and stop" },
	{ 'v', "verbose", NULL, OPTION_FLAG, &opt.verbose, NULL,
	    "show the whole console and what is decided" },
	{ 'q', "quiet", NULL, OPTION_FLAG, &opt.quiet, NULL,
	    "show only reports and errors" },
	{ 0 },
};

static const struct options options = {
	.program = "image-run",
	.operands = "IMAGE [-- QEMU-ARGUMENT...]",
	.summary = "Boot an image in QEMU on a throw-away overlay, serve its "
		   "metadata, show its\nreport.",
	.defs = defs,
	.more = "Exit status: 0 done, 1 the machine failed or did not report, "
		"2 misused.\n",
};

/* ---- load: options and files into plain data --------------------------- */

struct job {
	char *image; /* absolute, or NULL with --serve-only */
	const char *format;
	struct endpoint listen;
	struct forward *forwards;
	size_t nforwards;
	unsigned cpus;
	char *const *extra;
};

static void
job_clear(struct job *j)
{
	free(j->image);
	free(j->forwards);
}

static unsigned
cpus_here(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1)
		return 2;
	return 1;
}

/* Where "--" stands: what follows it is QEMU's.  argc if nowhere. */
static int
own_arguments(int argc, char **argv)
{
	int n = 1;

	while (n < argc && strcmp(argv[n], "--") != 0)
		n++;
	return n;
}

/* What is wrong with how we were called; returns -1 if something is. */
static int
load_options(struct job *j, int argc, char **argv, int first, struct error *e)
{
	int given = argc - first;

	if (opt.serve_only && given > 0)
		return error_set(e, EINVAL, "--serve-only boots no image");
	if (!opt.serve_only && given == 0)
		return error_set(e, EINVAL, "no image is named");
	if (given > 1)
		return error_set(e, EINVAL,
		    "%s: one image at a time (arguments of QEMU follow \"--\")",
		    argv[first + 1]);
	if (opt.memory == 0)
		return error_set(e, EINVAL, "--memory: 0 is too little");
	if (opt.cpus > MOST_CPUS)
		return error_set(e, EINVAL, "--cpus: at most %d", MOST_CPUS);
	if (endpoint_parse(opt.listen, &j->listen, e) == -1)
		return error_prefix(e, "--listen");
	j->nforwards = opt.forwards.len;
	j->forwards = mem_alloc(j->nforwards * sizeof(*j->forwards));
	for (size_t i = 0; i < j->nforwards; i++)
		if (forward_parse(opt.forwards.items[i], &j->forwards[i], e) ==
		    -1)
			return error_prefix(e, "--forward");
	j->cpus = opt.cpus != 0 ? opt.cpus : cpus_here();
	if (opt.seconds == NOT_SET)
		opt.seconds = opt.serve_only ? 0 : DEFAULT_SECONDS;
	return 0;
}

static int
load_image(struct job *j, const char *path, struct error *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char head[512];
	ssize_t n;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(
		    e, EINVAL, "%s: neither a file nor a disk", path);
	n = read(fd, head, sizeof(head));
	if (n == -1)
		return error_errno(e, "%s", path);
	if (n == 0)
		return error_set(e, EINVAL, "%s: empty", path);
	j->format = qemu_format(head, (size_t)n);
	j->image = realpath(path, NULL);
	return j->image != NULL ? 0 : error_errno(e, "%s", path);
}

/* ---- plan -------------------------------------------------------------- */

static void
plan(const struct job *j, const char *overlay, bool kvm, struct strlist *argv)
{
	own_free char *url = endpoint_guest_url(&j->listen);
	const struct qemu_plan q = { .overlay = overlay,
		.url = url,
		.kvm = kvm,
		.memory = opt.memory,
		.cpus = j->cpus,
		.forwards = j->forwards,
		.nforwards = j->nforwards,
		.extra = j->extra };

	qemu_plan(&q, argv);
}

/* Without effects: ports to be found stay 0, and KVM is not tried. */
static void
show_plan(const struct job *j)
{
	own(strlist_clear) struct strlist overlay = { 0 }, argv = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };
	ownp(doc_free) struct doc *d = doc_new();
	struct value *v = value_map(d);

	qemu_overlay_plan(j->image, j->format, "overlay.qcow2", &overlay);
	plan(j, "overlay.qcow2", false, &argv);
	value_set(d, v, "image", value_string(d, j->image));
	value_set(d, v, "format", value_string(d, j->format));
	value_set(d, v, "timeout", value_int(d, opt.seconds));
	value_set(d, v, "overlay", value_strings(d, &overlay));
	value_set(d, v, "machine", value_strings(d, &argv));
	value_print(v, STYLE_PRETTY, &text);
	puts(strbuf_text(&text));
}

/* ---- act --------------------------------------------------------------- */

static void
on_signal(int sig)
{
	(void)sig;
	stop_asked = 1;
}

static void
catch_signals(void)
{
	const struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

/*
 * Find and keep the ports of --forward until QEMU has them.  The sockets are
 * left to the end of the process.
 */
static int
bind_forwards(struct job *j, struct error *e)
{
	for (size_t i = 0; i < j->nforwards; i++) {
		own_free char *text = NULL;

		if (endpoint_bind(&j->forwards[i].host, e) == -1)
			return error_prefix(e, "--forward");
		text = endpoint_text(&j->forwards[i].host);
		printf("forward %s to port %u of the machine\n", text,
		    j->forwards[i].guest);
	}
	fflush(stdout);
	return 0;
}

static int
start_service(
    struct job *j, struct machine *m, struct input *input, struct error *e)
{
	struct service_config c = {
		.input = input, .report = machine_report, .ctx = m
	};

	c.fd = endpoint_bind(&j->listen, e);
	if (c.fd == -1)
		return error_prefix(e, "--listen");
	m->service = service_open(&c, e);
	return m->service != NULL ? 0 : -1;
}

/* Print what failed, then the console's tail if the machine was silent. */
static int
failed(const struct machine *m, const struct error *e)
{
	log_error(e);
	log_open("image-run", LOG_INFO); /* they belong to the error */
	for (size_t i = CONSOLE_LINES; m->show_tail && i-- > 0;) {
		const char *line = console_line(&m->console, i);

		if (line != NULL)
			log_output("console", line, strlen(line));
	}
	return 1;
}

static int
boot(struct job *j, struct machine *m, struct workdir *w, struct error *e)
{
	own_free char *overlay = path_join(w->path, "overlay.qcow2");
	own(strlist_clear) struct strlist argv = { 0 }, make = { 0 };
	struct error why;
	bool kvm;

	qemu_overlay_plan(j->image, j->format, overlay, &make);
	if (tool_run(strlist_argv(&make), e) == -1)
		return -1;
	log_status("trying KVM");
	kvm = kvm_works(w->path, &why);
	if (kvm)
		log_debug("KVM works");
	else
		log_debug("no KVM, so TCG: %s", why.text);
	if (bind_forwards(j, e) == -1)
		return -1;
	plan(j, overlay, kvm, &argv);
	m->argv = strlist_argv(&argv);
	return machine_run(m, e);
}

static int
act(struct job *j)
{
	own(workdir_close) struct workdir work = { .pipe = -1 };
	own(input_clear) struct input input = { 0 };
	own(machine_clear) struct machine m = { .seconds = opt.seconds,
		.exit_on_report = opt.exit_on_signal,
		.verbose = opt.verbose };
	struct error e;

	catch_signals();
	if ((j->image != NULL && workdir_open(&work, &e) == -1) ||
	    input_open(&input, opt.metadata, &e) == -1 ||
	    start_service(j, &m, &input, &e) == -1)
		return failed(&m, &e);
	if (j->image == NULL) {
		own_free char *at = endpoint_text(&j->listen);

		printf("http://%s/metadata\n", at);
		fflush(stdout);
		return machine_serve(&m, &e) == -1 ? failed(&m, &e) : 0;
	}
	return boot(j, &m, &work, &e) == -1 ? failed(&m, &e) : 0;
}

int
main(int argc, char **argv)
{
	own(job_clear) struct job job = { 0 };
	struct error e;
	int ours, first;

	log_open("image-run", LOG_INFO);
	ours = own_arguments(argc, argv);
	job.extra = ours < argc ? argv + ours + 1 : NULL;
	first = options_parse(&options, ours, argv, &e);
	if (first == OPTIONS_SHOWN)
		return 0;
	log_open("image-run",
	    opt.verbose	    ? LOG_DEBUG
		: opt.quiet ? LOG_ERROR
			    : LOG_INFO);
	if (first == -1 || load_options(&job, ours, argv, first, &e) == -1) {
		log_error(&e);
		return 2;
	}
	if (!opt.serve_only && load_image(&job, argv[first], &e) == -1) {
		log_error(&e);
		return 1;
	}
	if (opt.dry_run && job.image != NULL) {
		show_plan(&job);
		return 0;
	}
	return act(&job);
}
