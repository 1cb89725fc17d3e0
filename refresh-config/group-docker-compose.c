/* SPDX-License-Identifier: Apache-2.0 */
/* docker-compose: the config is a compose file; one project per deployment. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/doc.h"
#include "lib/error.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/mem.h"
#include "lib/own.h"
#include "lib/path.h"
#include "lib/proc.h"
#include "lib/yaml.h"
#include "refresh-config/deploy.h"

#define FILE_NAME "docker-compose.yml"

static char *
folder_of(const char *root)
{
	return group_path(root, "HEAT_DOCKER_COMPOSE_WORKING",
	    "/var/lib/heat-config/heat-config-docker-compose");
}

static const char *
command(void)
{
	return group_command("HEAT_DOCKER_COMPOSE_CMD", "docker-compose");
}

/* ---- files of environment variables ------------------------------------ */

/* The content that the input "env_files" has for a file, or NULL. */
static const char *
content_of(const struct value *files, const char *name)
{
	for (uint32_t i = 0;
	     files != NULL && files->kind == VALUE_LIST && i < files->len; i++)
		if (strcmp(value_text(files->items[i], "file_name", ""),
			name) == 0)
			return value_text(files->items[i], "content", "");
	return NULL;
}

static int
write_file(const struct deploy *d, const struct value *files,
    const struct value *name, struct error *e)
{
	const char *text =
	    name->kind == VALUE_STRING ? content_of(files, name->text) : NULL;
	own_free char *path = NULL;

	if (text == NULL)
		return 0;
	if (!path_is_inside(name->text))
		return error_set(e, EINVAL,
		    "env_file: %s: not inside the project", name->text);
	path = path_join(d->working, name->text);
	return group_replace(path, 0600, text, e);
}

static int
write_files_of(const struct deploy *d, const struct value *files,
    const struct value *service, struct error *e)
{
	const struct value *names = value_get(service, "env_file");

	if (names == NULL)
		return 0;
	if (names->kind != VALUE_LIST)
		return write_file(d, files, names, e);
	for (uint32_t i = 0; i < names->len; i++)
		if (write_file(d, files, names->items[i], e) == -1)
			return -1;
	return 0;
}

/* A list, or the text of one, in JSON or as Python prints it. */
static const struct value *
read_files(const struct deploy *d, struct error *e)
{
	const struct value *v = item_input(&d->item, "env_files");

	if (v == NULL || v->kind != VALUE_STRING)
		return v == NULL ? value_null(d->item.d) : v;
	return yaml_parse(d->item.d, v->text, v->len, "env_files", e);
}

/* Services stand at the top of a file of version 1, else in "services". */
static int
write_files(const struct deploy *d, struct error *e)
{
	const struct value *config = group_config_map(d, e);
	const struct value *services = value_get(config, "services");
	const struct value *files = read_files(d, e);

	if (config == NULL || files == NULL)
		return -1;
	if (services == NULL || services->kind != VALUE_MAP)
		services = config;
	for (uint32_t i = 0; i < services->len; i++)
		if (write_files_of(
			d, files, value_member(services, i).value, e) == -1)
			return -1;
	return 0;
}

/* ---- a project --------------------------------------------------------- */

static int
up(struct deploy *d, const char *text, struct error *e)
{
	own_free char *file = path_join(d->working, FILE_NAME);
	own(strlist_clear) struct strlist argv = { 0 };

	if (group_replace(file, 0600, text, e) == -1 || write_files(d, e) == -1)
		return -1;
	strlist_add(&argv, command());
	strlist_split(&argv, "up -d --no-build", " ");
	return group_exec(d, &argv, e);
}

static int
run(struct deploy *d, struct error *e)
{
	own_free char *folder = folder_of(d->root);
	own_free char *text = group_config_text(d);

	if (strcmp(item_text(&d->item, "deploy_action", ""), "DELETE") == 0 ||
	    *text == '\0')
		return 0;
	if (!path_is_name(d->item.name))
		return error_set(
		    e, EINVAL, "name: \"%s\": not a name", d->item.name);
	d->working = path_join(folder, d->item.name);
	if (file_mkdirs(AT_FDCWD, d->working, 0700, e) == -1)
		return -1;
	return up(d, text, e);
}

/* ---- those that are gone ----------------------------------------------- */

static bool
is_listed(const struct value *list, const char *name)
{
	for (uint32_t i = 0; i < list->len; i++)
		if (strcmp(value_text(list->items[i], "name", ""), name) == 0)
			return true;
	return false;
}

static void
stop_project(const char *folder, const char *name)
{
	own_free char *project = path_join(folder, name);
	own_free char *file = path_join(project, FILE_NAME);
	own(strlist_clear) struct strlist argv = { 0 };
	struct proc p = { .cwd = project, .data = proc_pass_on };
	struct proc_status status;
	struct error e;

	strlist_add(&argv, command());
	strlist_add(&argv, "kill");
	p.argv = strlist_argv(&argv);
	log_info("docker-compose: stopping %s", name);
	if (proc_run(&p, &status, &e) == -1 || proc_check(&status, &e) == -1)
		log_warn("docker-compose: %s: %s", name, e.text);
	else if (unlink(file) == -1)
		log_warn("%s: %s", file, strerror(errno));
}

/*
 * The compose files of those that are there, for hooks which expect to find
 * them as heat-agents' own does.
 */
static int
write_projects(const struct value *list, const char *folder, struct error *e)
{
	for (uint32_t i = 0; i < list->len; i++) {
		const struct value *v = list->items[i];
		const char *name = value_text(v, "name", "");
		own_free char *text = group_text(value_get(v, "config"));
		own_free char *file =
		    mem_printf("%s/%s/" FILE_NAME, folder, name);

		if (strcmp(value_text(v, "group", ""), "docker-compose") == 0 &&
		    path_is_name(name) &&
		    group_replace(file, 0600, text, e) == -1)
			return -1;
	}
	return 0;
}

static int
sweep(const struct value *list, const char *root, struct error *e)
{
	own_free char *folder = folder_of(root);
	own_dir DIR *dir = opendir(folder);
	struct dirent *entry;

	if (dir == NULL && errno != ENOENT)
		return error_errno(e, "%s", folder);
	if (write_projects(list, folder, e) == -1)
		return -1;
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		own_free char *project = path_join(folder, entry->d_name);
		own_free char *file = path_join(project, FILE_NAME);

		if (entry->d_name[0] != '.' && file_exists(AT_FDCWD, file) &&
		    !is_listed(list, entry->d_name))
			stop_project(folder, entry->d_name);
	}
	return 0;
}

const struct group group_docker_compose = {
	.name = "docker-compose",
	.summary = "bring the config up as a project of containers",
	.run = run,
	.sweep = sweep,
};
