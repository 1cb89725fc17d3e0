/* SPDX-License-Identifier: Apache-2.0 */
/* heat-config-notify: an answer on standard input, for the item in a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "refresh-config/deploy.h"
#include "refresh-config/refresh.h"

#define NAME "heat-config-notify"

static int
usage(void)
{
	voice_python(NAME, "ERROR",
	    "Usage:\n  heat-config-notify /path/to/config.json "
	    "< /path/to/signal_data.json");
	return FAILED;
}

static int
fail(const struct error *e)
{
	voice_python(NAME, "ERROR", "%s", e->text);
	return FAILED;
}

/* What cannot be read counts as an empty answer, which is a success. */
static struct value *
read_answer(struct doc *d)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v = NULL;
	struct error e;

	if (file_read_fd(STDIN_FILENO, "standard input", LIMIT_CAPTURE_BYTES,
		&text, &e) == 0)
		v = doc_parse(
		    d, strbuf_text(&text), text.len, "standard input", &e);
	if (v != NULL && v->kind == VALUE_MAP)
		return v;
	voice_python(NAME, "WARNING", "No valid json found on stdin");
	return value_map(d);
}

int
heat_config_notify(int argc, char **argv)
{
	ownp(doc_free) struct doc *d = doc_new();
	own(settings_clear) struct settings s = { 0 };
	own(sender_wait) struct sender sender = { .settings = &s };
	const struct wishes none = { 0 };
	struct value *answer, *config;
	struct item item;
	unsigned queued;
	struct error e;

	if (argc < 2)
		return usage();
	answer = read_answer(d);
	if (!file_exists(AT_FDCWD, argv[1])) {
		voice_python(NAME, "ERROR", "No config file %s", argv[1]);
		return usage();
	}
	config = doc_load(d, AT_FDCWD, argv[1], &e);
	if (config == NULL || item_read(d, config, &item, &e) == -1 ||
	    settings_load(&s, &none, &e) == -1 ||
	    signal_queue(&s, &item, answer, &queued, &e) == -1)
		return fail(&e);
	voice_python(NAME, "DEBUG", "%u signals queued", queued);
	if (queued > 0)
		sender_start(&sender);
	return DONE;
}
