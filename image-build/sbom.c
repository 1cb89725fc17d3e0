/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is inside, for those who must know: SPDX 2.3 and CycloneDX 1.5, both
 * in JSON, made from what the image's own package manager says.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "image-build/target.h"
#include "lib/doc.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"

static void
set(struct doc *d, struct value *map, const char *name, const char *text)
{
	value_set(d, map, name, value_string(d, text));
}

struct value *
inventory_time(struct doc *d, const struct build *b)
{
	time_t t =
	    b->settings->epoch >= 0 ? (time_t)b->settings->epoch : time(NULL);
	char text[32];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return value_string(d, text);
}

/* ID= of os-release; "linux" where there is none. */
static char *
distribution(const struct build *b)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	struct error none;
	const char *at;

	if (target_read(b->tree, "usr/lib/os-release", KIB(64), &text, &none) ==
	    -1)
		return mem_dup("linux");
	at = strncmp(strbuf_text(&text), "ID=", 3) == 0
	    ? text.s
	    : strstr(strbuf_text(&text), "\nID=");
	if (at == NULL)
		return mem_dup("linux");
	at = strchr(at, '=') + 1;
	at += *at == '"';
	return mem_dupn(at, strcspn(at, "\"\n"));
}

/* A package URL (purl-spec): "pkg:deb/debian/bash@5.2-1?arch=amd64". */
static char *
package_url(const struct installed *p, const char *distro)
{
	own(strbuf_clear) struct strbuf b = { 0 };

	strbuf_printf(&b, "pkg:deb/%s/", distro);
	percent_encode(p->name, "", &b);
	strbuf_putc(&b, '@');
	percent_encode(p->version, "", &b);
	strbuf_puts(&b, "?arch=");
	percent_encode(p->arch, "", &b);
	return strbuf_take(&b);
}

/* An identifier that is the same for the same seed, as a URN. */
static char *
serial(const struct build *b, const char *kind)
{
	const char *seed = b->seed;
	uint8_t u[16];

	digest_uuid(seed, kind, u);
	return mem_printf("urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-"
			  "%02x%02x-%02x%02x%02x%02x%02x%02x",
	    u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10],
	    u[11], u[12], u[13], u[14], u[15]);
}

/* ---- SPDX ----------------------------------------------------------------- */

static void
relate(struct doc *d, struct value *list, const char *from, const char *how,
    const char *to)
{
	struct value *v = value_map(d);

	set(d, v, "spdxElementId", from);
	set(d, v, "relationshipType", how);
	set(d, v, "relatedSpdxElement", to);
	value_add(d, list, v);
}

static struct value *
spdx_package(struct doc *d, const struct installed *p, const char *id,
    const char *distro)
{
	struct value *v = value_map(d), *refs = value_list(d),
		     *ref = value_map(d);
	own_free char *url = package_url(p, distro);
	own_free char *supplier = mem_printf(
	    "Person: %s", p->maintainer != NULL ? p->maintainer : "");

	set(d, v, "name", p->name);
	set(d, v, "SPDXID", id);
	set(d, v, "versionInfo", p->version);
	set(d, v, "supplier", p->maintainer != NULL ? supplier : "NOASSERTION");
	set(d, v, "downloadLocation", "NOASSERTION");
	value_set(d, v, "filesAnalyzed", value_bool(d, false));
	set(d, v, "licenseConcluded", "NOASSERTION");
	set(d, v, "licenseDeclared", "NOASSERTION");
	set(d, v, "copyrightText", "NOASSERTION");
	if (p->homepage != NULL)
		set(d, v, "homepage", p->homepage);
	if (p->source != NULL)
		set(d, v, "sourceInfo", p->source);
	set(d, ref, "referenceCategory", "PACKAGE-MANAGER");
	set(d, ref, "referenceType", "purl");
	set(d, ref, "referenceLocator", url);
	value_add(d, refs, ref);
	value_set(d, v, "externalRefs", refs);
	return v;
}

