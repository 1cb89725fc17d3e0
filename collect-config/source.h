/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sources of metadata.
 *
 * A source is asked again and again; each time is a round.  A round is carried
 * on by the kind's step function, which never waits: it says what it wants
 * asked next (STEP_ASK) and is called again with the reply, or says how the
 * round ended.  The agent does the asking, so all sources go on at once.
 */
#ifndef COLLECT_CONFIG_SOURCE_H
#define COLLECT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "collect-config/child.h"
#include "collect-config/config.h"
#include "collect-config/machine.h"
#include "lib/doc.h"
#include "lib/error.h"
#include "lib/http.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

struct agent;
struct platform;
struct round;

enum step {
	STEP_FAILED = -1, /* the error says why; tried again later */
	STEP_DONE, /* the outputs are complete */
	STEP_SAME, /* nothing changed since the outputs of an earlier round */
	STEP_NONE, /* not configured, or nothing there to read */
	STEP_ASK, /* carry out round.ask, then call again */
	STEP_RUN, /* run round.argv, then call again: its output is the reply */
	STEP_MORE, /* of a stream: call again with the next line */
	STEP_STORE, /* store the outputs, then call again */
};

struct source_kind {
	const char *name; /* also the name of its cache file */
	const char *summary;
	const struct setting *settings; /* its group of settings, or NULL */
	bool deployments; /* its content may list deployments */
	/*
	 * For what only some platforms have: whether this machine does.  *why
	 * is then what was seen, the caller's.  NULL: used everywhere.
	 */
	bool (*detect)(
	    const struct config *c, const struct machine *m, char **why);
	enum step (*step)(struct round *r, struct error *e);
	const struct platform *platform; /* of platform_ask(), else NULL */
};

/* Rows of several kinds' tables of settings. */
#define SETTING_TIMEOUT \
	{ \
		.name = "timeout", .kind = SETTING_NUMBER, .value = "10", \
		.help = "seconds to wait for a connection and for data" \
	}
#define SETTINGS_TLS \
	{ .name = "ca-file", .help = "certificates to trust, a PEM file" }, \
	    { .name = "cert-file", \
		    .help = "certificate to show, a PEM file" }, \
	{ \
		.name = "key-file", .help = "its key, a PEM file" \
	}

/* What is asked over the network. */
struct ask {
	const char *method; /* NULL: GET */
	char *url;
	struct strlist headers;
	struct strbuf body;
	bool has_body;
	const char *ca_file, *cert_file, *key_file; /* NULL: none */
	bool insecure;
	bool direct;
	enum http_follow follow;
	unsigned seconds; /* for all of it; 0: the usual */
	unsigned idle_seconds; /* without a byte; 0: the usual */
	bool stream; /* each line of the body is a reply of its own */
	bool websocket; /* each message is; the first, status 101, is empty */
};

/* A file beside the cache's documents, SOURCE.SUFFIX. */
struct extra {
	const char *suffix;
	const char *data;
	size_t len;
};

struct output {
	const char *name; /* of the cache file, without .json */
	const struct value *value;
};

struct source {
	const struct source_kind *kind;
	struct config *config;
	const struct machine *machine;

	/* What it remembers from round to round, "name=value" items. */
	struct strlist memory;

	/* Its cache files after the last complete round, in order. */
	struct strlist names;
	bool known; /* names is complete */

	struct round *round; /* going on, or over and not yet taken */
	struct agent *agent; /* whose source it is, once it was asked */
	struct http_call *call; /* of the round, or NULL */
	struct child child; /* likewise */
	int output; /* of the child */

	/* The agent's schedule, milliseconds of the monotonic clock. */
	int64_t due;
	double interval; /* seconds */
	int64_t begun; /* the last round, clock_ms() */
	bool asked; /* a first round is over */

	/* For the status. */
	enum step last;
	char *problem; /* why the last round failed, or NULL */
	int64_t succeeded, changed,
	    failed_since; /* clock_boot_ms(); 0: never */
	unsigned long rounds, requests, failures;
};

