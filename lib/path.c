/* SPDX-License-Identifier: Apache-2.0 */
/* Text only; no system calls. */
#include "lib/path.h"

#include <string.h>

#include "lib/mem.h"

char *
path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir), m;
	bool slash;
	char *path;

	while (*name == '/')
		name++;
	while (n > 1 && dir[n - 1] == '/')
		n--;
	m = strlen(name);
	slash = n > 1 || (n == 1 && *dir != '/');
	path = mem_resize(NULL, n + slash + m + 1, 1);
	memcpy(path, dir, n);
	if (slash)
		path[n] = '/';
	memcpy(path + n + slash, name, m + 1);
	return path;
}

const char *
path_base(const char *path)
{
	const char *s = strrchr(path, '/');

	return s == NULL ? path : s + 1;
}

char *
path_dir(const char *path)
{
	const char *s = strrchr(path, '/');

	if (s == NULL)
		return mem_dup(".");
	while (s > path && s[-1] == '/')
		s--;
	return s == path ? mem_dup("/") : mem_dupn(path, (size_t)(s - path));
}

bool
path_same_dir(const char *a, const char *b)
{
	size_t n = (size_t)(path_base(a) - a);

	return strncmp(a, b, n) == 0 && path_base(b) == b + n;
}

bool
path_is_name(const char *name)
{
	if (*name == '\0' || strlen(name) > 255 || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	for (; *name != '\0'; name++)
		if (*name == '/' || (unsigned char)*name < 0x20 ||
		    *name == 0x7f)
			return false;
	return true;
}

bool
path_is_inside(const char *path)
{
	if (*path == '\0' || *path == '/')
		return false;
	while (*path != '\0') {
		size_t n = strcspn(path, "/");

		if (n == 0 || (n == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += n;
		if (*path == '/' && *++path == '\0')
			return false;
	}
	return true;
}

const char *
path_relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path == '\0' ? "." : path;
}
