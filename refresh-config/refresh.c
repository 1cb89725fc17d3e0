/* SPDX-License-Identifier: Apache-2.0 */
/* One refresh, under either name: run, tell how it ended, report. */
#include "refresh-config/refresh.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/own.h"

/* What happened is told whatever becomes of the telling. */
static int
conclude(const struct run *r, int result, const struct error *why)
{
	struct error e;

	if (result == -1 && !r->voice->faithful)
		log_error(why);
	else if (result == 0)
		log_info("success: %zu hook%s in %.3f s", r->len,
		    r->len == 1 ? "" : "s", r->seconds);
	if (report_publish(r, &e) == -1)
		log_error(&e);
	return result == -1 ? FAILED : DONE;
}

int
refresh(const struct settings *s, const struct voice *voice,
    const struct value *failed_at)
{
	own(run_clear) struct run r;
	struct error e;

	run_init(&r, s, voice);
	r.stop = stop_catch();
	r.resumed = failed_at != NULL;
	r.from_phase = value_text(failed_at, "phase", NULL);
	r.from_hook = value_text(failed_at, "hook", NULL);
	report_open_log(
	    &r, voice->faithful || (r.journal != -1 && journal_has_stderr()));
	return conclude(&r, run_all(&r, &e), &e);
}
