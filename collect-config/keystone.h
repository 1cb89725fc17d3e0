/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenStack's identity service, version 3: a token for a user of a project,
 * and from its catalog where another service is.  Tokens are kept until they
 * expire, in memory and, for the next run, on disk.
 */
#ifndef COLLECT_CONFIG_KEYSTONE_H
#define COLLECT_CONFIG_KEYSTONE_H

#include "collect-config/source.h"

/* Places of a round that belong to keystone_step(); a kind's come after. */
enum {
	KEYSTONE_START,
	KEYSTONE_DISCOVERY,
	KEYSTONE_TOKEN,
	KEYSTONE_PLACES
};

/* The group [keystone] of settings. */
extern const struct setting keystone_settings[];

/* Rows of the settings of a kind that has itself known there. */
#define SETTINGS_KEYSTONE \
	{ .name = "user-id", .help = "user who asks" }, \
	    { .name = "password", .help = "password of that user" }, \
	    { .name = "project-id", .help = "project of that user" }, \
	{ \
		.name = "auth-url", .kind = SETTING_URL, \
		.help = "URL of the identity service" \
	}

/*
 * The steps towards a token and the public endpoint of a service, with the
 * settings auth_url, user_id, password, project_id and region_name of the
 * source's group.  STEP_DONE when round_memory() "token" and "endpoint" say.
 */
enum step keystone_step(struct round *r, const char *service, struct error *e);

/* The token was refused: forget it, begin again, and set round.renewed. */
enum step keystone_renew(struct round *r, const char *service, struct error *e);

#endif
