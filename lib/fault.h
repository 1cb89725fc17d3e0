/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named points at which a test can make things fail.
 *
 * Only sanitized builds (FAULTS defined) have them.  INGOT_FAULT=name:n makes
 * the n-th passage (from 1) of the point "name" fail with EIO, and
 * INGOT_FAULT=name:n:kill ends the process there with SIGKILL.
 */
#ifndef LIB_FAULT_H
#define LIB_FAULT_H

#ifdef FAULTS
/* 0, or -1 with errno set when this passage is to fail. */
int fault(const char *name);
#else
static inline int
fault(const char *name)
{
	(void)name;
	return 0;
}
#endif

#endif
