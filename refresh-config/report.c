/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a run: made, kept, queued for whoever wants it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "refresh-config/refresh.h"

#define LAST "last.json"
#define RUNS "runs"
#define OUTBOX "outbox"
#define SENDER_GRACE 60 /* seconds; it ends before, by itself */

struct value *
report_time(struct doc *d, time_t t)
{
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return value_string(d, text);
}

static struct value *
make_seconds(struct doc *d, double seconds)
{
	return value_real(d, round(seconds * 1000) / 1000);
}

/* Foreign text as JSON wants it: UTF-8, from the last LIMIT_TAIL_BYTES. */
static struct value *
make_text(struct doc *d, const char *s, size_t n)
{
	if (n > LIMIT_TAIL_BYTES) {
		s += n - LIMIT_TAIL_BYTES;
		n = LIMIT_TAIL_BYTES;
		while (n > 0 && ((unsigned char)*s & 0xc0) == 0x80)
			s++, n--;
	}
	return value_foreign(d, s, n);
}

static struct value *
make_hook(struct doc *d, const struct outcome *o)
{
	struct value *v = value_map(d);

	value_set(d, v, "name", value_string(d, o->name));
	value_set(d, v, "phase", value_string(d, o->phase));
	value_set(d, v, "started", report_time(d, o->started));
	value_set(d, v, "offset", make_seconds(d, o->offset));
	value_set(d, v, "seconds", make_seconds(d, o->seconds));
	value_set(d, v, "cpu_seconds", make_seconds(d, o->cpu));
	value_set(d, v, "peak_kib", value_int(d, o->peak_kib));
	value_set(d, v, "attempts", value_int(d, o->attempts));
	value_set(d, v, "status",
	    o->exited ? value_int(d, o->status) : value_null(d));
	value_set(d, v, "signal",
	    o->signal ? value_int(d, o->signal) : value_null(d));
	value_set(d, v, "timed_out", value_bool(d, o->timed_out));
	value_set(d, v, "output",
	    make_text(d, strbuf_text(&o->output), o->output.len));
	return v;
}

static struct value *
text_or_null(struct doc *d, const char *text)
{
	return text == NULL ? value_null(d) : make_text(d, text, strlen(text));
}

/* Where --resume starts; null after a success. */
static struct value *
make_failed_at(struct doc *d, const struct run *r)
{
	struct value *v = value_map(d);

	if (r->failed_phase == NULL)
		return value_null(d);
	value_set(d, v, "phase", value_string(d, r->failed_phase));
	value_set(d, v, "hook", text_or_null(d, r->failed_hook));
	return v;
}

/* As refresh-report(5) has it. */
static struct value *
report_make(struct doc *d, const struct run *r)
{
	struct value *v = value_map(d), *hooks = value_list(d);
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) == -1)
		snprintf(host, sizeof(host), "localhost");
	value_set(
	    d, v, "status", value_string(d, r->failed ? "failed" : "success"));
	value_set(d, v, "run", value_string(d, r->id));
	value_set(d, v, "host", text_or_null(d, host));
	value_set(d, v, "started", report_time(d, r->started));
	value_set(d, v, "seconds", make_seconds(d, r->seconds));
	value_set(d, v, "resumed", value_bool(d, r->resumed));
	value_set(d, v, "error", text_or_null(d, r->failed ? r->why : NULL));
	value_set(d, v, "failed_at", make_failed_at(d, r));
	for (size_t i = 0; i < r->len; i++)
		value_add(d, hooks, make_hook(d, &r->outcomes[i]));
	value_set(d, v, "hooks", hooks);
	return v;
}

struct value *
report_last(struct doc *d, const struct settings *s)
{
	own_free char *path = settings_state(s, LAST);
	struct error unread;
	struct value *v = file_exists(AT_FDCWD, path)
	    ? doc_load(d, AT_FDCWD, path, &unread)
	    : NULL;

	return v != NULL && v->kind == VALUE_MAP ? v : NULL;
}

const char *
report_previous(const struct settings *s)
{
	ownp(doc_free) struct doc *d = doc_new();
	const char *status = value_text(report_last(d, s), "status", "");

	return strcmp(status, "success") == 0 ? "success"
	    : strcmp(status, "failed") == 0   ? "failed"
					      : "none";
}

/* ---- kept -------------------------------------------------------------- */

