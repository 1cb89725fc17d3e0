/* SPDX-License-Identifier: Apache-2.0 */
/* The expansion of element lists, on trees made in a scratch folder. */
#include <fcntl.h>
#include <stdlib.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/strlist.h"
#include "lib/tree.h"
#include "tests/unit/check.h"

static char root[] = "/tmp/elements.XXXXXX";

/* Make an element of the folder dir with these deps and provides. */
static void
element(
    const char *dir, const char *name, const char *deps, const char *provides)
{
	struct error e;
	own_free char *path = mem_printf("%s/%s/%s", root, dir, name);
	own_free char *d = path_join(path, "element-deps");
	own_free char *p = path_join(path, "element-provides");

	CHECK(file_mkdirs(AT_FDCWD, path, 0755, &e) == 0);
	if (deps != NULL)
		CHECK(file_replace(AT_FDCWD, d, 0644, deps, strlen(deps), &e) ==
		    0);
	if (provides != NULL)
		CHECK(file_replace(AT_FDCWD, p, 0644, provides,
			  strlen(provides), &e) == 0);
}

/* What a list expands to, or the error's text. */
static char *
expand(const char *dirs, const char *wanted)
{
	own(elements_clear) struct elements all = { 0 };
	own(strlist_clear) struct strlist names = { 0 }, folders = { 0 },
					  paths = { 0 }, out = { 0 };
	own_free struct element **chosen = NULL;
	own_free char *path = NULL;
	struct error e;
	size_t n;

	strlist_split(&folders, dirs, ":");
	for (size_t i = 0; i < folders.len; i++)
		strlist_take(&paths, path_join(root, folders.items[i]));
	path = strlist_join(&paths, ":");
	strlist_split(&names, wanted, " ");
	if (elements_index(&all, path, root, &e) == -1 ||
	    elements_resolve(&all, &names, true, &chosen, &n, &e) == -1)
		return mem_dup(e.text);
	for (size_t i = 0; i < n; i++)
		strlist_add(&out, chosen[i]->name);
	return strlist_join(&out, " ");
}

static void
expands_to(const char *dirs, const char *wanted, const char *want)
{
	own_free char *got = expand(dirs, wanted);

	CHECK_STR(got, want);
}

static void
make_trees(void)
{
	element("a", "os", NULL, "operating-system\n");
	element("a", "os2", NULL, "operating-system");
	element("a", "loop1", "loop2\n", NULL);
	element("a", "loop2", "  loop1 \n\n# a comment\nloop2\n", NULL);
	element("a", "virtual", "thing\n", NULL);
	element("a", "provider", "os\n", "thing\n");
	element("a", "leads-to-provider", "provider", NULL);
	element("a", "real", "below", NULL);
	element("a", "below", NULL, NULL);
	element("a", "stand-in", NULL, "real");
	element("a", "wants-real", "real", NULL);
	element("a", "z-first", "os", NULL);
	element("a", "a-last", "z-first", NULL);
	element("a", "leads-to-stand-in", "stand-in", NULL);
	element("a", "selfish", NULL, "selfish");
	element("b", "below", "os", NULL);
}

static void
check_expansion(void)
{
	expands_to("a", "os", "os");
	expands_to("a", "os a-last", "os z-first a-last");
	expands_to("a", "os loop1", "os loop1 loop2");
	/* The provider is found only after the name was first asked for. */
	expands_to("a", "virtual leads-to-provider",
	    "os provider leads-to-provider virtual");
	/* A real element gives way to its stand-in, what it pulled in stays. */
	expands_to("a", "os wants-real leads-to-stand-in",
	    "below os stand-in leads-to-stand-in wants-real");
	/* Given in time, it keeps the real one away altogether. */
	expands_to("a", "os wants-real stand-in", "os stand-in wants-real");
	expands_to(
	    "a", "os selfish", "selfish : already provided by [selfish]");
	/* Earlier folders win. */
	expands_to("b:a", "real os", "os below real");
	expands_to("a:b", "real os", "below os real");
}

static void
check_failures(void)
{
	expands_to("a", "os nowhere", "Element 'nowhere' not found");
	expands_to("a", "os virtual",
	    "Element 'thing' not found (wanted by element virtual)");
	expands_to("a", "os os2",
	    "operating-system: already provided by [os] (and by os2)");
	expands_to("a", "below", "Please include an operating system element");
	expands_to(
	    "a", "os stand-in real", "real : already provided by [stand-in]");
}

/* The order of the caller's names does not matter. */
static void
check_stability(void)
{
	expands_to("a", "a-last wants-real os",
	    "below os real wants-real "
	    "z-first a-last");
	expands_to("a", "os wants-real a-last",
	    "below os real wants-real "
	    "z-first a-last");
}

int
main(void)
{
	struct error e;

	if (mkdtemp(root) == NULL)
		return 1;
	make_trees();
	check_expansion();
	check_failures();
	check_stability();
	CHECK(tree_remove(AT_FDCWD, root, &e) == 0);
	return check_result();
}
