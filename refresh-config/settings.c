/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything is: option, environment, default, in this order. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "refresh-config/refresh.h"

#define BASE "/usr/libexec/os-refresh-config"
#define BASE_OLD "/opt/stack/os-config-refresh"
#define STATE "/var/lib/refresh-config"
#define LOCK "/var/run/os-refresh-config.lock"

static const char *const phases[] = { "pre-configure", "configure",
	"post-configure", "migration" };

static char *
below(const char *root, const char *path)
{
	return mem_printf("%s%s", root, path);
}

static const char *
first_of(const char *wish, const char *variable)
{
	return wish != NULL ? wish : getenv(variable);
}

static char *
find_base(const char *root)
{
	own_free char *base = below(root, BASE), *old = below(root, BASE_OLD);

	if (file_is_dir(AT_FDCWD, base) || !file_is_dir(AT_FDCWD, old))
		return take(base);
	log_warn("%s is deprecated, use %s", old, base);
	return take(old);
}

int
settings_load(struct settings *s, const struct wishes *w, struct error *e)
{
	const char *base = first_of(w->base, "OS_REFRESH_CONFIG_BASE_DIR");
	const char *state = first_of(w->state, "REFRESH_CONFIG_STATE_DIR");

	s->root = w->root != NULL ? w->root : "";
	s->base = base != NULL ? mem_dup(base) : find_base(s->root);
	s->state = state != NULL ? mem_dup(state) : below(s->root, STATE);
	s->lock = w->lock != NULL ? mem_dup(w->lock) : below(s->root, LOCK);
	s->run_seconds = w->run_seconds;
	s->script_seconds = LIMIT_SCRIPT_SECONDS;
	strlist_add_all(&s->phases, &w->phases);
	for (size_t i = 0; i < s->phases.len; i++)
		if (!path_is_name(s->phases.items[i]))
			return error_set(e, 0, "%s: not a name for a phase",
			    s->phases.items[i]);
	for (size_t i = 0; w->phases.len == 0 && i < 4; i++)
		strlist_add(&s->phases, phases[i]);
	return 0;
}

void
settings_clear(struct settings *s)
{
	free(s->base);
	free(s->state);
	free(s->lock);
	strlist_clear(&s->phases);
}

char *
settings_state(const struct settings *s, const char *name)
{
	return path_join(s->state, name);
}
