/* SPDX-License-Identifier: Apache-2.0 */
/* Children: status, lines, input, limits, and what becomes of their group. */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

static volatile sig_atomic_t stop_now;

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	strbuf_printf(ctx, "%d:%.*s|", stream, (int)len, line);
}

static char *const *
words(struct strlist *l, const char *a, const char *b, const char *c)
{
	const char *const all[] = { a, b, c };

	for (int i = 0; i < 3; i++)
		if (all[i] != NULL)
			strlist_add(l, all[i]);
	return strlist_argv(l);
}

/* Run a line of shell; what it printed goes to seen. */
static int
shell(const char *line, struct proc p, struct proc_status *s,
    struct strbuf *seen, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };

	p.argv = words(&argv, "sh", "-c", line);
	p.line = on_line;
	p.ctx = seen;
	if (p.seconds == 0)
		p.seconds = 60;
	return proc_run(&p, s, e);
}

struct row {
	const char *line, *seen, *check;
	int code, signal;
};

static const struct row rows[] = {
	{ "echo a; echo b", "1:a|1:b|", NULL, 0, 0 },
	{ "printf 'no end'", "1:no end|", NULL, 0, 0 },
	{ "printf 'dos\\r\\nunix\\n'", "1:dos|1:unix|", NULL, 0, 0 },
	{ "echo err >&2", "2:err|", NULL, 0, 0 },
	{ "cat", "", NULL, 0, 0 },
	{ "exit 3", "", "exit status 3", 3, 0 },
	{ "kill -TERM $$", "", "killed by signal 15 (Terminated)", 0, 15 },
	{ "exec >&- 2>&-; exit 4", "", "exit status 4", 4, 0 },
	{ "bash -c 'exec > >(cat); echo to a filter; exit 5'", "1:to a filter|",
	    "exit status 5", 5, 0 },
	{ "ls /proc/self/fd | wc -l", "1:4|", NULL, 0, 0 },
	{ "trap", "", NULL, 0, 0 },
};

static void
status_and_lines_arrive(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		own(strbuf_clear) struct strbuf seen = { 0 };
		struct proc_status s;
		struct error e = { 0 };

		CHECK(shell(rows[i].line, (struct proc){ 0 }, &s, &seen, &e) ==
		    0);
		CHECK_STR(strbuf_text(&seen), rows[i].seen);
		CHECK(s.code == rows[i].code && s.signal == rows[i].signal);
		CHECK(!s.timed_out && !s.stopped && s.seconds >= 0);
		CHECK((proc_check(&s, &e) == 0) == (rows[i].check == NULL));
		if (rows[i].check != NULL)
			CHECK_STR(e.text, rows[i].check);
	}
}

static void
input_is_fed_whole(void)
{
	own(strbuf_clear) struct strbuf big = { 0 }, out = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	for (int i = 0; i < 300000; i++)
		strbuf_puts(&big, "line\n");
	CHECK(shell("cat",
		  (struct proc){
		      .input = big.s, .input_len = big.len, .out = &out },
		  &s, NULL, &e) == 0);
	CHECK(out.len == big.len && memcmp(out.s, big.s, big.len) == 0);
}

/* A child that leaves its input unread must not end us with SIGPIPE. */
static void
unread_input_is_no_failure(void)
{
	own(strbuf_clear) struct strbuf big = { 0 }, seen = { 0 };
	struct sigaction now;
	struct proc_status s;
	struct error e = { 0 };

	for (int i = 0; i < 300000; i++)
		strbuf_puts(&big, "line\n");
	CHECK(shell("exec <&-; sleep 0.1; echo done",
		  (struct proc){ .input = big.s, .input_len = big.len }, &s,
		  &seen, &e) == 0);
	CHECK_STR(strbuf_text(&seen), "1:done|");
	sigaction(SIGPIPE, NULL, &now);
	CHECK(now.sa_handler == SIG_DFL);
}

static void
surroundings_are_chosen(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	own(strlist_clear) struct strlist env = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(shell("pwd; env | grep ^A; echo ${HOME-none}",
		  (struct proc){ .cwd = "/usr",
		      .envp = words(&env, "A=1", "PATH=/usr/bin:/bin", NULL) },
		  &s, &seen, &e) == 0);
	CHECK_STR(strbuf_text(&seen), "1:/usr|1:A=1|1:none|");
}

static void
what_cannot_start_says_so(void)
{
	own(strlist_clear) struct strlist missing = { 0 }, folder = { 0 },
					  good = { 0 }, bad = { 0 };
	struct proc p = { .argv =
			      words(&missing, "/nowhere/program", NULL, NULL) };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(proc_run(&p, &s, &e) == -1 && e.code == ENOENT);
	CHECK_STR(e.text, "/nowhere/program: No such file or directory");
	CHECK(proc_do(p.argv, &e) == -1);
	p.argv = words(&folder, "/etc", NULL, NULL);
	CHECK(proc_run(&p, &s, &e) == -1 && e.code == EACCES);
	p.argv = words(&good, "sh", "-c", "true");
	CHECK(proc_do(p.argv, &e) == 0);
	p.cwd = "/nowhere";
	CHECK(proc_run(&p, &s, &e) == -1 && e.code == ENOENT);
	CHECK(proc_do(words(&bad, "sh", "-c", "exit 9"), &e) == -1);
	CHECK_STR(e.text, "sh: exit status 9");
}

