/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon's instance metadata, version 2 (with a token) or 1: a tree of
 * folders and texts, walked breadth first; then the instance's identity and
 * the user data.  What is in the cache already is not asked for again unless
 * the settings say so, since it hardly ever changes and takes many requests.
 */
#include <errno.h>
#include <string.h>

#include "collect-config/disc.h"
#include "collect-config/platform.h"
#include "collect-config/sources.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define REQUESTS 2000 /* in one round */
#define REST 300 /* seconds between two walks */
#define TOKEN_SECONDS 21600
#define ROOT "/meta-data"

static const struct setting settings[] = {
	{ .name = "metadata-url",
	    .kind = SETTING_URL,
	    .help = "URL of the metadata's root" },
	SETTING_TIMEOUT,
	{ .name = "once",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "use what is in the cache without asking again" },
	{ .name = NULL },
};

/* Where the service is, by IPv4 and by IPv6. */
static const char *const usual[] = {
	"http://169.254.169.254/latest/meta-data",
	"http://[fd00:ec2::254]/latest/meta-data",
};

enum {
	TOKEN,
	TREE,
	IDENTITY,
	USER_DATA
};

/* Folders and leaves still to be asked for; the first is in hand. */
struct pending {
	struct pending *next;
	const char *path; /* below the root; a folder's ends in / */
	const char *name; /* of the leaf in its folder's map */
	struct value *folder; /* the map that it goes into, or that it is */
};

struct walk {
	size_t base;
	unsigned requests;
	struct pending *first, **last;
	struct value *content;
};

static bool
ec2_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (strcmp(m->vendor, "Amazon EC2") != 0 &&
	    strcmp(m->bios_vendor, "Amazon EC2") != 0 &&
	    strncmp(m->uuid, "ec2", 3) != 0 &&
	    strncmp(m->serial, "ec2", 3) != 0)
		return false;
	*why = mem_printf(
	    "firmware says \"%s\", UUID %.3s...", m->vendor, m->uuid);
	return true;
}

/* ---- requests ----------------------------------------------------------- */

/* The root's URL without a slash at its end, n bytes. */
static const char *
root_url(const struct round *r, size_t *n)
{
	const struct walk *w = r->data;
	const char *url = round_text(r, "metadata_url");

	if (url == NULL)
		url = usual[w->base];
	*n = url_length(url);
	return url;
}

/* How much of the root's URL stands before /meta-data. */
static size_t
version_len(const char *url, size_t n)
{
	size_t m = strlen(ROOT);

	return n > m && memcmp(url + n - m, ROOT, m) == 0 ? n - m : n;
}

static void
finish_ask(struct round *r)
{
	const char *token = round_memory(r, "token");

	r->ask.direct = true;
	r->ask.follow = HTTP_FOLLOW_NONE;
	r->ask.idle_seconds = round_number(r, "timeout");
	if (token != NULL && r->place != TOKEN)
		round_header(r, "X-aws-ec2-metadata-token: %s", token);
}

static enum step
ask_token(struct round *r)
{
	size_t n;
	const char *url = root_url(r, &n);

	r->place = TOKEN;
	round_get(r, "%.*s/api/token", (int)version_len(url, n), url);
	r->ask.method = "PUT";
	round_header(
	    r, "X-aws-ec2-metadata-token-ttl-seconds: %d", TOKEN_SECONDS);
	finish_ask(r);
	return STEP_ASK;
}

static enum step
ask_tree(struct round *r)
{
	const struct walk *w = r->data;
	size_t n;
	const char *url = root_url(r, &n);

	r->place = TREE;
	round_get(r, "%.*s/%s", (int)n, url, w->first->path);
	finish_ask(r);
	return STEP_ASK;
}

static enum step
ask_beside(struct round *r, unsigned place, const char *path)
{
	size_t n;
	const char *url = root_url(r, &n);

	r->place = place;
	round_get(r, "%.*s%s", (int)version_len(url, n), url, path);
	finish_ask(r);
	return STEP_ASK;
}

/* ---- the tree ----------------------------------------------------------- */

static void
push(struct round *r, const char *path, const char *name, struct value *folder)
{
	struct walk *w = r->data;
	struct pending *p = doc_alloc(r->doc, sizeof(*p));

	p->path = doc_text(r->doc, path, strlen(path));
	p->name = doc_text(r->doc, name, strlen(name));
	p->folder = folder;
	*w->last = p;
	w->last = &p->next;
}

/* One line of a folder: "leaf", "folder/", or "0=name" for the folder "0/". */
static int
push_line(struct round *r, const struct pending *folder, const char *line,
    size_t n, struct error *e)
{
	size_t len = strcspn(line, "=\r\n");
	bool is_folder, numbered;
	own_free char *name = NULL, *path = NULL;
	struct value *into = folder->folder;

	if (len > n)
		len = n;
	numbered = len < n && line[len] == '=';
	is_folder = numbered || (len > 0 && line[len - 1] == '/');
	name = mem_dupn(line, numbered || !is_folder ? len : len - 1);
	if (*name == '\0')
		return 0;
	if (!path_is_name(name))
		return error_set(e, EPROTO,
		    "folder %s lists \"%.40s\", which is no name", folder->path,
		    name);
	path = mem_printf("%s%s%s", folder->path, name, is_folder ? "/" : "");
	if (is_folder) {
		into = value_map(r->doc);
		value_set(r->doc, folder->folder, name, into);
	} else {
		/* Keep the place; the text comes later. */
		value_set(r->doc, into, name, value_null(r->doc));
	}
	push(r, path, name, into);
	return 0;
}

