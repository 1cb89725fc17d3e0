/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image-fetch: all that image-update has to do with HTTP, in a process that
 * may do nothing else.  Requests come as lines, bytes leave in blocks; both
 * are told in image-fetch(8).
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "image-fetch/fetch.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/options.h"
#include "lib/own.h"

#define NOBODY 65534 /* user and group */

static bool verbose;

static const struct option_def defs[] = {
	{ 'v', "verbose", NULL, OPTION_FLAG, &verbose, NULL,
	    "say when it is tried again" },
	{ 0 },
};

static const struct options options = {
	.program = "image-fetch",
	.operands = "URL",
	.summary = "Fetch what standard input asks for of the file at URL.",
	.defs = defs,
	.more =
	    "Each line of standard input is \"OFFSET LENGTH\", LENGTH \"-\" "
	    "for all that follows.\n"
	    "Exit status: 0 done, 1 failed, 2 misused.\n",
};

/* Who reads what anyone may have sent needs no rights for it. */
static int
become_nobody(struct error *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return error_errno(e, "no_new_privs");
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) == -1 || setgid(NOBODY) == -1 ||
		setuid(NOBODY) == -1))
		return error_errno(e, "become nobody");
	return 0;
}

/* ---- what leaves ----------------------------------------------------------- */

static int
put_head(const char *word, size_t n, uint64_t size, struct error *e)
{
	char line[80];
	int len = size == FETCH_END
	    ? snprintf(line, sizeof(line), "%s %zu -\n", word, n)
	    : snprintf(
		  line, sizeof(line), "%s %zu %" PRIu64 "\n", word, n, size);

	return file_write_all(1, line, (size_t)len) == -1
	    ? error_errno(e, "standard output")
	    : 0;
}

static int
put(const char *word, const void *data, size_t n, uint64_t size,
    struct error *e)
{
	if (put_head(word, n, size, e) == -1)
		return -1;
	return file_write_all(1, data, n) == -1
	    ? error_errno(e, "standard output")
	    : 0;
}

/* What became of a request that failed, in a word. */
static const char *
word_of(int code)
{
	return code == ENOENT ? "missing"
	    : code == EAGAIN  ? "later"
	    : code == EBADMSG ? "wrong"
			      : "failed";
}

static int
answer(struct fetch *f, struct error *e)
{
	char buffer[KIB(64)];
	struct error why = { 0 };
	ssize_t n;

	while ((n = fetch_read(f, buffer, sizeof(buffer), &why)) > 0)
		if (put("data", buffer, (size_t)n, fetch_size(f), e) == -1)
			return -1;
	if (n == -1)
		return put(word_of(why.code), why.text, strlen(why.text),
		    fetch_size(f), e);
	return put("end", "", 0, fetch_size(f), e);
}

/* ---- what comes ------------------------------------------------------------- */

static int
read_request(
    const char *line, uint64_t *offset, uint64_t *length, struct error *e)
{
	char last;

	*length = FETCH_END;
	if (sscanf(line, "%" SCNu64 " -%c", offset, &last) == 2 && last == '\n')
		return 0;
	if (sscanf(line, "%" SCNu64 " %" SCNu64 "%c", offset, length, &last) ==
		3 &&
	    last == '\n')
		return 0;
	return error_set(e, EINVAL, "standard input: no \"OFFSET LENGTH\"");
}

static int
serve(const char *url, struct error *e)
{
	ownp(fetch_free) struct fetch *f = fetch_new(url);
	uint64_t offset, length;
	char line[80];

	while (fgets(line, sizeof(line), stdin) != NULL) {
		if (read_request(line, &offset, &length, e) == -1)
			return -1;
		fetch_seek(f, offset, length);
		if (answer(f, e) == -1)
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct error e = { 0 };
	int first;

	log_open("image-fetch", LOG_WARN);
	first = options_parse(&options, argc, argv, &e);
	if (first == OPTIONS_SHOWN)
		return 0;
	if (first >= 0 && argc - first != 1)
		first = error_set(&e, EINVAL, "it takes one URL");
	if (first == -1) {
		log_error(&e);
		return 2;
	}
	log_open("image-fetch", verbose ? LOG_DEBUG : LOG_WARN);
	if (become_nobody(&e) == 0 && serve(argv[first], &e) == 0)
		return 0;
	log_error(&e);
	return 1;
}
