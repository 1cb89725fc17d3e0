/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an agent finds when it starts: the cache, the status, a token.  The
 * input is some of these files, each after a line "=NAME".
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/agent.h"
#include "collect-config/status.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/fuzz-cache-XXXXXX";

static const char *const files[] = { "heat.json", "heat.json.last", "d.json",
	"d.json.last", "a.json", "os_config_files.json", "heat.user-data",
	"status.json" };

static const char *const given[][3] = {
	{ "DEFAULT", "cachedir", "/" },
	{ "DEFAULT", "status_file", "/status.json" },
	{ "DEFAULT", "collectors", "heat local" },
	{ "DEFAULT", "command", "true" },
};

static void
remove_folder(void)
{
	struct error e;

	(void)tree_remove(AT_FDCWD, folder, &e);
}

static struct config *
settings(void)
{
	static struct config *c;
	char name[] = "fuzz", option[] = "--root";
	char *argv[] = { name, option, folder, NULL };
	const struct config_args args = {
		.program = name, .argc = 3, .argv = argv
	};
	struct error e;

	if (c != NULL)
		return c;
	log_open("fuzz", LOG_ERROR);
	if (mkdtemp(folder) == NULL)
		abort();
	atexit(remove_folder);
	c = config_new(source_settings());
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		config_default(c, given[i][0], given[i][1], given[i][2]);
	if (config_load(c, &args, &e) == -1 ||
	    config_resolve(c, "DEFAULT", &e) == -1)
		abort();
	return c;
}

/* Make the folder hold just the files of the input. */
static void
put_files(int dir, const char *s, const char *end)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		unlinkat(dir, files[i], 0);
	while (s < end && *s == '=') {
		const char *name = s + 1, *lf = memchr(s, '\n', end - s), *next;

		if (lf == NULL)
			return;
		next = memmem(lf, end - lf, "\n=", 2);
		next = next != NULL ? next : end;
		for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
			size_t n = strlen(files[i]);
			own_fd int fd = -1;

			if ((size_t)(lf - name) != n ||
			    memcmp(name, files[i], n) != 0)
				continue;
			fd = openat(dir, files[i],
			    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
			if (next > lf + 1)
				(void)file_write_all(fd, lf + 1, next - lf - 1);
		}
		s = next + (next < end);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *c = settings();
	char name[] = "fuzz", *argv[] = { name, NULL };
	own(agent_close) struct agent a = { .cache.fd = -1 };
	own(strlist_clear) struct strlist names = { 0 };
	own_free char *paths = NULL;
	struct error e;

	put_files(
	    config_root(c), (const char *)data, (const char *)data + size);
	if (agent_open(&a, c, argv, &e) == -1 ||
	    cache_open(&a.cache, c, &e) == -1)
		abort();
	for (size_t i = 0; i < a.n; i++)
		agent_recall(&a, &a.sources[i]);
	agent_names(&a, &names);
	paths = cache_paths(&a.cache, &names, ":");
	status_recall(&a);
	return 0;
}
