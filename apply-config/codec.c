/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, bytes, and a checksum. */
#include "apply-config/codec.h"

#include <string.h>

#include "lib/bytes.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

/* ---- SipHash (Aumasson and Bernstein, 2012) ------------------------------ */

static uint64_t
rotate(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void
rounds(struct hash *h, int n)
{
	uint64_t a = h->v[0], b = h->v[1], c = h->v[2], d = h->v[3];

	for (; n > 0; n--) {
		a += b;
		c += d;
		b = rotate(b, 13) ^ a;
		d = rotate(d, 16) ^ c;
		a = rotate(a, 32);
		c += b;
		a += d;
		b = rotate(b, 17) ^ c;
		d = rotate(d, 21) ^ a;
		c = rotate(c, 32);
	}
	h->v[0] = a;
	h->v[1] = b;
	h->v[2] = c;
	h->v[3] = d;
}

static void
word(struct hash *h, uint64_t m)
{
	h->v[3] ^= m;
	rounds(h, 2);
	h->v[0] ^= m;
}

void
hash_begin(struct hash *h, const uint8_t key[16])
{
	uint64_t k0 = get_le64(key), k1 = get_le64(key + 8);

	*h = (struct hash){
		.v = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		    k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 },
	};
}

void
hash_add(struct hash *h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (; n > 0 && h->len % 8 != 0; n--) {
		h->tail |= (uint64_t)*p++ << (h->len++ % 8 * 8);
		if (h->len % 8 == 0) {
			word(h, h->tail);
			h->tail = 0;
		}
	}
	for (; n >= 8; n -= 8, p += 8) {
		word(h, get_le64(p));
		h->len += 8;
	}
	for (; n > 0; n--)
		h->tail |= (uint64_t)*p++ << (h->len++ % 8 * 8);
}

uint64_t
hash_end(struct hash *h)
{
	word(h, h->tail | h->len << 56);
	h->v[2] ^= 0xff;
	rounds(h, 4);
	return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}

uint64_t
hash_known(const void *data, size_t n)
{
	static const uint8_t key[16];
	struct hash h;

	hash_begin(&h, key);
	hash_add(&h, data, n);
	return hash_end(&h);
}

#define NUMBER_LONGEST 10 /* bytes of a number */

/* ---- writing ------------------------------------------------------------ */

void
encode_number(struct strbuf *b, uint64_t n)
{
	char bytes[NUMBER_LONGEST];
	size_t i = 0;

	for (; n >= 0x80; n >>= 7)
		bytes[i++] = (char)(n | 0x80);
	bytes[i++] = (char)n;
	strbuf_add(b, bytes, i);
}

void
encode_bytes(struct strbuf *b, const void *data, size_t n)
{
	encode_number(b, n);
	strbuf_add(b, data, n);
}

void
encode_text(struct strbuf *b, const char *s)
{
	encode_bytes(b, s != NULL ? s : "", s != NULL ? strlen(s) : 0);
}

void
encode_end(struct strbuf *b)
{
	char bytes[8];

	put_le64(bytes, hash_known(strbuf_text(b), b->len));
	strbuf_add(b, bytes, sizeof(bytes));
}

/* ---- reading ------------------------------------------------------------ */

bool
decode_begin(struct decoder *d, const char *data, size_t n)
{
	*d = (struct decoder){ .at = data, .end = data };
	if (n < 8 || get_le64(data + n - 8) != hash_known(data, n - 8))
		return false;
	d->end = data + n - 8;
	return true;
}

uint64_t
decode_number(struct decoder *d)
{
	uint64_t n = 0;

	for (unsigned i = 0; !d->bad && i < NUMBER_LONGEST && d->at < d->end;
	     i++) {
		uint8_t byte = (uint8_t)*d->at++;

		n |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (byte < 0x80)
			return n;
	}
	d->bad = true;
	return 0;
}

const char *
decode_bytes(struct decoder *d, size_t *n)
{
	uint64_t len = decode_number(d);
	const char *p = d->at;

	if (d->bad || len > (uint64_t)(d->end - d->at)) {
		d->bad = true;
		*n = 0;
		return "";
	}
	d->at += len;
	*n = len;
	return p;
}

char *
decode_text(struct decoder *d)
{
	size_t n;
	const char *s = decode_bytes(d, &n);

	return mem_dupn(s, n);
}
