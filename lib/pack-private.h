/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of lib/pack share. */
#ifndef LIB_PACK_PRIVATE_H
#define LIB_PACK_PRIVATE_H

#include "lib/pack.h"

#define PACK_MAGIC "ingot-pack 1\n\0\0"
#define PACK_MAGIC_LEN 16

#endif
