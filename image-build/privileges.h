/* SPDX-License-Identifier: Apache-2.0 */
/* Being root over a tree, by what the host allows: see privileges.c. */
#ifndef IMAGE_BUILD_PRIVILEGES_H
#define IMAGE_BUILD_PRIVILEGES_H

struct error;

enum privileges {
	PRIVILEGES_ROOT,
	PRIVILEGES_USER, /* in a user namespace */
	PRIVILEGES_CHROOT, /* nothing can be mounted */
};

/*
 * Find out what works here, by trying it in children, and become root by it;
 * once, before there are threads.  -1: nothing does.
 */
int privileges_take(struct error *e);

/* What was taken. */
enum privileges privileges_held(void);
const char *privileges_name(enum privileges p);

/* Who the caller was outside. */
unsigned privileges_uid(void);

#endif
