/* SPDX-License-Identifier: Apache-2.0 */
/* The things that the tool can do, each from beginning to end. */
#ifndef APPLY_CONFIG_STEPS_H
#define APPLY_CONFIG_STEPS_H

#include <stdbool.h>
#include <stdint.h>

struct error;
struct settings;
struct value;

/* Render all, write what differs. */
int
step_apply(const struct settings *s, const struct value *root, struct error *e);

/* Render all, write nothing. */
int step_validate(
    const struct settings *s, const struct value *root, struct error *e);

enum plan_form {
	PLAN_LIST, /* a line for each change */
	PLAN_DIFF, /* a unified diff */
	PLAN_JSON, /* both, for programs */
};

/* Print what an apply would change: 1, 0 if there is nothing, -1. */
int step_plan(const struct settings *s, const struct value *root,
    enum plan_form form, struct error *e);

/* Print one rendered template. */
int step_render(const struct settings *s, const struct value *root,
    const char *path, struct error *e);

/*
 * Finish what earlier runs left unfinished, for the output root of the
 * settings or, if all, for each one that is known; go back from a generation
 * that was not confirmed in time.
 */
int step_recover(const struct settings *s, bool all, struct error *e);

/* Go back from a generation that was not confirmed, if it is time to. */
int step_return(const struct settings *s, struct error *e);

/* Go back to a generation; UINT64_MAX: to the one before the last. */
int step_rollback(const struct settings *s, uint64_t to, struct error *e);

/* The last generation is good: an error if that comes too late. */
int step_confirm(const struct settings *s, struct error *e);

/* Print the generations that are kept. */
int step_generations(const struct settings *s, struct error *e);

#endif
