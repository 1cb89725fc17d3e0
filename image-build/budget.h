/* SPDX-License-Identifier: Apache-2.0 */
/* What an image, or one of its elements, may take of space and time. */
#ifndef IMAGE_BUILD_BUDGET_H
#define IMAGE_BUILD_BUDGET_H

struct build;
struct error;
struct origins;
struct step;

/* Whether each --budget can be understood and names a chosen element. */
int budget_check(const struct build *b, struct error *e);

/* A step is done: fail if the time of the build or of its element is over. */
int budget_time(const struct build *b, const struct step *s, struct error *e);

/*
 * How long a program may run before a budget is over, in seconds; element
 * NULL: whoever's it is.
 */
unsigned budget_left(const struct build *b, const char *element);

/* The tree is finished: fail if it, or an element's part of it, is too large. */
int
budget_size(const struct build *b, const struct origins *o, struct error *e);

#endif
