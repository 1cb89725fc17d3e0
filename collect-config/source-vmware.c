/* SPDX-License-Identifier: Apache-2.0 */
/* VMware: the guestinfo variables, asked of the hypervisor by vmtoolsd. */
#include <errno.h>
#include <string.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/encode.h"
#include "lib/gzip.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

static const struct setting settings[] = {
	{ .name = "command",
	    .value = "vmtoolsd",
	    .help = "program that asks the hypervisor" },
	{ .name = NULL },
};

static const char *const variables[] = { "metadata.encoding", "metadata",
	"userdata.encoding", "userdata" };
enum {
	METADATA_ENCODING,
	METADATA,
	USERDATA_ENCODING,
	USERDATA,
	VARIABLES
};

struct answers {
	struct strbuf text[VARIABLES];
};

static bool
vmware_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	if (strncmp(m->product, "VMware", 6) != 0)
		return false;
	*why = mem_printf("firmware says product \"%s\"", m->product);
	return true;
}

static enum step
ask(struct round *r)
{
	strlist_clear(&r->argv);
	strlist_add(&r->argv, round_text(r, "command"));
	strlist_add(&r->argv, "--cmd");
	strlist_printf(&r->argv, "info-get guestinfo.%s", variables[r->place]);
	return STEP_RUN;
}

/* Undo an encoding: base64 or b64, gzip+base64 or gz+b64, or none. */
static int
decode(struct strbuf *text, const char *encoding, struct error *e)
{
	own(strbuf_clear) struct strbuf bytes = { 0 }, plain = { 0 };
	bool gz = strncmp(encoding, "gz", 2) == 0;

	if (!gz && strcmp(encoding, "base64") != 0 &&
	    strcmp(encoding, "b64") != 0)
		return 0;
	if (base64_decode(strbuf_text(text), text->len, &bytes, e) == -1)
		return -1;
	if (gz &&
	    gzip_inflate(bytes.s, bytes.len, LIMIT_TEXT_BYTES, &plain, e) == -1)
		return -1;
	strbuf_cut(text, 0);
	strbuf_add(text, gz ? plain.s : bytes.s, gz ? plain.len : bytes.len);
	return 0;
}

static const char *
text_of(const struct round *r, unsigned variable)
{
	const char *const *texts = r->data;

	return texts[variable] != NULL ? texts[variable] : "";
}

static enum step
finish(struct round *r, struct error *e)
{
	own(strbuf_clear) struct strbuf metadata = { 0 }, userdata = { 0 };
	struct value *content;

	strbuf_puts(&metadata, text_of(r, METADATA));
	strbuf_puts(&userdata, text_of(r, USERDATA));
	if (metadata.len == 0 && userdata.len == 0)
		return STEP_NONE;
	if (decode(&metadata, text_of(r, METADATA_ENCODING), e) == -1 ||
	    decode(&userdata, text_of(r, USERDATA_ENCODING), e) == -1)
		return error_prefix(e, "guestinfo");
	content = metadata.len == 0
	    ? value_map(r->doc)
	    : round_parse(r, metadata.s, metadata.len, "guestinfo.metadata", e);
	if (content == NULL)
		return STEP_FAILED;
	if (userdata.len > 0)
		round_file(r, content, "user-data", userdata.s, userdata.len);
	return round_finish(r, content);
}

/*
 * A variable that is not set makes the program fail: it counts as empty.
 * One that is not there at all is another matter.
 */
static enum step
vmware_step(struct round *r, struct error *e)
{
	const char **texts = r->data;
	size_t n;

	if (texts == NULL) {
		r->data = doc_alloc(r->doc, VARIABLES * sizeof(*texts));
		return ask(r);
	}
	if (r->reply.status == 0 && r->failure.code == ENOENT)
		return round_check(r, e);
	n = r->reply.body.len;
	while (n > 0 && r->reply.body.s[n - 1] == '\n')
		n--;
	if (r->reply.status == 200)
		texts[r->place] =
		    doc_text(r->doc, strbuf_text(&r->reply.body), n);
	return ++r->place < VARIABLES ? ask(r) : finish(r, e);
}

const struct source_kind source_vmware = {
	.name = "vmware",
	.summary = "VMware's guestinfo variables",
	.settings = settings,
	.detect = vmware_detect,
	.step = vmware_step,
};
