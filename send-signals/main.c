/* SPDX-License-Identifier: Apache-2.0 */
/* send-signals: bring what waits in the outbox to its receivers. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/error.h"
#include "lib/file.h"
#include "lib/lock.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/options.h"
#include "lib/outbox.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "send-signals/send.h"

#define OUTBOX "/var/lib/refresh-config/outbox"
#define FOREVER 100000000 /* seconds, for the lock */

enum {
	DONE = 0,
	FAILED = 1,
	MISUSED = 2,
	NOT_NOW = 75
};

static struct sender sender = { .outbox = OUTBOX };
static unsigned verbose;
static bool quiet;

static const struct option_def defs[] = {
	{ 'o', "outbox", "DIR", OPTION_STRING, &sender.outbox, NULL,
	    "the folder of messages (" OUTBOX ")" },
	{ 's', "seconds", "N", OPTION_NUMBER, &sender.seconds, NULL,
	    "give up after so long; what is left stays there" },
	{ 'v', "verbose", NULL, OPTION_COUNT, &verbose, NULL, "say more" },
	{ 'q', "quiet", NULL, OPTION_FLAG, &quiet, NULL,
	    "say only what went wrong" },
	{ 0 },
};

static const struct options options = {
	.program = "send-signals",
	.summary = "Send the messages of an outbox until each is acknowledged.",
	.defs = defs,
};

/* One sender per outbox; a second one waits for the first. */
static int
run(struct tally *tally, struct error *e)
{
	own_free char *lock = mem_printf("%s.lock", sender.outbox);
	own(strlist_clear) struct strlist names = { 0 };
	own_fd int fd = -1;

	if (outbox_list(sender.outbox, &names, e) == -1)
		return -1;
	if (names.len == 0)
		return 0;
	fd = lock_take(lock, sender.seconds ? sender.seconds : FOREVER, e);
	if (fd == -1 && e->code == EAGAIN) {
		tally->waiting = names.len;
		return 0;
	}
	if (fd == -1)
		return -1;
	file_tidy(sender.outbox);
	return sender_run(&sender, tally, e);
}

int
main(int argc, char **argv)
{
	struct tally tally = { 0 };
	struct error e;
	int first = options_parse(&options, argc, argv, &e);

	log_open("send-signals", quiet ? LOG_WARN : LOG_INFO + (int)verbose);
	if (first == OPTIONS_SHOWN)
		return DONE;
	if (first != -1 && first < argc)
		first = error_set(&e, EINVAL, "what is %s?", argv[first]);
	if (first == -1) {
		log_error(&e);
		return MISUSED;
	}
	umask(077);
	if (run(&tally, &e) == -1) {
		log_error(&e);
		return FAILED;
	}
	if (tally.sent > 0 || tally.refused > 0 || tally.waiting > 0)
		log_info("%zu sent, %zu refused, %zu waiting", tally.sent,
		    tally.refused, tally.waiting);
	return tally.waiting > 0 ? NOT_NOW : DONE;
}
