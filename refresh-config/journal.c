/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines to systemd's journal by its native protocol: a datagram of fields.
 * A journal that is away is no reason for a hook to fail.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/bytes.h"
#include "lib/own.h"
#include "refresh-config/refresh.h"

#define SOCKET "/run/systemd/journal/socket"

int
journal_open(const char *root)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	own_fd int fd =
	    socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(to.sun_path, sizeof(to.sun_path), "%s" SOCKET, root);

	if (fd == -1 || n >= (int)sizeof(to.sun_path) ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
		return -1;
	return take_fd(&fd);
}

bool
journal_has_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	return stream != NULL &&
	    sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	    st.st_ino == inode;
}

/* A value with a line feed inside goes with its length in front. */
static void
add_field(struct strbuf *b, const char *name, const char *value, size_t len)
{
	uint8_t size[8];

	strbuf_puts(b, name);
	if (memchr(value, '\n', len) != NULL) {
		put_le64(size, len);
		strbuf_putc(b, '\n');
		strbuf_add(b, size, sizeof(size));
	} else {
		strbuf_putc(b, '=');
	}
	strbuf_add(b, value, len);
	strbuf_putc(b, '\n');
}

void
journal_line(const struct run *r, const struct outcome *o, int priority,
    const char *line, size_t len)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	char level = (char)('0' + priority);

	if (r->journal == -1)
		return;
	add_field(&b, "MESSAGE", line, len);
	add_field(&b, "PRIORITY", &level, 1);
	add_field(&b, "SYSLOG_IDENTIFIER", o->name, strlen(o->name));
	add_field(&b, "INGOT_RUN", r->id, strlen(r->id));
	add_field(&b, "INGOT_PHASE", o->phase, strlen(o->phase));
	add_field(&b, "INGOT_HOOK", o->name, strlen(o->name));
	if (send(r->journal, b.s, b.len, MSG_NOSIGNAL) == -1)
		errno = 0; /* as said above */
}
