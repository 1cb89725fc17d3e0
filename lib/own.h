/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locals that clean up after themselves.
 *
 *	own_free char *path = path_join(dir, name);
 *
 * Every such variable is initialised where it is declared.  To let its value
 * outlive the function, return or store take(path).  Objects with a clear or
 * a free of their own use own(TYPE_clear) or ownp(TYPE_free):
 *
 *	own(strbuf_clear) struct strbuf text = { 0 };
 *	ownp(doc_free) struct doc *doc = doc_new();
 */
#ifndef LIB_OWN_H
#define LIB_OWN_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void
own_free_(void *p)
{
	free(*(void **)p);
}

static inline void
own_close_(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void
own_fclose_(FILE **f)
{
	if (*f != NULL)
		fclose(*f);
}

static inline void
own_closedir_(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
}

#define own_free __attribute__((cleanup(own_free_)))
#define own_fd __attribute__((cleanup(own_close_)))
#define own_file __attribute__((cleanup(own_fclose_)))
#define own_dir __attribute__((cleanup(own_closedir_)))
#define own(clear) __attribute__((cleanup(clear)))

/* Defines T_freep for pointers to a type that has T_free(struct T *). */
#define OWN_POINTER(T) \
	static inline void T##_freep(struct T **p) \
	{ \
		T##_free(*p); \
	}
#define ownp(free_) __attribute__((cleanup(free_##p)))

/* Move a pointer out of an owning local. */
#define take(p) \
	({ \
		__typeof__(p) taken_ = (p); \
		(p) = NULL; \
		taken_; \
	})

/* The same for a descriptor. */
static inline int
take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
