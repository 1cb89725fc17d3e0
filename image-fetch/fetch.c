/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP is pulled: an exchange is driven only while its reader wants bytes, so
 * what a fast server sends waits in its own socket.
 */
#include "image-fetch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/http.h"
#include "lib/limits.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/strbuf.h"

#define TRIES 5 /* in a row that bring hardly a byte */
#define PROGRESS 4096 /* bytes that make a try a good one */

struct fetch {
	char *url;
	char *shown; /* for messages */
	uint64_t size; /* of the file; FETCH_END: not known */
	uint64_t at, end; /* what the reader wants next, and where it ends */

	struct http_loop *loop;
	struct http_call *call; /* under way, or NULL */
	uint64_t pos; /* of the next byte that comes; bytes below at are
			 dropped */
	uint64_t asked; /* the first byte that the call asked for */
	char *validator; /* what says that the file is the same, or NULL */
	struct strbuf buffer; /* bytes from at on, after used */
	size_t used;
	uint64_t got; /* bytes of this try */
	unsigned failures;
	bool begun; /* the call's reply was judged */
	bool whole; /* it is all of the file, not a range */
	bool full; /* the call brought all that was asked for */
	struct error error; /* why the call ended; code 0: it is fine */
	bool failed, fatal;
};

struct fetch *
fetch_new(const char *url)
{
	struct fetch *f = mem_alloc(sizeof(*f));

	*f = (struct fetch){ .size = FETCH_END, .end = FETCH_END };
	f->url = mem_dup(url);
	f->shown = http_redacted(url);
	f->loop = http_loop_new();
	return f;
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	http_loop_free(f->loop);
	free(f->validator);
	strbuf_clear(&f->buffer);
	free(f->shown);
	free(f->url);
	free(f);
}

uint64_t
fetch_size(const struct fetch *f)
{
	return f->size;
}

/* ---- what a server says ----------------------------------------------------- */

/* The call is of no use; trying again is neither, unless it is for now. */
static bool
refuse(struct fetch *f, bool fatal, int code, const char *what)
{
	error_set(&f->error, code, "%s: %s", f->shown, what);
	f->failed = true;
	f->fatal = fatal;
	return false;
}

/* "bytes 5-9/100" or "bytes 5-9/ *"; FETCH_END for a length unknown. */
static bool
parse_range(const char *text, uint64_t *first, uint64_t *last, uint64_t *all)
{
	char total[24];
	char *end;

	if (text == NULL ||
	    sscanf(text, "bytes %" SCNu64 "-%" SCNu64 "/%23s", first, last,
		total) != 3)
		return false;
	*all = FETCH_END;
	if (strcmp(total, "*") == 0)
		return *first <= *last;
	*all = strtoull(total, &end, 10);
	return *end == '\0' && *first <= *last && *last < *all;
}

/* A strong ETag, else a date; the caller's, or NULL. */
static char *
validator_of(const struct http_reply *r)
{
	const char *tag = http_header(r, "etag");
	const char *date = http_header(r, "last-modified");

	if (tag != NULL && *tag == '"')
		return mem_dup(tag);
	return mem_dup(date);
}

/* The file is the one that it was, as far as the server tells. */
static bool
is_same(struct fetch *f, const struct http_reply *r, uint64_t size)
{
	char *now = validator_of(r);

	if (f->size != FETCH_END && size != FETCH_END && f->size != size) {
		free(now);
		return false;
	}
	if (f->size == FETCH_END)
		f->size = size;
	if (f->validator != NULL && now != NULL &&
	    strcmp(f->validator, now) != 0) {
		free(now);
		return false;
	}
	if (f->validator == NULL)
		f->validator = now;
	else
		free(now);
	return true;
}

/* The length of a body that is the whole file. */
static uint64_t
length_of(const struct http_reply *r)
{
	const char *text = http_header(r, "content-length");

	return text != NULL && *text >= '0' && *text <= '9'
	    ? strtoull(text, NULL, 10)
	    : FETCH_END;
}

static bool
judge_range(struct fetch *f, const struct http_reply *r)
{
	uint64_t first, last, all;

	if (!parse_range(
		http_header(r, "content-range"), &first, &last, &all) ||
	    first != f->asked || (f->end != FETCH_END && last >= f->end))
		return refuse(f, true, EBADMSG, "not the range asked for");
	if (!is_same(f, r, all))
		return refuse(
		    f, true, EAGAIN, "it was replaced while it was fetched");
	return true;
}

/* The first bytes are there: is the reply what was asked for? */
static bool
judge(struct fetch *f)
{
	const struct http_reply *r = http_so_far(f->call);
	const char *coding = http_header(r, "content-encoding");

	f->begun = true;
	if (coding != NULL && strcasecmp(coding, "identity") != 0)
		return refuse(f, true, EBADMSG,
		    "it is sent in an encoding not asked for");
	if (r->status == 206)
		return judge_range(f, r);
	if (r->status != 200)
		return refuse(f, true, EPROTO, "a status without meaning here");
	f->whole = true;
	f->pos = 0;
	if (!is_same(f, r, length_of(r)))
		return refuse(
		    f, true, EAGAIN, "it was replaced while it was fetched");
	return true;
}

