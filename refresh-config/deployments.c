/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of deployments, each given once to the hook of its group.
 *
 * What is known of one lies in the deployed folder, and tells after a crash
 * how far it came:
 *
 *	ID.started	its hook was started
 *	ID.notify.json	its hook ended; this is the answer
 *	ID.json		the first under its last name: the answer is in the
 *			outbox, and it is done
 *
 * So no answer is lost, and no hook is run twice: one that was started and
 * did not end is told as a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/plain.h"
#include "lib/proc.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

#define WHY_COLUMNS 200
#define STDERR_BYTES (1 << 20) /* of a hook, kept */

struct deployments {
	const struct settings *settings;
	struct places places;
	struct sender sender;
	const volatile sig_atomic_t *stop;
};

static void
deployments_clear(struct deployments *all)
{
	sender_wait(&all->sender);
	places_clear(&all->places);
}

/* ---- the hook ---------------------------------------------------------- */

struct listener {
	const char *name;
	struct strbuf err;
};

static void
on_data(void *ctx, int stream, const char *data, size_t n)
{
	struct listener *l = ctx;

	if (stream == 2)
		answer_keep(&l->err, data, n, STDERR_BYTES);
}

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	struct listener *l = ctx;

	if (stream == 2)
		log_output(l->name, line, len);
}

/*
 * The hook's name is the group's, less anything that is not a letter, a
 * digit, a dash or an underscore.  NULL when there is none.
 */
