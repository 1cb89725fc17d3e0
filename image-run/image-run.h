/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of image-run share.
 *
 *	image ─► overlay ─► QEMU ─► console ─► stderr
 *	metadata file ─► service ◄──HTTP── machine
 *	                    └─► report ─► stdout, exit status
 */
#ifndef IMAGE_RUN_IMAGE_RUN_H
#define IMAGE_RUN_IMAGE_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "lib/own.h"

struct doc;
struct error;
struct proc;
struct strbuf;
struct strlist;
struct value;

/* ---- address.c: places in the network ---------------------------------- */

struct endpoint {
	uint32_t address; /* IPv4, host byte order */
	uint16_t port; /* 0: any free one */
};

struct forward {
	struct endpoint host;
	uint16_t guest;
};

#define ADDRESS_LOOPBACK 0x7f000001u

/* "ADDRESS:PORT", the address in four decimal parts. */
int endpoint_parse(const char *text, struct endpoint *p, struct error *e);

/* "HOSTPORT:GUESTPORT"; the host's side is on the loopback address. */
int forward_parse(const char *text, struct forward *f, struct error *e);

/* "a.b.c.d:port"; the caller's. */
char *endpoint_text(const struct endpoint *p);

/*
 * The metadata's URL as a machine on QEMU's user-mode network sees it: what
 * listens on our loopback address is at 10.0.2.2 there.  The caller's.
 */
char *endpoint_guest_url(const struct endpoint *p);

/*
 * Bind a TCP socket; a port of 0 becomes the one that was found.  Returns
 * the descriptor.  As long as it does not listen, the port is kept from
 * others and can still be listened on by a program told of it.
 */
int endpoint_bind(struct endpoint *p, struct error *e);

/*
 * Whether text is what a Host header may hold: a name, an IPv4 address or an
 * IPv6 address in brackets, then perhaps a colon and a port (RFC 9110, 7.2).
 */
bool host_is_valid(const char *text);

/* ---- input.c: the user's metadata file --------------------------------- */

struct input {
	const char *path; /* JSON, or YAML by its name; NULL: none */
	struct doc *doc; /* holds what was last good */
	const struct value *map;
	uint8_t digest[32]; /* of its text */
	time_t modified; /* later for each new content */
	char *complaint; /* what was last warned of, or NULL */
};

/* Read the file for the first time; here a bad one is an error. */
int input_open(struct input *in, const char *path, struct error *e);

/* Read it again.  A bad one leaves what is there and is warned of once. */
void input_refresh(struct input *in);
void input_clear(struct input *in);

/* ---- answer.c: what GET /metadata says (pure) -------------------------- */

#define ETAG_TEXT 67 /* with its quotes and NUL */

/* The user's map with where to send the report, as JSON. */
void answer_body(const struct value *map, const char *host, struct strbuf *b);

void answer_etag(const struct strbuf *body, char etag[ETAG_TEXT]);

/* Whether If-None-Match names etag (RFC 9110, 13.1.2: weak comparison). */
bool answer_matches(const char *if_none_match, const char *etag);

/* HTTP dates; parse gives -1 for what is none. */
char *answer_date(time_t t);
time_t answer_parse_date(const char *text);

/* ---- serve.c: the service; the only user of libmicrohttpd -------------- */

struct service_config {
	int fd; /* bound, not yet listening; the service's now */
	struct input *input;
	/* Called for each report once its sender has the answer. */
	void (*report)(void *ctx, const struct value *report);
	void *ctx;
};

struct service *service_open(const struct service_config *c, struct error *e);
int service_fd(const struct service *s); /* readable: there is work */
void service_run(struct service *s); /* do it; never waits */
void service_close(struct service *s); /* NULL is fine */

/* ---- report.c: what a machine reports (pure) --------------------------- */

enum verdict {
	VERDICT_NONE, /* it says neither */
	VERDICT_SUCCESS,
	VERDICT_FAILED,
};

/*
 * Judge a report of refresh-config ("status"), a signal of a Heat deployment
 * ("deploy_status_code") or of a wait condition ("Status").
 */
enum verdict report_judge(const struct value *report);

/* Lay it out for people; nothing in it can steer their terminal. */
void report_print(const struct value *report, struct strbuf *out);

/* ---- qemu.c: how QEMU is called (pure) --------------------------------- */

#define QEMU_SYSTEM "qemu-system-x86_64"

struct qemu_plan {
	const char *overlay; /* qcow2 */
	const char *url; /* of the metadata, for the machine */
	bool kvm;
	unsigned memory; /* MiB */
	unsigned cpus;
	const struct forward *forwards;
	size_t nforwards;
	char *const *extra; /* arguments added as they are */
};

void qemu_plan(const struct qemu_plan *q, struct strlist *argv);

/* How the overlay is made. */
void qemu_overlay_plan(const char *image, const char *format,
    const char *overlay, struct strlist *argv);

/*
 * How KVM is tried with a raw disk: what a byte written to port 0xf4 makes of
 * QEMU's exit status is QEMU_PROBE_STATUS.
 */
void qemu_probe_plan(const char *disk, struct strlist *argv);
#define QEMU_PROBE_STATUS(byte) ((byte) << 1 | 1)

/* The format of an image by how it begins. */
const char *qemu_format(const void *head, size_t n);

/* ---- tool.c, kvm.c: programs of QEMU that we run ----------------------- */

/* Raised by a signal, or when the report that ends the run has come. */
extern volatile sig_atomic_t stop_asked;

/* Run to the end; what it said last on standard error goes into the error. */
int tool_run(char *const *argv, struct error *e);

/*
 * Whether KVM runs a machine: a tiny one has to say so within a time limit,
 * since a /dev/kvm that can be opened may still fail or hang.  If not, why
 * receives the reason.
 */
bool kvm_works(const char *dir, struct error *why);

/* ---- console.c: the machine's last lines ------------------------------- */

#define CONSOLE_LINES 20

struct console {
	char *lines[CONSOLE_LINES]; /* a ring; plain text */
	size_t count; /* lines seen that were not empty */
};

void console_add(struct console *c, const char *line, size_t len);
const char *console_line(const struct console *c, size_t back); /* or NULL */
void console_clear(struct console *c);

/* ---- workdir.c: a private folder that never outlives us ---------------- */

struct workdir {
	char *path;
	int pipe; /* closed, by us or by our death, it ends the keeper */
	pid_t keeper;
};

int workdir_open(struct workdir *w, struct error *e);
void workdir_close(struct workdir *w);

/* ---- machine.c: the run ------------------------------------------------ */

struct machine {
	char *const *argv;
	unsigned seconds; /* 0: no limit */
	bool exit_on_report;
	bool verbose; /* show the whole console */
	struct service *service;
	struct console console;
	/* How it went. */
	char *complaint; /* QEMU's last words on standard error */
	bool show_tail; /* the error speaks of the console's tail */
	unsigned reports;
	enum verdict verdict; /* of the last report that had one */
};

/* A report arrived: print it, judge it, and perhaps end the run. */
void machine_report(void *ctx, const struct value *report);

/* Run the machine, or the service alone; 0 when all went well. */
int machine_run(struct machine *m, struct error *e);
int machine_serve(struct machine *m, struct error *e);
void machine_clear(struct machine *m);

#endif
