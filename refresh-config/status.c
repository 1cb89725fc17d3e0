/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of runs, from the state folder. */
#include "refresh-config/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/refresh.h"

/* ---- history ----------------------------------------------------------- */

static void
copy_member(
    struct doc *d, struct value *to, const struct value *from, const char *name)
{
	const struct value *v = value_get(from, name);

	value_set(d, to, name, v ? value_copy(d, v) : value_null(d));
}

/* One run in short; a report that cannot be read is passed over. */
static void
add_run(struct doc *d, struct value *history, const char *path)
{
	ownp(doc_free) struct doc *own = doc_new();
	struct error unread;
	const struct value *report = doc_load(own, AT_FDCWD, path, &unread);
	const struct value *hooks = value_get(report, "hooks");
	struct value *v;

	if (report == NULL || report->kind != VALUE_MAP)
		return;
	v = value_map(d);
	copy_member(d, v, report, "run");
	copy_member(d, v, report, "status");
	copy_member(d, v, report, "started");
	copy_member(d, v, report, "seconds");
	value_set(d, v, "hooks",
	    value_int(d,
		hooks != NULL && hooks->kind == VALUE_LIST ? hooks->len : 0));
	copy_member(d, v, report, "error");
	value_add(d, history, v);
}

static struct value *
gather_history(struct doc *d, const struct settings *s)
{
	own_free char *runs = settings_state(s, "runs");
	own_dir DIR *dir = opendir(runs);
	own(strlist_clear) struct strlist names = { 0 };
	struct value *history = value_list(d);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *end = strrchr(entry->d_name, '.');

		if (entry->d_name[0] != '.' && end != NULL &&
		    strcmp(end, ".json") == 0)
			strlist_add(&names, entry->d_name);
	}
	strlist_sort(&names);
	for (size_t i = names.len; i-- > 0;) {
		own_free char *path = path_join(runs, names.items[i]);

		add_run(d, history, path);
	}
	return history;
}

/* ---- outbox ------------------------------------------------------------ */

static struct value *
gather_refused(struct doc *d, const char *outbox, struct error *e)
{
	own_free char *dir = mem_printf("%s" OUTBOX_REFUSED, outbox);
	own(strlist_clear) struct strlist names = { 0 };
	struct value *list = value_list(d);

	if (outbox_list(dir, &names, e) == -1)
		return NULL;
	for (size_t i = 0; i < names.len; i++) {
		ownp(doc_free) struct doc *own = doc_new();
		struct error unread;
		const struct value *m =
		    outbox_load(own, dir, names.items[i], &unread);
		struct value *v = value_map(d);

		value_set(d, v, "name", value_string(d, names.items[i]));
		value_set(d, v, "reason",
		    value_string(d, value_text(m, "refused", "")));
		value_add(d, list, v);
	}
	return list;
}

static struct value *
time_of(struct doc *d, const char *dir, const char *name)
{
	own_free char *path = path_join(dir, name);
	struct stat st;

	return stat(path, &st) == 0 ? report_time(d, st.st_mtime)
				    : value_null(d);
}

static struct value *
gather_outbox(struct doc *d, const struct settings *s, struct error *e)
{
	own_free char *outbox = settings_state(s, "outbox");
	own(strlist_clear) struct strlist names = { 0 };
	struct value *v = value_map(d), *refused;

	refused = gather_refused(d, outbox, e);
	if (refused == NULL || outbox_list(outbox, &names, e) == -1)
		return NULL;
	value_set(d, v, "waiting", value_int(d, (long long)names.len));
	value_set(d, v, "oldest",
	    names.len > 0 ? time_of(d, outbox, names.items[0]) : value_null(d));
	value_set(d, v, "refused", refused);
	return v;
}

/* ---- all of it --------------------------------------------------------- */

static struct value *
status_gather(struct doc *d, const struct settings *s, struct error *e)
{
	struct value *v = value_map(d), *last = report_last(d, s);
	struct value *outbox = gather_outbox(d, s, e);

	if (outbox == NULL)
		return NULL;
	value_set(d, v, "last", last != NULL ? last : value_null(d));
	value_set(d, v, "history", gather_history(d, s));
	value_set(d, v, "outbox", outbox);
	value_set(d, v, "changed", changed_names(d, s));
	return v;
}

bool
status_is_good(const struct value *hook)
{
	long long code;

	return value_to_int(value_get(hook, "status"), &code) && code == 0;
}

void
status_verdict(const struct value *hook, char *to, unsigned size)
{
	const struct value *late = value_get(hook, "timed_out");
	long long code;

	if (late != NULL && late->kind == VALUE_BOOL && late->truth)
		snprintf(to, size, "too long");
	else if (status_is_good(hook))
		snprintf(to, size, "ok");
	else if (value_to_int(value_get(hook, "status"), &code))
		snprintf(to, size, "exit %lld", code);
	else if (value_to_int(value_get(hook, "signal"), &code))
		snprintf(to, size, "signal %lld", code);
	else
		snprintf(to, size, "not run");
}

int
status_show(
    const struct settings *s, bool json, const char *html, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(strbuf_clear) struct strbuf b = { 0 };
	const struct value *status = status_gather(d, s, e);

	if (status == NULL)
		return -1;
	if (html != NULL) {
		status_html(status, &b);
		return file_replace(AT_FDCWD, html, 0644, b.s, b.len, e);
	}
	if (json) {
		value_print(status, STYLE_PRETTY, &b);
		strbuf_putc(&b, '\n');
	} else {
		status_text(status,
		    isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == NULL,
		    &b);
	}
	if (file_write_all(STDOUT_FILENO, b.s, b.len) == -1)
		return error_errno(e, "standard output");
	return 0;
}
