/* SPDX-License-Identifier: Apache-2.0 */
/* The program's own settings, and the table of all groups. */
#include <stdlib.h>

#include "collect-config/keystone.h"
#include "collect-config/source.h"
#include "lib/mem.h"

static const struct setting program_settings[] = {
	{ .letter = 'c',
	    .name = "command",
	    .help = "shell command to run when something changed" },
	{ .name = "command-unit",
	    .help = "systemd unit that runs the command, not we ourselves" },
	{ .name = "cachedir",
	    .value = "/var/lib/os-collect-config",
	    .help = "folder of the cache" },
	{ .name = "backup-cachedir",
	    .value = "/var/run/os-collect-config",
	    .help = "copy of the cache, made before the command runs" },
	{ .name = "collectors",
	    .kind = SETTING_LIST,
	    .help = "source to ask; the later ones override the earlier" },
	{ .letter = 'i',
	    .name = "polling-interval",
	    .kind = SETTING_NUMBER,
	    .value = "30.0",
	    .help = "longest time between two rounds, seconds" },
	{ .name = "min-polling-interval",
	    .kind = SETTING_NUMBER,
	    .value = "1.0",
	    .help = "time to the next round after a change, seconds" },
	{ .name = "splay",
	    .kind = SETTING_NUMBER,
	    .value = "0.0",
	    .help = "longest random wait before the first round, seconds" },
	{ .name = "one-time",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "one round, then end" },
	{ .name = "once",
	    .kind = SETTING_FLAG,
	    .help = "the same as --one-time",
	    .cli_only = true },
	{ .name = "force",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "one round, and run the command in any case" },
	{ .name = "print",
	    .key = "print_only",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "one round, print what was collected, store nothing" },
	{ .name = "print-cachedir",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "print the folder of the cache" },
	{ .name = "deployment-key",
	    .kind = SETTING_LIST,
	    .value = "deployments",
	    .help = "member in which a source lists deployments" },
	{ .name = "status-file",
	    .value = "/run/collect-config/status.json",
	    .help = "file that says how the agent is; empty: none" },
	{ .letter = 'd',
	    .name = "debug",
	    .kind = SETTING_FLAG,
	    .value = "false",
	    .help = "say more" },
	{ .name = "log-file",
	    .help = "file to log to, instead of standard error" },
	{ .name = "log-dir",
	    .help = "folder of that file, and of one named as we are" },
	/* What else oslo.log knows; where logs go is systemd's business. */
	{ .name = "log-config-append" },
	{ .name = "log-date-format" },
	{ .name = "syslog-log-facility" },
	{ .name = "use-journal", .kind = SETTING_FLAG },
	{ .name = "use-json", .kind = SETTING_FLAG },
	{ .name = "use-syslog", .kind = SETTING_FLAG },
	{ .name = "watch-log-file", .kind = SETTING_FLAG },
	{ .name = "config-file",
	    .kind = SETTING_LIST,
	    .help = "read this ini file, not the default one",
	    .cli_only = true },
	{ .name = "config-dir",
	    .kind = SETTING_LIST,
	    .help = "read this folder of *.conf, not the default one",
	    .cli_only = true },
	{ .name = "list-sources",
	    .kind = SETTING_FLAG,
	    .help = "list the sources that there are",
	    .cli_only = true },
	{ .name = "detect",
	    .kind = SETTING_FLAG,
	    .help = "say which sources would be asked, and why",
	    .cli_only = true },
	{ .name = "json",
	    .kind = SETTING_FLAG,
	    .help = "show the status as JSON",
	    .cli_only = true },
	{ .name = "root",
	    .help = "look up all paths below this folder",
	    .cli_only = true },
	{ .name = NULL },
};

#define GROUPS 64

const struct setting_group *
source_settings(void)
{
	static struct setting_group groups[GROUPS];
	size_t n = 0;

	groups[n++] = (struct setting_group){ "DEFAULT", program_settings };
	groups[n++] = (struct setting_group){ "keystone", keystone_settings };
	for (size_t i = 0; source_kinds[i] != NULL && n < GROUPS - 1; i++)
		if (source_kinds[i]->settings != NULL)
			groups[n++] =
			    (struct setting_group){ source_kinds[i]->name,
				    source_kinds[i]->settings };
	return groups;
}