static bool
on_chunk(void *ctx, const char *data, size_t n)
{
	struct fetch *f = ctx;
	uint64_t skip;

	if (!f->begun && !judge(f))
		return false;
	skip = f->pos < f->at ? f->at - f->pos : 0;
	f->pos += n;
	if (skip >= n)
		return true;
	data += skip;
	n -= skip;
	/* More of a whole file may be wanted next. */
	if (!f->whole && f->end != FETCH_END && f->pos > f->end)
		return refuse(
		    f, true, EBADMSG, "more bytes than the range has");
	f->got += n;
	strbuf_add(&f->buffer, data, n);
	return true;
}

static void
on_done(void *ctx, struct http_reply *reply, const struct error *e)
{
	struct fetch *f = ctx;
	char what[64];

	f->call = NULL;
	f->full = true;
	if (f->failed)
		return;
	if (reply == NULL) {
		f->error = *e;
		f->failed = true;
		f->fatal = e->code == EINVAL;
		return;
	}
	if (reply->status == 206 || reply->status == 200)
		return;
	snprintf(what, sizeof(what), "status %ld", reply->status);
	refuse(f, !http_is_temporary(reply->status),
	    reply->status == 404 || reply->status == 410 ? ENOENT : EPROTO,
	    what);
}

/* ---- asking ------------------------------------------------------------------ */

static void
stop(struct fetch *f)
{
	if (f->call != NULL)
		http_cancel(f->call);
	f->call = NULL;
	f->begun = f->whole = f->full = f->failed = f->fatal = false;
	f->error = (struct error){ 0 };
}

static void
ask(struct fetch *f)
{
	own(strlist_clear) struct strlist headers = { 0 };
	struct http_request request = { .url = f->url,
		.headers = &headers,
		.plain = true,
		.seconds = LIMIT_COMMAND_SECONDS,
		.idle_seconds = LIMIT_READ_SECONDS,
		.chunk = on_chunk,
		.chunk_ctx = f };
	/* What is buffered needs not come again. */
	uint64_t from = f->at + (f->buffer.len - f->used);

	stop(f);
	f->asked = f->pos = from;
	f->got = 0;
	if (f->end != FETCH_END)
		strlist_printf(&headers, "Range: bytes=%" PRIu64 "-%" PRIu64,
		    from, f->end - 1);
	else if (from > 0)
		strlist_printf(&headers, "Range: bytes=%" PRIu64 "-", from);
	if (from > 0 && f->validator != NULL)
		strlist_printf(&headers, "If-Range: %s", f->validator);
	f->call = http_start(f->loop, &request, on_done, f);
}

static void
rest(unsigned failures)
{
	if (failures > 1)
		sleep(1U << (failures - 2));
}

/* A call ended too early: once more, or no more. */
static int
again(struct fetch *f, struct error *e)
{
	if (f->failed && f->fatal) {
		*e = f->error;
		return -1;
	}
	if (!f->failed)
		error_set(&f->error, 0, "%s: the answer breaks off", f->shown);
	f->failures = f->got >= PROGRESS ? 1 : f->failures + 1;
	if (f->failures >= TRIES) {
		*e = f->error;
		e->code = EAGAIN;
		return -1;
	}
	log_debug("%s; going on at byte %" PRIu64, f->error.text,
	    f->at + (f->buffer.len - f->used));
	rest(f->failures);
	ask(f);
	return 0;
}

static bool
is_at_end(const struct fetch *f)
{
	return f->at >= f->end || f->at >= f->size;
}

/* Wait until there are bytes, or the end. */
static int
fill_buffer(struct fetch *f, struct error *e)
{
	if (f->call == NULL && !f->full)
		ask(f);
	while (f->buffer.len == f->used) {
		if (f->call != NULL) {
			if (http_wait(f->loop, NULL, 0, 1000, e) == -1)
				return -1;
			continue;
		}
		/* It ended well, and without a length: that is the end. */
		if (!f->failed && f->whole && f->size == FETCH_END) {
			f->size = f->pos;
			return 0;
		}
		if (is_at_end(f))
			return 0;
		if (again(f, e) == -1)
			return -1;
	}
	return 0;
}

ssize_t
fetch_read(struct fetch *f, void *to, size_t n, struct error *e)
{
	if (n == 0 || is_at_end(f))
		return 0;
	if (f->buffer.len == f->used && fill_buffer(f, e) == -1)
		return -1;
	if (n > f->buffer.len - f->used)
		n = f->buffer.len - f->used;
	if (f->end != FETCH_END && n > f->end - f->at)
		n = f->end - f->at;
	memcpy(to, f->buffer.s + f->used, n);
	f->used += n;
	f->at += n;
	if (f->used == f->buffer.len) {
		strbuf_cut(&f->buffer, 0);
		f->used = 0;
	}
	return (ssize_t)n;
}

/* ---- reading ------------------------------------------------------------------- */

void
fetch_seek(struct fetch *f, uint64_t offset, uint64_t length)
{
	uint64_t left = f->buffer.len - f->used;

	f->end = length > FETCH_END - offset ? FETCH_END : offset + length;
	if (f->call != NULL && f->whole && offset >= f->at) {
		/* No ranges there: what lies between is dropped. */
		uint64_t skip = offset - f->at;

		f->used += skip < left ? skip : left;
	} else {
		stop(f);
		f->used = f->buffer.len;
	}
	if (f->used == f->buffer.len) {
		strbuf_cut(&f->buffer, 0);
		f->used = 0;
	}
	f->at = offset;
}
