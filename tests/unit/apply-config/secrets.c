/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are secret. */
#include "apply-config/secrets.h"

#include "lib/own.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

/* Of one's own, in whatever form they are given. */
static void
check_words(void)
{
	own(strlist_clear) struct strlist words = { 0 };
	struct secrets s;

	secrets_init(&s, &words);
	CHECK(!secrets_match(&s, "password", 8));
	strlist_add(&words, "");
	strlist_add(&words, "PIN");
	secrets_init(&s, &words);
	CHECK(!secrets_match(&s, " x", 2) && !secrets_match(&s, "", 0));
	CHECK(secrets_match(&s, "pin", 3) && secrets_match(&s, "simPin", 6));
	CHECK(!secrets_match(&s, "password", 8));
}

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
	struct secrets s;

	secrets_usual(&words);
	secrets_init(&s, &words);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is = secrets_match(&s, rows[i].name, strlen(rows[i].name));

		if (is != rows[i].secret)
			printf("%s\n", rows[i].name);
		CHECK(is == rows[i].secret);
	}
	CHECK(!secrets_match(NULL, "password", 8));
	check_words();
	return check_result();
}
