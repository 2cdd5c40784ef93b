/* SPDX-License-Identifier: MIT */
/* troupe run, troupe demo: a host from a configuration until it is told to stop. */
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"
#include "config/diag.h"
#include "config/load.h"
#include "control/control.h"
#include "control/isolate.h"
#include "control/service.h"
#include "core/core.h"
#include "obs/log.h"
#include "obs/obs.h"
#include "obs/ship.h"
#include "paths.h"

#define RUN_SETS_MAX 64u
#define RUN_RELOADS_MAX 1000u /* configurations that are kept for instances that may still use them */
#define RUN_WORDS_MAX (2 * RUN_SETS_MAX + 8)
#define GREETING_MS 50u
#define GREETING_TRIES 200u

const char run_usage[] =
	"usage: troupe run CONFIG [--host NAME] [--state DIR] [--set OWNER.OPTION=VALUE]...\n"
	"\n"
	"  troupe run conf/standalone.lua                the whole game in this process\n"
	"  troupe run game.lua --host front              only what host \"front\" runs\n"
	"  troupe run game.lua --set host.metrics=0 --set base/echo.greeting=hello\n"
	"\n"
	"Runs in the foreground. SIGTERM and Ctrl-C finish what is begun and stop, a second one stops at once;\n"
	"SIGHUP reads the configuration again and applies what may change while running.\n"
	"\n"
	"  --host NAME   which host of the configuration this is; needed when it has several\n"
	"  --state DIR   the folder for data, instead of the cluster's (also: TROUPE_STATE)\n"
	"  --isolate INSTANCE  run only that instance, one with `isolate`; its host does this\n"
	"  --log FORM    text or json; without it text on a terminal, JSON lines elsewhere\n"
	"  --set ...     one option, in front of what the file says; `cluster`, `host` or an instance owns it\n"
	"\n"
	"exit code: 0 stopped as told, 1 failed, 2 wrong usage, 3 configuration invalid\n";

const char demo_usage[] = "usage: troupe demo [--state DIR] [--set OWNER.OPTION=VALUE]...\n"
			  "\n"
			  "  troupe demo\n"
			  "\n"
			  "Runs the small game that comes with the program, on loopback, and says how to play it.\n"
			  "\n"
			  "exit code: as troupe run\n";

struct run {
	struct config_request request;
	const char *sets[RUN_SETS_MAX];
	char path[PATH_MAX];
	struct core *core;
	enum log_form log_form;
	char log_name[128];
	struct obs *obs;
	struct ship *ship;
	struct control *control;
	int lock; /* descriptor: config->run is this process's */
	struct service *service;
	struct isolate *isolate;
	char *words[RUN_WORDS_MAX + 1]; /* that start the process of an isolated instance */
	struct reload_source source;
	struct config *configs[RUN_RELOADS_MAX]; /* the first one and those of reloads */
	uint32_t configs_len;
	struct loop_task begin;
	struct loop_timer look;
	unsigned looks;
};

static int run_arguments(struct run *run, int argc, char **argv)
{
	static const char *const known[] = { "--host", "--state", "--set", "--log", "--isolate", "--help", NULL };
	struct config_request *request = &run->request;
	const char *value;
	int i = 1, r;

	request->sets = run->sets;
	request->state = getenv("TROUPE_STATE");
	while (i < argc) {
		if ((r = command_option(argc, argv, &i, "host", &request->host)) != 0 ||
		    (r = command_option(argc, argv, &i, "isolate", &request->isolate)) != 0 ||
		    (r = command_option(argc, argv, &i, "state", &request->state)) != 0) {
			if (r < 0) {
				return EXIT_USAGE;
			}
		} else if ((r = command_option(argc, argv, &i, "log", &value)) != 0) {
			if (r > 0 && strcmp(value, "text") != 0 && strcmp(value, "json") != 0) {
				fprintf(stderr, "troupe %s: --log is text or json, not '%s'\n", argv[0], value);
				return EXIT_USAGE;
			}
			if (r < 0) {
				return EXIT_USAGE;
			}
			run->log_form = strcmp(value, "json") == 0 ? LOG_JSON : LOG_TEXT;
		} else if ((r = command_option(argc, argv, &i, "set", &value)) != 0) {
			if (r < 0 || request->sets_len == RUN_SETS_MAX) {
				return EXIT_USAGE;
			}
			run->sets[request->sets_len++] = value;
		} else if (argv[i][0] == '-' || request->path != NULL) {
			return command_unknown(argv[0], argv[i], known);
		} else {
			request->path = argv[i++];
		}
	}
	return 0;
}

static struct config *run_load(struct run *run, struct diag_list *diags)
{
	struct config *config = NULL;

