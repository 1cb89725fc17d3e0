/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stemcell for BOSH on OpenStack: a manifest, the disk in an archive of its
 * own, lists of what is inside.  With BOSH_IMAGE_ID in the environment it is
 * a light one, which has no disk but names the cloud's copy of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image-build/format.h"
#include "image-build/image-build.h"
#include "image-build/inventory.h"
#include "lib/bytes.h"
#include "lib/digest.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/limits.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strbuf.h"
#include "lib/strlist.h"
#include "lib/tar.h"
#include "lib/tree.h"

#define BUFFER ((size_t)1 << 18)

struct stemcell {
	const struct format_job *job;
	char *dir; /* what becomes the archive */
	char *disk; /* a folder for root.img */
	const char *image_id; /* of a light one, else NULL */
	char image[DIGEST_SHA1_TEXT]; /* digest of the file "image" */
	uint64_t mib; /* of the disk */
	char *os, *distro; /* "debian-bookworm", "debian" */
};

static void
stemcell_clear(struct stemcell *s)
{
	struct error none;

	if (s->dir != NULL)
		(void)tree_remove(AT_FDCWD, s->dir, &none);
	if (s->disk != NULL)
		(void)tree_remove(AT_FDCWD, s->disk, &none);
	free(s->dir);
	free(s->disk);
	free(s->os);
	free(s->distro);
}

static int
put(const struct stemcell *s, const char *name, const struct strbuf *text,
    struct error *e)
{
	own_free char *path = path_join(s->dir, name);

	return file_put(AT_FDCWD, path, 0644, strbuf_text(text), text->len, e);
}

/* ---- the disk ---------------------------------------------------------------- */

static int
digest_image(struct stemcell *s, int fd, struct error *e)
{
	own_free char *buffer = mem_alloc(BUFFER);
	struct digest *d = digest_open(DIGEST_SHA1);
	uint8_t sum[DIGEST_BYTES];
	ssize_t n = lseek(fd, 0, SEEK_SET);

	while (n != -1 && (n = read(fd, buffer, BUFFER)) > 0)
		digest_add(d, buffer, (size_t)n);
	digest_end(d, sum);
	digest_printn(sum, DIGEST_SHA1_BYTES, s->image);
	return n == -1 ? error_errno(e, "image") : 0;
}

/* The file "image": an archive with the disk as root.img; empty if light. */
static int
make_image(struct stemcell *s, struct error *e)
{
	own_free char *path = path_join(s->dir, "image");
	own_free char *inside = path_join(s->disk, "root.img");
	own_fd int fd =
	    open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	const struct tar_output out = {
		.fd = fd, .filter = TAR_GZIP, .epoch = s->job->now
	};
	struct stat st;

	if (fd == -1 || stat(s->job->raw, &st) == -1)
		return error_errno(e, "%s", path);
	s->mib = round_up((uint64_t)st.st_size, MIB(1)) / MIB(1);
	if (s->image_id != NULL)
		return digest_image(s, fd, e);
	if (link(s->job->raw, inside) == -1)
		return error_errno(e, "%s", inside);
	if (tar_create(AT_FDCWD, s->disk, &out, e) == -1)
		return -1;
	return digest_image(s, fd, e);
}

/* ---- what is inside ------------------------------------------------------------ */

static int
put_packages(const struct stemcell *s, struct error *e)
{
	own(installed_clear) struct installed_list list = { 0 };
	own(strbuf_clear) struct strbuf text = { 0 };

	if (installed_load(s->job->tree, &list, e) == -1)
		return -1;
	for (size_t i = 0; i < list.len; i++)
		strbuf_printf(&text, "%s %s %s\n", list.items[i].name,
		    list.items[i].version, list.items[i].arch);
	return put(s, "packages.txt", &text, e);
}

/* Compilers and the like, which an operator may want to be gone. */
static int
put_tools(const struct stemcell *s, struct error *e)
{
	static const char *const tools[] = { "/usr/bin/as", "/usr/bin/c++",
		"/usr/bin/cc", "/usr/bin/cmake", "/usr/bin/cpp", "/usr/bin/g++",
		"/usr/bin/gcc", "/usr/bin/ld", "/usr/bin/make", NULL };
	own(strbuf_clear) struct strbuf text = { 0 };

	for (const char *const *t = tools; *t != NULL; t++) {
		own_free char *path = path_join(s->job->tree, *t + 1);
		struct stat st;

		if (lstat(path, &st) == 0)
			strbuf_printf(&text, "%s\n", *t);
	}
	return put(s, "dev_tools_file_list.txt", &text, e);
}

/* ---- the manifest ---------------------------------------------------------------- */

/* A line "NAME='VALUE'" of os-release, with any quotes; NULL: none. */
static char *
release_value(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (; *text != '\0'; text += strcspn(text, "\n")) {
		text += *text == '\n';
		if (strncmp(text, name, n) == 0 && text[n] == '=') {
			text += n + 1;
			text += *text == '"' || *text == '\'';
			return mem_dupn(text, strcspn(text, "\"'\n"));
		}
	}
	return NULL;
}

