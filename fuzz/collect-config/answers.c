/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's answers, to every kind of source.  The input is the name of the
 * kind on a line, then answers; each begins with a line "=STATUS", may have
 * lines of headers, an empty line, and a body.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/source.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS 100

static const char *const given[][3] = {
	{ "DEFAULT", "cachedir", "/cache" },
	{ "heat", "auth_url", "http://x/v2.0" },
	{ "heat", "user_id", "u" },
	{ "heat", "password", "p" },
	{ "heat", "project_id", "p" },
	{ "heat", "stack_id", "s/i" },
	{ "heat", "resource_name", "r" },
	{ "zaqar", "auth_url", "http://x/v3" },
	{ "zaqar", "user_id", "u" },
	{ "zaqar", "password", "p" },
	{ "zaqar", "project_id", "p" },
	{ "zaqar", "queue_id", "q" },
	{ "cfn", "metadata_url", "http://x/v1/" },
	{ "cfn", "access_key_id", "k" },
	{ "cfn", "secret_access_key", "s" },
	{ "cfn", "path", "server.Metadata" },
	{ "request", "metadata_url", "http://x/" },
	{ "https", "url", "https://x/" },
	{ "etcd", "url", "http://x" },
	{ "etcd", "prefix", "/a/" },
	{ "etcd", "user", "u" },
	{ "consul", "url", "http://x" },
	{ "nocloud", "metadata_url", "http://x/" },
	{ "keystone", "cache_dir", "" },
};

/* Settings for every kind, on a machine without any files. */
static struct config *
settings(void)
{
	static struct config *c;
	char name[] = "fuzz", option[] = "--root", root[] = "/proc/self/fdinfo";
	char *argv[] = { name, option, root, NULL };
	const struct config_args args = {
		.program = name, .argc = 3, .argv = argv
	};
	struct error e;

	if (c != NULL)
		return c;
	log_open("fuzz", LOG_ERROR);
	c = config_new(source_settings());
	if (config_load(c, &args, &e) == -1)
		abort();
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		config_default(c, given[i][0], given[i][1], given[i][2]);
	for (const struct setting_group *g = source_settings(); g->name != NULL;
	     g++)
		if (config_resolve(c, g->name, &e) == -1)
			abort();
	return c;
}

/* Take the next answer off *s; a status of 0 when there are no more. */
static void
next_answer(const char **s, struct http_reply *reply)
{
	const char *end;

	http_reply_clear(reply);
	if (**s != '=')
		return;
	reply->status = strtol(*s + 1, NULL, 10) % 1000;
	*s += strcspn(*s, "\n");
	while (**s == '\n' && (*s)[1] != '\n' && (*s)[1] != '\0') {
		size_t n = strcspn(*s + 1, "\n");

		strlist_addn(&reply->headers, *s + 1, n);
		*s += n + 1;
	}
	*s += strspn(*s, "\n");
	end = strstr(*s, "\n=");
	end = end != NULL ? end : *s + strlen(*s);
	strbuf_add(&reply->body, *s, (size_t)(end - *s));
	*s = *end == '\n' ? end + 1 : end;
}

static void
play(const struct source_kind *kind, const char *answers)
{
	own(machine_clear) struct machine m = { 0 };
	own(source_clear) struct source s = { 0 };

	machine_init(&m);
	source_init(&s, kind, settings(), &m);
	for (unsigned i = 0; i < STEPS && *answers != '\0';) {
		struct round *r = s.round = round_new(&s);
		enum step end;

		while (round_step(r) > STEP_NONE && i++ < STEPS) {
			r->stored = r->result == STEP_STORE;
			r->replied = true;
			error_set(&r->failure, 0, "no answer");
			next_answer(&answers, &r->reply);
		}
		end = r->result;
		round_free(take(s.round));
		if (end == STEP_NONE)
			return;
		i++;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	own_free char *text = mem_dupn((const char *)data, size);
	char *lf = strchr(text, '\n');
	const struct source_kind *kind;

	if (lf == NULL)
		return 0;
	*lf = '\0';
	kind = source_find(text);
	if (kind != NULL && strcmp(text, "local") != 0)
		play(kind, lf + 1);
	return 0;
}
