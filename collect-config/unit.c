/* SPDX-License-Identifier: Apache-2.0 */
/* /run/collect-config/command, and the word of its end beside it. */
#include "collect-config/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect-config/chance.h"
#include "collect-config/config.h"
#include "lib/clock.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strbuf.h"

#define FOLDER "/run/collect-config"
#define SCRIPT FOLDER "/command"
#define END FOLDER "/command.end"

/* Add text in single quotes, as a shell reads it. */
static void
put_quoted(struct strbuf *b, const char *text)
{
	strbuf_putc(b, '\'');
	for (; *text != '\0'; text++)
		if (*text == '\'')
			strbuf_puts(b, "'\\''");
		else
			strbuf_putc(b, *text);
	strbuf_putc(b, '\'');
}

int
unit_write(const struct config *c, const char *line, const char *files,
    char **token, struct error *e)
{
	own_free char *name = mem_printf("%lld.%08x", (long long)clock_ms(),
	    (unsigned)(chance() * 4294967295.0));
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_puts(&b, "#!/bin/sh\nexport OS_CONFIG_FILES=");
	put_quoted(&b, files);
	strbuf_puts(&b, "\n/bin/sh -c ");
	put_quoted(&b, line);
	strbuf_printf(&b,
	    "\nstatus=$?\necho \"%s $status\" >" END ".new &&\n"
	    "    mv " END ".new " END "\nexit $status\n",
	    name);
	if (file_mkdirs(config_root(c), config_at(c, FOLDER), 0755, e) == -1 ||
	    file_replace(config_root(c), config_at(c, SCRIPT), 0700, b.s, b.len,
		e) == -1)
		return -1;
	*token = take(name);
	return 0;
}

int
unit_status(const struct config *c, const char *token)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	size_t n = strlen(token);
	struct error e;

	if (file_read(config_root(c), config_at(c, END), 4096, &b, &e) == -1 ||
	    strncmp(strbuf_text(&b), token, n) != 0 || b.s[n] != ' ')
		return -1;
	return atoi(b.s + n + 1);
}