/* The script is there: it is not what is missing. */
static void
a_lost_interpreter_is_told(const char *text, const char *why)
{
	char path[] = "/tmp/proc.XXXXXX", want[192];
	own(strlist_clear) struct strlist argv = { 0 };
	int fd = mkstemp(path);
	struct proc p = { .argv = words(&argv, path, NULL, NULL) };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	CHECK(fchmod(fd, 0755) == 0 && close(fd) == 0);
	CHECK(proc_run(&p, &s, &e) == -1 && e.code == ENOENT);
	snprintf(want, sizeof(want), "%s: %s", path, why);
	CHECK_STR(e.text, want);
	p.cwd = "/nowhere";
	CHECK(proc_run(&p, &s, &e) == -1 && e.code == ENOENT);
	CHECK(strstr(e.text, "interpreter") == NULL);
	unlink(path);
}

/* Whether a process is gone, or dead and not yet collected. */
static bool
is_gone(int pid)
{
	own_free char *path = mem_printf("/proc/%d/cmdline", pid);

	for (int i = 0; i < 100; i++) {
		own(strbuf_clear) struct strbuf line = { 0 };
		struct error e;

		if (file_read(AT_FDCWD, path, 4096, &line, &e) == -1 ||
		    line.len == 0)
			return true;
		usleep(20000);
	}
	return false;
}

static void
time_limit_ends_the_group(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(shell("sleep 60 & echo $!; wait", (struct proc){ .seconds = 1 },
		  &s, &seen, &e) == 0);
	CHECK(s.timed_out && !s.stopped && s.signal == SIGTERM);
	CHECK(proc_check(&s, &e) == -1 && e.code == ETIMEDOUT);
	CHECK(seen.len > 2 && is_gone(atoi(seen.s + 2)));
}

/* The sleeper ignores SIGTERM and holds our pipe: it is killed all the same. */
static void
left_behind_is_killed(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(shell("(trap '' TERM; sleep 61) & echo gone; exit 0",
		  (struct proc){ 0 }, &s, &seen, &e) == 0);
	CHECK(s.code == 0 && s.signal == 0 && s.seconds < 30);
	CHECK_STR(strbuf_text(&seen), "1:gone|");
}

/* One that left the group and talks on cannot keep us for ever. */
static void
escaped_talker_is_left(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(shell("setsid sh -c \"timeout 20 sh -c 'while echo x; do :; "
		    "done'; echo finished\" & sleep 0.2; exit 5",
		  (struct proc){ 0 }, &s, &seen, &e) == 0);
	CHECK(strstr(strbuf_text(&seen), "finished") == NULL);
	CHECK(s.code == 5);
}

static void
on_alarm(int sig)
{
	(void)sig;
	stop_now = 1;
}

static void
stop_flag_ends_it(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct sigaction sa = { .sa_handler = on_alarm };
	struct proc_status s;
	struct error e = { 0 };

	sigaction(SIGALRM, &sa, NULL);
	stop_now = 0;
	alarm(1);
	CHECK(shell("sleep 60", (struct proc){ .stop = &stop_now }, &s, &seen,
		  &e) == 0);
	CHECK(s.stopped && !s.timed_out);
	CHECK(proc_check(&s, &e) == -1 && e.code == EINTR);
	/* The flag still stands: nothing more is started. */
	CHECK(shell("echo started", (struct proc){ .stop = &stop_now }, &s,
		  &seen, &e) == 0);
	CHECK(s.stopped);
	CHECK_STR(strbuf_text(&seen), "");
}

static void
long_lines_are_cut(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct proc_status s;
	struct error e = { 0 };
	size_t pieces = 0;

	CHECK(shell("head -c 1000000 /dev/zero | tr '\\0' x",
		  (struct proc){ 0 }, &s, &seen, &e) == 0);
	for (size_t i = 0; i < seen.len; i++)
		pieces += seen.s[i] == '|';
	CHECK(pieces >= 1000000 / (2 * LIMIT_LINE_BYTES));
	CHECK(seen.len == 1000000 + 3 * pieces);
}

static void
endless_capture_is_an_error(void)
{
	own(strbuf_clear) struct strbuf out = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(shell("cat /dev/zero", (struct proc){ .out = &out }, &s, NULL,
		  &e) == -1);
	CHECK(e.code == EFBIG);
	CHECK(out.len <= LIMIT_CAPTURE_BYTES + 16384);
}