static struct value *
spdx_image(struct doc *d, const struct build *b)
{
	struct value *v = value_map(d);

	set(d, v, "name", path_base(b->settings->name));
	set(d, v, "SPDXID", "SPDXRef-image");
	set(d, v, "downloadLocation", "NOASSERTION");
	value_set(d, v, "filesAnalyzed", value_bool(d, false));
	set(d, v, "primaryPackagePurpose", "OPERATING-SYSTEM");
	set(d, v, "licenseConcluded", "NOASSERTION");
	set(d, v, "licenseDeclared", "NOASSERTION");
	set(d, v, "copyrightText", "NOASSERTION");
	return v;
}

struct value *
sbom_spdx(
    struct doc *d, const struct build *b, const struct installed_list *packages)
{
	struct value *root = value_map(d), *info = value_map(d),
		     *creators = value_list(d), *list = value_list(d),
		     *relations = value_list(d);
	own_free char *distro = distribution(b);
	own_free char *space = serial(b, "spdx");

	set(d, root, "spdxVersion", "SPDX-2.3");
	set(d, root, "dataLicense", "CC0-1.0");
	set(d, root, "SPDXID", "SPDXRef-DOCUMENT");
	set(d, root, "name", path_base(b->settings->name));
	set(d, root, "documentNamespace", space);
	value_set(d, info, "created", inventory_time(d, b));
	value_add(d, creators, value_string(d, "Tool: image-build-" VERSION));
	value_set(d, info, "creators", creators);
	value_set(d, root, "creationInfo", info);
	value_add(d, list, spdx_image(d, b));
	relate(d, relations, "SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image");
	for (size_t i = 0; i < packages->len; i++) {
		own_free char *id = mem_printf("SPDXRef-package-%zu", i + 1);

		value_add(
		    d, list, spdx_package(d, &packages->items[i], id, distro));
		relate(d, relations, "SPDXRef-image", "CONTAINS", id);
	}
	value_set(d, root, "packages", list);
	value_set(d, root, "relationships", relations);
	return root;
}

/* ---- CycloneDX -------------------------------------------------------------- */

static struct value *
component(struct doc *d, const struct installed *p, const char *distro)
{
	struct value *v = value_map(d);
	own_free char *url = package_url(p, distro);

	set(d, v, "type", "library");
	set(d, v, "bom-ref", url);
	set(d, v, "name", p->name);
	set(d, v, "version", p->version);
	set(d, v, "purl", url);
	if (p->maintainer != NULL)
		set(d, v, "publisher", p->maintainer);
	return v;
}

struct value *
sbom_cyclonedx(
    struct doc *d, const struct build *b, const struct installed_list *packages)
{
	struct value *root = value_map(d), *meta = value_map(d),
		     *subject = value_map(d), *list = value_list(d),
		     *tools = value_map(d), *made = value_list(d),
		     *tool = value_map(d);
	own_free char *distro = distribution(b);
	own_free char *number = serial(b, "cyclonedx");

	set(d, root, "bomFormat", "CycloneDX");
	set(d, root, "specVersion", "1.5");
	set(d, root, "serialNumber", number);
	value_set(d, root, "version", value_int(d, 1));
	value_set(d, meta, "timestamp", inventory_time(d, b));
	set(d, tool, "type", "application");
	set(d, tool, "name", "image-build");
	set(d, tool, "version", VERSION);
	value_add(d, made, tool);
	value_set(d, tools, "components", made);
	value_set(d, meta, "tools", tools);
	set(d, subject, "type", "operating-system");
	set(d, subject, "name", path_base(b->settings->name));
	value_set(d, meta, "component", subject);
	value_set(d, root, "metadata", meta);
	for (size_t i = 0; i < packages->len; i++)
		value_add(d, list, component(d, &packages->items[i], distro));
	value_set(d, root, "components", list);
	return root;
}
