/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to talk about a run.  Our own: a line per hook and its output with
 * its name in front.  And os-refresh-config's, for those who read it: hooks
 * write to our own standard output and error, dib-run-parts' lines and table
 * stand between, phases are told in the form of Python's logging.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "refresh-config/refresh.h"

/* ---- our own ----------------------------------------------------------- */

static void
own_phase(const struct phase *p, bool there)
{
	if (there)
		log_status("%s", p->name);
	else
		log_debug("%s: no folder %s", p->name, p->dir);
}

static void
own_hook(const struct phase *p, const char *path)
{
	log_debug("%s: running %s", p->name, path);
	log_status("%s: %s", p->name, strrchr(path, '/') + 1);
}

static void
own_line(struct outcome *o, int stream, const char *line, size_t len)
{
	(void)stream;
	log_output(o->name, line, len);
}

static void
own_hook_done(const struct phase *p, const struct outcome *o)
{
	log_info("%s: %s done in %.3f s", p->name, o->name, o->seconds);
}

static void
own_table(const struct phase *p, size_t first)
{
	log_debug("%s: %zu hooks", p->name, p->run->len - first);
}

static void
own_phase_done(const struct phase *p)
{
	log_debug("%s: done", p->name);
}

static void
own_phase_failed(const struct phase *p, int status)
{
	log_debug("%s: failed (%d)", p->name, status);
}

static void
own_handlers(const struct phase *p, bool there)
{
	if (there)
		log_info("%s; running %s", p->run->why, p->dir);
}

static void
own_aborted(const struct run *r)
{
	log_debug("run %s is over", r->id);
}

const struct voice voice_own = {
	.name = "refresh-config",
	.phase = own_phase,
	.hook = own_hook,
	.line = own_line,
	.hook_done = own_hook_done,
	.table = own_table,
	.phase_done = own_phase_done,
	.phase_failed = own_phase_failed,
	.handlers = own_handlers,
	.aborted = own_aborted,
};

/* ---- os-refresh-config's ----------------------------------------------- */

static const char *const levels[] = { "DEBUG", "INFO", "WARN", "ERROR",
	"CRITICAL" };
static unsigned threshold = 1;

static int
level_find(const char *name)
{
	for (int i = 0; i < 5; i++)
		if (strcmp(levels[i], name) == 0)
			return i;
	return -1;
}

int
voice_compat_level(const char *name)
{
	int level = level_find(name);

	if (level != -1)
		threshold = (unsigned)level;
	return level;
}

static void __attribute__((format(printf, 3, 0)))
say_python(const char *program, const char *level, const char *fmt, va_list ap)
{
	own(strbuf_clear) struct strbuf line = { 0 };
	char text[4096], date[32];
	struct timespec t;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &t);
	localtime_r(&t.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	vsnprintf(text, sizeof(text), fmt, ap);
	strbuf_printf(&line, "[%s,%03ld] (%s) [%s] %s\n", date,
	    t.tv_nsec / 1000000, program, level, text);
	if (file_write_all(STDERR_FILENO, line.s, line.len) == -1)
		return; /* nobody is left to be told */
}

void
voice_python(const char *program, const char *level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_python(program, level, fmt, ap);
	va_end(ap);
}

void
voice_compat_say(const char *level, const char *fmt, ...)
{
	va_list ap;

	if (level_find(level) < (int)threshold)
		return;
	va_start(ap, fmt);
	say_python("os-refresh-config", level, fmt, ap);
	va_end(ap);
}

static void
compat_phase(const struct phase *p, bool there)
{
	voice_compat_say("DEBUG", "Checking %s", p->dir);
	if (!there) {
		voice_compat_say("DEBUG", "No dir for phase %s", p->name);
		return;
	}
	voice_compat_say("INFO", "Starting phase %s", p->name);
	voice_compat_say("DEBUG", "Running ['dib-run-parts', '%s']", p->dir);
}

static void
compat_hook(const struct phase *p, const char *path)
{
	(void)p;
	parts_say("Running %s", path);
}

static void
compat_hook_done(const struct phase *p, const struct outcome *o)
{
	(void)p;
	parts_say("%s completed", o->name);
}

static void
compat_table(const struct phase *p, size_t first)
{
	const struct run *r = p->run;
	own_free struct part_time *times =
	    mem_resize(NULL, r->len - first + 1, sizeof(*times));

	for (size_t i = first; i < r->len; i++)
		times[i - first] = (struct part_time){ r->outcomes[i].name,
			r->outcomes[i].seconds };
	parts_say_profile(p->dir, times, r->len - first);
}

static void
compat_phase_done(const struct phase *p)
{
	voice_compat_say("INFO", "Completed phase %s", p->name);
}

static void
compat_phase_failed(const struct phase *p, int status)
{
	const struct settings *s = p->run->settings;

	if (s->run_seconds != 0 && run_clock(p->run) >= s->run_seconds)
		voice_compat_say("ERROR",
		    "Timeout reached: %us. Sending SIGKILL to all children",
		    s->run_seconds);
	if (status < 0)
		voice_compat_say("ERROR",
		    "during %s phase. [Command '['dib-run-parts', '%s']' died "
		    "with <Signals.SIGKILL: %d>.]\n",
		    p->name, p->dir, -status);
	else
		voice_compat_say("ERROR",
		    "during %s phase. [Command '['dib-run-parts', '%s']' "
		    "returned non-zero exit status %d.]\n",
		    p->name, p->dir, status);
}

static void
compat_handlers(const struct phase *p, bool there)
{
	(void)p;
	if (there)
		voice_compat_say("INFO", "Calling error handlers.");
}

static void
compat_aborted(const struct run *r)
{
	(void)r;
	voice_compat_say("ERROR", "Aborting...");
}

const struct voice voice_compat = {
	.name = "os-refresh-config",
	.faithful = true,
	.phase = compat_phase,
	.hook = compat_hook,
	.line = own_line,
	.hook_done = compat_hook_done,
	.table = compat_table,
	.phase_done = compat_phase_done,
	.phase_failed = compat_phase_failed,
	.handlers = compat_handlers,
	.aborted = compat_aborted,
};
