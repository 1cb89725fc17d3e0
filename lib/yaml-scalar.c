/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a plain scalar: the patterns of YAML 1.1 in the form that
 * PyYAML uses.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/doc.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/yaml.h"

static bool
is_one_of(const char *s, const char *const *words)
{
	for (; *words != NULL; words++)
		if (strcmp(s, *words) == 0)
			return true;
	return false;
}

/* How many leading characters of s are in set. */
static size_t
span(const char *s, const char *set)
{
	return strspn(s, set);
}

#define DIGITS "0123456789"
#define DIGITS_ DIGITS "_"
#define EXACT_DIGITS 1000 /* longer ones in other bases stay text */

/* Copy without underscores. */
static char *
strip(const char *s)
{
	char *copy = mem_dup(s), *to = copy;

	for (; *s != '\0'; s++)
		if (*s != '_')
			*to++ = *s;
	*to = '\0';
	return copy;
}

/* Multiply the decimal digits in b, lowest first, and add. */
static void
decimal_add(struct strbuf *b, unsigned base, unsigned digit)
{
	unsigned carry = digit;

	for (size_t i = 0; i < b->len; i++) {
		carry += (unsigned)(b->s[i] - '0') * base;
		b->s[i] = (char)('0' + carry % 10);
		carry /= 10;
	}
	for (; carry > 0; carry /= 10)
		strbuf_putc(b, (char)('0' + carry % 10));
}

/* The number whose decimal digits are in b, lowest first. */
static struct value *
decimal_value(struct doc *d, struct strbuf *b, bool negative)
{
	if (b->len == 0)
		return value_int(d, 0);
	if (negative)
		strbuf_putc(b, '-');
	for (size_t i = 0, k = b->len - 1; i < k; i++, k--) {
		char c = b->s[i];

		b->s[i] = b->s[k];
		b->s[k] = c;
	}
	return value_number(d, b->s);
}

/* An integer in base 2, 8 or 16, exact. */
static struct value *
based(struct doc *d, const char *s, unsigned base, bool negative)
{
	own_free char *digits = strip(s);
	own(strbuf_clear) struct strbuf b = { 0 };
	const char *zeros = digits + span(digits, "0");

	if (*digits == '\0' || strlen(zeros) > EXACT_DIGITS)
		return NULL;
	for (s = zeros; *s != '\0'; s++) {
		int c = tolower((unsigned char)*s);

		decimal_add(
		    &b, base, (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10));
	}
	return decimal_value(d, &b, negative);
}

/* 190:20:30, as YAML 1.1 has it. */
static struct value *
sexagesimal(struct doc *d, const char *s, bool negative)
{
	own_free char *clean = strip(s);
	own(strbuf_clear) struct strbuf b = { 0 };
	const char *at = clean;

	if (strlen(clean) > EXACT_DIGITS)
		return NULL;
	for (; *at != ':'; at++)
		decimal_add(&b, 10, (unsigned)(*at - '0'));
	while (*at == ':') {
		char *end;

		decimal_add(&b, 60, (unsigned)strtoul(at + 1, &end, 10));
		at = end;
	}
	return decimal_value(d, &b, negative);
}

/* The same with a fraction in the last part. */
static struct value *
sexagesimal_real(struct doc *d, const char *s, bool negative)
{
	own_free char *clean = strip(s);
	char *at = clean;
	double n = strtod(at, &at);

	while (*at == ':')
		n = n * 60 + strtod(at + 1, &at);
	return value_real(d, negative ? -n : n);
}

/* Each part after the first is one digit, or 0 to 5 and one digit. */
static bool
is_sexagesimal(const char *s, bool real)
{
	size_t n = span(s, DIGITS_);

	if (n == 0 || !isdigit((unsigned char)*s) || (!real && *s == '0'))
		return false;
	s += n;
	if (*s != ':')
		return false;
	while (*s == ':') {
		s++;
		n = span(s, DIGITS);
		if (n < 1 || n > 2 || (n == 2 && *s > '5'))
			return false;
		s += n;
	}
	if (!real)
		return *s == '\0';
	if (*s++ != '.')
		return false;
	return s[span(s, DIGITS_)] == '\0';
}

static struct value *
integer(struct doc *d, const char *s)
{
	bool negative = *s == '-';

	if (*s == '-' || *s == '+')
		s++;
	if (s[0] == '0' && s[1] == 'b' && s[2] != '\0' &&
	    s[2 + span(s + 2, "01_")] == '\0')
		return based(d, s + 2, 2, negative);
	if (s[0] == '0' && s[1] == 'x' && s[2] != '\0' &&
	    s[2 + span(s + 2, DIGITS_ "abcdefABCDEF")] == '\0')
		return based(d, s + 2, 16, negative);
	if (s[0] == '0' && s[1] != '\0' && s[span(s, "01234567_")] == '\0')
		return based(d, s, 8, negative);
	if (strcmp(s, "0") == 0)
		return value_int(d, 0);
	if (*s >= '1' && *s <= '9' && s[span(s, DIGITS_)] == '\0') {
		own_free char *digits = strip(s);
		own_free char *text =
		    mem_printf("%s%s", negative ? "-" : "", digits);

		return value_number(d, text);
	}
	if (is_sexagesimal(s, false))
		return sexagesimal(d, s, negative);
	return NULL;
}

/* Digits, a point, digits, a signed exponent; or a point and digits. */
static bool
is_real(const char *s)
{
	bool whole = isdigit((unsigned char)*s);

	if (whole)
		s += span(s, DIGITS_);
	if (*s++ != '.')
		return false;
	if (!whole && !isdigit((unsigned char)*s))
		return false;
	s += span(s, DIGITS_);
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s != '+' && *s != '-')
			return false;
		s++;
		if (!isdigit((unsigned char)*s))
			return false;
		s += span(s, DIGITS);
	}
	return *s == '\0';
}

static struct value *
real(struct doc *d, const char *text)
{
	static const char *const inf[] = { ".inf", ".Inf", ".INF", NULL };
	static const char *const nan[] = { ".nan", ".NaN", ".NAN", NULL };
	bool negative = *text == '-';
	own_free char *clean = NULL;
	const char *s = text;

	if (is_one_of(s, nan))
		return value_number(d, "NaN");
	if (*s == '-' || *s == '+')
		s++;
	if (is_one_of(s, inf))
		return value_number(d, negative ? "-Infinity" : "Infinity");
	if (is_sexagesimal(s, true))
		return sexagesimal_real(d, s, negative);
	if (!is_real(s) || (*s == '.' && s != text))
		return NULL; /* a sign wants a digit before the point */
	clean = strip(s);
	return value_real(
	    d, negative ? -strtod(clean, NULL) : strtod(clean, NULL));
}

struct value *
yaml_scalar(struct doc *d, const char *text, size_t len)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL",
		NULL };
	static const char *const yes[] = { "yes", "Yes", "YES", "true", "True",
		"TRUE", "on", "On", "ON", NULL };
	static const char *const no[] = { "no", "No", "NO", "false", "False",
		"FALSE", "off", "Off", "OFF", NULL };
	struct value *v = NULL;

	if (strlen(text) != len)
		return value_stringn(d, text, len);
	if (is_one_of(text, nulls))
		return value_null(d);
	if (is_one_of(text, yes))
		return value_bool(d, true);
	if (is_one_of(text, no))
		return value_bool(d, false);
	if (*text != '\0' && strchr("-+.0123456789", *text) != NULL) {
		v = integer(d, text);
		if (v == NULL)
			v = real(d, text);
	}
	return v != NULL ? v : value_stringn(d, text, len);
}
