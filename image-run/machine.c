/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine and the service turn in one loop: QEMU is a child whose output
 * is the console, and between its lines the service has its turns.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image-run/image-run.h"
#include "lib/clock.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/proc.h"
#include "lib/strbuf.h"

#define NO_LIMIT 0xffffffffu
#define TURN_MS 250

volatile sig_atomic_t stop_asked;

void
machine_report(void *ctx, const struct value *report)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct machine *m = ctx;
	enum verdict verdict = report_judge(report);

	m->reports++;
	if (verdict != VERDICT_NONE)
		m->verdict = verdict;
	log_status("%s", "");
	report_print(report, &text);
	fwrite(strbuf_text(&text), 1, text.len, stdout);
	fflush(stdout);
	if (m->exit_on_report && verdict != VERDICT_NONE)
		stop_asked = 1;
}

/* QEMU tells who ended it, also when that was us. */
static bool
is_farewell(const char *line, size_t len)
{
	static const char text[] = "terminating on signal";

	return memmem(line, len, text, sizeof(text) - 1) != NULL;
}

static void
on_complaint(struct machine *m, const char *line, size_t len)
{
	if (is_farewell(line, len))
		return;
	if (m->verbose)
		log_output("qemu", line, len);
	free(m->complaint);
	m->complaint = mem_dupn(line, len);
}

static void
on_line(void *ctx, int stream, const char *line, size_t len)
{
	struct machine *m = ctx;

	if (stream == 2) {
		on_complaint(m, line, len);
		return;
	}
	if (m->verbose)
		log_output("console", line, len);
	console_add(&m->console, line, len);
	if (m->reports == 0 && console_line(&m->console, 0) != NULL)
		log_status("booting: %s", console_line(&m->console, 0));
}

static void
on_ready(void *ctx)
{
	struct machine *m = ctx;

	service_run(m->service);
}

/* Did not get as far as it should have. */
static int
silent(struct machine *m, struct error *e, const char *what)
{
	m->show_tail = true;
	return error_set(e, 0, "%s; %s", what,
	    m->console.count > 0 ? "the console's tail:"
				 : "the console said nothing");
}

/* What the end of the run means. */
static int
judge(struct machine *m, const struct proc_status *s, struct error *e)
{
	own_free char *late = mem_printf("no report within %u s", m->seconds);

	if (m->verdict == VERDICT_FAILED)
		return error_set(e, 0, "the machine reported failure");
	if (s->code != 0 && m->complaint != NULL)
		return error_set(e, 0, "%s", m->complaint);
	if (!s->stopped && !s->timed_out && proc_check(s, e) == -1)
		return error_prefix(e, "%s", m->argv[0]);
	if (m->verdict == VERDICT_SUCCESS)
		return 0;
	if (s->timed_out)
		return silent(m, e, late);
	if (!m->exit_on_report)
		return 0;
	return s->stopped
	    ? error_set(e, EINTR, "interrupted before the machine reported")
	    : silent(m, e, "the machine powered off without a report");
}

int
machine_run(struct machine *m, struct error *e)
{
	const struct proc p = { .argv = m->argv,
		.seconds = m->seconds != 0 ? m->seconds : NO_LIMIT,
		.line = on_line,
		.ctx = m,
		.tick = log_tick,
		.ready_fd = service_fd(m->service),
		.ready = on_ready,
		.stop = &stop_asked };
	struct proc_status s;

	log_status("booting");
	if (proc_run(&p, &s, e) == -1)
		return e->code == ENOENT
		    ? error_set(e, ENOENT, "%s is not installed", m->argv[0])
		    : -1;
	log_status("%s", "");
	return judge(m, &s, e);
}

int
machine_serve(struct machine *m, struct error *e)
{
	struct pollfd fd = { .fd = service_fd(m->service), .events = POLLIN };
	double end = clock_seconds() + m->seconds;

	while (!stop_asked && (m->seconds == 0 || clock_seconds() < end)) {
		poll(&fd, 1, TURN_MS);
		service_run(m->service);
	}
	if (m->verdict == VERDICT_FAILED)
		return error_set(e, 0, "the machine reported failure");
	if (!m->exit_on_report || m->verdict == VERDICT_SUCCESS)
		return 0;
	return stop_asked
	    ? error_set(e, EINTR, "interrupted before a machine reported")
	    : error_set(e, ETIMEDOUT, "no report within %u s", m->seconds);
}

void
machine_clear(struct machine *m)
{
	service_close(m->service);
	console_clear(&m->console);
	free(m->complaint);
	*m = (struct machine){ 0 };
}
