/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that ends the process when memory is out (exit status 1 and one
 * line), so that no caller has a path for it.  What is returned is the
 * caller's, to be freed with free(3).
 */
#ifndef LIB_MEM_H
#define LIB_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t size); /* zeroed */

/* End the process as if an allocation had failed: a size has no number. */
void mem_exhausted(void) __attribute__((noreturn));

/* Room for n elements of size bytes; the product is checked. */
void *mem_resize(void *p, size_t n, size_t size);

/*
 * Grow an array by doubling: returns p with room for at least want elements
 * of size bytes; *cap holds, and receives, the room in elements.
 */
void *mem_grow(void *p, size_t *cap, size_t want, size_t size);

char *mem_dup(const char *s); /* NULL gives NULL */
char *mem_dupn(const char *s, size_t n); /* n bytes and a NUL */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether two texts are the same, or both are NULL. */
bool mem_same(const char *a, const char *b);

#endif
