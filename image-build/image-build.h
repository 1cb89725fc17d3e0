/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of image-build share.
 *
 * A build goes: settings and elements are loaded; the elements are resolved
 * into a list; their files are merged into a hooks tree; the phases run their
 * scripts on the host or in the target tree; the tree becomes file systems in
 * a disk, the disk becomes the formats asked for.
 */
#ifndef IMAGE_BUILD_H
#define IMAGE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "image-build/layout.h"
#include "lib/strlist.h"

struct doc;
struct error;
struct strbuf;
struct value;
struct elements;
struct origins;

/* ---- verbs: each returns the exit status ------------------------------- */

int image_create(int argc, char **argv, struct error *e);
int element_info(int argc, char **argv, struct error *e);
int image_pack(int argc, char **argv, struct error *e);
int image_verify(int argc, char **argv, struct error *e);
int image_compare(int argc, char **argv, struct error *e);
int cache_verb(int argc, char **argv, struct error *e);
int lint_verb(int argc, char **argv, struct error *e);
int new_verb(int argc, char **argv, struct error *e);
int project_verb(int argc, char **argv, struct error *e);
int doctor(int argc, char **argv, struct error *e);

/* ---- settings.c: what the caller asks for -------------------------------- */

struct settings {
	const char *program; /* the name we were called by */
	bool compat; /* that name was disk-image-create or a kin */
	bool ramdisk; /* ... ramdisk-image-create */
	const char *arch; /* Debian's name: amd64, arm64, ... */
	const char *name; /* output path without its ending */
	const char *types; /* as given: "qcow2,raw" */
	struct strlist formats;
	struct strlist packages;
	struct strlist budgets; /* as given: budget.c */
	struct strlist elements; /* named by the caller, with defaults added */
	const char *elements_path; /* ELEMENTS_PATH, our own appended */
	const char *data; /* folder of our elements' parent */
	const char *bin; /* folder of this program */
	const char *shell; /* folder of the libraries that scripts source */
	const char *cache; /* DIB_IMAGE_CACHE */
	const char *locks; /* DIB_LOCKFILES */
	const char *tmp; /* TMP_DIR */
	const char *install_type; /* NULL: elements may say, else source */
	const char *image_size; /* GiB, a decimal number, or NULL */
	const char *extra_size; /* MB, or NULL */
	const char *journal_size; /* MiB */
	const char *root_label; /* or NULL */
	const char *root_type; /* FS_TYPE */
	const char *mkfs_options; /* or NULL */
	const char *qemu_options; /* or NULL */
	const char *logfile;
	const char *max_resize; /* blocks, or NULL */
	const char *ramdisk_element;
	const char *docker_target; /* REPOSITORY:TAG, or NULL */
	const char *sign; /* a private key for manifest and contents, or NULL */
	const char *image_version, *expires; /* of the contents, or NULL */
	unsigned trace;
	unsigned min_tmpfs; /* GiB */
	bool no_base, no_tmpfs, no_cache, why, offline, uncompressed, checksum,
	    clear, lock, locked, dry_run;
	bool quiet, verbose;
	int64_t epoch; /* SOURCE_DATE_EPOCH, or -1 */
	char *args; /* the command line as one string (DIB_ARGS) */
	struct strlist owned; /* strings that the pointers above borrow */
};

/* Fill what the command line left out from the environment and defaults. */
int settings_complete(struct settings *s, struct error *e);

/* Only the folder of the image cache. */
void settings_cache(struct settings *s);
void settings_clear(struct settings *s);

/*
 * A virtual machine wants a disk layout.  When the caller names none, the
 * one that stands beside the element vm is taken, else diskimage-builder's.
 */
void settings_add_layout(struct settings *s, const struct elements *all);

/* ---- elements.c: which elements, in which order -------------------------- */

struct builtin;

struct element {
	char *name;
	char *path; /* absolute and real; NULL: built in, without files */
	const struct builtin *builtin;
	unsigned rank; /* of its folder in the search path */
	struct strlist deps, provides;
	bool loaded; /* deps and provides were read */
};

struct elements {
	struct element *items; /* sorted by name */
	size_t len, cap;
	struct strlist path; /* the folders searched, first wins */
	struct strlist overridden; /* "Element A overrides B", for the log */
};

/*
 * List every element below the colon-separated search path, and those that
 * are part of this program, whose files are below the data folder.
 */
int elements_index(
    struct elements *all, const char *path, const char *data, struct error *e);

/* By name, or NULL. */
struct element *elements_find(const struct elements *all, const char *name);

/*
 * Add the names that an element depends on and those that it provides; either
 * list may be NULL.
 */
