/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FILE.sig: of an Ed25519 key in PEM the signature in base64, of OpenSSH's
 * keys what "ssh-keygen -Y sign -n ingot" writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "image-build/disk.h"
#include "image-build/inventory.h"
#include "lib/encode.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/proc.h"
#include "lib/signature.h"
#include "lib/strbuf.h"

#define SIGNER "ingot" /* the name that stands for the key */

static int
load(const char *path, struct strbuf *text, struct error *e)
{
	return file_read(AT_FDCWD, path, LIMIT_TEXT_BYTES, text, e);
}

/* OpenSSH's private keys say so, its public ones begin with their kind. */
int
sign_is_openssh(const char *key, bool *is, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };

	if (file_read(AT_FDCWD, key, KIB(64), &text, e) == -1)
		return -1;
	*is = strstr(strbuf_text(&text), "OPENSSH PRIVATE KEY") != NULL ||
	    strncmp(strbuf_text(&text), "ssh-", 4) == 0 ||
	    strncmp(strbuf_text(&text), "ecdsa-", 6) == 0 ||
	    strncmp(strbuf_text(&text), "sk-", 3) == 0;
	return 0;
}

/* ---- signing ------------------------------------------------------------------ */

static int
sign_openssh(const char *path, const char *key, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	const struct fs_job run = { .what = "sign" };
	own_free char *old = mem_printf("%s.sig", path);

	(void)unlink(old); /* ssh-keygen would ask */
	strlist_split(&argv, "ssh-keygen -Y sign -q -n " SIGNER " -f", " ");
	strlist_add(&argv, key);
	strlist_add(&argv, path);
	return fs_run(&run, &argv, e);
}

static int
sign_pem(const char *path, const char *key, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 }, out = { 0 };
	own_free char *to = mem_printf("%s.sig", path);
	uint8_t sig[SIGNATURE_BYTES];

	if (load(path, &text, e) == -1 ||
	    signature_make(key, text.s, text.len, sig, e) == -1)
		return -1;
	base64_encode(sig, sizeof(sig), &out);
	strbuf_putc(&out, '\n');
	return file_replace(AT_FDCWD, to, 0644, out.s, out.len, e);
}

int
sign_file(const char *path, const char *key, struct error *e)
{
	bool openssh;

	if (sign_is_openssh(key, &openssh, e) == -1)
		return -1;
	return openssh ? sign_openssh(path, key, e) : sign_pem(path, key, e);
}

/* ---- checking ------------------------------------------------------------------ */

static int
check_pem(const char *path, const char *key, const struct strbuf *text,
    struct error *e)
{
	own_free char *from = mem_printf("%s.sig", path);
	own(strbuf_clear) struct strbuf coded = { 0 }, sig = { 0 };

	if (file_read(AT_FDCWD, from, KIB(64), &coded, e) == -1 ||
	    base64_decode(strbuf_text(&coded), coded.len, &sig, e) == -1)
		return error_prefix(e, "%s", from);
	if (sig.len != SIGNATURE_BYTES)
		return error_set(
		    e, EBADMSG, "%s: no signature of Ed25519", from);
	if (signature_check(
		key, text->s, text->len, (const uint8_t *)sig.s, e) == -1)
		return error_prefix(e, "%s", path);
	return 0;
}

/* "ingot ssh-ed25519 AAAA...": who may sign. */
static int
write_signers(const char *key, char *path, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	own_fd int fd = mkstemp(path);

	if (fd == -1)
		return error_errno(e, "%s", path);
	strbuf_puts(&text, SIGNER " ");
	if (file_read(AT_FDCWD, key, KIB(64), &text, e) == -1)
		return -1;
	if (file_write_all(fd, text.s, text.len) == -1)
		return error_errno(e, "%s", path);
	return 0;
}

static int
run_check(const char *path, const char *key, const char *signers,
    const struct strbuf *text, struct error *e)
{
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc run = {
		.input = text->s, .input_len = text->len, .seconds = 60
	};
	struct proc_status status;

	strlist_split(
	    &argv, "ssh-keygen -Y verify -q -n " SIGNER " -I " SIGNER, " ");
	strlist_add(&argv, "-f");
	strlist_add(&argv, signers);
	strlist_add(&argv, "-s");
	strlist_printf(&argv, "%s.sig", path);
	run.argv = strlist_argv(&argv);
	if (proc_run(&run, &status, e) == -1)
		return error_prefix(e, "ssh-keygen");
	if (proc_check(&status, e) == 0)
		return 0;
	return error_set(e, EBADMSG,
	    "%s: the signature was not made with the key of %s", path, key);
}

static int
check_openssh(const char *path, const char *key, const struct strbuf *text,
    struct error *e)
{
	char signers[] = "/tmp/image-verify-XXXXXX";
	int r = write_signers(key, signers, e);

	if (r == 0)
		r = run_check(path, key, signers, text, e);
	(void)unlink(signers);
	return r;
}

int
sign_check(const char *path, const char *key, struct error *e)
{
	own(strbuf_clear) struct strbuf text = { 0 };
	bool openssh;

	if (sign_is_openssh(key, &openssh, e) == -1 ||
	    load(path, &text, e) == -1)
		return -1;
	return openssh ? check_openssh(path, key, &text, e)
		       : check_pem(path, key, &text, e);
}