	if (run->configs_len == RUN_RELOADS_MAX) {
		diag_add(diags, DIAG_ERROR, "C0111", "reloaded %u times: restart the host", RUN_RELOADS_MAX);
		return NULL;
	}
	if (config_load(&run->request, &config, diags) == 0) {
		run->configs[run->configs_len++] = config;
	}
	return config;
}

static const struct config *reload_load(void *arg, struct diag_list *diags)
{
	return run_load(arg, diags);
}

/* The newest configuration that knows the instance, but for the one just loaded: reloads may have changed it before. */
static const struct config_instance *reload_before(void *arg, const char *name)
{
	const struct run *run = arg;
	const struct config_instance *before = NULL;

	for (uint32_t c = run->configs_len - 1; c > 0 && before == NULL; c--) {
		before = config_instance_find(run->configs[c - 1], name);
	}
	return before;
}

static void reload_running(void *arg, bool begins)
{
	struct run *run = arg;

	service_reloading(run->service, begins);
	if (begins) {
		isolate_reload(run->isolate);
	}
}

static void run_hangup(struct core *core, void *arg)
{
	struct run *run = arg;

	(void)core;
	reload_start(&run->source, NULL, NULL, NULL);
}

/* The folders of this process's own files. */
static int run_folders(const struct config *config)
{
	/* Only databases need it when the own files lie elsewhere: it may be read-only for the others. */
	int r = paths_make_folder(config->state);

	if (r == 0 || strncmp(config->run, config->state, strlen(config->state)) != 0) {
		r = paths_make_folder(config->run);
	}
	if (r < 0) {
		fprintf(stderr, "troupe: cannot use the state folder %s: %s; name another with --state DIR\n", config->run,
			strerror(-r));
		return EXIT_FAILED;
	}
	return 0;
}

static void run_word(struct run *run, unsigned *len, const char *option, const char *value)
{
	if (value != NULL) {
		run->words[(*len)++] = (char *)(uintptr_t)option;
		run->words[(*len)++] = (char *)(uintptr_t)value;
	}
}

/* As this host was started, whatever the command was. */
static void run_words(struct run *run)
{
	unsigned len = 0;

	run_word(run, &len, "run", run->request.path);
	run_word(run, &len, "--host", run->request.host);
	run_word(run, &len, "--state", run->request.state);
	run_word(run, &len, "--log", run->log_form == LOG_AUTO ? NULL : run->log_form == LOG_JSON ? "json" : "text");
	for (uint32_t i = 0; i < run->request.sets_len; i++) {
		run_word(run, &len, "--set", run->sets[i]);
	}
}

/* What belongs to a host besides its core. */
static bool run_open(struct run *run, const struct config *config)
{
	struct troupe_error error = { .size = sizeof(error) };
	const char *what = "";

	if (control_open(run->core, config->run, &run->source, &run->control, &error) == TROUPE_OK) {
		what = "metrics: ";
		if (obs_open(run->core, (uint16_t)config->host->metrics_port, &run->obs, &error) == TROUPE_OK) {
			what = "";
			run_words(run);
			if (ship_open(run->core, &run->ship, &error) == TROUPE_OK &&
			    isolate_open(run->core, run->words, &run->isolate, &error) == TROUPE_OK) {
				return true;
			}
		}
	}
	fprintf(stderr, "troupe: %s%s; %s\n", what, error.text, error.help);
	return false;
}

static void run_close(struct run *run)
{
	isolate_close(run->isolate);
	control_close(run->control);
	obs_close(run->obs);
	ship_close(run->ship);
	core_free(run->core);
	close(run->lock);
}

/* As many open files as are allowed: the usual soft limit of 1024 is for programs that call select(2). */
static void run_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int run_host(struct run *run)
{
	struct diag_list *diags = diag_list_create();
	struct troupe_error error = { .size = sizeof(error) };
	struct config *config = diags != NULL ? run_load(run, diags) : NULL;
	int r;

	if (diags != NULL) {
		diag_print_text(diags, stderr);
	}
	diag_list_free(diags);
	if (config == NULL) {
		return EXIT_INVALID;
	}
	r = isolate_begin(config);
	if (r < 0) {
		fprintf(stderr, "troupe: cannot bound the memory of %s: %s\n", config->isolated->name, strerror(-r));
		return EXIT_FAILED;
	}
	run_files();
	r = run_folders(config);
	if (r != 0) {
		return r;
	}
	snprintf(run->log_name, sizeof(run->log_name), "%s%s%s", config->host->name, config->isolated != NULL ? "~" : "",
		 config->isolated != NULL ? config->isolated->name : "");
	log_open(&(struct log_setup){ .host = run->log_name, .form = run->log_form, .fd = STDERR_FILENO });
	if (run->begin.run != NULL) {
		log_limit(TROUPE_LOG_WARNING); /* the demo's five lines come first */
	}
	if (control_lock(config->run, &run->lock, &error) != TROUPE_OK) {
		fprintf(stderr, "troupe: %s; %s\n", error.text, error.help);
		return EXIT_FAILED;
	}
	r = core_new(config, &run->core, &error);
	if (r < 0) {
		fprintf(stderr, "troupe: %s%s%s\n", error.text, error.help[0] != '\0' ? "; " : "", error.help);
		return EXIT_FAILED;
	}
	run->source = (struct reload_source){
		.core = run->core, .load = reload_load, .before = reload_before, .running = reload_running, .arg = run
	};
	if (!run_open(run, config)) {
		run_close(run);
		return EXIT_FAILED;
	}
	run->service = service_open(run->core);
	core_on_hangup(run->core, run_hangup, run);
	if (run->begin.run != NULL) {
		loop_post(core_main_loop(run->core), &run->begin);
	}
	r = core_run(run->core);
	service_close(run->service);
	run_close(run);
	log_close();
	for (uint32_t i = 0; i < run->configs_len; i++) {
		config_free(run->configs[i]);
	}
	return r;
}

