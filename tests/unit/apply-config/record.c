/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template is rendered again when something that it read has changed, and
 * only then.
 */
#include "apply-config/record.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/output.h"
#include "apply-config/reads.h"
#include "apply-config/state.h"
#include "apply-config/steps.h"
#include "apply-config/talk.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/path.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static char top[] = "/tmp/record.XXXXXX";
static int top_fd;
static struct settings settings;

static void
put(const char *path, const char *text)
{
	struct error e;

	must(file_replace(top_fd, path, 0644, text, strlen(text), &e), &e);
}

static const struct value *
json(struct doc *d, const char *text)
{
	struct error e;
	const struct value *v = doc_parse(d, text, strlen(text), "json", &e);

	must(v == NULL ? -1 : 0, &e);
	return v;
}

/* A tick of the files' clock later: what was written now is old. */
static void
settle(void)
{
	struct timespec now;
	int64_t start;

	clock_gettime(CLOCK_REALTIME, &now);
	start = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	while (record_clock() <= start)
		usleep(500);
}

static void
apply_once(const char *metadata)
{
	ownp(doc_free) struct doc *d = doc_new();
	struct error e;

	settle();
	must(step_apply(&settings, json(d, metadata), &e), &e);
}

/* The first run wrote files, all or the last, within the tick of its record. */
static void
apply(const char *metadata)
{
	apply_once(metadata);
	apply_once(metadata);
}

/* How many templates need not be rendered with this metadata. */
static unsigned
count_current(const char *metadata)
{
	ownp(doc_free) struct doc *d = doc_new();
	const struct value *root = json(d, metadata);
	own(templates_clear) struct templates t = { .fd = -1 };
	own(state_close) struct state st = { .fd = -1, .lock = -1 };
	own(output_closep) struct output *o = NULL;
	ownp(reads_free) struct reads *reads = reads_new();
	ownp(renderer_free) struct renderer *r = NULL;
	ownp(record_free) struct record *record = NULL;
	unsigned n = 0;
	struct error e;

	must(templates_load(&settings, &t, &e), &e);
	must(state_open(&settings, &st, &e), &e);
	o = output_open(&settings, &e);
	r = renderer_new(&settings, &t, root, reads);
	record = record_load(&settings, &st, root, r, reads);
	for (size_t i = 0; i < t.len; i++)
		n += record_is_current(record, &t.items[i], o);
	return n;
}

/* The same of the only one. */
static bool
is_current(const char *metadata)
{
	return count_current(metadata) == 1;
}

