/* SPDX-License-Identifier: Apache-2.0 */
/* Two ways to say the same. */
#include "apply-config/talk.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define LOG_FILE "/var/log/os-apply-config.log"

static bool is_compat, holding;
static struct strbuf held; /* of the older program's lines */

void
talk_open(const char *program, bool compat)
{
	is_compat = compat;
	log_open(program, LOG_INFO);
}

/* Nobody is left to be told when these fail. */
static void
put_compat(const struct strbuf *lines)
{
	own_fd int fd = -1;

	if (geteuid() == 0)
		fd = open(
		    LOG_FILE, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd != -1)
		(void)file_write_all(fd, lines->s, lines->len);
	(void)file_write_all(STDERR_FILENO, lines->s, lines->len);
}

void
talk_hold(bool on)
{
	holding = on;
	log_hold(on);
	if (on || held.len == 0)
		return;
	put_compat(&held);
	strbuf_clear(&held);
}

/* "[2013/01/31 04:05:06 PM] [INFO] text" */
static void
say_compat(const char *level, const char *text)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	time_t now = time(NULL);
	struct tm tm;
	char when[40];

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y/%m/%d %I:%M:%S %p", &tm);
	strbuf_printf(&b, "[%s] [%s] %s\n", when, level, text);
	if (holding)
		strbuf_add(&held, b.s, b.len);
	else
		put_compat(&b);
}

void
talk_info(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (is_compat)
		say_compat("INFO", text);
	else
		log_info("%s", text);
}

void
talk_warn(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (is_compat)
		say_compat("WARNING", text);
	else
		log_warn("%s", text);
}

void
talk_error(const struct error *e)
{
	if (is_compat)
		say_compat("ERROR", e->text);
	else
		log_error(e);
}
