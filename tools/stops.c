/* SPDX-License-Identifier: MIT */
#include "stops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tick.pb-c.h"

#define TEXT_MAX 16384u
#define LINE_MAX_SET 1000000
#define NAMES_SHOWN 20u /* of the files that there are */

static int bad(const char *place, const char *what)
{
	fprintf(stderr, "troupe replay: --break %s: %s\n", place, what);
	return -1;
}

int stops_add(struct stops *stops, const char *place)
{
	const char *colon = strrchr(place, ':');
	char *end;
	long line = colon != NULL ? strtol(colon + 1, &end, 10) : 0;
	size_t len = colon != NULL ? (size_t)(colon - place) : 0;

	if (colon == NULL || len == 0 || colon[1] < '0' || colon[1] > '9' || *end != '\0' || line < 1 || line > LINE_MAX_SET) {
		return bad(place, "it takes SCRIPT:LINE, like meadow.lua:12");
	}
	if (len > SANDBOX_NAME_MAX) {
		return bad(place, "no script has so long a name");
	}
	if (stops->len == STOPS_MAX) {
		return bad(place, "there may be up to 32 of them");
	}
	snprintf(stops->names[stops->len], sizeof(stops->names[0]), "%.*s", (int)len, place);
	stops->lines[stops->len] = (struct sandbox_line){ stops->names[stops->len], (int)line };
	stops->len++;
	return 0;
}

/* --- is there such a line? ---------------------------------------------------------------------------- */

/* What is known of one stop after a look at all rules in the recording. */
struct search {
	const struct sandbox_line *line;
	int found;	 /* some rules have code there */
	int64_t made_ms; /* of the newest that have the file but no code there; 0 = none has the file */
	int next;	 /* the next line with code in those, 0 = none */
	char text[80];	 /* the line */
};

static void look_at(struct search *search, const Tick__File *file, int64_t made_ms)
{
	struct sandbox *s = sandbox_create(&(struct sandbox_settings){ .instructions_max = 0 });
	uint32_t generation = s != NULL ? sandbox_generation_open(s) : 0;
	struct sandbox_error error;
	int next;

	if (generation == 0 || sandbox_load(s, generation, file->name, (const char *)file->text.data, file->text.len, &error) != 0) {
		sandbox_free(s);
		return; /* these rules cannot be in force */
	}
	next = sandbox_line_next(s, generation, file->name, search->line->line);
	search->found |= next == search->line->line;
	if (made_ms + 1 > search->made_ms) {
		search->made_ms = made_ms + 1;
		search->next = next;
		sandbox_source(s, file->name, search->line->line, search->text, sizeof(search->text));
	}
	sandbox_free(s);
}

/* each_file: calls `take` with all files of rules in the recording. */
static void each_file(const struct recording *recording, void (*take)(void *arg, const Tick__File *file, int64_t made_ms), void *arg)
{
	for (uint32_t at = recording_find(recording, "world/s/"); recording_under(recording, at, "world/s/"); at++) {
		const struct recording_entry *entry = &recording->entries[at];
		Tick__Bundle *page = tick__bundle__unpack(NULL, entry->value_len, entry->value);

		for (size_t i = 0; page != NULL && i < page->n_files; i++) {
			take(arg, page->files[i], page->made_ms);
		}
		if (page != NULL) {
			tick__bundle__free_unpacked(page, NULL);
		}
	}
}

static void take_file(void *arg, const Tick__File *file, int64_t made_ms)
{
	struct search *search = arg;

	if (!search->found && sandbox_name_is(file->name, search->line->file)) {
		look_at(search, file, made_ms);
	}
}

struct names {
	char list[NAMES_SHOWN][SANDBOX_NAME_MAX + 1];
	uint32_t len;
};

static void take_name(void *arg, const Tick__File *file, int64_t made_ms)
{
	struct names *names = arg;

	(void)made_ms;
	for (uint32_t i = 0; i < names->len; i++) {
		if (strcmp(names->list[i], file->name) == 0) {
			return;
		}
	}
	if (names->len < NAMES_SHOWN) {
		snprintf(names->list[names->len++], sizeof(names->list[0]), "%s", file->name);
	}
}

static int no_file(const struct recording *recording, const struct search *search)
{
	struct names names = { .len = 0 };

	each_file(recording, take_name, &names);
	fprintf(stderr, "troupe replay: --break %s:%d: the recorded rules have no such script; they have", search->line->file,
		search->line->line);
	for (uint32_t i = 0; i < names.len; i++) {
		fprintf(stderr, "%s %s", i > 0 ? "," : "", names.list[i]);
	}
	fprintf(stderr, "%s\n", names.len == NAMES_SHOWN ? " ..." : names.len == 0 ? " none" : "");
	return -1;
}

