/* SPDX-License-Identifier: Apache-2.0 */
/* One poll loop over pipes and a pidfd. */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/proc-private.h"
#include "lib/strbuf.h"

#define GRACE_SECONDS 5 /* between SIGTERM and SIGKILL */
#define LINGER_SECONDS 1 /* for what others still print */

struct stream {
	int fd;
	int number;
	struct strbuf text; /* an unfinished line */
	struct strbuf *whole; /* gets all instead, or NULL */
	bool full; /* more came than is kept whole */
};

void
proc_pass_on(void *ctx, int stream, const char *data, size_t n)
{
	(void)ctx;
	if (file_write_all(stream, data, n) == -1)
		return; /* nobody listens to us; the program goes on */
}

static void
line_give(const struct proc *p, int stream, const char *line, size_t n)
{
	if (n > 0 && line[n - 1] == '\r')
		n--;
	if (p->line != NULL)
		p->line(p->ctx, stream, line, n);
}

/*
 * Where a line ends: at its line feed, or at a carriage return that something
 * else follows, as programs draw their progress.
 */
static char *
line_end(char *at, const char *stop)
{
	for (; at < stop; at++)
		if (*at == '\n' ||
		    (*at == '\r' && at + 1 < stop && at[1] != '\n'))
			return at;
	return NULL;
}

/* Hand over the finished lines; an overlong one is cut into pieces. */
static void
lines(const struct proc *p, struct stream *s, bool end)
{
	char *at = s->text.s, *stop = at + s->text.len, *last;

	while (at < stop) {
		last = line_end(at, stop);
		if (last == NULL)
			break;
		line_give(p, s->number, at, (size_t)(last - at));
		at = last + 1;
	}
	if (at < stop && (end || (size_t)(stop - at) > LIMIT_LINE_BYTES)) {
		line_give(p, s->number, at, (size_t)(stop - at));
		at = stop;
	}
	if (s->text.s == NULL)
		return;
	memmove(s->text.s, at, (size_t)(stop - at));
	strbuf_cut(&s->text, (size_t)(stop - at));
}

/* Read what is there; close it at its end. */
static void
stream_read(const struct proc *p, struct stream *s)
{
	char buf[16384];
	ssize_t n = read(s->fd, buf, sizeof(buf));

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		if (!s->whole)
			lines(p, s, true);
		proc_shut(&s->fd);
		return;
	}
	if (p->data != NULL && s->number <= 2)
		p->data(p->ctx, s->number, buf, (size_t)n);
	if (s->whole != NULL && s->whole->len >= LIMIT_CAPTURE_BYTES)
		s->full = true;
	else
		strbuf_add(s->whole ? s->whole : &s->text, buf, (size_t)n);
	if (!s->whole)
		lines(p, s, false);
}

struct feed {
	int fd;
	const char *data;
	size_t left;
};

static void
feed_write(struct feed *f)
{
	ssize_t n = write(f->fd, f->data, f->left);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		f->data += n;
		f->left -= (size_t)n;
	}
	if (n == -1 || f->left == 0)
		proc_shut(&f->fd);
}

struct run {
	const struct proc *p;
	int code; /* errno of wait4, or 0 */
	struct proc_status *status;
	pid_t pid;
	int pidfd;
	struct stream out, err, answer;
	struct feed feed;
	double start, limit, killed;
	double gone; /* the child ended, or 0 */
	double ended; /* nothing of it runs any more, or 0 */
};

static bool
is_stopped(const struct proc *p)
{
	return p->stop != NULL && *p->stop;
}