int elements_names(const struct element *el, struct strlist *deps,
    struct strlist *provides, struct error *e);

/*
 * Expand the names wanted by dependencies, provides and the rules of the
 * element contract.  chosen receives the elements: each after those that it
 * depends on, those that are free to come sorted by name.  need_os: one must
 * provide operating-system.
 */
int elements_resolve(const struct elements *all, const struct strlist *wanted,
    bool need_os, struct element ***chosen, size_t *n, struct error *e);
void elements_clear(struct elements *all);

/* ---- hint.c ---------------------------------------------------------------- */

/*
 * What may have been meant by a name that no element has: "; did you mean
 * 'web'?", or "".
 */
char *hint_for(const struct elements *all, const char *name);

/* ---- builtin.c, builtin-*.c: elements that are part of this program ------ */

struct build;
struct step;

struct native_step {
	const char *phase; /* "install" */
	const char *name; /* place among the scripts: "01-package-installs" */
	int (*run)(struct build *b, const struct step *s, struct error *e);
	/*
	 * All that the step's effect depends on beside the tree, as text;
	 * empty: it has nothing to do.  Without it the step runs every time,
	 * and the steps after it depend on what it leaves.
	 */
	int (*inputs)(struct build *b, const struct step *s,
	    struct strbuf *text, struct error *e);
};

/*
 * Files that an element brings besides, for the hooks tree, are in
 * elements/NAME or image-build/builtin/NAME of the data folder.
 */
struct builtin {
	const char *name, *summary;
	const char *deps; /* blanks between */
	const struct native_step *steps; /* ends at name NULL; or NULL */
};

extern const struct builtin *const builtins[]; /* ends with NULL */
extern const struct builtin builtin_dib_init_system, builtin_directory,
    builtin_element_manifest, builtin_image, builtin_install_bin,
    builtin_install_static, builtin_install_types, builtin_manifests,
    builtin_oci, builtin_package_installs, builtin_pkg_map,
    builtin_source_repositories, builtin_svc_map, builtin_tarball;

/* Whether a variable's name says that its value is nobody's business. */
bool manifest_is_secret(const char *name);

/* ---- packages.c, services.c: the package and service maps ------------------ */

struct package {
	char *name, *element;
};

struct package_list {
	struct package *items;
	size_t len, cap;
};

enum package_phase {
	PACKAGES_PRE,
	PACKAGES_INSTALL,
	PACKAGES_POST,
	PACKAGES_N
};

struct package_plan {
	struct package_list install[PACKAGES_N], uninstall[PACKAGES_N];
};

/* ---- build.c: one build -------------------------------------------------- */

struct build {
	const struct settings *settings;
	const struct elements *all;
	struct element **chosen;
	size_t nchosen;
	struct layout layout;
	char *layout_yaml; /* the description */
	char *layout_text; /* ... and the defaults it had */
	char *place; /* where all builds mount their work */
	char *dir; /* a scratch folder of this build */
	int place_lock, dir_lock; /* descriptors, or 0 */
	char *work; /* TMP_BUILD_DIR, the same in every build */
	struct snapshots *snapshots; /* NULL: built without */
	char *jail; /* where the target is mounted to become the root */
	char *cgroup, *inner; /* of its scripts, or NULL: devices.c */
	char *image_dir; /* TMP_IMAGE_DIR */
	char *hooks; /* TMP_HOOKS_PATH */
	char *tree; /* TMP_MOUNT_PATH, the target's root */
	char *seed; /* hexadecimal: UUIDs and the like are made from it */
	bool rooted; /* root.d is done: steps find the target's mounts */
	bool entered; /* the target has its mounts */
	struct strlist made; /* in its /dev, for the time being */
	struct watch *watch; /* of the step in hand, or NULL */
	int fan; /* watch.c's listener; 0: not yet, -1: none can be had */
	unsigned steps_run, steps_found; /* found: taken from snapshots */
	struct strlist env; /* what every script starts with */
	struct strlist phase_env; /* with environment.d, in this phase */
	struct strlist origins; /* "install.d/10-x<tab>element" */
	struct package_plan packages; /* from extra-data on */
	struct pins *pins; /* --lock or --locked, else NULL */
	struct report *report;
	const struct origins *written; /* by whom; NULL: by no step */
	char *contents; /* what the image holds, as text; or NULL */
	char *contents_id; /* the same image's, or NULL */
};

/*
 * Do all of it, in namespaces of its own; the products' paths are printed on
 * standard output.  Returns the exit status for main, or -1.
 */
int build_run(struct build *b, struct error *e);

/* Choose and parse the block-device description of the chosen elements. */
int build_layout(struct build *b, struct error *e);
void build_clear(struct build *b);

