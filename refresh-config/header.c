/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hook says about itself, in a comment at its top:
 *
 *	# ingot: timeout=30s retries=2
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/own.h"
#include "refresh-config/refresh.h"

#define HEAD_BYTES 4096 /* where the comment must be */
#define RETRIES_MAX 100
#define SECONDS_MAX 1000000000

int
duration_parse(const char *s, size_t n, unsigned *seconds)
{
	static const char units[] = "smhd";
	static const unsigned factors[] = { 1, 60, 3600, 86400 };
	unsigned long long number = 0, factor = 1;
	size_t i = 0;

	for (; i < n && isdigit((unsigned char)s[i]); i++) {
		number = number * 10 + (unsigned)(s[i] - '0');
		if (number > SECONDS_MAX)
			return -1;
	}
	if (i == 0 || i + 1 < n)
		return -1;
	if (i < n) {
		const char *unit = strchr(units, s[i]);

		if (unit == NULL || *unit == '\0')
			return -1;
		factor = factors[unit - units];
	}
	if (number == 0 || number * factor > SECONDS_MAX)
		return -1;
	*seconds = (unsigned)(number * factor);
	return 0;
}

static int
parse_count(const char *s, size_t n, unsigned *count)
{
	unsigned number = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -1;
		number = number * 10 + (unsigned)(s[i] - '0');
		if (number > RETRIES_MAX)
			return -1;
	}
	*count = number;
	return n == 0 ? -1 : 0;
}

/* One "key=value". */
static int
parse_setting(const char *s, size_t n, struct header *h, struct error *e)
{
	const char *equals = memchr(s, '=', n);
	size_t key = equals == NULL ? n : (size_t)(equals - s);
	const char *value = equals == NULL ? s + n : equals + 1;
	size_t len = n - (size_t)(value - s);

	if (key == 7 && memcmp(s, "timeout", 7) == 0) {
		if (duration_parse(value, len, &h->seconds) == 0)
			return 0;
		return error_set(e, EINVAL,
		    "timeout=%.*s: not a time such as 90, 30s, 5m, 2h",
		    (int)len, value);
	}
	if (key == 7 && memcmp(s, "retries", 7) == 0) {
		if (parse_count(value, len, &h->retries) == 0)
			return 0;
		return error_set(e, EINVAL,
		    "retries=%.*s: not a number up to %d", (int)len, value,
		    RETRIES_MAX);
	}
	return error_set(e, EINVAL, "no such setting as \"%.*s\"", (int)key, s);
}

static int
parse_settings(
    const char *s, const char *end, struct header *h, struct error *e)
{
	while (s < end) {
		const char *start;

		while (s < end && isspace((unsigned char)*s))
			s++;
		start = s;
		while (s < end && !isspace((unsigned char)*s))
			s++;
		if (s > start &&
		    parse_setting(start, (size_t)(s - start), h, e) == -1)
			return -1;
	}
	return 0;
}

/* What follows "# ingot:" in a line, or NULL. */
static const char *
settings_of(const char *s, const char *end)
{
	static const char word[] = "ingot:";

	while (s < end && *s == '#')
		s++;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	if ((size_t)(end - s) < sizeof(word) - 1 ||
	    memcmp(s, word, sizeof(word) - 1) != 0)
		return NULL;
	return s + sizeof(word) - 1;
}

int
header_parse(const char *text, size_t len, struct header *h, struct error *e)
{
	const char *s = text, *stop = text + len;

	*h = (struct header){ 0 };
	if (memchr(text, '\0', len) != NULL)
		return 0; /* no script */
	h->plain = len > 0 && (len < 2 || memcmp(text, "#!", 2) != 0);
	for (unsigned number = 1; s < stop; number++) {
		const char *end = memchr(s, '\n', (size_t)(stop - s));
		const char *settings;

		if (end == NULL)
			end = stop;
		if (*s != '#' && s != end)
			break;
		settings = settings_of(s, end);
		if (settings != NULL &&
		    parse_settings(settings, end, h, e) == -1)
			return error_prefix(e, "line %u", number);
		s = end + 1;
	}
	return 0;
}

int
header_load(const char *path, struct header *h, struct error *e)
{
	own_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[HEAD_BYTES];
	ssize_t n = fd == -1 ? -1 : read(fd, head, sizeof(head));

	if (n == -1 && errno == EACCES) {
		/* One may run a program that one may not read. */
		*h = (struct header){ 0 };
		return 0;
	}
	if (n == -1)
		return error_errno(e, "%s", path);
	if (header_parse(head, (size_t)n, h, e) == -1)
		return error_prefix(e, "%s", path);
	return 0;
}
