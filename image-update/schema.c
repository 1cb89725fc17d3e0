/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The form of the machine's data: a number that its migrations raise when
 * they have changed it, in a file beside the journal.  An image says with
 * which of them it can work (lib/contents.h, "state").
 */
#include <errno.h>
#include <stdlib.h>

#include "image-update/update.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/own.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"

#define SCHEMA "schema"

int
schema_read(const struct slots *s, uint32_t *form, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own(strlist_clear) struct strlist words = { 0 };
	unsigned long n;
	char *end;

	*form = 0;
	if (s->state == -1 || !file_exists(s->state, SCHEMA))
		return 0;
	if (file_read(s->state, SCHEMA, KIB(4), &text, e) == -1)
		return -1;
	strlist_split(&words, strbuf_text(&text), " \t\n");
	n = words.len == 1 ? strtoul(words.items[0], &end, 10) : 0;
	if (n == 0 || n > UINT32_MAX || *end != '\0')
		return error_set(e, EBADMSG,
		    SCHEMA ": the form of the machine's data is no number "
			   "from 1 on");
	*form = (uint32_t)n;
	return 0;
}

int
schema_check(const struct slots *s, const struct contents *c,
    const struct trust *trust, struct error *e)
{
	uint32_t form;

	if (trust->state_too || c->state_newest == 0)
		return 0;
	if (schema_read(s, &form, e) == -1)
		return -1;
	if (form == 0 || (form >= c->state_oldest && form <= c->state_newest))
		return 0;
	return error_set(e, EPERM,
	    "image %s: it works with data of the forms %u to %u, the "
	    "machine's have form %u (--other-state takes it)",
	    c->name, c->state_oldest, c->state_newest, form);
}
