/* SPDX-License-Identifier: MIT */
/* troupe init: a folder with a game to begin with. */
#include "init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus/key.h"
#include "command.h"
#include "config/script.h"
#include "obs/text.h"
#include "paths.h"

#define TEMPLATE "conf/standalone.lua"
#define RULES "scripts/lua/meadow"
#define TYPES "scripts/lua/types/game.d.lua"
#define FILE_MAX_BYTES (1u << 20)

const char init_usage[] =
	"usage: troupe init NAME [--json]\n"
	"\n"
	"  troupe init mygame     makes the folder mygame: the sample game, yours to change\n"
	"\n"
	"In it are game.lua (the configuration), scripts (the rules of the game), a .gitignore, in data the host's\n"
	"key, and for editors with the Lua language server types/game.d.lua (what the rules' API is) and .luarc.json\n"
	"(where that is). Nothing that is there is overwritten.\n"
	"\n"
	"exit code: 0 done, 1 failed, 2 wrong usage\n";

struct init {
	const char *target; /* as it was named */
	const char *name;   /* its last part: the cluster's name */
	char folder[PATH_MAX]; /* where it is made until all is there */
	char source[PATH_MAX]; /* a file or folder that is copied */
	bool json;
};

static int fail(const struct init *init, int exit, const char *what, const char *path, const char *why)
{
	if (init->json) {
		struct text out;
		char error[PATH_MAX + 128];

		snprintf(error, sizeof(error), "%s %s: %s", what, path, why);
		text_init(&out, 65536);
		text_format(&out, "{\"version\":1,\"exit\":%d", exit);
		text_member(&out, "error", error);
		printf("%s}\n", out.bytes != NULL ? out.bytes : "{\"version\":1");
		text_clear(&out);
	} else {
		fprintf(stderr, "troupe init: %s %s: %s\n", what, path, why);
	}
	return exit;
}

/* A file or folder that belongs to the program, in its tree or installed. */
static void source_find(struct init *init, const char *name)
{
	if (paths_beside(name, init->source, sizeof(init->source)) < 0 || access(init->source, R_OK) != 0) {
		snprintf(init->source, sizeof(init->source), TROUPE_DATADIR "/%s", name);
	}
}

/* --- files ---------------------------------------------------------------------------------------- */

static int file_read(const char *path, struct text *ret_text)
{
	char bytes[16384];
	FILE *file = fopen(path, "re");
	size_t got;

	text_init(ret_text, FILE_MAX_BYTES);
	if (file == NULL) {
		return -errno;
	}
	while ((got = fread(bytes, 1, sizeof(bytes), file)) > 0) {
		text_add(ret_text, bytes, got);
	}
	int r = ferror(file) ? -EIO : ret_text->failed ? -EFBIG : 0;

	fclose(file);
	return r;
}

static int file_write(const struct init *init, const char *name, const char *bytes, size_t len)
{
	char path[PATH_MAX];
	FILE *file;
	int r = 0;

	if (snprintf(path, sizeof(path), "%s/%s", init->folder, name) >= (int)sizeof(path)) {
		return -ENAMETOOLONG;
	}
	file = fopen(path, "wxe");
	if (file == NULL) {
		return -errno;
	}
	if (fwrite(bytes, 1, len, file) != len) {
		r = -errno;
	}
	return fclose(file) != 0 && r == 0 ? -errno : r;
}

/* --- what is made --------------------------------------------------------------------------------- */