static int
take_tree(struct round *r, struct error *e)
{
	struct walk *w = r->data;
	struct pending *p = w->first;
	const char *s = strbuf_text(&r->reply.body);
	size_t len = strlen(p->path);

	if (len > 0 && p->path[len - 1] != '/') {
		value_set(r->doc, p->folder, p->name,
		    value_stringn(r->doc, s, r->reply.body.len));
	} else {
		while (*s != '\0') {
			size_t n = strcspn(s, "\n");

			if (push_line(r, p, s, n, e) == -1)
				return -1;
			s += n + (s[n] == '\n');
		}
	}
	w->first = p->next;
	if (w->first == NULL)
		w->last = &w->first;
	if (++w->requests > REQUESTS)
		return error_set(e, EFBIG, "more than %d entries", REQUESTS);
	return 0;
}

/* ---- steps -------------------------------------------------------------- */

/* What the cache has, unless it is to be asked for again. */
static struct value *
cached(struct round *r)
{
	const struct config *c = r->source->config;
	own_free char *path =
	    path_join(config_text(c, "DEFAULT", "cachedir"), "ec2.json");
	struct value *v;
	struct error e;

	if (!config_flag(c, "ec2", "once"))
		return NULL;
	v = doc_load(r->doc, config_root(c), config_at(c, path), &e);
	return v != NULL && (v->kind == VALUE_MAP || v->kind == VALUE_LIST) &&
		v->len > 0
	    ? v
	    : NULL;
}

const struct platform platform_ec2_disc = {
	.parts = (const struct part[]){ { .path = "ec2/latest/meta-data.json" },
	    { .path = "ec2/latest/user-data",
		.member = "user-data",
		.format = PART_FILE,
		.optional = true },
	    { .path = NULL } },
};

static enum step
begin(struct round *r, struct error *e)
{
	own(disc_close) struct disc disc = { .fd = -1 };
	struct value *known = cached(r);
	struct walk *w;

	if (known != NULL)
		return round_finish(r, known);
	if (disc_find(r->source->config, "config-2", &disc))
		return platform_disc(r, &platform_ec2_disc, &disc, e);
	r->data = w = doc_alloc(r->doc, sizeof(*w));
	w->content = value_map(r->doc);
	w->last = &w->first;
	push(r, "", "", w->content);
	return round_memory(r, "token") != NULL ? ask_tree(r) : ask_token(r);
}

/*
 * A service without tokens answers 404 or the like: it is version 1.  One
 * that does not answer at all may be at the other address.
 */
static enum step
take_token(struct round *r, struct error *e)
{
	struct walk *w = r->data;

	if (r->reply.status == 0) {
		if (round_text(r, "metadata_url") != NULL || w->base == 1)
			return round_check(r, e);
		w->base++;
		return ask_token(r);
	}
	if (http_is_temporary(r->reply.status))
		return round_check(r, e);
	if (r->reply.status == 200 && r->reply.body.len < 1024 &&
	    strpbrk(strbuf_text(&r->reply.body), "\r\n <") == NULL)
		strlist_env_set(
		    &r->source->memory, "token", strbuf_text(&r->reply.body));
	return ask_tree(r);
}

static enum step
next_in_tree(struct round *r, struct error *e)
{
	const struct walk *w = r->data;

	/* The token's time is over: get another, once. */
	if (r->reply.status == 401 && !r->renewed) {
		strlist_env_unset(&r->source->memory, "token");
		r->renewed = true;
		return ask_token(r);
	}
	if (round_check(r, e) == -1 || take_tree(r, e) == -1)
		return STEP_FAILED;
	if (w->first != NULL)
		return ask_tree(r);
	return ask_beside(r, IDENTITY, "/dynamic/instance-identity/document");
}

static enum step
ec2_step(struct round *r, struct error *e)
{
	struct walk *w = r->data;
	const struct value *v;

	r->rest = REST;
	if (w == NULL)
		return begin(r, e);
	switch (r->place) {
	case TOKEN:
		return take_token(r, e);
	case TREE:
		return next_in_tree(r, e);
	case IDENTITY:
		if (r->reply.status == 200) {
			v = round_body(r, e);
			if (v != NULL)
				value_set(r->doc, w->content,
				    "instance-identity", value_copy(r->doc, v));
		}
		return ask_beside(r, USER_DATA, "/user-data");
	default:
		if (r->reply.status == 200 && r->reply.body.len > 0)
			round_file(r, w->content, "user-data", r->reply.body.s,
			    r->reply.body.len);
		return round_finish(r, w->content);
	}
}

const struct source_kind source_ec2 = {
	.name = "ec2",
	.summary = "Amazon EC2's instance metadata, or a config drive",
	.settings = settings,
	.detect = ec2_detect,
	.step = ec2_step,
};
