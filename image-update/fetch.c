/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file here is read.  For one at a URL image-fetch is started, which has no
 * rights, and asked for parts of it: what it says is not believed either.
 */
#include "image-update/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/http.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

#define PROGRAM "image-fetch"
#define BLOCK KIB(64)
#define LINE 80
#define NOT_THERE 127 /* its status when there is none */
#define SILENCE 600 /* seconds that it may take to say a word */

struct fetch {
	char *place;
	char *shown; /* for messages */
	int fd; /* the file here, or what leads to image-fetch, or -1 */
	pid_t child; /* image-fetch, or 0 */
	uint64_t size; /* of the file; FETCH_END: not known */
	uint64_t at, end; /* what the reader wants next, and where it ends */
	bool asked; /* the request's answer has not ended */
	size_t block; /* bytes left of the block that comes */
};

bool
fetch_is_url(const char *place)
{
	return strncasecmp(place, "http://", 7) == 0 ||
	    strncasecmp(place, "https://", 8) == 0;
}

const char *
fetch_path(const char *place)
{
	return strncmp(place, "file://", 7) == 0 ? place + 7 : place;
}

static bool
is_remote(const struct fetch *f)
{
	return fetch_is_url(f->place);
}

struct fetch *
fetch_new(const char *place)
{
	struct fetch *f = mem_alloc(sizeof(*f));

	*f = (struct fetch){ .fd = -1, .size = FETCH_END, .end = FETCH_END };
	f->place = mem_dup(fetch_path(place));
	f->shown =
	    fetch_is_url(place) ? http_redacted(place) : mem_dup(f->place);
	return f;
}

/* Returns the status of the child that there was. */
static int
leave(struct fetch *f)
{
	int status = 0;

	/* First, or it would complain of what has nobody to read it. */
	if (f->child > 0)
		(void)kill(f->child, SIGKILL);
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
	while (f->child > 0 && waitpid(f->child, &status, 0) == -1 &&
	    errno == EINTR)
		;
	f->child = 0;
	f->asked = false;
	f->block = 0;
	return status;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	(void)leave(f);
	free(f->shown);
	free(f->place);
	free(f);
}

uint64_t
fetch_size(const struct fetch *f)
{
	return f->size;
}

/* ---- a file here ---------------------------------------------------------- */

static int
open_here(struct fetch *f, struct error *e)
{
	off_t size;

	if (f->fd != -1)
		return 0;
	/* A pipe that nobody writes to is not waited for. */
	f->fd = open(f->place, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	size = f->fd == -1 ? -1 : lseek(f->fd, 0, SEEK_END);
	if (size == -1)
		return error_errno(e, "%s", f->place);
	f->size = (uint64_t)size;
	return 0;
}

static ssize_t
read_here(struct fetch *f, void *to, size_t n, struct error *e)
{
	ssize_t r;

	if (open_here(f, e) == -1)
		return -1;
	if (f->end != FETCH_END && n > f->end - f->at)
		n = f->end - f->at;
	do
		r = pread(f->fd, to, n, (off_t)f->at);
	while (r == -1 && errno == EINTR);
	if (r == -1)
		return error_errno(e, "%s", f->place);
	f->at += (uint64_t)r;
	return r;
}

/* ---- the child that fetches ------------------------------------------------- */

/* The one from beside our own program, else the one in PATH. */
static void
exec_fetch(const char *url)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
	char verbose[] = "-v", plain[] = "--", name[] = PROGRAM;
	char *const argv[] = { name, log_is_verbose() ? verbose : plain,
		(char *)(uintptr_t)url, NULL };
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

	if (slash != NULL &&
	    (size_t)(path + sizeof(path) - slash) > sizeof("/" PROGRAM)) {
		memcpy(slash, "/" PROGRAM, sizeof("/" PROGRAM));
		execv(path, argv);
	}
	execvp(PROGRAM, argv);
}

/* It dies with us, however we end. */
static int
start(struct fetch *f, struct error *e)
{
	pid_t parent = getpid();
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return error_errno(e, PROGRAM);
	f->child = fork();
	if (f->child == 0) {
		if (dup2(pair[1], 0) == 0 && dup2(pair[1], 1) == 1 &&
		    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
		    getppid() == parent)
			exec_fetch(f->place);
		_exit(NOT_THERE);
	}
	close(pair[1]);
	f->fd = pair[0];
	if (f->child > 0)
		return 0;
	f->child = 0;
	return error_errno(e, PROGRAM);
}

static int
broken(struct fetch *f, struct error *e)
{
	int status = leave(f);

	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_THERE)
		return error_set(e, EPROTO, PROGRAM " cannot be started");
	return error_set(e, EPROTO,
	    "%s: " PROGRAM " does not answer as it has to", f->shown);
}

static int
ask(struct fetch *f, struct error *e)
{
	char line[LINE];
	int n = f->end == FETCH_END
	    ? snprintf(line, sizeof(line), "%" PRIu64 " -\n", f->at)
	    : snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 "\n", f->at,
		  f->end - f->at);

	if (f->child == 0 && start(f, e) == -1)
		return -1;
	if (send(f->fd, line, (size_t)n, MSG_NOSIGNAL) != n)
		return broken(f, e);
	f->asked = true;
	return 0;
}

