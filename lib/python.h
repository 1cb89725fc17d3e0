/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as Python prints them: the programs that ours stand in for are
 * written in it, and others read what they print.
 */
#ifndef LIB_PYTHON_H
#define LIB_PYTHON_H

#include <stddef.h>

struct strbuf;
struct value;

/* Append str(v); maps and lists are full of repr(). */
void python_str(const struct value *v, struct strbuf *b);

/* Append repr() of n bytes of text. */
void python_repr_text(const char *s, size_t n, struct strbuf *b);

/* Append str() of a number, of which text is the JSON. */
void python_number(const char *text, struct strbuf *b);

#endif
