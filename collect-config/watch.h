/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders whose change makes a source be asked at once, by inotify(7).
 * Without it all sources are still asked at their intervals.
 */
#ifndef COLLECT_CONFIG_WATCH_H
#define COLLECT_CONFIG_WATCH_H

struct agent;
struct source;
struct strlist;

void watch_open(struct agent *a);
void watch_close(struct agent *a);

/* From now on these folders start a round of that source. */
void
watch_set(struct agent *a, struct source *s, const struct strlist *folders);

/* Something happened: make the sources due. */
void watch_read(struct agent *a);

#endif
