/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the last lines that said something. */
#include <stdlib.h>
#include <string.h>

#include "image-run/image-run.h"
#include "lib/mem.h"
#include "lib/plain.h"
#include "lib/strbuf.h"

#define CONSOLE_COLUMNS 400

void
console_add(struct console *c, const char *line, size_t len)
{
	own(strbuf_clear) struct strbuf plain = { 0 };
	char **slot = &c->lines[c->count % CONSOLE_LINES];

	plain_add(&plain, line, len);
	strbuf_cut(&plain, plain_fit(strbuf_text(&plain), CONSOLE_COLUMNS));
	if (strspn(strbuf_text(&plain), " \t?") == plain.len)
		return;
	free(*slot);
	*slot = strbuf_take(&plain);
	c->count++;
}

/* back 0 is the last line, 1 the one before it. */
const char *
console_line(const struct console *c, size_t back)
{
	if (back >= c->count || back >= CONSOLE_LINES)
		return NULL;
	return c->lines[(c->count - 1 - back) % CONSOLE_LINES];
}

void
console_clear(struct console *c)
{
	for (size_t i = 0; i < CONSOLE_LINES; i++)
		free(c->lines[i]);
	*c = (struct console){ 0 };
}
