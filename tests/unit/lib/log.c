/* SPDX-License-Identifier: Apache-2.0 */
/* What a program says on standard error and into its log file. */
#include "lib/log.h"

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

static char path[] = "/tmp/log-XXXXXX";

/* Read all that a talker says on fd. */
static void
hear(int fd, struct strbuf *said)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(said, buf, (size_t)n);
	close(fd);
}

/* Run talk in a child whose standard error is a pipe. */
static char *
heard(void (*talk)(void))
{
	struct strbuf said = { 0 };
	int fds[2];
	pid_t pid;

	CHECK(pipe(fds) == 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		talk();
		exit(0);
	}
	close(fds[1]);
	hear(fds[0], &said);
	waitpid(pid, NULL, 0);
	return strbuf_take(&said);
}

/* The same on a terminal of so many columns. */
static char *
heard_on_terminal(void (*talk)(void))
{
	struct winsize size = { .ws_row = 24, .ws_col = 30 };
	struct strbuf said = { 0 };
	int master;
	pid_t pid = forkpty(&master, NULL, NULL, &size);

	if (pid == 0) {
		talk();
		exit(0);
	}
	hear(master, &said);
	waitpid(pid, NULL, 0);
	return strbuf_take(&said);
}

static void
say_all(void)
{
	struct error e;

	log_debug("debug %d", 1);
	log_info("info %d", 2);
	log_warn("warn %d", 3);
	log_output("hook", "line", 4);
	error_set(&e, 0, "failed");
	log_error(&e);
}

static void
at_info(void)
{
	log_open("p", LOG_INFO);
	say_all();
}

static void
at_debug(void)
{
	log_open("p", LOG_DEBUG);
	say_all();
}

static void
at_error(void)
{
	log_open("p", LOG_ERROR);
	say_all();
}

static void
levels_choose(void)
{
	own_free char *info = heard(at_info), *debug = heard(at_debug);
	own_free char *error = heard(at_error);

	CHECK_STR(info, "p: info 2\np: warn 3\nhook: line\np: failed\n");
	CHECK_STR(
	    debug, "p: debug 1\np: info 2\np: warn 3\nhook: line\np: failed\n");
	CHECK_STR(error, "p: failed\n");
}

static void
into_file(void)
{
	struct error e;

	log_open("p", LOG_INFO);
	if (log_set_file(path, false, &e) == 0)
		say_all();
}

static void
quietly_into_file(void)
{
	struct error e;

	log_open("p", LOG_INFO);
	if (log_set_file(path, true, &e) == 0)
		say_all();
}

/* The file gets every line with its time; the terminal only what it asked. */
static void
files_get_everything(void)
{
	own_free char *said = heard(into_file);
	own_free char *quiet = heard(quietly_into_file);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;
	const char *s;
	unsigned lines = 0, stamped = 0;

	CHECK_STR(said, "p: info 2\np: warn 3\nhook: line\np: failed\n");
	CHECK_STR(quiet, "p: failed\n");
	CHECK(file_read(AT_FDCWD, path, 10000, &text, &e) == 0);
	for (s = strbuf_text(&text); *s != '\0'; s = strchr(s, '\n') + 1) {
		lines++;
		stamped += s[4] == '-' && s[10] == ' ' && s[19] == '.' &&
		    strncmp(s + 23, " | ", 3) == 0;
	}
	CHECK(lines == 10 && stamped == 10);
	CHECK(strstr(text.s, "| p: debug 1\n") != NULL);
	CHECK(log_set_file("/nowhere/log", false, &e) == -1);
}

static void
stamped(void)
{
	log_open("p", LOG_INFO);
	log_set_stamps(true);
	log_info("x");
}

static void
bare(void)
{
	const struct error e = { .text = "lost" };

	log_open("p", LOG_INFO);
	log_set_bare(true);
	log_info("x");
	log_output("script", "y", 1);
	log_error(&e);
}

static void
names_can_be_left_out(void)
{
	own_free char *s = heard(bare);

	CHECK_STR(s, "x\ny\nERROR: lost\n");
}

static void
held(void)
{
	log_open("p", LOG_INFO);
	log_hold(true);
	log_info("a");
	log_warn("b");
	CHECK(write(STDERR_FILENO, "first\n", 6) == 6);
	log_hold(false);
	log_hold(false);
	log_info("c");
}

static void
lines_can_be_kept_back(void)
{
	own_free char *s = heard(held);

	CHECK_STR(s, "first\np: a\np: b\np: c\n");
}

static void
hostile(void)
{
	log_open("p", LOG_INFO);
	log_warn("a\x1b[2J\nb%s", "\x07");
	log_output("h", "\x1b]0;t\x07x\0y", 9);
	log_output("h", "", 0);
}

static void
lines_are_whole_and_plain(void)
{
	own_free char *s = heard(stamped), *plain = heard(hostile);

	CHECK(strlen(s) == 31 && strcmp(s + 26, "p: x\n") == 0);
	CHECK_STR(plain, "p: a b?\nh: x?y\nh: \n");
}

static void
no_standard_descriptors(void)
{
	close(0);
	close(1);
	close(2);
	log_open("p", LOG_INFO);
	/* What is opened now must not be what messages go to. */
	exit(open("/dev/null", O_RDONLY) > 2 ? 0 : 1);
}

static void
closed_descriptors_are_filled(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		no_standard_descriptors();
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void
with_status(void)
{
	log_open("p", LOG_INFO);
	log_status("working on it");
	log_tick();
	log_info("news");
	log_status("%s", "");
	log_status("a status line that is much too long for this terminal");
	log_status("%s", "");
	log_progress("copy", 0, 2 << 20);
	log_progress("copy", 2 << 20, 2 << 20);
}

static void
progress_suits_its_reader(void)
{
	own_free char *file = heard(with_status);
	own_free char *terminal = heard_on_terminal(with_status);

	CHECK_STR(file, "p: news\np: copy: 0 of 2 MiB\np: copy: 2 of 2 MiB\n");
	CHECK(strstr(terminal, "working on it") != NULL);
	CHECK(strstr(terminal, "\r\033[Kp: news\r\nworking on it") != NULL);
	CHECK(strstr(terminal, "a status line that is much to\r") != NULL);
	CHECK(strstr(terminal, "copy [") != NULL);
	CHECK(strstr(terminal, "\r\033[Kp: copy: 2 of 2 MiB\r\n") != NULL);
}

int
main(void)
{
	int fd = mkstemp(path);

	if (fd == -1)
		return 1;
	close(fd);
	levels_choose();
	files_get_everything();
	lines_are_whole_and_plain();
	names_can_be_left_out();
	lines_can_be_kept_back();
	closed_descriptors_are_filled();
	progress_suits_its_reader();
	unlink(path);
	return check_result();
}