static int
find_system(struct stemcell *s, struct error *e)
{
	own_fd int tree =
	    open(s->job->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	own_fd int fd =
	    tree == -1 ? -1 : file_open_in(tree, "etc/os-release", O_RDONLY);
	own(strbuf_clear) struct strbuf text = { 0 };
	own_free char *id = NULL, *codename = NULL;

	if (fd != -1 &&
	    file_read_fd(fd, "etc/os-release", KIB(64), &text, e) == -1)
		return -1;
	id = release_value(strbuf_text(&text), "ID");
	codename = release_value(strbuf_text(&text), "VERSION_CODENAME");
	s->distro = mem_dup(id != NULL ? id : "linux");
	s->os = codename != NULL ? mem_printf("%s-%s", s->distro, codename)
				 : mem_dup(s->distro);
	return 0;
}

/* "name: 'value'"; the value may be foreign. */
static void
add_line(struct strbuf *b, const char *name, const char *value)
{
	strbuf_printf(b, "%s: '", name);
	for (; *value != '\0'; value++)
		if (*value == '\'')
			strbuf_puts(b, "''");
		else if ((unsigned char)*value >= ' ')
			strbuf_putc(b, *value);
	strbuf_puts(b, "'\n");
}

static void
add_properties(const struct stemcell *s, struct strbuf *b)
{
	const char *arch = s->job->settings->arch;

	strbuf_puts(b, "cloud_properties:\n");
	add_line(b, "  infrastructure", "openstack");
	if (s->image_id != NULL) {
		add_line(b, "  image_id", s->image_id);
		return;
	}
	add_line(b, "  hypervisor", "kvm");
	strbuf_printf(b, "  disk: %llu\n", (unsigned long long)s->mib);
	add_line(b, "  disk_format", "raw");
	add_line(b, "  container_format", "bare");
	add_line(b, "  os_type", "linux");
	add_line(b, "  os_distro", s->distro);
	add_line(b, "  architecture",
	    strcmp(arch, "amd64") == 0	     ? "x86_64"
		: strcmp(arch, "arm64") == 0 ? "aarch64"
					     : arch);
	strbuf_puts(b, "  auto_disk_config: true\n");
}

static int
put_manifest(const struct stemcell *s, struct error *e)
{
	own_free char *name =
	    mem_printf("bosh-openstack-kvm-%s-go_agent", s->os);
	own_free char *made = mem_printf("%lld", (long long)s->job->now);
	const char *version = getenv("BOSH_VERSION");
	own(strbuf_clear) struct strbuf text = { 0 };

	strbuf_puts(&text, "---\n");
	add_line(&text, "name", name);
	add_line(&text, "version", version != NULL ? version : made);
	strbuf_puts(&text, "api_version: 3\nbosh_protocol: 1\n");
	add_line(&text, "sha1", s->image);
	add_line(&text, "operating_system", s->os);
	strbuf_printf(&text, "stemcell_formats:\n- openstack-%s\n",
	    s->image_id != NULL ? "light" : "raw");
	add_properties(s, &text);
	return put(s, "stemcell.MF", &text, e);
}

/* ---- the archive --------------------------------------------------------------------- */

static int
fill(struct stemcell *s, struct error *e)
{
	if (file_mkdirs(AT_FDCWD, s->dir, 0755, e) == -1 ||
	    file_mkdirs(AT_FDCWD, s->disk, 0755, e) == -1 ||
	    make_image(s, e) == -1 || find_system(s, e) == -1 ||
	    put_packages(s, e) == -1 || put_tools(s, e) == -1)
		return -1;
	return put_manifest(s, e);
}

static int
write_bosh(const struct format_job *job, struct error *e)
{
	const char *base = path_base(job->output);
	own(stemcell_clear) struct stemcell s = { .job = job,
		.image_id = getenv("BOSH_IMAGE_ID") };
	own(file_discard) struct file_writer w = { 0 };
	struct tar_output out = { .filter = TAR_GZIP, .epoch = job->now };

	s.dir = mem_printf("%s/stemcell-%s", job->scratch, base);
	s.disk = mem_printf("%s/disk-%s", job->scratch, base);
	if (fill(&s, e) == -1 ||
	    file_begin(&w, AT_FDCWD, job->output, 0644, e) == -1)
		return -1;
	out.fd = w.fd;
	if (tar_create(AT_FDCWD, s.dir, &out, e) == -1)
		return -1;
	return file_publish(&w, e);
}

const struct format_kind format_bosh = {
	.name = "bosh",
	.summary = "a stemcell for BOSH on OpenStack",
	.ending = "bosh.tgz",
	.by_file = format_always,
	.write = write_bosh,
};
