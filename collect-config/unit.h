/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command in a systemd unit of its own, so that neither what restricts the
 * agent restricts the command, nor the agent's end ends it.  The unit runs a
 * script that we write; the script says, under a name that only this run has,
 * with which status it ended.
 */
#ifndef COLLECT_CONFIG_UNIT_H
#define COLLECT_CONFIG_UNIT_H

struct config;
struct error;
struct strlist;

/*
 * Write the script for a command line and the list of documents.  *token is
 * then the name of this run, the caller's.
 */
int unit_write(const struct config *c, const char *line, const char *files,
    char **token, struct error *e);

/*
 * The status with which the run of that name ended; -1 if another run, or
 * none, did.
 */
int unit_status(const struct config *c, const char *token);

#endif
