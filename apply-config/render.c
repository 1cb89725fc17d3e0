/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One template to its text: mustache, or the output of a program; and what
 * its control file says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/mustache.h"
#include "apply-config/reads.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/parts.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/utf8.h"

/* A partial that was asked for. */
struct partial {
	char *name;
	size_t len;
	struct stat st; /* st_mode 0: there is none */
	const char *problem; /* why it cannot be opened though it is there */
	struct mustache *template; /* NULL: not loaded, or there is none */
};

struct renderer {
	const struct settings *settings;
	const struct templates *templates;
	const struct value *root;
	struct mustache_dialect dialect;
	struct strbuf input; /* the metadata, for programs */
	struct strlist secret_texts; /* in it */
	int partials_fd; /* -1: not open */
	bool partials_tried;
	struct partial *partials;
	size_t partial_count, partial_cap;
	struct strlist missing;
	struct reads *reads;
	struct rendered *now; /* what is being rendered */
};

static struct rendered *
rendered_new(const struct template *t)
{
	struct rendered *r = mem_alloc(sizeof(*r));

	r->template = t;
	control_init(&r->control);
	return r;
}

void
rendered_free(struct rendered *r)
{
	if (r == NULL)
		return;
	strbuf_clear(&r->body);
	control_clear(&r->control);
	spans_clear(&r->spans);
	free(r->marks);
	free(r->partials);
	free(r);
}

struct renderer *
renderer_new(const struct settings *s, const struct templates *t,
    const struct value *root, struct reads *reads)
{
	struct renderer *r = mem_alloc(sizeof(*r));

	r->settings = s;
	r->templates = t;
	r->root = root;
	r->reads = reads;
	r->dialect.extended = !s->compat;
	r->dialect.secrets = &s->secrets;
	r->partials_fd = -1;
	return r;
}

void
renderer_free(struct renderer *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->partial_count; i++) {
		free(r->partials[i].name);
		mustache_free(r->partials[i].template);
	}
	free(r->partials);
	strbuf_clear(&r->input);
	strlist_clear(&r->secret_texts);
	strlist_clear(&r->missing);
	if (r->partials_fd != -1)
		close(r->partials_fd);
	free(r);
}

const struct strlist *
renderer_missing(const struct renderer *r)
{
	return &r->missing;
}

/* ---- files of text ------------------------------------------------------ */

/* CR LF and CR become LF, as in text that Python reads. */
static void
unify_newlines(struct strbuf *b)
{
	char *from, *to, *end;

	if (b->len == 0 || memchr(b->s, '\r', b->len) == NULL)
		return;
	end = b->s + b->len;
	for (from = to = b->s; from < end; from++) {
		if (*from == '\r' && from + 1 < end && from[1] == '\n')
			continue;
		*to++ = *from == '\r' ? '\n' : *from;
	}
	strbuf_cut(b, (size_t)(to - b->s));
}

static int
read_text(int fd, const char *name, struct strbuf *b, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return error_errno(e, "%s", name);
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "%s: is no regular file", name);
	return file_read_fd(fd, name, LIMIT_TEMPLATE_BYTES, b, e);
}

/* ---- partials ----------------------------------------------------------- */

