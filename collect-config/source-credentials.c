/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd credential ingot.metadata: from the folder that systemd gives a
 * service, else from the one that holds what the machine was started with.
 */
#include <stdlib.h>
#include <string.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"

#define SYSTEM "/run/credentials/@system"
#define NAME "ingot.metadata"

/* The path of the credential, the caller's, or NULL. */
static char *
credential(const struct config *c)
{
	const char *folders[] = { getenv("CREDENTIALS_DIRECTORY"), SYSTEM };

	for (size_t i = 0; i < 2; i++) {
		own_free char *path =
		    folders[i] != NULL ? path_join(folders[i], NAME) : NULL;

		if (path != NULL &&
		    file_exists(config_root(c), config_at(c, path)))
			return take(path);
	}
	return NULL;
}

static bool
credentials_detect(const struct config *c, const struct machine *m, char **why)
{
	own_free char *path = credential(c);

	(void)m;
	if (path == NULL)
		return false;
	*why = mem_printf("%s is there", path);
	return true;
}

static enum step
credentials_step(struct round *r, struct error *e)
{
	const struct config *c = r->source->config;
	own_free char *path = credential(c);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct value *v;

	if (path == NULL)
		return STEP_NONE;
	if (file_read(config_root(c), config_at(c, path), LIMIT_TEXT_BYTES,
		&text, e) == -1)
		return STEP_FAILED;
	v = round_parse(r, strbuf_text(&text), text.len, NAME, e);
	return v != NULL ? round_finish(r, v) : STEP_FAILED;
}

const struct source_kind source_credentials = {
	.name = "credentials",
	.summary = "the systemd credential " NAME,
	.detect = credentials_detect,
	.step = credentials_step,
};