static char *
find_hook(const struct places *p, const char *group)
{
	own(strbuf_clear) struct strbuf name = { 0 };

	for (const char *s = group; *s != '\0'; s++)
		if ((*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
		    (*s >= 'A' && *s <= 'Z') || *s == '-' || *s == '_')
			strbuf_putc(&name, *s);
	for (size_t i = 0; name.len > 0 && i < p->hooks.len; i++) {
		own_free char *path = path_join(p->hooks.items[i], name.s);

		if (file_exists(AT_FDCWD, path))
			return take(path);
	}
	return NULL;
}

/* Run it; *why tells, in error, why it did not end by itself. */
static const char *
run_hook(const struct item *item, const char *path,
    const volatile sig_atomic_t *stop, struct listener *listener,
    struct strbuf *out, struct proc_status *status, struct error *why)
{
	own(strbuf_clear) struct strbuf input = { 0 };
	own_free char *copy = mem_dup(path);
	char *argv[] = { copy, NULL };
	struct header header;
	struct proc p = { .argv = argv,
		.line = on_line,
		.data = on_data,
		.ctx = listener,
		.out = out,
		.stop = stop };

	*status = (struct proc_status){ .code = 1 };
	if (header_load(path, &header, why) == -1)
		return why->text;
	p.seconds = header.seconds;
	value_print(item->root, STYLE_PYTHON, &input);
	p.input = strbuf_text(&input);
	p.input_len = input.len;
	if (proc_run(&p, status, why) == -1) {
		status->code = why->code == ENOENT ? 127 : 126;
		if (why->code != EFBIG)
			error_prefix(why, "the hook cannot be run");
		return why->text;
	}
	if (status->code != 0 || proc_check(status, why) == 0)
		return NULL;
	status->code = 128 + status->signal;
	error_prefix(why, "the hook %s", path);
	return why->text;
}

static struct value *
no_hook(const struct places *p, const struct item *item)
{
	own_free char *folders = strlist_join(&p->hooks, ", ");
	own_free char *why = mem_printf(
	    "no hook for the group \"%s\" in %s", item->group, folders);
	const struct strbuf none = { 0 };
	const struct ending end = {
		.out = &none, .err = &none, .status = 127, .failure = why
	};

	return answer_make(item->d, &end);
}

static struct value *
interrupted(const struct item *item)
{
	const struct strbuf none = { 0 };
	const struct ending end = { .out = &none,
		.err = &none,
		.status = 1,
		.failure = "The deployment was interrupted: its hook was "
			   "started and did not end." };

	return answer_make(item->d, &end);
}

static struct value *
invoke(const struct item *item, const char *path,
    const volatile sig_atomic_t *stop)
{
	struct listener listener = { .name = item->group };
	own(strbuf_clear) struct strbuf out = { 0 };
	struct proc_status status;
	struct error why;
	struct ending end = { .out = &out, .err = &listener.err };
	struct value *answer;

	end.failure =
	    run_hook(item, path, stop, &listener, &out, &status, &why);
	end.status = status.code;
	answer = answer_make(item->d, &end);
	strbuf_clear(&listener.err);
	return answer;
}

/* ---- one deployment ---------------------------------------------------- */

/* The answer; nothing depends on it unless we are killed right now. */
static int
keep_answer(const struct places *p, const struct item *item,
    const struct value *answer, struct error *e)
{
	own_free char *path = deployments_path(p, item->id, ".notify.json");
	own(strbuf_clear) struct strbuf text = { 0 };
	own(file_discard) struct file_writer w = { 0 };

	value_print(answer, STYLE_PRETTY, &text);
	if (file_begin(&w, AT_FDCWD, path, 0600, e) == -1)
		return -1;
	w.hasty = true;
	file_add(&w, text.s, text.len);
	return file_publish(&w, e);
}

static int
sync_deployed(const struct places *p, struct error *e)
{
	own_fd int dir = open(p->deployed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir == -1 || fsync(dir) == -1)
		return error_errno(e, "%s", p->deployed);
	return 0;
}

/* Write down that it begins; *fresh is false if that was done before. */
static int
begin(const struct places *p, const struct item *item, bool *fresh,
    struct error *e)
{
	own_free char *path = deployments_path(p, item->id, ".started");
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int fd =
	    open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	*fresh = fd != -1;
	if (fd == -1)
		return errno == EEXIST ? 0 : error_errno(e, "%s", path);
	value_print(item->root, STYLE_PRETTY, &text);
	if (file_write_all(fd, text.s, text.len) == -1) {
		error_errno(e, "%s", path);
		unlink(path);
		return -1;
	}
	return sync_deployed(p, e);
}

static int
mark_done(const struct places *p, const struct item *item, struct error *e)
{
	own_free char *from = deployments_path(p, item->id, ".started");
	own_free char *to = deployments_path(p, item->id, ".json");

	if (rename(from, to) == -1)
		return error_errno(e, "%s", to);
	return sync_deployed(p, e);
}

/* The answer to what was begun before: what was kept, or a failure. */
static struct value *
continued(const struct places *p, const struct item *item)
{
	own_free char *path = deployments_path(p, item->id, ".notify.json");
	struct error unread;
	struct value *answer = file_exists(AT_FDCWD, path)
	    ? doc_load(item->d, AT_FDCWD, path, &unread)
	    : NULL;

	return answer != NULL && answer->kind == VALUE_MAP ? answer
							   : interrupted(item);
}

/* The program that stands in for the outbox, as heat-agents have it. */
static int
call_notify(const struct places *p, const struct item *item,
    const struct value *answer, struct error *e)
{
	own_free char *path = deployments_path(p, item->id, ".json");
	own(strbuf_clear) struct strbuf input = { 0 };
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc proc = { .line = NULL };
	struct proc_status status;

	value_print(answer, STYLE_PYTHON, &input);
	strlist_add(&argv, p->notify);
	strlist_add(&argv, path);
	proc.argv = strlist_argv(&argv);
	proc.input = strbuf_text(&input);
	proc.input_len = input.len;
	if (proc_run(&proc, &status, e) == -1)
		return -1;
	return proc_check(&status, e) == -1 ? error_prefix(e, "%s", p->notify)
					    : 0;
}

/* Tell whoever wants to know: into the outbox first, then it is done. */
static int
finish(struct deployments *all, const struct item *item, struct value *answer,
    struct error *e)
{
	const struct places *p = &all->places;
	unsigned queued = 0;

	if (keep_answer(p, item, answer, e) == -1)
		return -1;
	if (p->notify == NULL &&
	    signal_queue(all->settings, item, answer, &queued, e) == -1)
		return -1;
	if (mark_done(p, item, e) == -1)
		return -1;
	if (queued > 0)
		sender_start(&all->sender);
	return p->notify != NULL ? call_notify(p, item, answer, e) : 0;
}

/* The last line of what went wrong says most. */
static void
log_failure(const struct item *item, const struct value *answer)
{
	own(strbuf_clear) struct strbuf why = { 0 };
	const char *text = value_text(answer, "deploy_stderr", "");
	size_t end = strlen(text), start;

	while (end > 0 && text[end - 1] == '\n')
		end--;
	for (start = end; start > 0 && text[start - 1] != '\n';)
		start--;
	plain_add(&why, text + start, end - start);
	strbuf_cut(&why, plain_fit(strbuf_text(&why), WHY_COLUMNS));
	log_warn("%s (%s) failed%s%s", item->name, item->id,
	    why.len > 0 ? ": " : "", strbuf_text(&why));
}

static int
deploy(struct deployments *all, const struct item *item, struct error *e)
{
	const struct places *p = &all->places;
	own_free char *hook = find_hook(p, item->group);
	struct value *answer;
	bool fresh;

	if (begin(p, item, &fresh, e) == -1)
		return -1;
	log_status("deployment %s", item->name);
	log_info("%s (%s) begins", item->name, item->id);
	answer = !fresh	   ? continued(p, item)
	    : hook == NULL ? no_hook(p, item)
			   : invoke(item, hook, all->stop);
	if (answer_is_success(answer))
		log_info("%s (%s) done", item->name, item->id);
	else
		log_failure(item, answer);
	return finish(all, item, answer, e);
}

static int
handle(struct deployments *all, struct doc *d, struct value *v, struct error *e)
{
	struct item item;
	own_free char *done = NULL;

	if (item_read(d, v, &item, e) == -1 || item_check_id(&item, e) == -1)
		return -1;
	done = deployments_path(&all->places, item.id, ".json");
	if (item_select(&item) == 1) {
		log_debug("%s: nothing to do for the action %s", item.name,
		    item_text(&item, "deploy_action", "?"));
		return 0;
	}
	if (deployments_is_data(item.group))
		return 0;
	if (file_exists(AT_FDCWD, done)) {
		log_debug(
		    "%s is done; to do it again, remove %s", item.name, done);
		return 0;
	}
	if (deploy(all, &item, e) == -1)
		return error_prefix(e, "deployment %s", item.id);
	return 0;
}

/* ---- all of them ------------------------------------------------------- */

static int
make_deployed(const struct places *p, struct error *e)
{
	if (file_is_dir(AT_FDCWD, p->deployed))
		return 0;
	if (strcmp(p->deployed, p->old_deployed) != 0 &&
	    file_is_dir(AT_FDCWD, p->old_deployed) &&
	    rename(p->old_deployed, p->deployed) == 0)
		return 0;
	return file_mkdirs(AT_FDCWD, p->deployed, 0700, e);
}

/* Two at a time would take each other's deployments for interrupted ones. */
static int
take_lock(const struct places *p, struct error *e)
{
	own_free char *path = path_join(p->deployed, ".lock");

	return lock_take(path, 0, e);
}

int
deployments_run(const struct settings *s, struct error *e)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(deployments_clear) struct deployments all = {
		.settings = s, .sender = { .settings = s }, .stop = stop_catch()
	};
	own_fd int lock = -1;
	const struct value *list;

	places_find(&all.places, s);
	list = deployments_load(d, &all.places, s, e);
	if (list == NULL || make_deployed(&all.places, e) == -1)
		return -1;
	lock = take_lock(&all.places, e);
	if (lock == -1)
		return -1;
	file_tidy(all.places.deployed);
	for (uint32_t i = 0; i < list->len && !*all.stop; i++) {
		struct error failed;

		if (handle(&all, d, list->items[i], &failed) == -1)
			log_warn("%s", failed.text);
	}
	log_status("%s", "");
	return *all.stop ? error_set(e, EINTR, "stopped by a signal") : 0;
}
