/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run a program: argument vector, chosen environment, output by line, and
 * always a time limit.  The child leads a process group of its own; when it
 * ends and its output is closed or a second is over (await_out: when its
 * standard output is closed), or its time is over, what is left of the group is
 * killed, and of its cgroup if it was given one.
 */
#ifndef LIB_PROC_H
#define LIB_PROC_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct error;
struct strbuf;

/* One line of output without its line feed; stream is 1 or 2. */
typedef void proc_line(void *ctx, int stream, const char *line, size_t len);

struct proc {
	char *const *argv; /* argv[0] is looked up in PATH of our own */
	char *const *envp; /* NULL: our own */
	const char *cwd; /* NULL: our own */
	const char *root; /* chroot(2) here first, or NULL */
	const void *input; /* fed to standard input, else /dev/null */
	size_t input_len;
	bool inherit_input; /* standard input is ours */
	unsigned seconds; /* time limit; 0: LIMIT_SCRIPT_SECONDS */
	proc_line *line; /* gets the output's lines, or NULL: dropped */
	void *ctx; /* of line, ready and prepare */
	struct strbuf *out; /* standard output goes here whole instead */
	bool await_out; /* it ends when all who hold it closed it */
	bool no_shell; /* a text that names no interpreter is no program */
	struct strbuf *answer; /* gets what comes on descriptor 3, or NULL */
	proc_line *data; /* gets the bytes of 1 and 2 as they come, or NULL */
	int (*prepare)(void *ctx); /* in the child before exec; 0, or errno */
	const char *cgroup; /* a cgroup v2 folder to live in, or NULL */
	void (*tick)(void); /* called about once a second, or NULL */
	int ready_fd; /* to be waited for as well, when ready is set */
	void (*ready)(void *ctx); /* it can be read, or a moment has passed */
	const volatile sig_atomic_t *stop; /* when it becomes true, end it */
};

struct proc_status {
	int code; /* exit status, 0 if signalled */
	int signal; /* that ended it, or 0 */
	bool timed_out;
	bool stopped; /* by *stop */
	double seconds; /* wall time */
	double cpu; /* user and system time, seconds */
	long peak_kib; /* largest resident size of one process */
};

/* For data: writes the bytes to our own standard output and error. */
proc_line proc_pass_on;

/*
 * Run and wait.  Returns 0 whatever the program's status was; -1 if it could
 * not be started (error.code: ENOENT, EACCES, ...) or listened to, or printed
 * more than LIMIT_CAPTURE_BYTES into out (EFBIG).  When *stop is true already
 * nothing is started.  The program dies with us, however we end.
 */
int proc_run(const struct proc *p, struct proc_status *status, struct error *e);

/* 0 if the program succeeded; else -1 and "exit status 3" or the like. */
int proc_check(const struct proc_status *status, struct error *e);

/* proc_run and proc_check in one, for programs whose output is dropped. */
int proc_do(char *const *argv, struct error *e);

#endif
