/* SPDX-License-Identifier: Apache-2.0 */
/* One runner at a time: an exclusive flock(2) on a file. */
#ifndef LIB_LOCK_H
#define LIB_LOCK_H

struct error;

/*
 * Open (creating) path and lock it.  Returns the descriptor, whose closing
 * or the end of the process releases the lock; it is not inherited by
 * programs.  When another process holds it: waits up to seconds, then -1
 * with error.code EAGAIN.
 */
int lock_take(const char *path, unsigned seconds, struct error *e);

#endif