static void
check_metadata(void)
{
	static const struct {
		const char *text, *before, *after;
		bool current;
	} rows[] = {
		{ "{{a}}", "{\"a\": 1}", "{\"a\": 1, \"b\": 2}", true },
		{ "{{a}}", "{\"a\": 1}", "{\"a\": 2}", false },
		{ "{{a}}", "{\"a\": 1}", "{}", false },
		{ "{{a}}", "{}", "{\"a\": 1}", false },
		{ "{{a.b}}", "{\"a\": {\"b\": 1}}",
		    "{\"a\": {\"c\": 2, \"b\": 1}}", true },
		{ "{{a.b}}", "{\"a\": {\"x\": 1}}", "{\"a\": {\"c\": 1}}",
		    true },
		{ "{{a.b}}", "{\"a\": {}}", "{\"a\": {\"b\": 1}}", false },
		/* A section depends on what it asks, not on all in the map. */
		{ "{{#a}}x{{/a}}", "{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 2}}",
		    true },
		{ "{{#a}}{{b}}{{/a}}", "{\"a\": {\"b\": 1, \"c\": 1}}",
		    "{\"a\": {\"b\": 1, \"c\": 2}}", true },
		{ "{{#a}}{{b}}{{/a}}", "{\"a\": {\"b\": 1}}",
		    "{\"a\": {\"b\": 2}}", false },
		{ "{{#a}}x{{/a}}", "{\"a\": {\"b\": 1}}", "{\"a\": {}}",
		    false },
		{ "{{#a}}x{{/a}}", "{\"a\": 1}", "{\"a\": 2}", true },
		{ "{{#a}}{{.}}{{/a}}", "{\"a\": 1}", "{\"a\": 2}", false },
		{ "{{#a}}x{{/a}}", "{\"a\": 1}", "{\"a\": 0}", false },
		{ "{{^a}}x{{/a}}", "{}", "{\"a\": 1}", false },
		/* What is found farther out, until it is found nearer. */
		{ "{{#a}}{{b}}{{/a}}", "{\"a\": {\"c\": 1}, \"b\": 1}",
		    "{\"a\": {\"c\": 1, \"b\": 1}, \"b\": 1}", false },
		{ "{{#a}}{{b.c}}{{/a}}",
		    "{\"a\": {\"b\": {}}, \"b\": {\"c\": 1}}",
		    "{\"a\": {\"d\": {}}, \"b\": {\"c\": 1}}", false },
		/* Lists and whole maps count as a whole. */
		{ "{{#a}}{{b}}{{/a}}", "{\"a\": [{\"b\": 1, \"c\": 1}]}",
		    "{\"a\": [{\"b\": 1, \"c\": 2}]}", false },
		{ "{{a}}", "{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 2}}",
		    false },
		{ "{{.}}", "{\"a\": 1}", "{\"a\": 1, \"b\": 1}", false },
		{ "{{a.0}}", "{\"a\": [1]}", "{\"a\": [2]}", false },
		/* Order shows in what is printed. */
		{ "{{a}}", "{\"a\": {\"b\": 1, \"c\": 1}}",
		    "{\"a\": {\"c\": 1, \"b\": 1}}", false },
		{ "{{>*a}}", "{\"a\": \"p\"}", "{\"a\": \"q\"}", false },
		{ "{{>p}}", "{\"in\": 1}", "{\"in\": 2}", false },
		{ "{{>p}}", "{\"in\": 1}", "{\"in\": 1, \"x\": 1}", true },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool current;

		put("t/f", rows[i].text);
		apply(rows[i].before);
		CHECK(is_current(rows[i].before));
		current = is_current(rows[i].after);
		if (current != rows[i].current)
			printf("%s: %s to %s\n", rows[i].text, rows[i].before,
			    rows[i].after);
		CHECK(current == rows[i].current);
	}
}

/* Other bytes in the same file, with the times that it had. */
static void
edit_unseen(const char *path)
{
	own_fd int fd = openat(top_fd, path, O_WRONLY | O_CLOEXEC);
	struct timespec times[2];
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	settle();
	CHECK(pwrite(fd, "#", 1, 0) == 1);
	CHECK(futimens(fd, times) == 0);
}

static void
check_files(void)
{
	static const char json_text[] = "{\"in\": 1}";

	put("t/f", "{{>p}}{{>none}}");
	apply(json_text);
	CHECK(is_current(json_text));
	edit_unseen("o/f");
	CHECK(!is_current(json_text));
	apply(json_text);
	edit_unseen("t/f");
	CHECK(!is_current(json_text));
	put("t/f", "{{>p}}{{>none}}");
	apply(json_text);
	put("o/f", "changed by somebody");
	CHECK(!is_current(json_text));
	apply(json_text);
	fchmodat(top_fd, "o/f", 0600, 0);
	CHECK(!is_current(json_text));
	apply(json_text);
	unlinkat(top_fd, "o/f", 0);
	CHECK(!is_current(json_text));
	apply(json_text);
	put("partials/p", "other {{in}}");
	CHECK(!is_current(json_text));
	apply(json_text);
	put("partials/none", "there now");
	CHECK(!is_current(json_text));
	unlinkat(top_fd, "partials/none", 0);
	apply(json_text);
	put("t/f.oac", "mode: 0600\n");
	CHECK(!is_current(json_text));
	apply(json_text);
	CHECK(is_current(json_text));
	unlinkat(top_fd, "t/f.oac", 0);
	CHECK(!is_current(json_text));
	apply(json_text);
	settings.html = true; /* other settings, another record */
	CHECK(!is_current(json_text));
	settings.html = false;
	CHECK(is_current(json_text));
	fchmodat(top_fd, "t/f", 0755, 0);
	CHECK(!is_current(json_text)); /* a program reads who knows what */
	fchmodat(top_fd, "t/f", 0644, 0);
}

/* Whether a path is the file that was opened: held, its inode is not reused. */
static bool
is_still(const char *path, int held)
{
	struct stat now, then;

	return fstatat(top_fd, path, &now, 0) == 0 && fstat(held, &then) == 0 &&
	    now.st_ino == then.st_ino;
}

