/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that is run when metadata changed: a shell line, with the list
 * of documents in OS_CONFIG_FILES.  Its output is ours.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "collect-config/agent.h"
#include "collect-config/notify.h"
#include "collect-config/unit.h"
#include "lib/clock.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"

#define STATUS_NOT_NOW 75

static int
start(struct agent *a, const char *files, struct error *e)
{
	const char *unit = config_text(a->config, "DEFAULT", "command_unit");
	const char *const shell[] = { "/bin/sh", "-c", a->line, NULL };
	const char *const systemctl[] = { "systemctl", "start", unit, NULL };
	own(strlist_clear) struct strlist env = { 0 };
	bool own = unit == NULL || *unit == '\0';

	for (char **v = environ; *v != NULL; v++)
		strlist_add(&env, *v);
	strlist_env_set(&env, "OS_CONFIG_FILES", files);
	strlist_env_unset(&env, "NOTIFY_SOCKET"); /* systemd listens to us */
	strlist_env_unset(&env, "WATCHDOG_USEC");
	strlist_env_unset(&env, "WATCHDOG_PID");
	free(take(a->token));
	if (!own && unit_write(a->config, a->line, files, &a->token, e) == -1)
		return -1;
	return child_start(&a->command,
	    (char *const *)(own ? shell : systemctl), strlist_argv(&env), -1,
	    e);
}

/*
 * The status of what ended.  A unit that was running when it was started only
 * ended an earlier run: ours is still to come.
 */
static int
end(struct agent *a)
{
	int status = child_end(&a->command), said;

	if (a->token == NULL)
		return status;
	said = unit_status(a->config, a->token);
	return said != -1 ? said : status != 0 ? status : STATUS_NOT_NOW;
}

void
agent_command(struct agent *a)
{
	own_free char *files = cache_paths(&a->cache, &a->names, ":");
	struct error e;

	if (cache_backup(&a->cache, &e) == -1)
		log_warn("%s", e.text);
	log_info("running %s", a->line);
	if (start(a, files, &e) == -1) {
		log_warn("%s", e.text);
		a->run_after = clock_ms() + 1000;
		return;
	}
	notify_send("STATUS=running %s", a->line);
	a->runs++;
	a->trimmed = TRIM_NONE;
	a->active = clock_ms();
	a->told = false;
	a->told_at = 0;
	a->wanted = false;
}

static void
commit(struct agent *a)
{
	struct error e;

	for (size_t i = 0; i < a->pending.len; i++)
		if (cache_commit(&a->cache, a->pending.items[i], &e) == -1)
			log_warn("%s", e.text);
	strlist_clear(&a->pending);
	a->run_interval = 0;
}

/* It failed: what is pending stays so, and it is tried again, ever later. */
static void
retry(struct agent *a)
{
	double most = config_number(a->config, "DEFAULT", "polling_interval");
	double least =
	    config_number(a->config, "DEFAULT", "min_polling_interval");

	if (a->once) {
		log_warn("Command failed, will not cache new data. %s: "
			 "exit status %d",
		    a->line, a->status);
		return;
	}
	a->run_interval = a->run_interval == 0 ? least : a->run_interval * 2;
	if (a->run_interval > most)
		a->run_interval = most;
	a->run_after = clock_ms() + (int64_t)(a->run_interval * 1000);
	a->wanted = true;
	log_warn("Command failed, will not cache new data. %s: exit status %d, "
		 "again in %.0f s",
	    a->line, a->status, a->run_interval);
}

void
agent_command_over(struct agent *a)
{
	double seconds = (double)(clock_ms() - a->command.started) / 1000;

	a->status = end(a);
	notify_send("STATUS=");
	a->told = false;
	a->told_at = 0;
	if (a->status != 0) {
		retry(a);
		return;
	}
	log_info("%s succeeded in %.1f s", a->line, seconds);
	commit(a);
}

void
agent_command_limit(struct agent *a)
{
	if (a->command.pid == 0 ||
	    clock_ms() - a->command.started <= LIMIT_COMMAND_SECONDS * 1000LL)
		return;
	log_warn("%s runs for a day: ended", a->line);
	child_kill(&a->command);
	a->status = 256 - SIGKILL;
	retry(a);
}