/* Some bytes that it says, at least one. */
static ssize_t
hear(struct fetch *f, void *to, size_t n, struct error *e)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	ssize_t r;

	do
		r = poll(&p, 1, SILENCE * 1000);
	while (r == -1 && errno == EINTR);
	if (r == 1)
		do
			r = read(f->fd, to, n);
		while (r == -1 && errno == EINTR);
	return r > 0 ? r : broken(f, e);
}

static int
hear_all(struct fetch *f, void *to, size_t n, struct error *e)
{
	for (char *at = to; n > 0;) {
		ssize_t r = hear(f, at, n, e);

		if (r == -1)
			return -1;
		at += r;
		n -= (size_t)r;
	}
	return 0;
}

/* A block's line, a byte at a time: what follows is not for us yet. */
static int
hear_line(struct fetch *f, char line[LINE], struct error *e)
{
	for (size_t n = 0; n < LINE - 1; n++) {
		if (hear(f, line + n, 1, e) == -1)
			return -1;
		if (line[n] == '\n') {
			line[n] = '\0';
			return 0;
		}
	}
	return broken(f, e);
}

/* The message of a request that failed. */
static int
fail(struct fetch *f, const char *word, size_t n, struct error *e)
{
	static const struct {
		const char *word;
		int code;
	} codes[] = { { "missing", ENOENT }, { "later", EAGAIN },
		{ "wrong", EBADMSG }, { "failed", EPROTO } };
	char text[sizeof(e->text)];

	if (n >= sizeof(text))
		return broken(f, e);
	if (hear_all(f, text, n, e) == -1)
		return -1;
	text[n] = '\0';
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(word, codes[i].word) == 0)
			return error_set(e, codes[i].code, "%s", text);
	return broken(f, e);
}

/* The next block: 1 when there are bytes, 0 at the end. */
static int
next_block(struct fetch *f, struct error *e)
{
	char line[LINE], word[8], size[24], *end;
	size_t n;

	if (hear_line(f, line, e) == -1)
		return -1;
	if (sscanf(line, "%7s %zu %23s", word, &n, size) != 3)
		return broken(f, e);
	f->size = FETCH_END;
	if (strcmp(size, "-") != 0) {
		f->size = strtoull(size, &end, 10);
		if (*end != '\0')
			return broken(f, e);
	}
	if (strcmp(word, "data") == 0) {
		f->block = n;
		return n > 0 && n <= BLOCK &&
			(f->end == FETCH_END || n <= f->end - f->at)
		    ? 1
		    : broken(f, e);
	}
	f->asked = false;
	return strcmp(word, "end") == 0 && n == 0 ? 0 : fail(f, word, n, e);
}

static ssize_t
read_there(struct fetch *f, void *to, size_t n, struct error *e)
{
	ssize_t r;

	if (f->at >= f->end || f->at >= f->size)
		return 0;
	if (!f->asked && ask(f, e) == -1)
		return -1;
	if (f->block == 0) {
		int more = next_block(f, e);

		if (more != 1)
			return more;
	}
	r = hear(f, to, n < f->block ? n : f->block, e);
	if (r == -1)
		return -1;
	f->block -= (size_t)r;
	f->at += (uint64_t)r;
	return r;
}

/* The answer has come whole, but for its last word. */
static bool
is_ended(struct fetch *f)
{
	struct error ignored;

	return f->block == 0 && (f->at == f->end || f->at == f->size) &&
	    next_block(f, &ignored) == 0;
}

/* ---- reading ------------------------------------------------------------------- */

void
fetch_seek(struct fetch *f, uint64_t offset, uint64_t length)
{
	if (f->asked && !is_ended(f))
		(void)leave(f);
	f->end = length > FETCH_END - offset ? FETCH_END : offset + length;
	f->at = offset;
}

ssize_t
fetch_read(struct fetch *f, void *to, size_t n, struct error *e)
{
	if (n == 0)
		return 0;
	return is_remote(f) ? read_there(f, to, n, e) : read_here(f, to, n, e);
}

int
fetch_exactly(
    struct fetch *f, uint64_t offset, void *to, size_t n, struct error *e)
{
	char *at = to;
	ssize_t r;

	fetch_seek(f, offset, n);
	for (; n > 0; at += r, n -= (size_t)r) {
		r = fetch_read(f, at, n, e);
		if (r == -1)
			return -1;
		if (r == 0)
			return error_set(
			    e, EBADMSG, "%s: it is too short", f->shown);
	}
	return 0;
}

int
fetch_all(struct fetch *f, size_t max, struct strbuf *b, struct error *e)
{
	size_t start = b->len;
	ssize_t n;

	do {
		n = fetch_read(f, strbuf_reserve(b, KIB(64)), KIB(64), e);
		if (n == -1)
			return -1;
		b->len += (size_t)n;
		if (b->len - start > max)
			return error_set(e, EFBIG, "%s: longer than %zu bytes",
			    f->shown, max);
	} while (n > 0);
	strbuf_add(b, "", 0);
	return 0;
}
