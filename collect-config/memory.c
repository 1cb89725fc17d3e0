/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl brings thirty libraries along, most of which are touched only by the
 * dynamic linker and by initialisers.
 */
#include "collect-config/memory.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/own.h"

/* Segments that were never writable hold nothing but what the file has. */
static int
drop(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	const size_t *least = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + p->p_vaddr;
		uintptr_t end = start + p->p_filesz;

		if (p->p_type != PT_LOAD || (p->p_flags & PF_W) != 0 ||
		    p->p_filesz < *least)
			continue;
		start &= ~(page - 1);
		(void)madvise((void *)start, end - start, MADV_DONTNEED);
	}
	return 0;
}

size_t
memory_resident(void)
{
	own_fd int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128] = "";
	unsigned long pages = 0;

	if (fd != -1 && read(fd, text, sizeof(text) - 1) > 0)
		(void)sscanf(text, "%*u %lu", &pages);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void
memory_trim(size_t least)
{
	malloc_trim(0);
	dl_iterate_phdr(drop, &least);
}
