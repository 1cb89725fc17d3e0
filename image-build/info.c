/* SPDX-License-Identifier: Apache-2.0 */
/* element-info: which elements a list expands to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "image-build/image-build.h"
#include "lib/error.h"
#include "lib/options.h"
#include "lib/own.h"
#include "lib/strbuf.h"

static bool env;

static const struct option_def defs[] = {
	{ 'e', "env", NULL, OPTION_FLAG, &env, NULL,
	    "print definitions for bash" },
	{ 0, NULL, NULL, OPTION_FLAG, NULL, NULL, NULL },
};

static const struct options command = {
	.program = "element-info",
	.operands = "ELEMENT...",
	.summary = "Say which elements the given ones expand to.",
	.defs = defs,
};

static void
print_env(const struct build *b)
{
	printf("export IMAGE_ELEMENT='%s'\n",
	    strlist_env_get(&b->env, "IMAGE_ELEMENT"));
	printf("export IMAGE_ELEMENT_YAML='%s'\n",
	    strlist_env_get(&b->env, "IMAGE_ELEMENT_YAML"));
	printf("function get_image_element_array %s;\n"
	       "export -f get_image_element_array;\n",
	    strlist_env_get(&b->env, "BASH_FUNC_get_image_element_array%%"));
}

static int
print_info(struct settings *s, struct error *e)
{
	own(elements_clear) struct elements all = { 0 };
	own(build_clear) struct build b = { .settings = s };

	/* What disk-image-create adds by itself is no part of the question. */
	unsetenv("IMAGE_ELEMENT");
	s->no_base = true;
	if (settings_complete(s, e) == -1 ||
	    elements_index(&all, s->elements_path, s->data, e) == -1)
		return -1;
	if (elements_resolve(
		&all, &s->elements, true, &b.chosen, &b.nchosen, e) == -1)
		return -1;
	if (env) {
		environment_init(&b);
		print_env(&b);
		return 0;
	}
	for (size_t i = 0; i < b.nchosen; i++)
		printf("%s%s", i > 0 ? " " : "", b.chosen[i]->name);
	printf("\n");
	return 0;
}

int
element_info(int argc, char **argv, struct error *e)
{
	own(settings_clear) struct settings s = { 0 };
	int first = options_parse(&command, argc, argv, e);

	if (first < 0)
		return first == OPTIONS_SHOWN ? 0 : 2;
	for (int i = first; i < argc; i++)
		strlist_split(&s.elements, argv[i], " \t\n");
	if (s.elements.len == 0) {
		error_set(e, EINVAL, "no elements are named");
		return 2;
	}
	return print_info(&s, e) == -1 ? 1 : 0;
}
