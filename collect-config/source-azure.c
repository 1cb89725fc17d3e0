/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure: the instance metadata service, and the disc of the first boot, whose
 * ovf-env.xml has the machine's name and custom data.
 */

#include "collect-config/disc.h"
#include "collect-config/platform.h"
#include "collect-config/sources.h"
#include "collect-config/xml.h"
#include "lib/encode.h"
#include "lib/mem.h"
#include "lib/own.h"

#define TAG "7783-7084-3265-9085-8269-3286-77"
#define OVF "ovf-env.xml"
#define SETTINGS \
	"Environment/ProvisioningSection/" \
	"LinuxProvisioningConfigurationSet/"

static bool
azure_detect(const struct config *c, const struct machine *m, char **why)
{
	(void)c;
	return machine_says("asset tag", m->asset_tag, TAG, why);
}

/* Set a member from an element of the disc's document, if it has one. */
static void
take_element(struct round *r, struct value *to, const struct strbuf *xml,
    const char *element, const char *member)
{
	own_free char *path = mem_printf(SETTINGS "%s", element);
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error e;

	if (xml_find(xml->s, xml->len, path, &text, &e) == 0)
		value_set(r->doc, to, member,
		    value_stringn(r->doc, strbuf_text(&text), text.len));
}

static void
take_custom_data(
    struct round *r, struct value *content, const struct strbuf *xml)
{
	own(strbuf_clear) struct strbuf text = { 0 }, plain = { 0 };
	struct error e;

	if (xml_find(xml->s, xml->len, SETTINGS "CustomData", &text, &e) == 0 &&
	    base64_decode(strbuf_text(&text), text.len, &plain, &e) == 0 &&
	    plain.len > 0)
		round_file(r, content, "custom-data", plain.s, plain.len);
}

/* The disc is gone after a while: what it said stays in the cache's words. */
static void
take_disc(struct round *r, struct value *content)
{
	own(disc_close) struct disc disc = { .fd = -1 };
	own(strbuf_clear) struct strbuf xml = { 0 };
	struct value *to = value_map(r->doc);

	if (!disc_find_file(r->source->config, OVF, &disc, &xml))
		return;
	take_element(r, to, &xml, "HostName", "hostname");
	take_element(r, to, &xml, "UserName", "username");
	if (to->len > 0)
		value_set(r->doc, content, "ovf", to);
	take_custom_data(r, content, &xml);
}

static const struct platform azure = {
	.parts =
	    (const struct part[]){
		{ .path = "metadata/instance?api-version=2021-02-01"
			  "&format=json" },
		{ .path = NULL } },
	.header = "Metadata: true",
	.user_data = "compute.userData",
	.base64 = true,
	.finish = take_disc,
};

const struct source_kind source_azure = {
	.name = "azure",
	.summary = "Azure's instance metadata and first disc",
	.settings = platform_settings,
	.detect = azure_detect,
	.step = platform_ask,
	.platform = &azure,
};