/* Such as what bash has behind "exec > >(filter)". */
static void
late_output_is_awaited(void)
{
	own(strbuf_clear) struct strbuf out = { 0 }, rest = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	CHECK(shell("(sleep 0.5; echo late) & echo now",
		  (struct proc){ .out = &out, .await_out = true }, &s, NULL,
		  &e) == 0);
	CHECK_STR(strbuf_text(&out), "now\nlate\n");
	CHECK(s.code == 0 && !s.timed_out);
	CHECK(
	    shell("sleep 60 & exit 0",
		(struct proc){ .out = &rest, .await_out = true, .seconds = 1 },
		&s, NULL, &e) == 0);
	CHECK(s.timed_out);
}

static void
what_is_no_program_is_not_given_to_the_shell(void)
{
	char path[] = "/tmp/proc.XXXXXX";
	char *argv[] = { path, NULL };
	struct proc p = { .argv = argv, .seconds = 60 };
	struct proc_status s;
	struct error e = { 0 };
	int fd = mkstemp(path);

	CHECK(fd != -1 && dprintf(fd, "exit 3\n") == 7);
	CHECK(fchmod(fd, 0700) == 0 && close(fd) == 0);
	CHECK(proc_run(&p, &s, &e) == 0 && s.code == 3);
	p.no_shell = true;
	CHECK(proc_run(&p, &s, &e) == -1 && e.code == ENOEXEC);
	unlink(path);
}

struct door {
	int fd, seen;
};

static void
on_ready(void *ctx)
{
	struct door *d = ctx;
	char c;

	if (d->fd >= 0 && read(d->fd, &c, 1) == 1)
		d->seen++;
}

/* The parent's other business goes on while the child runs. */
static void
ready_is_called(void)
{
	own_free char *line = NULL;
	struct door d;
	struct proc_status s;
	struct error e = { 0 };
	int fds[2];
	own(strlist_clear) struct strlist argv = { 0 };

	CHECK(pipe(fds) == 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	d = (struct door){ .fd = fds[0] };
	line = mem_printf(
	    "printf ab >/proc/%d/fd/%d; sleep 0.5", (int)getpid(), fds[1]);
	CHECK(proc_run(&(struct proc){ .argv = words(&argv, "sh", "-c", line),
			   .ready_fd = fds[0],
			   .ready = on_ready,
			   .ctx = &d },
		  &s, &e) == 0);
	CHECK(s.code == 0 && d.seen == 2);
	close(fds[0]);
	close(fds[1]);
}

/* Started with SIGCHLD ignored, a parent would never learn the status. */
static void
ignored_sigchld_is_put_right(void)
{
	own(strbuf_clear) struct strbuf seen = { 0 };
	struct proc_status s;
	struct error e = { 0 };

	signal(SIGCHLD, SIG_IGN);
	CHECK(shell("exit 6", (struct proc){ 0 }, &s, &seen, &e) == 0);
	CHECK(s.code == 6);
}

/*
 * A parent that is killed takes its child along.  The child says that it runs,
 * and waits for a line, which it is sent when its parent is gone: one that was
 * left alive would answer.
 */
static void
child_dies_with_the_parent(void)
{
	int says[2], hears[2];
	pid_t pid = 0;
	char c = 0;

	CHECK(pipe2(says, O_CLOEXEC) == 0 && pipe2(hears, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		own_free char *line = mem_printf(
		    "exec >/proc/%d/fd/%d </proc/%d/fd/%d; printf r; read x; "
		    "printf l",
		    (int)getpid(), says[1], (int)getpid(), hears[0]);
		own(strlist_clear) struct strlist argv = { 0 };
		struct error e;

		proc_do(words(&argv, "sh", "-c", line), &e);
		_exit(0);
	}
	close(says[1]);
	CHECK(read(says[0], &c, 1) == 1 && c == 'r');
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK(write(hears[1], "\n", 1) == 1);
	/* The child holds the other end: its death is the end of file. */
	CHECK(read(says[0], &c, 1) == 0);
	close(says[0]);
	close(hears[0]);
	close(hears[1]);
}

int
main(void)
{
	status_and_lines_arrive();
	input_is_fed_whole();
	unread_input_is_no_failure();
	surroundings_are_chosen();
	what_cannot_start_says_so();
	a_lost_interpreter_is_told("#!/no/such/shell\nexit 0\r\n",
	    "the interpreter that it names is not there");
	a_lost_interpreter_is_told("#!/bin/sh\r\nexit 0\r\n",
	    "its first line ends in a carriage return, so the interpreter that "
	    "it names is not there");
	time_limit_ends_the_group();
	left_behind_is_killed();
	escaped_talker_is_left();
	stop_flag_ends_it();
	long_lines_are_cut();
	endless_capture_is_an_error();
	late_output_is_awaited();
	what_is_no_program_is_not_given_to_the_shell();
	ready_is_called();
	ignored_sigchld_is_put_right();
	child_dies_with_the_parent();
	return check_result();
}