struct round {
	struct source *source;
	struct doc *doc; /* owns values and texts of this round */
	unsigned place; /* the kind's: where its steps are */
	void *data; /* the kind's, in doc */
	bool renewed; /* the kind's: a second try, with a new token */

	struct ask ask;
	struct strlist argv;
	struct strbuf line; /* of a stream, not yet whole */
	size_t streamed; /* what a stream has cost so far, see agent-ask.c */
	bool enough; /* of this stream: a step went on to something else */
	struct strlist outgoing; /* messages to send on a websocket */
	bool recalled; /* made from the cache: nothing new to warn of */
	bool stored; /* STEP_STORE was carried out */
	bool replied;
	struct http_reply reply; /* status 0: none came, see failure */
	struct error failure;

	struct output *outputs;
	size_t len, cap;
	struct extra *extras;
	size_t n_extras, cap_extras;
	struct strlist learned; /* joins memory once the outputs are stored */
	struct strlist folders; /* a change in one of them starts a round */
	bool watching; /* the source waits for changes: ask again at once */
	unsigned rest; /* ask no sooner than after so many seconds */

	enum step result;
	struct error error;
};

/* All kinds, in the order in which they are listed; ends with NULL. */
extern const struct source_kind *const source_kinds[];

const struct source_kind *source_find(const char *name); /* or NULL */

/* The groups of settings of all kinds and of the program itself. */
const struct setting_group *source_settings(void);

void source_init(struct source *s, const struct source_kind *kind,
    struct config *c, const struct machine *m);
void source_clear(struct source *s);

/* ---- for the steps ------------------------------------------------------ */

struct round *round_new(struct source *s);
void round_free(struct round *r);
OWN_POINTER(round)

/* Let the kind go on.  An end is kept in result and error as well. */
enum step round_step(struct round *r);

/* Ask for a URL next (format); returns STEP_ASK. */
enum step round_get(struct round *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void round_header(struct round *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The files of SETTINGS_TLS for what is asked next. */
void round_tls(struct round *r);

/* How long a URL is without the slashes at its end. */
size_t url_length(const char *url);

/* 0 if the reply's status is 200 to 299; else -1 with the error. */
int round_check(const struct round *r, struct error *e);

/* The reply's body as JSON, which must be a map; NULL with the error. */
struct value *round_body(struct round *r, struct error *e);

/*
 * The whole of many steps: a checked reply whose body is a JSON map, which
 * is what the source has.  A body that is what it was ends in STEP_SAME.
 */
enum step round_take(struct round *r, struct error *e);

/* Whether these bytes differ from those of the last stored round. */
bool round_is_new(struct round *r, const void *data, size_t n);

/*
 * Give a file of its own to what is no metadata, such as user data: content
 * gets a member called suffix that names the file and its SHA-256.  What
 * Heat left in it for this machine becomes an output as well.
 */
void round_file(struct round *r, struct value *content, const char *suffix,
    const void *data, size_t n);

/* Parse text as JSON or, failing that, YAML; NULL with the error. */
struct value *round_value(struct round *r, const char *text, size_t n,
    const char *name, struct error *e);

/* The same; it must be a map. */
struct value *round_parse(struct round *r, const char *text, size_t n,
    const char *name, struct error *e);

/* The end of a round whose content is in hand: unchanged or new. */
enum step round_finish(struct round *r, struct value *content);

/* Add an output; a later one of the same name takes its place at the end. */
void round_output(struct round *r, const char *name, const struct value *v);

/*
 * Add what a source has: itself under the source's name and, where the kind
 * has them, its deployments for os-apply-config under theirs.
 */
void round_content(struct round *r, const struct value *v);

const char *round_memory(const struct round *r, const char *name);
void round_learn(struct round *r, const char *name, const char *value);

/* Settings of the source's own group; "" counts as none. */
const char *round_text(const struct round *r, const char *name);
unsigned round_number(const struct round *r, const char *name);

#endif
