/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine is told about itself without a network: the kernel's command
 * line, the firmware's tables (SMBIOS, DMTF DSP0134), discs.
 */
#ifndef COLLECT_CONFIG_MACHINE_H
#define COLLECT_CONFIG_MACHINE_H

#include <stdbool.h>

#include "lib/strlist.h"

struct config;

struct machine {
	/* SMBIOS texts, "" where there is none */
	char *bios_vendor;
	char *vendor, *product, *serial; /* of the system, type 1 */
	char *uuid; /* in lower case */
	char *asset_tag; /* of the chassis, type 3 */
	struct strlist oem; /* type 11 */
	struct strlist cmdline; /* the kernel's words */
	struct strlist discs; /* "LABEL=device" */
};

/* A machine of which nothing is known. */
void machine_init(struct machine *m);
void machine_clear(struct machine *m);

/* Learn all that can be read; what cannot counts as absent. */
void machine_load(struct machine *m, const struct config *c);

/* Read an SMBIOS structure table of len bytes. */
void machine_parse_dmi(struct machine *m, const void *table, size_t len);

/*
 * What follows "name=" on the kernel command line (the last one), or in an
 * OEM string, borrowed; NULL if there is none.
 */
const char *machine_cmdline(const struct machine *m, const char *name);
const char *machine_oem(const struct machine *m, const char *name);

/*
 * Whether what the firmware calls its name (a vendor, an asset tag) is just
 * what a platform has there; *why is then what it says, the caller's.
 */
bool
machine_says(const char *name, const char *text, const char *want, char **why);

/* The device with the disc labelled label (in any case), or NULL. */
const char *machine_disc(const struct machine *m, const char *label);

#endif
