/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU: metadata in the firmware configuration device (opt/ingot/metadata) or
 * in an OEM string (ingot.metadata={...}).
 */
#include <errno.h>
#include <string.h>

#include "collect-config/source.h"
#include "collect-config/sources.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"

#define FW_CFG "/sys/firmware/qemu_fw_cfg/by_name/opt/ingot/"

/* The document in an OEM string; one that is a URL is for source request. */
static const char *
oem_text(const struct machine *m)
{
	const char *text = machine_oem(m, "ingot.metadata");

	return text != NULL && *text == '{' ? text : NULL;
}

static bool
read_fw_cfg(const struct config *c, const char *name, struct strbuf *b)
{
	own_free char *path = mem_printf(FW_CFG "%s/raw", name);
	struct error e;

	return file_read(config_root(c), config_at(c, path), LIMIT_TEXT_BYTES,
		   b, &e) == 0 &&
	    b->len > 0;
}

static bool
qemu_detect(const struct config *c, const struct machine *m, char **why)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (read_fw_cfg(c, "metadata", &text))
		*why = mem_dup("the firmware has opt/ingot/metadata");
	else if (oem_text(m) != NULL)
		*why = mem_dup("an OEM string has ingot.metadata={");
	else
		return false;
	return true;
}

static enum step
qemu_step(struct round *r, struct error *e)
{
	const struct config *c = r->source->config;
	own(strbuf_clear) struct strbuf text = { 0 }, user = { 0 };
	struct value *v;

	if (!read_fw_cfg(c, "metadata", &text)) {
		strbuf_cut(&text, 0);
		if (oem_text(r->source->machine) == NULL)
			return STEP_NONE;
		strbuf_puts(&text, oem_text(r->source->machine));
	}
	v = round_parse(r, text.s, text.len, "ingot.metadata", e);
	if (v == NULL)
		return STEP_FAILED;
	if (read_fw_cfg(c, "user-data", &user))
		round_file(r, v, "user-data", user.s, user.len);
	return round_finish(r, v);
}

const struct source_kind source_qemu = {
	.name = "qemu",
	.summary = "QEMU's fw_cfg file or an OEM string",
	.detect = qemu_detect,
	.step = qemu_step,
};
