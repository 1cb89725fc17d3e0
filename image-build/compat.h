/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What users of disk-image-create know beside the elements' contract: its
 * output, its break points, the files beside its images.
 */
#ifndef IMAGE_BUILD_COMPAT_H
#define IMAGE_BUILD_COMPAT_H

#include <stdbool.h>

struct build;
struct error;
struct phase;
struct settings;
struct step;
struct strlist;

/* ---- compat.c: output ---------------------------------------------------- */

/*
 * Open the log as the settings and DIB_QUIET, DIB_NO_TIMESTAMP say.  Called
 * as disk-image-create all talk goes to standard output, with a time in front
 * of each line.
 */
int compat_open_log(const struct settings *s, struct error *e);

/* The line before a phase on the host. */
void compat_phase_begins(const struct build *b, const struct phase *p);

/* The lines around a script that dib-run-parts writes. */
void compat_step_begins(
    const struct build *b, const struct phase *p, const struct step *s);
void compat_step_ends(const struct build *b, const struct step *s);

/* Empty the environment but for what finds programs and caches (-c). */
void compat_clear_environment(void);

/* ---- break.c: a shell in the middle of a build --------------------------- */

/* Whether the variable break names any point. */
bool break_wanted(void);

/*
 * At the point "before-install" and so on: a shell, or the command that
 * break_cmd has, in the target or on the host.
 */
int break_before(struct build *b, const struct phase *p, struct error *e);
int break_after(struct build *b, const struct phase *p, struct error *e);

/* The point "after-error", in the target unless break_outside_target. */
void break_after_error(struct build *b, const struct phase *p);

/* ---- outputs.c: around an image's file ------------------------------------ */

/* Whether there is an image at all: ramdisks have none, no-final-image. */
bool outputs_wanted(const struct build *b);

/* Take away the beginnings of images that killed builds left beside it. */
void outputs_tidy(const struct settings *s);

/* The kernel and the ramdisk that a build without an image made. */
void outputs_of_ramdisk(const struct build *b, struct strlist *paths);

/* disk-image-create keeps an older image of the name under its date. */
int
outputs_keep_old(const struct settings *s, const char *path, struct error *e);

/* Which folders of the tree are large, if DIB_SHOW_IMAGE_USAGE asks. */
int outputs_usage(const struct build *b, struct error *e);

#endif