/* ---- work.c: where a build works ------------------------------------------ */

/* Make the folders, and take away what killed builds left. */
int work_begin(struct build *b, struct error *e);
void work_end(struct build *b);

/* In the namespace: mount the place, and set the build's paths. */
int work_enter(struct build *b, struct error *e);

/* ---- products.c ------------------------------------------------------------- */

/*
 * Whether the files that the last build made are those that this one would
 * make; then their paths are added.
 */
bool products_current(const struct build *b, struct strlist *paths);
int products_remember(
    const struct build *b, const struct strlist *paths, struct error *e);

/* ---- plan.c -------------------------------------------------------------- */

/* Print what would be done, on standard output. */
int plan_print(const struct build *b, struct error *e);

/* ---- hooks.c: all elements' files in one tree ----------------------------- */

/* A folder of the hooks tree with programs that only the target uses. */
#define TARGET_BIN ".ingot-bin"

/* Make b->hooks and fill it; b->origins learns where each script is from. */
int hooks_merge(struct build *b, struct error *e);

/* The element that phase.d/name came from, or "?". */
const char *
hooks_origin(const struct build *b, const char *phase, const char *name);

/* ---- environment.c: what scripts see -------------------------------------- */

/* Fill b->env for the host's phases. */
void environment_init(struct build *b);

/* The same for the chroot: as sudo -E passes it on.  env is added to. */
void environment_chroot(const struct strlist *from, struct strlist *env);

/* ---- fetch.c --------------------------------------------------------------- */

/*
 * Make path what the URL has (http, https, file://, or a path): fetched again
 * only if it is newer there; offline, what is cached must do.
 */
int fetch_file(
    const struct build *b, const char *url, const char *path, struct error *e);

/* ---- steps.c: a phase and its scripts ------------------------------------- */

struct step {
	const char *phase; /* "install", borrowed */
	char *name; /* "10-foo" */
	char *element;
	const struct native_step *native; /* NULL for a script */
};

struct phase {
	const char *name;
	bool chroot;
};

extern const struct phase phases[]; /* in order; ends at name NULL */

/* Run one phase: its environment, its steps. */
int steps_run(struct build *b, const struct phase *p, struct error *e);

/* ---- step.c: one of them ---------------------------------------------------- */

/* Where a target's scripts see the hooks tree. */
#define IN_TARGET "/tmp/in_target.d"

/* Run a step, or use what it left in an earlier build. */
int step_do(struct build *b, const struct phase *p, const struct step *s,
    struct error *e);

/* The tree as it is now, with its mounts, for what is no step. */
int step_begin(struct build *b, bool chroot, struct error *e);
int step_end(struct build *b, bool chroot, struct error *e);

/* Run a program in the target with the phase's environment. */
int step_in_target(
    struct build *b, const char *speaker, char *const *argv, struct error *e);

/*
 * What a program of the target prints when it is run there between steps,
 * kept from the host as a script is; its exit status says nothing.
 */
int step_ask(
    struct build *b, char *const *argv, struct strbuf *out, struct error *e);

/* A program of an element, and the last lines of its output for the error. */
struct speaker {
	const char *name;
	struct strbuf *tail;
	struct watch *watch;
	const struct build *jail; /* it runs in this build's target, or NULL */
	bool device; /* it named a device for the image */
};
void step_speak(void *ctx, int stream, const char *line, size_t len);

/* For struct proc: in the child, put it where it runs. */
int step_prepare(void *ctx);

/* Put them into the error.  element may be NULL. */
int step_failed(const struct speaker *s, const char *element, struct error *e);

/* ---- enter.c: namespaces and mounts --------------------------------------- */

/* From now on a signal to end takes effect in enter_run alone. */
void enter_catch_signals(void);

/*
 * Run act in a child with private mount, PID, IPC and UTS namespaces, so that
 * nothing it mounts or starts outlives it.  dir is a scratch folder; NULL: no
 * namespaces, for what starts no script.  A signal that ends this process ends
 * the child first.  Returns the child's exit status, or -1.
 */
int
enter_run(int (*act)(void *ctx), void *ctx, const char *dir, struct error *e);

/*
 * End what a step left running: it would go on writing behind the next one's
 * back.
 */
void enter_end_leftovers(void);

/* Put the build folder on a tmpfs of the given size in bytes. */
int enter_tmpfs(const char *dir, uint64_t bytes, struct error *e);

/* proc, sys (read-only), dev, devpts and the hooks tree in the target. */
int enter_mount(struct build *b, struct error *e);

/* Take away everything mounted below the target. */
int enter_unmount(struct build *b, struct error *e);

/* The folders that a target is entered by, where they are missing. */
int enter_make_places(const struct build *b, struct error *e);

