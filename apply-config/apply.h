/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From templates and metadata to files: what is known at each step.
 *
 *	settings ─► templates ─► rendered ─► changes ─► published
 *
 * All up to the changes is free of effects; the changes are all that
 * publishing needs.
 */
#ifndef APPLY_CONFIG_APPLY_H
#define APPLY_CONFIG_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "apply-config/identity.h"
#include "apply-config/secrets.h"
#include "apply-config/version.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

struct doc;
struct error;
struct reads;
struct value;

/* ---- what to do --------------------------------------------------------- */

struct settings {
	bool compat; /* stand in for os-apply-config */
	int root; /* where paths are looked up: AT_FDCWD, or --root */
	const char *root_path; /* "" or what --root was given */
	const char *templates; /* the template root */
	const char *partials; /* folder, or NULL: beside the template root */
	const char *output; /* the output root */
	const char *state; /* the state folder, or NULL: the usual one */
	const char *subhash; /* the sub-map to render from, or NULL */
	const char *changed_file; /* gets what changed, or NULL */
	unsigned keep; /* generations */
	unsigned confirm_within; /* seconds; 0: no need to confirm */
	bool html; /* escape in {{name}} */
	bool strict; /* a name that nothing has is an error */
	struct strlist secret_words;
	struct secrets secrets;
};

/* A path of the settings as the system wants it, below settings->root. */
const char *settings_below(const struct settings *s, const char *path);

/* The same as a path for programs and people; the caller's. */
char *settings_outside(const struct settings *s, const char *path);

/* ---- templates ---------------------------------------------------------- */

struct template
{
	char *path; /* below the template root, and below the output root */
	struct identity file; /* after symlinks */
	struct identity control; /* of the control file */
};

struct templates {
	struct template *items; /* by path */
	size_t len, cap;
	int fd; /* of the template root, or -1: there is none */
};

/* Find all templates.  A root that does not exist holds none. */
int
templates_load(const struct settings *s, struct templates *t, struct error *e);
void templates_clear(struct templates *t);

/* ---- control files ------------------------------------------------------ */

struct control {
	int mode; /* permission bits, or -1 */
	uid_t uid; /* (uid_t)-1: not said */
	gid_t gid;
	bool keep_empty; /* an empty text becomes an empty file */
	struct strlist validate; /* a program that must accept the new file */
	char *on_change; /* what to do when the file changes, or NULL */
	unsigned backup; /* how many old versions to keep beside it */
};

/* Read a control file's text; name is for messages. */
int control_parse(const struct settings *s, const char *text, size_t len,
    const char *name, struct control *c, struct error *e);
void control_init(struct control *c);
void control_clear(struct control *c);

/* ---- rendered files ----------------------------------------------------- */

struct rendered {
	const struct template *template;
	struct strbuf body;
	struct control control;
	bool secret; /* a secret went in */
	struct spans spans; /* where secrets stand in body */
	uint32_t *marks; /* what it read: reads_marked() */
	size_t mark_count;
	uint32_t *partials; /* numbers of the renderer's partials, each once */
	size_t partial_count, partial_cap;
	struct stat made; /* the file that it is or became; st_mode 0: none */
};

void rendered_free(struct rendered *r); /* NULL is fine */
OWN_POINTER(rendered)

struct renderer;

/* All is borrowed until the renderer is freed.  reads may be NULL. */
struct renderer *renderer_new(const struct settings *s,
    const struct templates *t, const struct value *root, struct reads *reads);
void renderer_free(struct renderer *r);
OWN_POINTER(renderer)

/* Render one template and read its control file; NULL on failure. */
struct rendered *
renderer_run(struct renderer *r, const struct template *t, struct error *e);

/* Render a file that is no part of the tree. */
int renderer_text(
    struct renderer *r, const char *path, struct strbuf *to, struct error *e);

/* The partials that were asked for by a template or by this, by number. */
uint32_t renderer_partial(struct renderer *r, const char *name, size_t len);
size_t renderer_partial_count(const struct renderer *r);
const char *
renderer_partial_name(const struct renderer *r, uint32_t at, size_t *len);
const struct stat *renderer_partial_stat(const struct renderer *r, uint32_t at);

/* In strict rendering: the names that nothing has, one an item. */
const struct strlist *renderer_missing(const struct renderer *r);

/* ---- changes ------------------------------------------------------------ */

enum change_kind {
	CHANGE_CREATE,
	CHANGE_UPDATE, /* new text, or only mode or owner */
	CHANGE_DELETE,
};

struct change {
	enum change_kind kind;
	char *path; /* below the output root */
	struct version new; /* xattrs NULL: those of the old file */
	const struct strlist *validate; /* or NULL */
	const char *on_change; /* or NULL */
	bool secret;
	const struct spans *spans; /* where secrets stand, or NULL */
	char *copy_of; /* an old version: the path that has its text, or NULL */
	struct stat *made; /* gets what was written, or NULL */
};

struct changes {
	struct change *items;
	size_t len, cap;
	struct doc *arena; /* texts that nobody else has; NULL until needed */
	const char *missing; /* while planning: the folder of this path is */
};

struct change *
changes_add(struct changes *c, enum change_kind kind, const char *path);
void changes_clear(struct changes *c);

struct output;

/*
 * Compare what was rendered with what is there.  Adds a change when they
 * differ in text, mode or owner.
 */
int plan_add(struct output *o, const struct settings *s, struct rendered *r,
    struct changes *c, struct error *e);

#endif
