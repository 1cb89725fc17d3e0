/* SPDX-License-Identifier: Apache-2.0 */
/* A version is known by its seal when it is whole, and only then. */
#include "apply-config/version.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "apply-config/apply.h"
#include "apply-config/codec.h"
#include "apply-config/output.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static char top[] = "/tmp/version.XXXXXX";
static int top_fd;
static struct output *output;

static void
stage(const struct version *v)
{
	struct staged staged;
	struct error e;

	must(version_stage(output, "f", "f", v, &staged, &e), &e);
	if (staged.fd != -1)
		close(staged.fd);
}

static bool
is_sealed(const struct version *v)
{
	struct seal seal = version_seal(v);

	return version_is_sealed(output, "f", &seal);
}

static void
check_files(void)
{
	const struct version v = { .mode = S_IFREG | 0640,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.text = "text",
		.len = 4,
		.xattrs = "" };
	struct version other = v;

	CHECK(!is_sealed(&v));
	stage(&v);
	CHECK(is_sealed(&v));
	other.uid = geteuid();
	CHECK(is_sealed(&other));
	other.uid++;
	CHECK(!is_sealed(&other));
	fchmodat(top_fd, "f", 0600, 0);
	CHECK(!is_sealed(&v));
	fchmodat(top_fd, "f", 0640, 0);
	CHECK(is_sealed(&v));
}

/* What a loss of power may leave of it. */
static void
check_torn(void)
{
	const struct version v = { .mode = S_IFREG | 0644,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.text = "text",
		.len = 4,
		.xattrs = "" };
	static const struct {
		const char *text;
		size_t len;
	} rows[] = { { "", 0 }, { "tex", 3 }, { "te\0\0", 4 },
		{ "text\0", 5 } };
	struct error e;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		must(file_put(top_fd, "f", 0644, rows[i].text, rows[i].len, &e),
		    &e);
		CHECK(!is_sealed(&v));
	}
	must(file_put(top_fd, "f", 0644, "text", 4, &e), &e);
	CHECK(is_sealed(&v));
}

/* It has them at least; others may have come by themselves. */
static void
check_xattrs(void)
{
	own(strbuf_clear) struct strbuf b = { 0 };
	struct version v = { .mode = S_IFREG | 0644,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.text = "" };
	own_fd int fd = openat(top_fd, "f", O_RDONLY | O_CLOEXEC);

	if (fsetxattr(fd, "user.other", "x", 1, 0) == -1) {
		printf("no extended attributes here: not tried\n");
		return;
	}
	encode_text(&b, "user.a");
	encode_bytes(&b, "one", 3);
	v.xattrs = strbuf_text(&b);
	v.xattrs_len = b.len;
	stage(&v);
	CHECK(is_sealed(&v));
	close(fd);
	fd = openat(top_fd, "f", O_RDONLY | O_CLOEXEC);
	CHECK(fsetxattr(fd, "user.other", "x", 1, 0) == 0);
	CHECK(is_sealed(&v));
	CHECK(fsetxattr(fd, "user.a", "two", 3, 0) == 0);
	CHECK(!is_sealed(&v));
	CHECK(fremovexattr(fd, "user.a") == 0);
	CHECK(!is_sealed(&v));
}

static void
check_symlinks(void)
{
	const struct version v = { .mode = S_IFLNK | 0777,
		.uid = geteuid(),
		.gid = getegid(),
		.text = "there",
		.len = 5,
		.xattrs = "" };

	stage(&v);
	CHECK(is_sealed(&v));
	unlinkat(top_fd, "f", 0);
	CHECK(symlinkat("elsewhere", top_fd, "f") == 0 && !is_sealed(&v));
}

int
main(void)
{
	struct settings settings = { .root_path = top, .output = "/" };
	struct error e;

	if (mkdtemp(top) == NULL)
		return 1;
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	settings.root = top_fd;
	output = output_open(&settings, &e);
	check_files();
	check_torn();
	check_xattrs();
	check_symlinks();
	output_close(output);
	must(tree_remove(AT_FDCWD, top, &e), &e);
	close(top_fd);
	return check_result();
}