/* Nothing that the child started outlives it. */
static void
kill_rest(const struct run *r)
{
	own_fd int dir = -1;
	own_fd int fd = -1;

	kill(-r->pid, SIGKILL);
	if (r->p->cgroup == NULL)
		return;
	dir = open(r->p->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = dir == -1 ? -1 : openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (fd != -1 && write(fd, "1", 1) == -1)
		errno = 0; /* a kernel before 5.14: the group must do */
}

/* Ask the group to end, later insist. */
static void
enforce(struct run *r, double t)
{
	bool stop = is_stopped(r->p);
	bool full = r->out.full || r->answer.full;

	if (r->killed == 0 && (stop || full || t >= r->limit)) {
		r->status->stopped = stop;
		r->status->timed_out = !stop && !full;
		r->killed = t;
		kill(-r->pid, SIGTERM);
		kill(-r->pid, SIGCONT);
	} else if (r->killed != 0 && t - r->killed >= GRACE_SECONDS) {
		kill_rest(r);
	}
}

/*
 * The child is a zombie and still owns the group's number, so what is left
 * of the group can be killed without hitting another's.
 */
static void
reap(struct run *r)
{
	struct rusage u = { 0 };
	int w = 0;

	kill_rest(r);
	while (wait4(r->pid, &w, 0, &u) == -1)
		if (errno != EINTR) {
			r->code = errno;
			break;
		}
	r->status->code = WIFEXITED(w) ? WEXITSTATUS(w) : 0;
	r->status->signal = WIFSIGNALED(w) ? WTERMSIG(w) : 0;
	r->status->cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	r->status->peak_kib = u.ru_maxrss;
	r->ended = clock_seconds();
	r->status->seconds = r->gone - r->start;
	proc_shut(&r->pidfd);
}

/* Whether somebody outside the group holds on to the pipes: leave them. */
static bool
forsaken(const struct run *r, bool quiet)
{
	double wait = quiet ? LINGER_SECONDS : GRACE_SECONDS;

	return r->ended > 0 && clock_seconds() - r->ended > wait;
}

/*
 * Whether those that the child leaves are given no more time: a filter of its
 * output, "exec > >(tee log)", has yet to read what is in its pipe.
 */
static bool
is_over(const struct run *r)
{
	if (r->killed != 0 || (r->out.fd == -1 && r->err.fd == -1))
		return true;
	if (r->p->await_out)
		return r->out.fd == -1;
	return clock_seconds() - r->gone > LINGER_SECONDS;
}

/* One turn of the loop.  Returns false when all is over. */
static bool
turn(struct run *r)
{
	const struct proc *p = r->p;
	struct pollfd fds[6] = {
		{ .fd = r->out.fd, .events = POLLIN },
		{ .fd = r->err.fd, .events = POLLIN },
		{ .fd = r->gone == 0 ? r->pidfd : -1, .events = POLLIN },
		{ .fd = r->feed.fd, .events = POLLOUT },
		{ .fd = p->ready != NULL ? p->ready_fd : -1, .events = POLLIN },
		{ .fd = r->answer.fd, .events = POLLIN },
	};
	int n;

	if (r->out.fd == -1 && r->err.fd == -1 && r->answer.fd == -1 &&
	    r->pidfd == -1)
		return false;
	n = poll(fds, 6, r->gone > 0 ? 50 : 250);
	if (n > 0) {
		if (fds[0].revents)
			stream_read(p, &r->out);
		if (fds[1].revents)
			stream_read(p, &r->err);
		if (fds[5].revents)
			stream_read(p, &r->answer);
		if (fds[3].revents)
			feed_write(&r->feed);
		if (fds[2].revents)
			r->gone = clock_seconds();
	}
	if (r->gone > 0 && r->ended == 0 && is_over(r))
		reap(r);
	if (p->ready != NULL)
		p->ready(p->ctx);
	if (r->ended == 0)
		enforce(r, clock_seconds());
	return !forsaken(r, n == 0);
}

static void
loop(struct run *r)
{
	double ticked = r->start;

	while (turn(r)) {
		double t = clock_seconds();

		if (r->p->tick != NULL && t - ticked >= 1) {
			ticked = t;
			r->p->tick();
		}
	}
	if (!r->out.whole)
		lines(r->p, &r->out, true);
	lines(r->p, &r->err, true);
}

/* The parent's ends of the pipes become the loop's. */
static void
adopt(struct run *r, struct proc_pipes *pipes)
{
	const struct proc *p = r->p;

	r->out = (struct stream){
		.fd = take_fd(&pipes->out[0]), .number = 1, .whole = p->out
	};
	r->err = (struct stream){ .fd = take_fd(&pipes->err[0]), .number = 2 };
	r->answer = (struct stream){ .fd = take_fd(&pipes->answer[0]),
		.number = 3,
		.whole = p->answer };
	r->feed = (struct feed){ .fd = take_fd(&pipes->in[1]),
		.data = p->input,
		.left = p->input_len };
	if (r->feed.fd != -1)
		fcntl(r->feed.fd, F_SETFL, O_NONBLOCK);
	if (r->feed.fd != -1 && r->feed.left == 0)
		proc_shut(&r->feed.fd);
}

static void
run_clear(struct run *r)
{
	proc_shut(&r->out.fd);
	proc_shut(&r->err.fd);
	proc_shut(&r->answer.fd);
	proc_shut(&r->feed.fd);
	proc_shut(&r->pidfd);
	strbuf_clear(&r->out.text);
	strbuf_clear(&r->err.text);
}

int
proc_run(const struct proc *p, struct proc_status *status, struct error *e)
{
	own(proc_pipes_clear) struct proc_pipes pipes = PIPES_CLOSED;
	struct run r = { .p = p, .status = status, .start = clock_seconds() };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, old;

	*status = (struct proc_status){ .stopped = is_stopped(p) };
	if (status->stopped)
		return 0;
	if (proc_start(p, &pipes, &r.pid, e) == -1)
		return -1;
	r.limit = r.start + (p->seconds ? p->seconds : LIMIT_SCRIPT_SECONDS);
	r.pidfd = (int)syscall(SYS_pidfd_open, r.pid, 0);
	if (r.pidfd == -1) {
		error_errno(e, "%s: pidfd_open", p->argv[0]);
		kill(-r.pid, SIGKILL);
		waitpid(r.pid, NULL, 0);
		return -1;
	}
	adopt(&r, &pipes);
	/* A child that does not read to the end is its own affair. */
	if (p->input != NULL)
		sigaction(SIGPIPE, &ignore, &old);
	loop(&r);
	if (p->input != NULL)
		sigaction(SIGPIPE, &old, NULL);
	run_clear(&r);
	if (r.out.full || r.answer.full)
		return error_set(e, EFBIG, "%s: printed more than %zu bytes",
		    p->argv[0], LIMIT_CAPTURE_BYTES);
	if (r.code != 0)
		return error_set(
		    e, r.code, "%s: wait: %s", p->argv[0], strerror(r.code));
	return 0;
}

int
proc_check(const struct proc_status *s, struct error *e)
{
	if (s->stopped)
		return error_set(e, EINTR, "stopped after %.1f s", s->seconds);
	if (s->timed_out)
		return error_set(e, ETIMEDOUT,
		    "ran into its time limit (%.0f s)", s->seconds);
	if (s->signal != 0)
		return error_set(e, 0, "killed by signal %d (%s)", s->signal,
		    strsignal(s->signal));
	if (s->code != 0)
		return error_set(e, 0, "exit status %d", s->code);
	return 0;
}

int
proc_do(char *const *argv, struct error *e)
{
	const struct proc p = { .argv = argv };
	struct proc_status s;

	if (proc_run(&p, &s, e) == -1)
		return -1;
	if (proc_check(&s, e) == -1)
		return error_prefix(e, "%s", argv[0]);
	return 0;
}