static int
hold(const char *path)
{
	return openat(top_fd, path, O_RDONLY | O_CLOEXEC);
}

#define MORE 16 /* templates */

/* What few templates read and became is kept beside the record of all. */
static void
check_newer(void)
{
	static const char a[] = "{\"v\": 1, \"w\": 1}",
			  b[] = "{\"v\": 2, \"w\": 1}",
			  c[] = "{\"v\": 2, \"w\": 2}";
	own(state_close) struct state st = { .fd = -1, .lock = -1 };
	own_free char *all = NULL;
	own_free char *newer = NULL;
	own_fd int first = -1, second = -1;
	struct error e;

	must(state_open(&settings, &st, &e), &e);
	all = path_join(st.path + strlen(top) + 1, "record");
	newer = path_join(st.path + strlen(top) + 1, "record.newer");
	put("t/f", "{{v}}");
	for (int i = 0; i < MORE; i++) {
		own_free char *path = mem_printf("t/g%02d", i);

		put(path, "{{w}}{{>p}}");
	}
	apply(a);
	/* Made anew when all files are older: it needs nothing newer. */
	unlinkat(top_fd, all, 0);
	unlinkat(top_fd, newer, 0);
	apply_once(a);
	CHECK(!file_exists(top_fd, newer));
	first = hold(all);
	CHECK(count_current(a) == MORE + 1 && count_current(b) == MORE);
	apply(b);
	CHECK(file_exists(top_fd, newer) && is_still(all, first));
	CHECK(count_current(b) == MORE + 1 && count_current(a) == MORE);
	/* What the record of all has of it is about a file that is gone. */
	unlinkat(top_fd, newer, 0);
	CHECK(count_current(a) == MORE && count_current(b) == MORE);
	apply(b);
	put("t/g00", "other {{w}}");
	apply(b);
	CHECK(file_exists(top_fd, newer) && is_still(all, first));
	CHECK(count_current(b) == MORE + 1 && count_current(a) == MORE);
	CHECK(count_current(c) == 1);
	apply_once(c);
	CHECK(!file_exists(top_fd, newer) && !is_still(all, first));
	apply_once(c);
	CHECK(count_current(c) == MORE + 1);
	/* One goes, another comes. */
	unlinkat(top_fd, "t/g00", 0);
	put("t/g99", "{{w}}");
	second = hold(all);
	apply(c);
	CHECK(!is_still(all, second));
	CHECK(count_current(c) == MORE + 1);
	must(tree_empty(top_fd, "t", &e), &e);
}

/* Whatever stands in the record's file, nothing goes wrong. */
static void
check_damage(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	own(state_close) struct state st = { .fd = -1, .lock = -1 };
	struct error e;

	put("t/f", "{{a}}{{#b}}{{c}}{{/b}}{{>p}}");
	apply("{\"a\": 1}");
	must(state_open(&settings, &st, &e), &e);
	must(file_read(st.fd, "record", 1 << 20, &b, &e), &e);
	for (size_t n = 0; n < b.len; n += 1 + n / 20) {
		must(file_replace(st.fd, "record", 0600, b.s, n, &e), &e);
		CHECK(!is_current("{\"a\": 1}"));
	}
	for (size_t n = 0; n < b.len; n += 1 + n / 20) {
		b.s[n] = (char)(b.s[n] ^ 0x55);
		must(file_replace(st.fd, "record", 0600, b.s, b.len, &e), &e);
		CHECK(!is_current("{\"a\": 1}"));
		b.s[n] = (char)(b.s[n] ^ 0x55);
	}
}

int
main(void)
{
	struct error e;

	if (mkdtemp(top) == NULL)
		return 1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mkdirat(top_fd, "t", 0755);
	mkdirat(top_fd, "partials", 0755);
	settings = (struct settings){ .root = top_fd,
		.root_path = top,
		.templates = "/t",
		.output = "/o",
		.keep = 1 };
	secrets_init(&settings.secrets, &settings.secret_words);
	talk_open("record", false);
	put("partials/p", "partial {{in}}");
	check_metadata();
	check_files();
	check_newer();
	check_damage();
	must(tree_remove(AT_FDCWD, top, &e), &e);
	close(top_fd);
	return check_result();
}
