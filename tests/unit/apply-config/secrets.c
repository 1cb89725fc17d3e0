/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are secret. */
#include "apply-config/secrets.h"

#include "lib/own.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

int
main(void)
{
	static const struct {
		const char *name;
		bool secret;
	} rows[] = {
		{ "password", true },
		{ "admin_password", true },
		{ "adminPasswords", true },
		{ "PASSWORD_FILE", true },
		{ "apikey", true },
		{ "ssh-key", true },
		{ "KeyFile", true },
		{ "keys", true },
		{ "keystone", false },
		{ "KEYSTONE", false },
		{ "secretary", false },
		{ "tokenizer", false },
		{ "token", true },
		{ "public_key", false },
		{ "sshPublicKey", false },
		{ "ssh_pubkey", false },
		{ "host", false },
		{ "", false },
	};
	own(strlist_clear) struct strlist words = { 0 };
	const struct secrets s = { .words = &words };

	secrets_usual(&words);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is = secrets_match(&s, rows[i].name, strlen(rows[i].name));

		if (is != rows[i].secret)
			printf("%s\n", rows[i].name);
		CHECK(is == rows[i].secret);
	}
	CHECK(!secrets_match(NULL, "password", 8));
	return check_result();
}
