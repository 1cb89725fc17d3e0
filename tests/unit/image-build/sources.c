/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of source-repository-* files and the variables that change them. */
#include "image-build/sources.h"

#include "lib/error.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/strlist.h"
#include "tests/unit/check.h"

/* "name type dest location ref" of a line, "-" for what it has not. */
static char *
line_of(const char *text, const char *variables)
{
	own(strlist_clear) struct strlist words = { 0 }, env = { 0 };
	struct source_line l;
	struct error e;

	strlist_split(&words, text, " ");
	strlist_split(&env, variables, " ");
	if (source_line_read(&l, words.items, words.len, &env, &e) == -1)
		return mem_dup(e.text);
	return mem_printf("%s %s %s %s %s", l.name, l.type,
	    l.dest ? l.dest : "-", l.location ? l.location : "-",
	    l.ref ? l.ref : "-");
}

static char *
from(const char *location, const char *variables)
{
	own(strlist_clear) struct strlist env = { 0 };
	const struct source_line l = { .name = "my-x", .location = location };

	strlist_split(&env, variables, " ");
	return source_rebased(&l, &env);
}

static void
is(const char *line, const char *variables, const char *want)
{
	own_free char *got = line_of(line, variables);

	CHECK_STR(got, want);
}

static void
is_from(const char *location, const char *variables, const char *want)
{
	own_free char *got = from(location, variables);

	CHECK_STR(got, want);
}

int
main(void)
{
	is("x git /opt/x there", "", "x git /opt/x there -");
	is("x tar /opt/x there *", "", "x tar /opt/x there *");
	is("x package", "", "x package - - -");
	is("x package /opt/x", "", "x package /opt/x - -");
	is("x git", "", "x: wants NAME TYPE DEST LOCATION [REF]");
	is("x git /opt/x", "", "x: wants NAME TYPE DEST LOCATION [REF]");
	is("x git /opt/x", "DIB_REPOLOCATION_x=there", "x git /opt/x there -");
	is("x package /opt/x there", "DIB_REPOTYPE_x=file",
	    "x file /opt/x there -");
	is("x", "", "\"x ...\": wants NAME TYPE DEST LOCATION [REF]");
	is("x git opt/x there", "",
	    "\"x ...\": wants NAME TYPE DEST LOCATION [REF]");
	is("x git /opt/x there a b", "",
	    "\"x ...\": wants NAME TYPE DEST LOCATION [REF]");
	is("x git /../x there", "", "x: not a name or a path");
	is("a/b git /x there", "", "a/b: not a name or a path");
	is("a-b.c git /x there old",
	    "DIB_REPOTYPE_a_b_c=tar DIB_REPOLOCATION_a_b_c=here "
	    "DIB_REPOREF_a_b_c=new",
	    "a-b.c tar /x here new");
	is("x git /x there old",
	    "DIB_REPOTYPE_x= DIB_REPOLOCATION_x= DIB_REPOREF_x=",
	    "x git /x there old");

	is_from("https://a.example/b/c.git", "", "https://a.example/b/c.git");
	is_from("https://a.example/b/c.git",
	    "DIB_GITREPOBASE=", "https://a.example/b/c.git");
	is_from("https://a.example/b/c.git", "DIB_GITREPOBASE=http://m.example",
	    "http://m.example/b/c.git");
	is_from("https://me@a.example/b", "DIB_GITREPOBASE=http://m.example//",
	    "http://m.example/b");
	is_from("https://a.example/~me/b", "DIB_GITREPOBASE=/srv/", "/srv/b");
	is_from("/srv/b", "DIB_GITREPOBASE=http://m.example/", "/srv/b");
	is_from("https://a.example", "DIB_GITREPOBASE=http://m.example/",
	    "https://a.example");
	is_from("https://a.example/b",
	    "DIB_GITREPOBASE=http://m.example/ DIB_REPOLOCATION_my_x=c",
	    "https://a.example/b");
	return check_result();
}
