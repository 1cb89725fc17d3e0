/* SPDX-License-Identifier: Apache-2.0 */
/* A part is found by its file name or its type, and decoded. */
#include "collect-config/mime.h"

#include "lib/own.h"
#include "lib/strbuf.h"
#include "tests/unit/check.h"

/* What Heat sends, shortened. */
static const char heat[] =
    "Content-Type: multipart/mixed; boundary=\"==B==\"\n"
    "MIME-Version: 1.0\n"
    "\n"
    "--==B==\n"
    "Content-Type: text/cloud-config; charset=\"us-ascii\"\n"
    "Content-Disposition: attachment; filename=\"cloud-config\"\n"
    "\n"
    "user: debian\n"
    "--==B==\n"
    "Content-Type: text/x-cfninitdata; charset=\"us-ascii\"\n"
    "MIME-Version: 1.0\n"
    "Content-Disposition: attachment;\n"
    " filename=\"cfn-init-data\"\n"
    "\n"
    "{\"a\": 1}\n"
    "--==B==\n"
    "Content-Type: text/plain\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "aGVs\r\nbG8=\r\n"
    "--==B==\n"
    "Content-Type: multipart/mixed; boundary=inner\n"
    "\n"
    "--inner\n"
    "Content-Type: text/deep\n"
    "\n"
    "deep\n"
    "--inner--\n"
    "--==B==--\n"
    "--==B==\n"
    "Content-Type: text/after\n"
    "\n"
    "after the end\n"
    "--==B==--\n";

static const struct {
	const char *filename, *type, *want; /* NULL: none */
} cases[] = {
	{ "cfn-init-data", "?", "{\"a\": 1}\n" },
	{ "?", "text/x-cfninitdata", "{\"a\": 1}\n" },
	{ "?", "TEXT/PLAIN", "hello" },
	{ "?", "text/deep", "deep\n" },
	{ "?", "text/after", NULL },
	{ "?", "text/x", NULL },
	{ "?", "text/cloud-config", "user: debian\n" },
};

static const char *const others[] = { "", "#!/bin/sh\n",
	"Content-Type: text/plain\n\nx", "Content-Type: multipart/mixed\n\n--",
	"Content-Type: multipart/x; boundary=\"\"\n\n--\n\nx\n--\n",
	"Content-Type: multipart/x; boundary=\"b\n\n--b\n\n", "\n\n\n" };

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };
		bool found = mime_find(
		    heat, strlen(heat), cases[i].filename, cases[i].type, &b);

		CHECK(found == (cases[i].want != NULL));
		CHECK_STR(strbuf_text(&b), found ? cases[i].want : "");
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		own(strbuf_clear) struct strbuf b = { 0 };

		CHECK(!mime_find(others[i], strlen(others[i]), "f", "t", &b));
	}
	return check_result();
}
