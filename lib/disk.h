/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a disk: those of a file or device as they are, or what a
 * qcow2 file (QEMU's docs/interop/qcow2) holds, versions 2 and 3, compressed
 * or not.  Whoever made the file may mean harm.
 */
#ifndef LIB_DISK_H
#define LIB_DISK_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct qcow2;

struct disk_source {
	int fd; /* borrowed */
	uint64_t bytes; /* of the disk */
	struct qcow2 *qcow2; /* or NULL: fd as it is */
};

/*
 * Open the disk that fd holds; fd stays the caller's and has to stay open.  A
 * qcow2 file that refers to other files, or is encrypted, is an error.
 */
int disk_open(struct disk_source *d, int fd, struct error *e);
void disk_close(struct disk_source *d);

/* All n bytes from offset on; -1 with errno (EIO: they are not there). */
int disk_read(const struct disk_source *d, void *to, size_t n, uint64_t offset);

#endif
