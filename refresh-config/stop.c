/* SPDX-License-Identifier: Apache-2.0 */
/* A signal does no more than to be remembered. */
#include <signal.h>

#include "refresh-config/refresh.h"

static volatile sig_atomic_t stop;

static void
on_signal(int number)
{
	stop = number;
}

const volatile sig_atomic_t *
stop_catch(void)
{
	const struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	return &stop;
}