/* The sample's configuration with what is here another name. */
static int config_write(struct init *init)
{
	char cluster[128];
	const struct {
		const char *from, *to;
	} words[] = { { TEMPLATE, "game.lua" }, { "../" RULES, "scripts" }, { "cluster \"demo\"", cluster } };
	struct text text, out;
	int r;

	snprintf(cluster, sizeof(cluster), "cluster \"%s\"", init->name);
	source_find(init, TEMPLATE);
	r = file_read(init->source, &text);
	text_init(&out, FILE_MAX_BYTES);
	for (const char *p = text.bytes; r == 0 && *p != '\0';) {
		size_t i = 0;

		while (i < 3 && strncmp(p, words[i].from, strlen(words[i].from)) != 0) {
			i++;
		}
		if (i < 3) {
			text_put(&out, words[i].to);
			p += strlen(words[i].from);
		} else {
			text_add(&out, p++, 1);
		}
	}
	r = r == 0 && out.failed ? -ENOMEM : r;
	r = r == 0 ? file_write(init, "game.lua", out.bytes, out.len) : r;
	text_clear(&text);
	text_clear(&out);
	return r;
}

static int is_rule(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 4 && strcmp(entry->d_name + len - 4, ".lua") == 0;
}

/* rules_write: the Lua files of a folder of the program into `to`, which is made. */
static int rules_write(struct init *init, const char *from, const char *to, unsigned *ret_len)
{
	struct dirent **entries = NULL;
	char path[PATH_MAX + 300], name[300];
	int r = 0;

	source_find(init, from);
	snprintf(path, sizeof(path), "%s/%s", init->folder, to);
	if (mkdir(path, 0755) < 0) {
		return -errno;
	}
	int len = scandir(init->source, &entries, is_rule, alphasort);

	for (int i = 0; i < len; i++) {
		struct text text = { 0 };

		snprintf(path, sizeof(path), "%s/%s", init->source, entries[i]->d_name);
		snprintf(name, sizeof(name), "%s/%.255s", to, entries[i]->d_name);
		r = r == 0 ? file_read(path, &text) : r;
		r = r == 0 ? file_write(init, name, text.bytes != NULL ? text.bytes : "", text.len) : r;
		text_clear(&text);
		free(entries[i]);
	}
	free(entries);
	*ret_len = len > 0 ? (unsigned)len : 0;
	return r == 0 && len <= 0 ? -ENOENT : r;
}

/* types_write: what an editor with the Lua language server needs to know the rules' API. The configuration is left out: its name is
 * that of the module. */
static int types_write(struct init *init)
{
	static const char settings[] = "{\n"
				       "\t\"$schema\": \"https://raw.githubusercontent.com/LuaLS/vscode-lua/master/setting/schema.json\",\n"
				       "\t\"runtime.version\": \"Lua 5.4\",\n"
				       "\t\"runtime.builtin\": { \"io\": \"disable\", \"os\": \"disable\", \"package\": \"disable\", "
				       "\"debug\": \"disable\" },\n"
				       "\t\"workspace.library\": [\"types\"],\n"
				       "\t\"workspace.ignoreDir\": [\"/game.lua\", \"/secrets.lua\", \"/data\"],\n"
				       "\t\"workspace.checkThirdParty\": false\n"
				       "}\n";
	char path[PATH_MAX + 8];
	struct text text = { 0 };
	int r;

	source_find(init, TYPES);
	snprintf(path, sizeof(path), "%s/types", init->folder);
	if (mkdir(path, 0755) < 0) {
		return -errno;
	}
	r = file_read(init->source, &text);
	r = r == 0 ? file_write(init, "types/game.d.lua", text.bytes, text.len) : r;
	text_clear(&text);
	return r == 0 ? file_write(init, ".luarc.json", settings, sizeof(settings) - 1) : r;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st, (void)type, (void)walk;
	return remove(path);
}

