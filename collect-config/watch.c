/* SPDX-License-Identifier: Apache-2.0 */
/* One inotify descriptor for all folders. */
#include "collect-config/watch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "collect-config/agent.h"
#include "lib/clock.h"
#include "lib/mem.h"

#define EVENTS \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | \
	    IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR)

struct watched {
	int wd;
	size_t source; /* number of it */
};

void
watch_open(struct agent *a)
{
	a->watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

void
watch_close(struct agent *a)
{
	if (a->watch != -1)
		close(a->watch);
	free(a->watched);
}

/* The kernel gives a folder that is watched already its old number. */
static void
add(struct agent *a, size_t source, const char *folder)
{
	/* /proc/self/fd leads below the root of the settings. */
	own_free char *path = config_root(a->config) >= 0
	    ? mem_printf("/proc/self/fd/%d/%s", config_root(a->config),
		  config_at(a->config, folder))
	    : mem_dup(folder);
	int wd = inotify_add_watch(a->watch, path, EVENTS);

	if (wd == -1)
		return;
	for (size_t i = 0; i < a->n_watched; i++)
		if (a->watched[i].wd == wd && a->watched[i].source == source)
			return;
	a->watched = mem_grow(
	    a->watched, &a->cap_watched, a->n_watched + 1, sizeof(*a->watched));
	a->watched[a->n_watched++] =
	    (struct watched){ .wd = wd, .source = source };
}

void
watch_set(struct agent *a, struct source *s, const struct strlist *folders)
{
	for (size_t i = 0; a->watch != -1 && i < folders->len; i++)
		add(a, (size_t)(s - a->sources), folders->items[i]);
}

static void
one_event(struct agent *a, const struct inotify_event *event)
{
	for (size_t i = 0; i < a->n_watched; i++) {
		struct source *s = &a->sources[a->watched[i].source];

		if (a->watched[i].wd != event->wd)
			continue;
		s->due = clock_ms();
		s->interval = 0;
		if (event->mask & IN_IGNORED) { /* the folder is gone */
			a->watched[i--] = a->watched[--a->n_watched];
		}
	}
}

void
watch_read(struct agent *a)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	while ((n = read(a->watch, buf, sizeof(buf))) > 0)
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *event = (void *)p;

			one_event(a, event);
			p += sizeof(*event) + event->len;
		}
}
