/* SPDX-License-Identifier: MIT */
/* Reloads of the sample's scripts in a world that is full of its monsters: by how much the tick that takes them is late, and what
 * memory is left after many. */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crowd.h"
#include "engine/engine.h"
#include "measure.h"

#define SIZE 512u
#define SETTLE 40u /* ticks */
#define FILES_MAX 64u
#define TEXT_MAX (256u << 10)

static struct engine_file files[FILES_MAX];
static uint32_t files_len;

static void fail(const char *what)
{
	fprintf(stderr, "reload: %s\n", what);
	exit(1);
}

/* cpu_ns: of this process, which has one thread: what else the machine does is not counted. */
static void file_read(const char *folder, const char *name)
{
	char path[4096], *text = malloc(TEXT_MAX);
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	in = fopen(path, "re");
	if (in == NULL || text == NULL || files_len == FILES_MAX) {
		fail(path);
	}
	files[files_len] = (struct engine_file){ strdup(name), text, fread(text, 1, TEXT_MAX, in) };
	files_len++;
	fclose(in);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct engine_file *)a)->name, ((const struct engine_file *)b)->name);
}

static void folder_read(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len > 4 && strcmp(entry->d_name + len - 4, ".lua") == 0) {
			file_read(folder, entry->d_name);
		}
	}
	if (dir == NULL || files_len == 0) {
		fail("the folder of the scripts cannot be read, or is empty");
	}
	closedir(dir);
	qsort(files, files_len, sizeof(*files), by_name);
}

static uint64_t tick(struct engine *e)
{
	uint64_t began = cpu_ns();

	engine_begin(e, engine_tick(e) + 1);
	for (unsigned stage = 1; stage <= 3; stage++) {
		uint32_t count;

		engine_stage(e, stage);
		engine_exchange(e, 1, &count);
	}
	engine_end(e);
	return cpu_ns() - began;
}

static struct engine *world_open(uint32_t count)
{
	struct engine_settings settings = { .shape = { .size = SIZE, .map = "flat", .max_entities = count + 1000 }, .memory = 256u << 20 };
	static const char *const kinds[] = { "rabbit", "butterfly", "slime" };
	struct engine *e = engine_open(&settings);
	uint32_t seed = 1;

	if (e == NULL || engine_rules_try(e, 1, files, files_len, NULL, 0) != 1) {
		fail("the scripts are refused");
	}
	engine_rules_take(e);
	for (uint32_t i = 0; i < count; i++) {
		double x = (crowd_share(&seed) - 0.5) * SIZE, y = (crowd_share(&seed) - 0.5) * SIZE;

		if (engine_spawn(e, kinds[i % 3], x, y) == 0) {
			fail("a monster cannot be made");
		}
	}
	return e;
}

static int rising(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t middle(uint64_t *values, uint32_t len)
{
	qsort(values, len, sizeof(*values), rising);
	return values[len / 2];
}

static uint64_t memory_kb(void)
{
	struct process_memory memory = { 0 };

	process_memory_read(getpid(), &memory);
	return memory.anon_kb;
}

/* measure: in each round an ordinary tick, a reload, and the tick that is the first with the new rules. */
static void measure(uint32_t count, uint32_t reloads)
{
	struct engine *e = world_open(count);
	uint64_t *plain = calloc(reloads, sizeof(*plain)), *try = calloc(reloads, sizeof(*try)), *late = calloc(reloads, sizeof(*late));
	uint64_t usual, early_kb = 0, script_kb = 0;
	struct engine_figures figures;

	if (plain == NULL || try == NULL || late == NULL) {
		fail("no memory");
	}
	for (uint32_t i = 0; i < SETTLE; i++) {
		tick(e);
	}
	for (uint32_t i = 0; i < reloads; i++) {
		uint64_t began;

		plain[i] = tick(e);
		began = cpu_ns();
		if (engine_rules_try(e, i + 2, files, files_len, NULL, 0) != 1) {
			fail("the scripts are refused");
		}
		try[i] = cpu_ns() - began;
		began = cpu_ns();
		engine_rules_take(e);
		tick(e);
		late[i] = cpu_ns() - began;
		if (i == reloads / 4) {
			engine_figures(e, &figures);
			early_kb = memory_kb();
			script_kb = figures.script_memory / 1024;
		}
	}
	engine_figures(e, &figures);
	if (figures.generation != reloads + 1 || figures.script_errors > 0) {
		fail("not every generation came into force without an error");
	}
	usual = middle(plain, reloads);
	middle(late, reloads);
	printf("{\"tick_ms\": %.3f, \"try_ms\": %.3f, \"late_ms\": %.3f, \"late_p95_ms\": %.3f, ", (double)usual / 1e6,
	       (double)middle(try, reloads) / 1e6, ((double)late[reloads / 2] - (double)usual) / 1e6,
	       ((double)late[reloads * 95 / 100] - (double)usual) / 1e6);
	printf("\"memory_percent\": %.2f, \"script_memory_percent\": %.2f}\n", (double)memory_kb() * 100 / (double)early_kb,
	       (double)figures.script_memory / 1024 * 100 / (double)script_kb);
	engine_close(e);
	free(plain);
	free(try);
	free(late);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "scripts", required_argument, NULL, 's' },
						 { "entities", required_argument, NULL, 'n' },
						 { "reloads", required_argument, NULL, 'r' },
						 { 0 } };
	const char *scripts = NULL;
	long count = 1000, reloads = 1000;
	int bad = 0;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		scripts = option == 's' ? optarg : scripts;
		bad |= option == '?' || (option == 'n' && number_parse(optarg, 1, 100000, &count) != 0) ||
		       (option == 'r' && number_parse(optarg, 4, 100000, &reloads) != 0);
	}
	if (bad || scripts == NULL || optind < argc) {
		fputs("usage: reload --scripts FOLDER [--entities N] [--reloads N]\n", stderr);
		return 2;
	}
	folder_read(scripts);
	measure((uint32_t)count, (uint32_t)reloads);
	for (uint32_t i = 0; i < files_len; i++) {
		free((char *)files[i].name);
		free((char *)files[i].text);
	}
	return 0;
}