static int init_fill(struct init *init, unsigned *ret_rules)
{
	static const char ignored[] = "# What the game keeps, and its keys\n/data/\n# Passwords of databases and the like\n"
				      "/secrets.lua\n";
	struct troupe_error error = { .size = sizeof(error) };
	char state[PATH_MAX + 8];
	unsigned tests = 0;
	int r = config_write(init);

	if (r < 0) {
		return fail(init, EXIT_FAILED, "cannot make game.lua from", init->source, strerror(-r));
	}
	r = rules_write(init, RULES, "scripts", ret_rules);
	r = r == 0 ? rules_write(init, RULES "/tests", "scripts/tests", &tests) : r;
	if (r < 0) {
		return fail(init, EXIT_FAILED, "cannot copy", init->source, strerror(-r));
	}
	r = types_write(init);
	if (r < 0) {
		return fail(init, EXIT_FAILED, "cannot copy", init->source, strerror(-r));
	}
	r = file_write(init, ".gitignore", ignored, sizeof(ignored) - 1);
	if (r < 0) {
		return fail(init, EXIT_FAILED, "cannot write", ".gitignore", strerror(-r));
	}
	snprintf(state, sizeof(state), "%s/data", init->folder);
	return key_ensure(state, "one", &error) < 0 ? fail(init, EXIT_FAILED, "cannot make the key in", state, error.text)
						    : EXIT_DONE;
}

static void init_say(const struct init *init, unsigned rules)
{
	const char *program = program_invocation_name;

	if (init->json) {
		struct text out;

		text_init(&out, 65536);
		text_put(&out, "{\"version\":1,\"exit\":0");
		text_member(&out, "folder", init->target);
		text_member(&out, "configuration", "game.lua");
		text_member_number(&out, "scripts", rules);
		printf("%s}\n", out.bytes != NULL ? out.bytes : "{\"version\":1");
		text_clear(&out);
		return;
	}
	printf("made %s: game.lua, scripts (%u files), types, .luarc.json, .gitignore, data/keys/one.key\n\n", init->target, rules);
	printf("next:  cd %s\n", init->target);
	printf("       %s check game.lua      look at it without starting anything\n", program);
	printf("       %s run game.lua        run it; Ctrl-C stops it\n", program);
	printf("       %s client --as NAME    play, in a second terminal\n", program);
	printf("       %s script test         try the rules without a server\n", program);
	printf("edit:  the rules in scripts; save, and see them change. Editors with the Lua language server know the API\n");
}

static int init_run(struct init *init)
{
	unsigned rules = 0;
	struct stat st;
	int exit;

	if (!script_is_name(init->name)) {
		return fail(init, EXIT_USAGE, "cannot name a game", init->name, "a name is made of a-z, 0-9 and _");
	}
	if (lstat(init->target, &st) == 0) {
		return fail(init, EXIT_FAILED, "cannot make", init->target, "it is there already, and nothing is overwritten");
	}
	/* It gets its name when it is whole. */
	if (snprintf(init->folder, sizeof(init->folder), "%.*s.%s.XXXXXX", (int)(init->name - init->target), init->target,
		     init->name) >= (int)sizeof(init->folder) - 300 ||
	    mkdtemp(init->folder) == NULL) {
		return fail(init, EXIT_FAILED, "cannot make", init->target, strerror(errno));
	}
	chmod(init->folder, 0755);
	exit = init_fill(init, &rules);
	if (exit == EXIT_DONE && rename(init->folder, init->target) < 0) {
		exit = fail(init, EXIT_FAILED, "cannot make", init->target, strerror(errno));
	}
	if (exit != EXIT_DONE) {
		nftw(init->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
		return exit;
	}
	init_say(init, rules);
	return EXIT_DONE;
}

int init_main(int argc, char **argv)
{
	static const char *const known[] = { "--json", "--help", NULL };
	struct init init = { 0 };

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0) {
			init.json = true;
		} else if (argv[i][0] == '-' || init.target != NULL) {
			return command_unknown("init", argv[i], known);
		} else {
			init.target = argv[i];
		}
	}
	if (init.target == NULL) {
		fputs("troupe init: which name? For example: troupe init mygame\n", stderr);
		return EXIT_USAGE;
	}
	for (size_t len = strlen(init.target); len > 1 && init.target[len - 1] == '/'; len--) {
		((char *)(uintptr_t)init.target)[len - 1] = '\0'; /* of argv, which is ours to write */
	}
	const char *slash = strrchr(init.target, '/');

	init.name = slash != NULL ? slash + 1 : init.target;
	return init_run(&init);
}