static int no_code(const struct search *search)
{
	const char *text = search->text + strspn(search->text, " ");

	fprintf(stderr, "troupe replay: --break %s:%d: line %d %s", search->line->file, search->line->line, search->line->line,
		*text == '\0'			? "is empty"
		: strncmp(text, "--", 2) == 0	? "is a comment"
						: "has no code of its own");
	if (search->next > 0) {
		fprintf(stderr, "; the next line with code is %d\n", search->next);
	} else {
		fprintf(stderr, "; there is no code behind it\n");
	}
	return -1;
}

int stops_check(const struct stops *stops, const struct recording *recording)
{
	for (uint32_t i = 0; i < stops->len; i++) {
		struct search search = { .line = &stops->lines[i] };

		each_file(recording, take_file, &search);
		if (!search.found) {
			return search.made_ms == 0 ? no_file(recording, &search) : no_code(&search);
		}
	}
	return 0;
}

/* --- stopped ------------------------------------------------------------------------------------------ */

static void step(struct stops *stops, int on)
{
	for (uint32_t i = 0; i < stops->engines_len; i++) {
		engine_step(stops->engines[i], on);
	}
}

/* evaluate: in a copy of the process: whatever the expression does, the world that is replayed knows nothing of it. */
static void evaluate(struct engine *e, const char *line)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		char text[TEXT_MAX];

		engine_stop_look(e, line, text, sizeof(text));
		printf("%s%s", text, *text == '\0' || text[strlen(text) - 1] != '\n' ? "\n" : "");
		fflush(stdout);
		_exit(0);
	}
	if (child < 0) {
		printf("it cannot be evaluated: %s\n", strerror(errno));
		return;
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
	}
}

static void quit(struct stops *stops)
{
	stops->quits = 1;
	for (uint32_t i = 0; i < stops->engines_len; i++) {
		engine_stops(stops->engines[i], NULL, 0, NULL, NULL);
	}
}

/* ask: until somebody says how to go on; the end of the input is `c`, for good. */
static void ask(struct stops *stops, struct engine *e)
{
	char line[4096];

	for (;;) {
		printf("(replay) ");
		fflush(stdout);
		if (fgets(line, sizeof(line), stdin) == NULL) {
			printf("\n");
			stops->asks = 0;
			return;
		}
		line[strcspn(line, "\r\n")] = '\0';
		if (strcmp(line, "c") == 0) {
			return;
		} else if (strcmp(line, "s") == 0) {
			step(stops, 1);
			return;
		} else if (strcmp(line, "n") == 0) {
			stops->next_tick = 1;
			return;
		} else if (strcmp(line, "q") == 0) {
			quit(stops);
			return;
		} else if (strncmp(line, "p ", 2) == 0) {
			evaluate(e, line + 2);
		} else {
			printf("c  go on\ns  stop at the next line\nn  stop in the next tick\n"
			       "p EXPRESSION  what it is, with the variables above, w, g, e(ID) and find(KIND)\nq  quit\n");
		}
	}
}

static void stopped(void *arg, struct engine *e, const struct sandbox_line *at)
{
	struct stops *stops = arg;
	char text[TEXT_MAX];

	if (at != NULL) {
		stops->reached[at - stops->lines]++;
	}
	if (stops->shown >= stops->limit) {
		step(stops, 0);
		return;
	}
	stops->shown++;
	step(stops, 0);
	engine_stop_text(e, text, sizeof(text));
	printf("%s", text);
	if (stops->asks) {
		ask(stops, e);
	}
}

void stops_open(struct stops *stops, struct engine *const *engines, uint32_t len)
{
	stops->engines = engines;
	stops->engines_len = len;
	for (uint32_t i = 0; i < len && stops->len > 0; i++) {
		engine_stops(engines[i], stops->lines, stops->len, stopped, stops);
	}
}

void stops_tick(struct stops *stops)
{
	if (stops->next_tick) {
		stops->next_tick = 0;
		step(stops, 1);
	}
}

void stops_report(const struct stops *stops)
{
	for (uint32_t i = 0; i < stops->len; i++) {
		printf("%s:%d was reached %" PRIu64 " time%s%s\n", stops->lines[i].file, stops->lines[i].line, stops->reached[i],
		       stops->reached[i] == 1 ? "" : "s",
		       stops->shown >= stops->limit ? ", and not shown each time: see --break-limit" : "");
	}
}
