/* SPDX-License-Identifier: Apache-2.0 */
/* Output and environment as disk-image-create has them. */
#include "image-build/compat.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

static bool
is_one(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && strcmp(v, "1") == 0;
}

/* Messages and scripts' output are what disk-image-create's output is. */
static int
talk_on_stdout(const struct settings *s, struct error *e)
{
	if (s->logfile != NULL)
		printf("Output logs going to: %s\n", s->logfile);
	fflush(stdout);
	if (dup2(STDOUT_FILENO, STDERR_FILENO) == -1)
		return error_errno(e, "standard output");
	log_set_bare(true);
	log_set_stamps(!is_one("DIB_NO_TIMESTAMP"));
	return 0;
}

int
compat_open_log(const struct settings *s, struct error *e)
{
	const char *quiet = getenv("DIB_QUIET");
	bool only_file =
	    quiet == NULL || *quiet == '\0' ? true : is_one("DIB_QUIET");

	if (s->compat && talk_on_stdout(s, e) == -1)
		return -1;
	log_open(s->program,
	    s->quiet || (s->logfile == NULL && is_one("DIB_QUIET")) ? LOG_WARN
		: s->verbose					    ? LOG_DEBUG
								    : LOG_INFO);
	if (s->logfile == NULL)
		return 0;
	return log_set_file(s->logfile, only_file, e);
}

/* ---- dib-run-parts' lines -------------------------------------------------- */

void
compat_phase_begins(const struct build *b, const struct phase *p)
{
	if (b->settings->compat && !p->chroot)
		log_info("Running hooks from %s/%s.d", b->hooks, p->name);
}

void
compat_step_begins(
    const struct build *b, const struct phase *p, const struct step *s)
{
	if (b->settings->compat)
		log_info("dib-run-parts Running %s/%s.d/%s",
		    p->chroot ? IN_TARGET : b->hooks, p->name, s->name);
}

void
compat_step_ends(const struct build *b, const struct step *s)
{
	if (b->settings->compat)
		log_info("dib-run-parts %s completed", s->name);
}

/* ---- -c --------------------------------------------------------------------- */

void
compat_clear_environment(void)
{
	const char *home = getenv("HOME"), *term = getenv("TERM");
	own_free char *keep_home = mem_dup(home);
	own_free char *keep_term = mem_dup(term);
	const struct passwd *me = home == NULL ? getpwuid(getuid()) : NULL;

	if (me != NULL)
		keep_home = mem_dup(me->pw_dir);
	clearenv();
	setenv("PATH",
	    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (keep_home != NULL)
		setenv("HOME", keep_home, 1);
	if (keep_term != NULL)
		setenv("TERM", keep_term, 1);
}
