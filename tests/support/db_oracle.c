/* SPDX-License-Identifier: MIT */
/* Runs db_load under faults and judges what it said by what the store then holds. */
#include "tests/support/db_oracle.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/driver_load.h"

void oracle_violation(struct oracle *oracle, const char *format, ...)
{
	va_list list;

	if (oracle->violations++ == 0) {
		va_start(list, format);
		vsnprintf(oracle->first, sizeof(oracle->first), format, list);
		va_end(list);
	}
}

/* --- running ------------------------------------------------------------------------------------ */

static void env_add(char **env, unsigned *len, const char *name, const char *value)
{
	static char texts[16][4200];

	if (value != NULL) {
		snprintf(texts[*len], sizeof(texts[0]), "%s=%s", name, value);
		env[*len] = texts[*len];
		++*len;
	}
}

/* Not execvp after setenv: the shim must not be preloaded into this process. */
static void child_exec(const struct oracle_run *run)
{
	const char *build = getenv("top_builddir");
	char program[4096], shim[4096], count[16], at[16];
	char *env[17];
	unsigned len = 0;

	snprintf(program, sizeof(program), "%s/tests/support/%s", build, run->program);
	snprintf(shim, sizeof(shim), "%s/tests/support/.libs/faultfs.so", build);
	snprintf(count, sizeof(count), "%u", run->count);
	snprintf(at, sizeof(at), "%ld", run->at);
	env_add(env, &len, "PATH", getenv("PATH"));
	env_add(env, &len, "LD_PRELOAD", shim);
	/* the shim comes before the sanitizer's library, and the process may end without cleaning up */
	env_add(env, &len, "ASAN_OPTIONS", "verify_asan_link_order=0:detect_leaks=0");
	env_add(env, &len, "UBSAN_OPTIONS", getenv("UBSAN_OPTIONS"));
	env_add(env, &len, "TSAN_OPTIONS", getenv("TSAN_OPTIONS"));
	env_add(env, &len, "TROUPE_MUTANT", run->mutant);
	env_add(env, &len, "FAULT_PATH", run->store);
	env_add(env, &len, "FAULT_CALLS", run->calls);
	env_add(env, &len, "FAULT_DO", run->what);
	env_add(env, &len, "FAULT_AT", at);
	env_add(env, &len, "FAULT_MARK", run->mark);
	env_add(env, &len, "FAULT_FULL", run->full);
	env[len] = NULL;
	char *argv[] = { program, (char *)(uintptr_t)run->plugins, (char *)(uintptr_t)run->driver,
			 (char *)(uintptr_t)run->store, (char *)(uintptr_t)run->mode, count, NULL };

	if (argv[1] == NULL) {
		argv[1] = getenv("TROUPE_PLUGINS");
	}
	execve(program, argv, env);
	_exit(126);
}

pid_t oracle_spawn(const struct oracle_run *run, int *ret_pipe)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return -1;
	}
	pid_t pid = fork();

	if (pid == 0) {
		dup2(ends[1], 1);
		child_exec(run);
	}
	close(ends[1]);
	*ret_pipe = ends[0];
	return pid;
}

void oracle_note(struct oracle *oracle, const struct load_line *line)
{
	struct oracle_id *id = &oracle->ids[line->id % ORACLE_IDS];

	oracle->said++;
	id->refused = id->there = 0;
	switch (troupe_outcome_of(line->status)) {
	case TROUPE_DONE:
		if (id->version != 0 && id->version != line->version) {
			oracle_violation(oracle, "commit %u was acknowledged as version %llu and then as %llu", line->id,
					 (unsigned long long)id->version, (unsigned long long)line->version);
		}
		id->version = line->version;
		break;
	case TROUPE_REFUSED:
		if (line->status == TROUPE_ABORTED && line->index == 0) {
			id->there = 1;
		} else if (id->version == 0) {
			id->refused = 1;
		}
		break;
	default:
		id->unknown = 1;
	}
}

void oracle_read(struct oracle *oracle, int pipe)
{
	FILE *file = fdopen(pipe, "r");
	unsigned long long version, took;
	struct load_line line;

	while (fscanf(file, "%u %d %u %llu %u %llu", &line.id, &line.status, &line.index, &version, &line.repeated,
		      &took) == 6) {
		line.version = version;
		line.took_us = took;
		oracle_note(oracle, &line);
	}
	fclose(file);
}

int oracle_run(struct oracle *oracle, const struct oracle_run *run)
{
	int pipe, status = -1;
	pid_t pid = oracle_spawn(run, &pipe);

	if (pid < 0) {
		return -1;
	}
	oracle_read(oracle, pipe);
	waitpid(pid, &status, 0);
	return status;
}

/* --- judging ------------------------------------------------------------------------------------ */

struct judge {
	struct oracle *oracle;
	uint64_t entries;
	int64_t count;
};

static int judge_entry(void *arg, const struct troupe_db_value *value)
{
	struct judge *judge = arg;
	char name[32] = { 0 };

	memcpy(name, value->key, value->key_len < 31 ? value->key_len : 31);
	if (strcmp(name, LOAD_COUNT) == 0 && value->value_len == 8) {
		memcpy(&judge->count, value->value, 8);
	} else if (strncmp(name, LOAD_ENTRY, 2) == 0) {
		struct oracle_id *id = &judge->oracle->ids[strtoul(name + 2, NULL, 10) % ORACLE_IDS];

		judge->entries++;
		id->seen = 1;
		if (value->value_len != LOAD_VALUE) {
			oracle_violation(judge->oracle, "%s has %u bytes", name, value->value_len);
		}
		if (id->version != 0 && id->version != value->version) {
			oracle_violation(judge->oracle, "%s has version %llu, but %llu was acknowledged", name,
					 (unsigned long long)value->version, (unsigned long long)id->version);
		}
	}
	return 0;
}

void oracle_judge(struct oracle *oracle, const char *store)
{
	const struct troupe_plugin *plugin = driver_load(NULL, "driver_leveldb");
	struct troupe_error error = { .size = sizeof(error) };
	struct judge judge = { .oracle = oracle };
	char path[4200];
	void *handle;

	snprintf(path, sizeof(path), "path=%s", store);
	void *options = driver_options(plugin, path, "write_buffer=64kb", "reserve=256kb", NULL);
	struct troupe_driver_open open = { .size = sizeof(open), .name = "oracle", .options = options };

	for (uint32_t i = 0; i < ORACLE_IDS; i++) {
		oracle->ids[i].seen = 0;
	}
	if (plugin->driver->open(&open, &handle, &error) != TROUPE_OK) {
		oracle_violation(oracle, "the store does not open: %s", error.text);
		free(options);
		return;
	}
	if (plugin->driver->scan(handle, NULL, "", 0, "", 0, judge_entry, &judge) != TROUPE_OK) {
		oracle_violation(oracle, "the store cannot be read");
	}
	plugin->driver->close(handle);
	free(options);
	for (uint32_t i = 0; i < ORACLE_IDS; i++) {
		const struct oracle_id *id = &oracle->ids[i];

		if ((id->version != 0 || id->there) && !id->seen) {
			oracle_violation(oracle, "commit %u was acknowledged and is lost", i);
		} else if (id->refused && id->seen) {
			oracle_violation(oracle, "commit %u was refused and happened", i);
		}
	}
	if ((uint64_t)judge.count != judge.entries) {
		oracle_violation(oracle, "%llu entries, but the count is %lld", (unsigned long long)judge.entries,
				 (long long)judge.count);
	}
}
