/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups by name or number. */
#ifndef APPLY_CONFIG_ACCOUNTS_H
#define APPLY_CONFIG_ACCOUNTS_H

struct settings;
struct value;

/*
 * The number of an account in the database "passwd" or "group"; v is its name,
 * a string, or its number.  Returns 0, or -1 when there is no such account.
 */
int account_find(const struct settings *s, const char *database,
    const struct value *v, unsigned *id);

#endif