/* Beside the template root, unless a folder was named. */
static int
open_partials(struct renderer *r)
{
	const struct settings *s = r->settings;
	own_free char *parent = path_dir(s->templates);
	own_free char *usual = path_join(parent, "partials");
	const char *path = s->partials != NULL ? s->partials : usual;

	if (!r->partials_tried)
		r->partials_fd = openat(s->root, settings_below(s, path),
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->partials_tried = true;
	return r->partials_fd;
}

/* NAME.mustache, or NAME.  Returns a descriptor, or -1 with errno. */
static int
open_partial(struct renderer *r, const char *name)
{
	own_free char *longer = mem_printf("%s.mustache", name);
	int dir = open_partials(r), fd;

	if (dir == -1)
		return -1;
	fd = file_open_in(dir, longer, O_RDONLY | O_NONBLOCK);
	if (fd == -1 && errno == ENOENT)
		fd = file_open_in(dir, name, O_RDONLY | O_NONBLOCK);
	return fd;
}

static bool
is_there(const struct renderer *r, const char *name)
{
	own_fd int fd = file_open_in(r->partials_fd, name, O_PATH | O_NOFOLLOW);

	return fd != -1;
}

/* Why one could not be opened, as errno says; NULL: there is none. */
static const char *
partial_problem(const struct renderer *r, const char *name)
{
	const int code = errno;
	own_free char *longer = mem_printf("%s.mustache", name);

	if (code != ENOENT && code != ENOTDIR && code != ENAMETOOLONG)
		return strerror(code);
	if (r->partials_fd != -1 && (is_there(r, longer) || is_there(r, name)))
		return "leads to nothing in the folder of partials";
	return NULL;
}

uint32_t
renderer_partial(struct renderer *r, const char *name, size_t len)
{
	struct partial *p = r->partials;
	own_fd int fd = -1;

	for (size_t i = 0; i < r->partial_count; i++, p++)
		if (p->len == len && memcmp(p->name, name, len) == 0)
			return (uint32_t)i;
	r->partials = mem_grow(r->partials, &r->partial_cap,
	    r->partial_count + 1, sizeof(*r->partials));
	p = &r->partials[r->partial_count];
	*p = (struct partial){ .name = mem_dupn(name, len), .len = len };
	fd = open_partial(r, p->name);
	if (fd != -1)
		(void)fstat(fd, &p->st);
	else
		p->problem = partial_problem(r, p->name);
	return (uint32_t)r->partial_count++;
}

size_t
renderer_partial_count(const struct renderer *r)
{
	return r->partial_count;
}

const char *
renderer_partial_name(const struct renderer *r, uint32_t at, size_t *len)
{
	*len = r->partials[at].len;
	return r->partials[at].name;
}

const struct stat *
renderer_partial_stat(const struct renderer *r, uint32_t at)
{
	return &r->partials[at].st;
}

static int
load_partial(struct renderer *r, struct partial *p, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *label = mem_printf("partial %s", p->name);
	own_fd int fd = open_partial(r, p->name);
	size_t n;

	if (fd == -1)
		return error_errno(e, "%s", label);
	if (read_text(fd, label, &text, e) == -1)
		return -1;
	if (r->templates != NULL)
		unify_newlines(&text);
	n = text.len;
	p->template =
	    mustache_compile(label, strbuf_take(&text), n, &r->dialect, e);
	return p->template == NULL ? -1 : 0;
}

/* The template that is being rendered depends on a partial. */
static void
note_partial(struct rendered *to, uint32_t number)
{
	for (size_t i = 0; i < to->partial_count; i++)
		if (to->partials[i] == number)
			return;
	to->partials = mem_grow(to->partials, &to->partial_cap,
	    to->partial_count + 1, sizeof(*to->partials));
	to->partials[to->partial_count++] = number;
}

static int
get_partial(void *ctx, const char *name, size_t len, struct mustache **m,
    struct error *e)
{
	struct renderer *r = ctx;
	own_free char *copy = mem_dupn(name, len);
	struct partial *p;
	uint32_t number;

	if (strlen(copy) != len || !path_is_inside(copy))
		return error_set(e, EINVAL, "not the name of a partial");
	number = renderer_partial(r, name, len);
	note_partial(r->now, number);
	p = &r->partials[number];
	if (p->problem != NULL)
		return error_set(e, EINVAL, "partial %s: %s", copy, p->problem);
	if (p->template == NULL && p->st.st_mode != 0 &&
	    load_partial(r, p, e) == -1)
		return -1;
	*m = p->template;
	return 0;
}

/* ---- mustache ----------------------------------------------------------- */

static int
run_mustache(struct renderer *r, const char *name, struct strbuf *text,
    struct rendered *to, struct error *e)
{
	size_t n = text->len;
	ownp(mustache_free) struct mustache *m =
	    mustache_compile(name, strbuf_take(text), n, &r->dialect, e);
	struct mustache_job job = { .root = r->root,
		.html = r->settings->html,
		.indexes = !r->settings->compat,
		.partial = get_partial,
		.ctx = r,
		.reads = r->reads,
		.missing = r->settings->strict ? &r->missing : NULL,
		.spans = &to->spans };

	r->now = to;
	strbuf_reserve(&to->body, n); /* most grow little */
	if (m == NULL || mustache_render(m, &job, &to->body, e) == -1)
		return -1;
	strbuf_trim(&to->body);
	to->secret = job.secret;
	return 0;
}

static int
render_mustache(struct renderer *r, const struct template *t, const char *name,
    struct rendered *to, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int fd = openat(
	    r->templates->fd, t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return error_errno(e, "%s", name);
	/* A link to /dev/null is a template without text. */
	if (!S_ISREG(t->file.mode) && !S_ISCHR(t->file.mode))
		return error_set(e, EINVAL, "%s: is no regular file", name);
	if (file_read_sized(
		fd, name, t->file.size, LIMIT_TEMPLATE_BYTES, &text, e) == -1)
		return -1;
	unify_newlines(&text);
	return run_mustache(r, name, &text, to, e);
}

/* ---- programs ----------------------------------------------------------- */

static bool
is_program(int dir, const char *path, mode_t mode)
{
	return S_ISREG(mode) && (mode & 0111) != 0 &&
	    faccessat(dir, path, X_OK, 0) == 0;
}

static void
keep_line(void *ctx, int stream, const char *line, size_t len)
{
	(void)stream;
	parts_tail(ctx, line, len);
}

static int
run_program(
    struct renderer *r, const char *path, struct strbuf *body, struct error *e)
{
	own(strbuf_clear) struct strbuf talk = { 0 };
	char *argv[] = { (char *)path, NULL };
	struct proc p = { .argv = argv,
		.seconds = LIMIT_TEMPLATE_SECONDS,
		.line = keep_line,
		.ctx = &talk,
		.out = body,
		.await_out = true,
		.no_shell = true };
	struct proc_status status;
	struct error why;

	if (r->input.len == 0) {
		value_print(r->root, STYLE_PYTHON, &r->input);
		secrets_texts(&r->settings->secrets, r->root, &r->secret_texts);
	}
	p.input = r->input.s;
	p.input_len = r->input.len;
	if (proc_run(&p, &status, e) == -1)
		return -1;
	if (proc_check(&status, &why) == 0)
		return 0;
	secrets_mask(&r->secret_texts, &talk);
	return error_set(e, why.code,
	    "config script failed: %s: %.100s, with output: %s", path, why.text,
	    parts_last(&talk, LIMIT_SHOWN_BYTES));
}

static int
render_program(
    struct renderer *r, const char *name, struct rendered *to, struct error *e)
{
	own_free char *outside = settings_outside(r->settings, name);
	own_free char *path = strchr(outside, '/') != NULL
	    ? take(outside)
	    : mem_printf("./%s", outside);

	if (run_program(r, path, &to->body, e) == -1)
		return -1;
	if (to->body.len >= LIMIT_RENDERED_BYTES)
		return error_set(e, EFBIG, "%s: printed more than %zu bytes",
		    name, LIMIT_RENDERED_BYTES);
	if (!utf8_valid(strbuf_text(&to->body), to->body.len))
		return error_set(e, EINVAL, "%s: printed no UTF-8", name);
	spans_find(
	    &to->spans, strbuf_text(&to->body), to->body.len, &r->secret_texts);
	to->secret = to->spans.len > 0;
	return 0;
}

/* ---- one of the tree ---------------------------------------------------- */

static int
read_control(struct renderer *r, const struct template *t, const char *name,
    struct control *c, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *path = mem_printf("%s.oac", t->path);
	own_free char *label = mem_printf("%s.oac", name);
	own_fd int fd =
	    openat(r->templates->fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd == -1)
		return error_errno(e, "%s", label);
	if (read_text(fd, label, &text, e) == -1)
		return -1;
	return control_parse(
	    r->settings, strbuf_text(&text), text.len, label, c, e);
}

static void
keep_marks(struct renderer *r, struct rendered *to)
{
	const uint32_t *marks;

	if (r->reads == NULL)
		return;
	marks = reads_marked(r->reads, &to->mark_count);
	to->marks = mem_alloc(to->mark_count * sizeof(*marks));
	if (to->mark_count > 0)
		memcpy(to->marks, marks, to->mark_count * sizeof(*marks));
}

/* Most errors begin with the template's name, those in partials do not. */
static void
blame(const char *name, struct error *e)
{
	const struct error why = *e;
	size_t n = strlen(name);

	if (strncmp(why.text, name, n) == 0 && why.text[n] == ':')
		error_set(e, why.code, "could not render moustache template %s",
		    why.text);
	else
		error_set(e, why.code,
		    "could not render moustache template %s: %s", name,
		    why.text);
}

struct rendered *
renderer_run(struct renderer *r, const struct template *t, struct error *e)
{
	own_free char *name = path_join(r->settings->templates, t->path);
	ownp(rendered_free) struct rendered *to = rendered_new(t);

	if (r->reads != NULL)
		reads_begin(r->reads);
	if (is_program(r->templates->fd, t->path, t->file.mode)) {
		if (render_program(r, name, to, e) == -1)
			return NULL;
	} else if (render_mustache(r, t, name, to, e) == -1) {
		blame(name, e);
		return NULL;
	}
	keep_marks(r, to);
	if (t->control.mode != 0 &&
	    read_control(r, t, name, &to->control, e) == -1)
		return NULL;
	return take(to);
}

/* ---- one that is no part of the tree ------------------------------------- */

/* Text as it is, line ends included; a pipe will do. */
static int
render_loose(
    struct renderer *r, const char *path, struct rendered *to, struct error *e)
{
	const char *below = settings_below(r->settings, path);
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int fd =
	    openat(r->settings->root, below, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return error_errno(e, "%s", path);
	if (is_program(r->settings->root, below, st.st_mode))
		return render_program(r, path, to, e);
	if (file_read_fd(fd, path, LIMIT_TEMPLATE_BYTES, &text, e) == -1)
		return -1;
	if (text.len == 0 && S_ISFIFO(st.st_mode))
		return error_set(
		    e, ENODATA, "%s: nothing is in the pipe", path);
	return run_mustache(r, path, &text, to, e);
}

int
renderer_text(
    struct renderer *r, const char *path, struct strbuf *to, struct error *e)
{
	ownp(rendered_free) struct rendered *rendered = rendered_new(NULL);

	if (render_loose(r, path, rendered, e) == -1)
		return -1;
	*to = rendered->body;
	rendered->body = (struct strbuf){ 0 };
	return 0;
}
