/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deployments of Heat's software configuration.
 *
 *	list ─► item ─► hook program of its group ─► answer ─► outbox
 *
 * and, on the other side of the hook program, the groups that we serve:
 *
 *	item on standard input ─► group-*.c ─► answer on standard output
 */
#ifndef REFRESH_CONFIG_DEPLOY_H
#define REFRESH_CONFIG_DEPLOY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/strbuf.h"
#include "lib/strlist.h"

struct doc;
struct error;
struct proc_status;
struct settings;
struct value;

/* ---- one deployment (item.c) ------------------------------------------- */

struct item {
	struct doc *d; /* that the rest belongs to */
	struct value *root; /* a map, as a hook gets it */
	const char *id; /* or "" */
	const char *name; /* or "" */
	const char *group; /* or "" */
};

/*
 * Check a deployment and put its inputs in the form that hooks get: of type
 * String they are strings, as Python's str() makes them.
 */
int
item_read(struct doc *d, struct value *v, struct item *item, struct error *e);

/* Whether it has an id, by which it is known to have been done. */
int item_check_id(const struct item *item, struct error *e);

/*
 * Of a component, choose the config for the action.  Returns 0, or 1 when it
 * has none for it; any other item is left alone.
 */
int item_select(struct item *item);

/* The value of an input, or NULL; its text if it is a string. */
const struct value *item_input(const struct item *item, const char *name);
const char *
item_text(const struct item *item, const char *name, const char *fallback);

/* ---- what a hook said (answer.c) --------------------------------------- */

struct ending {
	const struct strbuf *out, *err; /* what it printed */
	int status; /* its exit status */
	const char *failure; /* why it did not end by itself, or NULL */
};

/* The answer for Heat, a map: JSON that it printed, or its output. */
struct value *answer_make(struct doc *d, const struct ending *end);

/* Whether Heat takes it for a success. */
bool answer_is_success(const struct value *answer);

/*
 * Make it fit into max bytes of JSON, as Heat refuses more than a mebibyte:
 * the beginning of long output goes.  Returns it, or what stands for one that
 * cannot be made to fit.
 */
struct value *answer_trim(struct doc *d, struct value *answer, size_t max);

#define ANSWER_MAX 950000

/* Append to tail, of which at least the last max bytes are kept. */
void answer_keep(struct strbuf *tail, const char *data, size_t n, size_t max);

/* ---- to the outbox (signal.c) ------------------------------------------ */

/* Queue the answer for whoever the item names; *queued gets how many. */
int signal_queue(const struct settings *s, const struct item *item,
    struct value *answer, unsigned *queued, struct error *e);

/* Queue a message for a URL. */
int
signal_queue_url(const struct settings *s, struct doc *d, const char *identity,
    const char *method, const char *url, struct value *body, struct error *e);

/* ---- a sender beside us (sender.c) ------------------------------------- */

struct sender {
	const struct settings *settings;
	pid_t pid; /* or 0 */
};

/* See that one is at work; wait for it, which is for a bounded time. */
void sender_start(struct sender *s);
void sender_wait(struct sender *s);

/* ---- the list (deployments.c) ------------------------------------------ */

struct places {
	char *config; /* the file with the list; "" for the metadata */
	char *deployed; /* the folder of what is done */
	char *old_deployed;
	const char *notify; /* a program to call instead of the outbox */
	struct strlist hooks; /* folders of hook programs, best first */
};

void places_find(struct places *p, const struct settings *s);
void places_clear(struct places *p);

/* The list of deployments; NULL with the error. */
const struct value *deployments_load(struct doc *d, const struct places *p,
    const struct settings *s, struct error *e);

/* Whether a group has no hook: os-apply-config takes its config as it is. */
bool deployments_is_data(const char *group);

/* The path of a file about the deployment; the caller's. */
char *
deployments_path(const struct places *p, const char *id, const char *suffix);

/* Give each that is not done to its hook, and queue the answers. */
int deployments_run(const struct settings *s, struct error *e);

/* Mark all as done, running nothing. */
int deployments_mark(const struct settings *s, struct error *e);

/* The configuration is complete: signal wait conditions and data. */
int deployments_complete(const struct settings *s, struct error *e);

int heat_config_notify(int argc, char **argv);

/* ---- the groups that we serve (group.c, group-*.c) --------------------- */

struct deploy {
	const struct group *group;
	struct item item;
	const struct value *config, *inputs, *options; /* NULL if absent */
	const char *root; /* put in front of default paths */
	char *working; /* a folder for the hook's files, or NULL */
	char *outputs; /* what outputs are written to, less ".name", or NULL */
	struct strlist env; /* of the program */
	struct strbuf out, err; /* what it printed */
	int status;
};

struct group {
	const char *name;
	const char *summary;
	/* Deploy: out, err and status become the answer. */
	int (*run)(struct deploy *d, struct error *e);
	/* Remove what deployments that are gone have left, or NULL. */
	int (*sweep)(
	    const struct value *list, const char *root, struct error *e);
};

extern const struct group group_script, group_apply_config, group_json_file,
    group_hiera, group_ansible, group_puppet, group_cfn_init,
    group_docker_compose, group_podman, group_salt, group_chef;

/* Serve a hook: item on standard input, answer on standard output. */
int group_serve(const char *name, const char *root, struct error *e);

/* What a group does before its deployments: clean up after those gone. */
int group_sweep(const char *name, const struct settings *s, struct error *e);

/* ---- what groups have in common (group-tools.c) ------------------------ */

/* A path: the environment's, or root and the default; the caller's. */
char *group_path(const char *root, const char *variable, const char *fallback);

/* The environment's, or the default; borrowed. */
const char *group_command(const char *variable, const char *fallback);

/*
 * Make the folders in the variables PREFIX_WORKING and PREFIX_OUTPUTS, or
 * their defaults by name, and tell the program where outputs go.
 */
int group_folders(
    struct deploy *d, const char *prefix, const char *name, struct error *e);

/* A new file in the working folder; returns its path, the caller's. */
char *group_write(const struct deploy *d, const char *suffix, mode_t mode,
    const char *text, struct error *e);

/* Replace a file, making its folder (0700) if that is missing. */
int
group_replace(const char *path, mode_t mode, const char *text, struct error *e);

/* Run the program in the working folder; add what it prints to d. */
int group_exec(struct deploy *d, const struct strlist *argv, struct error *e);

/* The config as text: a string as it is, nothing as "", else JSON. */
char *group_config_text(const struct deploy *d);

/* The config as a map: it is one, or JSON or YAML text of one.  NULL. */
const struct value *group_config_map(const struct deploy *d, struct error *e);

/* As json.dumps(indent=4, sort_keys=True) prints it; the caller's. */
char *group_sorted_json(struct doc *d, const struct value *v);

/* A value as an environment variable has it; the caller's. */
char *group_text(const struct value *v);

/* An option's text, or NULL; and whether Python would take it for true. */
const char *group_option(const struct deploy *d, const char *name);
bool group_is_set(const struct deploy *d, const char *name, bool fallback);

/* This machine's full name, or NULL; the caller's. */
char *group_fqdn(void);

#endif
