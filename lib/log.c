/* SPDX-License-Identifier: Apache-2.0 */
/* One line discipline for messages, children's output and progress. */
#include "lib/log.h"
#include "lib/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/own.h"
#include "lib/plain.h"
#include "lib/strbuf.h"

#define SILENCE_SECONDS 5

static struct {
	const char *program;
	enum log_level level;
	bool stamps;
	bool bare; /* no names in front of lines */
	bool quiet; /* lines go to the file only */
	int file; /* descriptor, or -1 */
	bool terminal;
	bool drawn; /* a status line is on the screen */
	bool holding;
	struct strbuf held;
	char status[256];
	double status_since; /* when the status was set */
	double spoken; /* when the last line was written */
	double bar_said;
} out = { .program = "?", .level = LOG_INFO, .file = -1 };

/* A closed 0, 1 or 2 would be the next file opened, and get our messages. */
static void
fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

void
log_open(const char *program, enum log_level level)
{
	fill_standard();
	out.program = program;
	out.level = level;
	out.terminal = isatty(STDERR_FILENO) == 1;
	out.spoken = clock_seconds();
}

void
log_set_stamps(bool on)
{
	out.stamps = on;
}

void
log_set_bare(bool on)
{
	out.bare = on;
}

int
log_set_file(const char *path, bool quiet, struct error *e)
{
	out.file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (out.file == -1)
		return error_errno(e, "%s", path);
	out.quiet = quiet;
	return 0;
}

static void
put(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, s, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return; /* nobody is left to be told */
		s += w;
		n -= (size_t)w;
	}
}

static void
erase(void)
{
	if (out.drawn)
		put(STDERR_FILENO, "\r\033[K", 4);
	out.drawn = false;
}

/* Width of the terminal in columns. */
static int
columns(void)
{
	struct winsize w;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == -1 || w.ws_col < 20)
		return 80;
	return w.ws_col;
}

/* text is plain already. */
static void
draw(const char *text)
{
	if (!out.terminal || out.quiet || out.level < LOG_INFO)
		return;
	erase();
	put(STDERR_FILENO, text, plain_fit(text, (size_t)columns() - 1));
	out.drawn = true;
}

static size_t
stamp(char *to, size_t size)
{
	struct timespec t;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	n = strftime(to, size, "%Y-%m-%d %H:%M:%S", &tm);
	return n +
	    (size_t)snprintf(
		to + n, size - n, ".%03ld | ", t.tv_nsec / 1000000);
}

/* Whole lines above the status. */
static void
show(const char *lines, size_t n)
{
	erase();
	put(STDERR_FILENO, lines, n);
	if (out.status[0] != '\0')
		draw(out.status);
	out.spoken = clock_seconds();
}

/*
 * The one way out: a whole line, without its line feed.  The file gets every
 * line, the terminal only what is to be shown there.
 */
static void
line_out(const char *prefix, const char *text, size_t len, bool shown)
{
	own(strbuf_clear) struct strbuf line = { 0 };
	char when[48];
	size_t n = out.stamps || out.file != -1 ? stamp(when, sizeof(when)) : 0;

	strbuf_reserve(&line, n + strlen(prefix) + len + 3);
	strbuf_add(&line, when, n);
	strbuf_puts(&line, prefix);
	if (*prefix != '\0')
		strbuf_puts(&line, ": ");
	plain_add(&line, text, len);
	strbuf_putc(&line, '\n');
	if (out.file != -1)
		put(out.file, line.s, line.len);
	if (shown && !out.quiet) {
		size_t skip = out.stamps ? 0 : n;

		if (out.holding)
			strbuf_add(&out.held, line.s + skip, line.len - skip);
		else
			show(line.s + skip, line.len - skip);
	}
}

void
log_hold(bool on)
{
	out.holding = on;
	if (on || out.held.len == 0)
		return;
	show(out.held.s, out.held.len);
	strbuf_clear(&out.held);
}

/* Whose name stands in front of our own lines. */
static const char *
who(void)
{
	return out.bare ? "" : out.program;
}

static void __attribute__((format(printf, 2, 0)))
say(enum log_level level, const char *fmt, va_list ap)
{
	char text[2048];
	int n;

	if (level > out.level && out.file == -1)
		return;
	n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	line_out(who(), text, (size_t)n, level <= out.level);
}

#define SAY(level, fmt) \
	va_list ap; \
	va_start(ap, fmt); \
	say(level, fmt, ap); \
	va_end(ap)

void
log_warn(const char *fmt, ...)
{
	SAY(LOG_WARN, fmt);
}

void
log_info(const char *fmt, ...)
{
	SAY(LOG_INFO, fmt);
}

void
log_debug(const char *fmt, ...)
{
	SAY(LOG_DEBUG, fmt);
}

bool
log_is_verbose(void)
{
	return out.level >= LOG_DEBUG;
}

void
log_error(const struct error *e)
{
	bool quiet = out.quiet;

	out.status[0] = '\0';
	out.quiet = false; /* what ended the program is always said */
	line_out(
	    out.bare ? "ERROR" : out.program, e->text, strlen(e->text), true);
	out.quiet = quiet;
}

void
log_output(const char *speaker, const char *line, size_t len)
{
	if (out.level < LOG_INFO && out.file == -1)
		return;
	line_out(out.bare ? "" : speaker, line, len, out.level >= LOG_INFO);
}

void
log_status(const char *fmt, ...)
{
	own(strbuf_clear) struct strbuf plain = { 0 };
	char text[sizeof(out.status)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	plain_add(&plain, text, strlen(text));
	snprintf(out.status, sizeof(out.status), "%s", strbuf_text(&plain));
	out.status_since = clock_seconds();
	if (out.status[0] != '\0')
		draw(out.status);
	else
		erase();
}

void
log_set_status(bool on)
{
	if (!on)
		out.drawn = false; /* it is another's */
	out.terminal = on && isatty(STDERR_FILENO) == 1;
}

void
log_tick(void)
{
	char text[320];
	double t = clock_seconds(), age = t - out.status_since;

	if (out.status[0] == '\0' || out.level < LOG_INFO)
		return;
	snprintf(text, sizeof(text), "%s, %.0f s", out.status, age);
	if (out.terminal && !out.quiet) {
		draw(text);
	} else if (t - out.spoken >= SILENCE_SECONDS) {
		line_out(who(), text, strlen(text), true);
	}
}

void
log_progress(const char *what, uint64_t done, uint64_t total)
{
	char text[320], bar[31];
	double t = clock_seconds(),
	       part = total ? (double)done / (double)total : 1;
	int n = (int)(part * 30);
	bool end = done >= total;

	if (out.level < LOG_INFO)
		return;
	if (!end && t - out.bar_said < (out.terminal ? 0.1 : SILENCE_SECONDS))
		return;
	out.bar_said = t;
	memset(bar, '-', sizeof(bar) - 1);
	memset(bar, '#', (size_t)(n < 0 ? 0 : n > 30 ? 30 : n));
	bar[30] = '\0';
	if (out.terminal && !out.quiet && !end) {
		snprintf(text, sizeof(text), "%s [%s] %3.0f %%", what, bar,
		    part * 100);
		draw(text);
		return;
	}
	erase();
	snprintf(text, sizeof(text), "%s: %.0f of %.0f MiB", what,
	    (double)done / 1048576, (double)total / 1048576);
	line_out(who(), text, strlen(text), true);
}
