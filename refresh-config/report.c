/* SPDX-License-Identifier: Apache-2.0 */
/* The report of a run: made, kept, queued for whoever wants it. */
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
#include "lib/metadata.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/utf8.h"
#include "refresh-config/refresh.h"

#define LAST "last.json"
#define SEND_SECONDS "20" /* what is left then is for the next time */
#define SENDER_LIMIT 60 /* seconds; it ends before, by itself */

static struct value *
make_time(struct doc *d, time_t t)
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
	own(strbuf_clear) struct strbuf clean = { 0 };

	if (n > LIMIT_TAIL_BYTES) {
		s += n - LIMIT_TAIL_BYTES;
		n = LIMIT_TAIL_BYTES;
		while (n > 0 && ((unsigned char)*s & 0xc0) == 0x80)
			s++, n--;
	}
	utf8_clean(&clean, s, n);
	return value_stringn(d, strbuf_text(&clean), clean.len);
}

static struct value *
make_hook(struct doc *d, const struct outcome *o)
{
	struct value *v = value_map(d);

	value_set(d, v, "name", value_string(d, o->name));
	value_set(d, v, "phase", value_string(d, o->phase));
	value_set(d, v, "started", make_time(d, o->started));
	value_set(d, v, "offset", make_seconds(d, o->offset));
	value_set(d, v, "seconds", make_seconds(d, o->seconds));
	value_set(d, v, "cpu_seconds", make_seconds(d, o->cpu));
	value_set(d, v, "peak_kib", value_int(d, o->peak_kib));
	value_set(d, v, "status",
	    o->exited ? value_int(d, o->status) : value_null(d));
	value_set(d, v, "signal",
	    o->signal ? value_int(d, o->signal) : value_null(d));
	value_set(d, v, "timed_out", value_bool(d, o->timed_out));
	value_set(d, v, "output",
	    make_text(d, strbuf_text(&o->output), o->output.len));
	return v;
}

struct value *
report_make(struct doc *d, const struct run *r)
{
	struct value *v = value_map(d), *hooks = value_list(d);
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) == -1)
		snprintf(host, sizeof(host), "localhost");
	value_set(
	    d, v, "status", value_string(d, r->failed ? "failed" : "success"));
	value_set(d, v, "run", value_string(d, r->id));
	value_set(d, v, "host", value_string(d, host));
	value_set(d, v, "started", make_time(d, r->started));
	value_set(d, v, "seconds", make_seconds(d, r->seconds));
	value_set(d, v, "error",
	    r->failed ? make_text(d, r->why, strlen(r->why)) : value_null(d));
	for (size_t i = 0; i < r->len; i++)
		value_add(d, hooks, make_hook(d, &r->outcomes[i]));
	value_set(d, v, "hooks", hooks);
	return v;
}

const char *
report_previous(const struct settings *s)
{
	ownp(doc_free) struct doc *d = doc_new();
	own_free char *path = settings_state(s, LAST);
	struct error unread;
	const char *status =
	    value_text(doc_load(d, AT_FDCWD, path, &unread), "status", "");

	return strcmp(status, "success") == 0 ? "success"
	    : strcmp(status, "failed") == 0   ? "failed"
					      : "none";
}

static int
keep(const struct settings *s, const struct value *report, struct error *e)
{
	own_free char *path = settings_state(s, LAST);
	own(strbuf_clear) struct strbuf text = { 0 };

	value_print(report, STYLE_PRETTY, &text);
	strbuf_putc(&text, '\n');
	if (file_mkdirs(AT_FDCWD, s->state, 0755, e) == -1)
		return -1;
	return file_replace(AT_FDCWD, path, 0600, text.s, text.len, e);
}

/* Where the metadata wants the report, or NULL; *failed if unreadable. */
static const char *
signal_url(struct doc *d, const struct settings *s, struct error *e)
{
	own(strlist_clear) struct strlist files = { 0 };
	own_fd int root =
	    open(*s->root ? s->root : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const struct value *metadata;

	if (root == -1)
		error_errno(e, "%s", s->root);
	if (root == -1 || metadata_files(root, NULL, &files, e) == -1)
		return NULL;
	metadata = metadata_load(d, root, &files, e);
	if (metadata == NULL)
		return NULL;
	e->text[0] = '\0';
	return value_text(
	    value_get(metadata, "refresh-config"), "signal_url", NULL);
}

static int
queue(const struct run *r, struct doc *d, struct value *report, struct error *e)
{
	own_free char *outbox = settings_state(r->settings, "outbox");
	own_free char *name = mem_printf("report-%s", r->id);
	const char *url = signal_url(d, r->settings, e);
	struct value *message = value_map(d);

	if (url == NULL)
		return *e->text == '\0' ? 0 : -1;
	value_set(d, message, "transport", value_string(d, "http"));
	value_set(d, message, "method", value_string(d, "POST"));
	value_set(d, message, "url", value_string(d, url));
	value_set(d, message, "body", report);
	return outbox_put(outbox, name, message, e);
}

int
report_publish(const struct run *r, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct value *report = report_make(d, r);

	if (keep(r->settings, report, e) == -1 || queue(r, d, report, e) == -1)
		return error_prefix(e, "report");
	return 0;
}

void
report_send(const struct settings *s)
{
	own_free char *outbox = settings_state(s, "outbox");
	own(strlist_clear) struct strlist names = { 0 }, argv = { 0 };
	struct proc p = { .seconds = SENDER_LIMIT, .echo = true };
	struct proc_status status;
	struct error e;

	if (outbox_list(outbox, &names, &e) == 0 && names.len == 0)
		return;
	strlist_split(&argv, "send-signals --seconds " SEND_SECONDS, " ");
	strlist_add(&argv, "--outbox");
	strlist_add(&argv, outbox);
	p.argv = strlist_argv(&argv);
	if (proc_run(&p, &status, &e) == -1)
		log_warn("%s; the report waits in %s", e.text, outbox);
}
