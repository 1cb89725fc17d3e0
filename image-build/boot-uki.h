/* SPDX-License-Identifier: Apache-2.0 */
/* Unified kernel images, for boot-systemd.c. */
#ifndef IMAGE_BUILD_BOOT_UKI_H
#define IMAGE_BUILD_BOOT_UKI_H

#include <stdbool.h>

struct boot_job;
struct error;

struct uki {
	const char *stub, *kernel, *initrd; /* paths; initrd may be NULL */
	const char *cmdline;
};

/* Whether the command line must be one that nobody can change. */
bool uki_wanted(const struct boot_job *job);

/* Make it, signed where there is a key. */
int uki_write(const struct boot_job *job, const struct uki *u, const char *to,
    struct error *e);

/* Sign a program for UEFI with SECURE_BOOT_KEY, if there is one. */
int uki_sign(const struct boot_job *job, const char *file, struct error *e);

#endif
