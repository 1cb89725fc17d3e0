/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What most platforms have in common: a few documents at known paths below
 * some base, which is a URL, a disc or a folder, make up the content.
 */
#ifndef COLLECT_CONFIG_PLATFORM_H
#define COLLECT_CONFIG_PLATFORM_H

#include "collect-config/disc.h"
#include "collect-config/source.h"

enum part_format {
	PART_MAP, /* JSON or YAML */
	PART_FILE, /* no metadata: becomes a file of its own */
};

struct part {
	const char *path; /* below the base, without a leading slash */
	const char *member; /* of the content; NULL: its members join it */
	enum part_format format;
	bool optional; /* may be absent */
};

struct platform {
	const struct part *parts; /* ends at path NULL */
	const char *header; /* that each request must have, or NULL */
	/*
	 * User data within the content, "a.b.c", or NULL: made a file of its
	 * own.  It may be base64.
	 */
	const char *user_data;
	bool base64;
	/* Last changes to the content, or NULL. */
	void (*finish)(struct round *r, struct value *content);
};

/* The least time between two rounds, seconds: such data changes rarely. */
#define PLATFORM_REST 60

/*
 * Step: ask for the parts below the first base that answers, of those in the
 * setting metadata_url.  Such requests never go through a proxy.
 */
enum step
platform_step(struct round *r, const struct platform *p, struct error *e);

/* The step of a kind that only asks for its platform's parts. */
enum step platform_ask(struct round *r, struct error *e);

/* The settings of one whose service is at the usual address. */
extern const struct setting platform_settings[];

/* What a disc may have in EC2's form. */
extern const struct platform platform_ec2_disc;

/* The same as platform_step() from a disc or a folder, at once. */
enum step platform_disc(struct round *r, const struct platform *p,
    const struct disc *disc, struct error *e);
enum step platform_folder(struct round *r, const struct platform *p,
    const char *folder, struct error *e);

#endif
