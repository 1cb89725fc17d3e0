/* SPDX-License-Identifier: Apache-2.0 */
/* Little- and big-endian integers at any address, digits, and rounding. */
#ifndef LIB_BYTES_H
#define LIB_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BYTES_ACCESS(name, type, from, to) \
	static inline type get_##name(const void *p) \
	{ \
		type v; \
		memcpy(&v, p, sizeof(v)); \
		return from(v); \
	} \
	static inline void put_##name(void *p, type v) \
	{ \
		v = to(v); \
		memcpy(p, &v, sizeof(v)); \
	}

BYTES_ACCESS(le16, uint16_t, le16toh, htole16)
BYTES_ACCESS(le32, uint32_t, le32toh, htole32)
BYTES_ACCESS(le64, uint64_t, le64toh, htole64)
BYTES_ACCESS(be16, uint16_t, be16toh, htobe16)
BYTES_ACCESS(be32, uint32_t, be32toh, htobe32)
BYTES_ACCESS(be64, uint64_t, be64toh, htobe64)

/* What a hexadecimal digit of either case is worth, or -1. */
static inline int
hex_digit(char c)
{
	/* One more than it is worth: no processor foresees jumps in a digest. */
	static const int8_t worth[256] = { ['0'] = 1,
		['1'] = 2,
		['2'] = 3,
		['3'] = 4,
		['4'] = 5,
		['5'] = 6,
		['6'] = 7,
		['7'] = 8,
		['8'] = 9,
		['9'] = 10,
		['a'] = 11,
		['b'] = 12,
		['c'] = 13,
		['d'] = 14,
		['e'] = 15,
		['f'] = 16,
		['A'] = 11,
		['B'] = 12,
		['C'] = 13,
		['D'] = 14,
		['E'] = 15,
		['F'] = 16 };

	return worth[(uint8_t)c] - 1;
}

/* n rounded up to a multiple of unit, a power of two or not. */
static inline uint64_t
round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

static inline uint64_t
round_down(uint64_t n, uint64_t unit)
{
	return n / unit * unit;
}

#endif