int run_main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int r = run != NULL ? run_arguments(run, argc, argv) : EXIT_FAILED;

	if (r == 0 && run->request.path == NULL) {
		fputs("troupe run: which configuration? For example: troupe run conf/standalone.lua\n", stderr);
		r = EXIT_USAGE;
	}
	r = r == 0 ? run_host(run) : r;
	free(run);
	return r;
}

/* Where an instance listens: told to take any port, it has one that only it knows. */
static unsigned demo_listener(const struct run *run, const struct config_instance *owner, const char *address)
{
	struct instance *instance = core_instance(run->core, owner->name);
	size_t len = strlen(address);
	unsigned port = instance != NULL ? atomic_load(&instance->port) : 0;

	if (port != 0 && len > 2 && strcmp(address + len - 2, ":0") == 0) {
		printf(", %s on %.*s:%u", owner->name, (int)len - 2, address, port);
		return port;
	}
	printf(", %s on %s", owner->name, address);
	return 0;
}

static void demo_print(const struct run *run)
{
	const struct config *config = run->configs[0];
	const char *folder = config->folder;
	unsigned login = 0; /* the port, if it is not the usual one */

	printf("ready: %u instances", config->local_len);
	for (const struct options_listener *l = config->found->listeners; l != NULL; l = l->next) {
		const struct config_instance *owner = &config->instances[l->owner];
		unsigned port = demo_listener(run, owner, l->address);

		login = strcmp(owner->role, "account") == 0 ? port : login;
	}
	printf("\nplay:  in a second terminal, type: %s client", program_invocation_name);
	printf(login != 0 ? " --connect 127.0.0.1:%u\n" : "\n", login);
	for (const struct options_source *s = config->found->sources; s != NULL; s = s->next) {
		struct stat st;

		if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode)) {
			folder = s->path;
		}
	}
	printf("edit:  the rules in %s; save, and see them change\n", folder);
	printf("look:  %s status%s%s\n", program_invocation_name, run->request.state != NULL ? " --state " : "",
	       run->request.state != NULL ? run->request.state : "");
	printf("stop:  Ctrl-C\n");
	fflush(stdout);
}

/* Looks whether all instances are ready; then says how to play. */
static void demo_look(struct loop_timer *timer)
{
	struct run *run = (struct run *)((char *)timer - offsetof(struct run, look));
	uint32_t len = 0, ready = 0;
	struct core_instance *instances = core_snapshot(run->core, &len);

	for (uint32_t i = 0; instances != NULL && i < len; i++) {
		ready += instances[i].ready != 0;
		if (run->looks + 1 == GREETING_TRIES && instances[i].ready == 0) {
			fprintf(stderr, "%s is not ready: %s %s\n", instances[i].name, instances[i].state,
				instances[i].why);
		}
	}
	free(instances);
	if (len > 0 && ready == len) {
		demo_print(run);
		log_limit(TROUPE_LOG_NOTICE);
	} else if (++run->looks < GREETING_TRIES) {
		loop_timer_start(core_main_loop(run->core), timer, GREETING_MS);
	}
}

static void demo_begin(struct loop_task *task)
{
	struct run *run = (struct run *)((char *)task - offsetof(struct run, begin));

	run->look.expire = demo_look;
	loop_timer_start(core_main_loop(run->core), &run->look, GREETING_MS);
}

int demo_main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int r = run != NULL ? run_arguments(run, argc, argv) : EXIT_FAILED;

	if (r == 0 && run->request.path == NULL) {
		if (paths_beside("conf/standalone.lua", run->path, sizeof(run->path)) < 0 ||
		    access(run->path, R_OK) != 0) {
			snprintf(run->path, sizeof(run->path), "%s/conf/standalone.lua", TROUPE_DATADIR);
		}
		run->request.path = run->path;
	}
	if (r == 0) {
		run->begin.run = demo_begin;
		r = run_host(run);
	}
	free(run);
	return r;
}