void
report_open_log(const struct run *r, bool quiet)
{
	own_free char *runs = settings_state(r->settings, RUNS);
	own_free char *log = mem_printf("%s/%s.log", runs, r->id);
	struct error e;

	if (file_mkdirs(AT_FDCWD, r->settings->state, 0755, &e) == 0 &&
	    file_mkdirs(AT_FDCWD, runs, 0700, &e) == 0 &&
	    log_set_file(log, quiet, &e) == 0)
		return;
	if (!quiet)
		log_warn("no log of this run: %s", e.text);
	else if (log_set_file("/dev/null", true, &e) == -1)
		return;
}

/* Only so many are kept; their names are their age. */
static void
forget_old(const char *runs, unsigned keep)
{
	own(strlist_clear) struct strlist names = { 0 };
	own_dir DIR *dir = opendir(runs);
	struct dirent *entry;

	file_tidy(runs);
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			strlist_add(&names, entry->d_name);
	strlist_sort(&names);
	/* Two files a run: report and log. */
	for (size_t i = 0; i + 2 * (size_t)keep < names.len; i++)
		unlinkat(dirfd(dir), names.items[i], 0);
}

static int
keep(const struct run *r, const struct value *report, struct error *e)
{
	const struct settings *s = r->settings;
	own_free char *last = settings_state(s, LAST);
	own_free char *runs = settings_state(s, RUNS);
	own_free char *file = mem_printf("%s/%s.json", runs, r->id);
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(report, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	if (file_mkdirs(AT_FDCWD, s->state, 0755, e) == -1 ||
	    file_mkdirs(AT_FDCWD, runs, 0700, e) == -1 ||
	    file_replace(AT_FDCWD, file, 0600, text.s, text.len, e) == -1 ||
	    file_replace(AT_FDCWD, last, 0600, text.s, text.len, e) == -1)
		return -1;
	file_tidy(s->state);
	forget_old(runs, s->history);
	return 0;
}

/* ---- sent -------------------------------------------------------------- */

/* Where a report goes when the state folder's disk is full. */
static char *
spare_outbox(const struct settings *s)
{
	return mem_printf("%s/run/refresh-config/outbox", s->root);
}

static int
put(const struct settings *s, const char *name, const struct value *message,
    struct error *e)
{
	own_free char *outbox = settings_state(s, OUTBOX);
	own_free char *spare = spare_outbox(s);
	struct error again;

	if (outbox_put(outbox, name, message, e) == 0)
		return 0;
	if (outbox_put(spare, name, message, &again) == -1)
		return -1;
	log_warn("%s; the report goes by way of %s", e->text, spare);
	return 0;
}

static int
queue(const struct run *r, struct doc *d, struct value *report, struct error *e)
{
	const struct settings *s = r->settings;
	own_free char *name = mem_printf("report-%s", r->id);
	const struct value *metadata = settings_metadata(s, d, e);
	const char *url = value_text(
	    value_get(metadata, "refresh-config"), "signal_url", NULL);
	struct value *message = value_map(d);

	if (metadata == NULL)
		return -1;
	if (url == NULL)
		return 0;
	value_set(d, message, "transport", value_string(d, "http"));
	value_set(d, message, "method", value_string(d, "POST"));
	value_set(d, message, "url", value_string(d, url));
	if (s->ca_file != NULL)
		value_set(d, message, "ca_file", value_string(d, s->ca_file));
	value_set(d, message, "body", report);
	return put(s, name, message, e);
}

int
report_publish(const struct run *r, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *report = report_make(d, r);
	struct error unkept;
	int kept = keep(r, report, &unkept);

	if (queue(r, d, report, e) == -1)
		return error_prefix(e, "report");
	if (kept == -1 && !r->voice->faithful)
		return error_set(e, unkept.code, "report: %s", unkept.text);
	return 0;
}

static void
send_from(const struct settings *s, const char *outbox, bool quiet)
{
	own(strlist_clear) struct strlist names = { 0 }, argv = { 0 };
	struct proc p = { .seconds = s->send_seconds + SENDER_GRACE,
		.data = proc_pass_on };
	struct proc_status status;
	struct error e;

	if (outbox_list(outbox, &names, &e) == 0 && names.len == 0)
		return;
	strlist_add(&argv, "send-signals");
	if (quiet)
		strlist_add(&argv, "--quiet");
	strlist_printf(&argv, "--seconds=%u", s->send_seconds);
	strlist_printf(&argv, "--outbox=%s", outbox);
	p.argv = strlist_argv(&argv);
	if (proc_run(&p, &status, &e) == -1)
		log_warn("%s; what is to be sent waits in %s", e.text, outbox);
}

void
report_send(const struct settings *s, bool quiet)
{
	own_free char *outbox = settings_state(s, OUTBOX);
	own_free char *spare = spare_outbox(s);

	send_from(s, outbox, quiet);
	send_from(s, spare, quiet);
}
