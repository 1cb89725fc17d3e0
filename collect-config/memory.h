/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent that sleeps most of the time need not hold. */
#ifndef COLLECT_CONFIG_MEMORY_H
#define COLLECT_CONFIG_MEMORY_H

#include <stddef.h>

/* Bytes of memory in use now; 0 if that is not known. */
size_t memory_resident(void);

/*
 * Give back memory that was needed once: free heap, and pages of programs and
 * libraries, of those parts that have at least so many bytes.  The pages are
 * unchanged copies of files: what is needed again comes back from the page
 * cache, at about a microsecond for sixteen of them.
 */
void memory_trim(size_t least);

#endif
