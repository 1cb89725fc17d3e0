/* SPDX-License-Identifier: Apache-2.0 */
/* The stamp of a file is what stat(2) says of it. */
#include "collect-config/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect-config/agent.h"
#include "collect-config/notify.h"
#include "lib/log.h"
#include "lib/mem.h"

static void
add_stamp(struct strbuf *b, int dir, const char *path)
{
	struct stat st;

	if (fstatat(dir, path, &st, 0) == -1)
		strbuf_puts(b, "-;");
	else
		strbuf_printf(b, "%lu %ld %ld.%09ld;", st.st_ino, st.st_size,
		    st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* Folders are stamped too, so that a new file in one is seen. */
static char *
stamp(const struct agent *a)
{
	const struct strlist *files = config_files(a->config);
	int root = config_root(a->config);
	struct strbuf b = { 0 };

	if (a->program != NULL)
		add_stamp(&b, AT_FDCWD, a->program);
	for (size_t i = 0; i < files->len; i++)
		add_stamp(&b, root, config_at(a->config, files->items[i]));
	add_stamp(
	    &b, root, config_at(a->config, "/etc/os-collect-config.conf"));
	add_stamp(
	    &b, root, config_at(a->config, "/etc/os-collect-config.conf.d"));
	return strbuf_take(&b);
}

void
reload_remember(struct agent *a)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	free(a->program);
	a->program = n > 0 && n < (ssize_t)sizeof(path)
	    ? mem_dupn(path, (size_t)n)
	    : NULL;
	free(a->stamp);
	a->stamp = stamp(a);
}

bool
reload_wanted(struct agent *a)
{
	own_free char *now = stamp(a);

	if (strcmp(now, a->stamp) == 0)
		return false;
	log_info("settings or program changed");
	free(a->stamp);
	a->stamp = take(now); /* should starting anew fail, once is enough */
	return true;
}

void
reload_now(struct agent *a)
{
	a->restarting = false;
	notify_send("RELOADING=1");
	execv(a->program != NULL ? a->program : "/proc/self/exe", a->argv);
	log_warn("cannot start anew: %s", strerror(errno));
	notify_send("READY=1");
}