/*
 * For one step: the hooks tree as a mount of its own, in the target (chroot)
 * read-only at /tmp/in_target.d, else in its place.
 */
int enter_hooks(const struct build *b, bool chroot, struct error *e);
int enter_unhook(const struct build *b, bool chroot, struct error *e);

/* Where a step sees it, as a path of the host; the caller's. */
char *enter_hooks_place(const struct build *b, bool chroot, struct error *e);

/* ---- jail.c: what scripts of the target cannot do to the host --------------- */

/*
 * Around programs of the target: what they mount there is mounted in b->tree
 * as well, for those that come after.
 */
int jail_open(struct build *b, struct error *e);
void jail_close(struct build *b);

/*
 * In the child, before exec: the target becomes the root, in a mount namespace
 * that has nothing of the host's, and capabilities that no element needs are
 * dropped.  *ns becomes a descriptor of that namespace, or -1: there is none.
 * Returns 0, or an errno.
 */
int jail_enter(const struct build *b, int *ns);

/*
 * The target's /proc and /dev are mounted: what sets the kernel there is
 * read-only, and where the host has which mounts is not told.
 */
int jail_seal(const struct build *b, struct error *e);

/* ---- devices.c: what its scripts cannot open -------------------------------- */

/*
 * A cgroup, by its folder, below which no device can be opened but /dev/null
 * and its like; the caller's, for cgroup_remove.  NULL where the kernel or its
 * host offers none.
 */
char *devices_close(void);

/* Around a program: its own below that, as b->inner, which may be NULL. */
int devices_enter(struct build *b, struct error *e);
void devices_leave(struct build *b);

/* ---- finish.c: what the target is left like -------------------------------- */

/* /etc/resolv.conf: the host's while building, the image's own after. */
int finish_borrow_resolver(struct build *b, struct error *e);
int finish_tree(struct build *b, struct error *e);

/* ---- packages.c, services.c ---------------------------------------------- */

/*
 * Read every chosen element's package-installs files.  env decides arch,
 * install types and conditions.
 */
int packages_plan(const struct build *b, const struct strlist *env,
    struct package_plan *plan, struct error *e);
void packages_clear(struct package_plan *plan);
void packages_list_clear(struct package_list *l);

/*
 * Add what the old-form lists of a phase name: all that they install at its
 * start, or all that they remove at its end.
 */
int packages_lists(const struct build *b, const char *phase, bool removal,
    struct package_list *packages, struct error *e);

/* Map names through the elements' pkg-map files; adds to names, no repeats. */
int packages_map(const struct build *b, const struct strlist *env,
    const struct package_list *list, struct strlist *names, struct error *e);

/* Whether what was read from path is a pkg-map: 0 or -1. */
int
packages_map_check(const struct value *map, const char *path, struct error *e);

/* A pkg-map file, or NULL: it is none. */
const struct value *
packages_map_load(struct doc *d, const char *path, struct error *e);

/* Its names of one release of a distribution, or NULL: 8-stream's are 8's. */
const struct value *packages_release_names(
    const struct value *map, const char *distro, const char *release);

/* What a parsed pkg-map says of a name, blanks between; NULL: nothing. */
const char *packages_map_value(const struct value *map, const char *name,
    const char *distro, const char *release);

/* One name of an element through a parsed pkg-map; adds its words. */
void packages_map_name(const struct value *map, const char *name,
    const char *distro, const char *release, struct strlist *names);

/* The merged svc-map as YAML text, "service: name" lines. */
int services_map(const struct build *b, const char *distro, struct strbuf *text,
    struct error *e);

/* The family of a distribution ("debian"), or NULL. */
const char *packages_family(const char *distro);

/* How many packages the target's dpkg knows as installed; 0 without dpkg. */
unsigned packages_count(const char *tree);

/* ---- report.c: where the time went --------------------------------------------- */

struct report;

struct report *report_new(void);
void report_free(struct report *r);
void report_step(struct report *r, const char *phase, const char *name,
    const char *element, double seconds);

/* Seconds of a part of the build that is no script: "write ext4". */
void report_part(struct report *r, const char *name, double seconds);

/* A table by phase, with the slowest steps, to the log. */
void report_print(const struct report *r);

/* The table that dib-run-parts prints after a phase. */
void report_profile(const struct report *r, const char *phase);

/* NAME.build.json: all of it for programs; NAME.html: for people. */
int report_write(const struct report *r, const struct build *b,
    const struct strlist *products, struct error *e);

/*
 * Seconds since the build began, or those of one element's steps; and of the
 * last step.
 */
double report_seconds(const struct report *r, const char *element);
double report_last(const struct report *r);

#endif
