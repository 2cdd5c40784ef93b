/* SPDX-License-Identifier: MIT */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void line(void *arg, uint32_t level, const char *code, const char *text)
{
	struct api_rig *rig = arg;
	int n = snprintf(rig->log + rig->log_len, sizeof(rig->log) - rig->log_len, "%u %s %s\n", level, code != NULL ? code : "-", text);

	if (n > 0 && rig->log_len + (size_t)n < sizeof(rig->log)) {
		rig->log_len += (size_t)n;
	}
	if (getenv("WORLDS_VERBOSE") != NULL) {
		fprintf(stderr, "# %s\n", text);
	}
}

int api_open(struct api_rig *rig, const char *rules)
{
	struct engine_settings settings = { .shape = { .map = "flat", .size = 128, .region = 64, .quarantine = 1000000 }, .arg = rig, .log = line };
	struct engine_file file = { "rules.lua", rules, strlen(rules) };

	memset(rig, 0, sizeof(*rig));
	rig->e = engine_open(&settings);
	if (rig->e == NULL) {
		fprintf(stderr, "an engine does not open: %s\n", rig->log);
		exit(99);
	}
	if (engine_rules_try(rig->e, 12, &file, 1, rig->report, sizeof(rig->report)) != 1) {
		return 0;
	}
	engine_rules_take(rig->e);
	return 1;
}

void api_close(struct api_rig *rig)
{
	rig->e = engine_close(rig->e);
}

static void add(char *list, size_t size, const char *text)
{
	size_t len = strlen(list);

	snprintf(list + len, size - len, "%s\n", text);
}

static void look(struct api_rig *rig)
{
	uint32_t len;
	const struct output *outputs = engine_outputs(rig->e, &len);

	for (uint32_t i = 0; i < len; i++) {
		switch (outputs[i].kind) {
		case OUTPUT_TELL:
			add(rig->told, sizeof(rig->told), outputs[i].text);
			break;
		case OUTPUT_HEARD:
			add(rig->heard, sizeof(rig->heard), outputs[i].text);
			break;
		case OUTPUT_ANSWER:
			rig->status = outputs[i].status;
			snprintf(rig->answer, sizeof(rig->answer), "%s", outputs[i].text);
			break;
		case OUTPUT_GRANT:
			rig->grants += outputs[i].count;
			memcpy(rig->grant_key, outputs[i].key, sizeof(rig->grant_key));
			break;
		case OUTPUT_BLOCK:
			rig->changed++;
			break;
		default:
			break;
		}
	}
}

static void tick(struct api_rig *rig, const Region__Input *input)
{
	engine_begin(rig->e, ++rig->tick);
	if (input != NULL) {
		engine_input(rig->e, input);
	}
	for (unsigned stage = 1; stage <= 3; stage++) {
		uint32_t count;

		engine_stage(rig->e, stage);
		engine_exchange(rig->e, 1, &count);
	}
	engine_end(rig->e);
	look(rig);
}

void api_ticks(struct api_rig *rig, uint32_t ticks)
{
	while (ticks-- > 0) {
		tick(rig, NULL);
	}
}

void api_enter(struct api_rig *rig, uint64_t avatar, double x, double y)
{
	Region__Input in = REGION__INPUT__INIT;

	in.has_kind = in.has_avatar = in.has_token = in.has_x = in.has_y = 1;
	in.kind = REGION__INPUT_KIND__INPUT_ENTER;
	in.avatar = avatar;
	in.token = avatar;
	in.name = (char *)"Ann";
	in.x = x;
	in.y = y;
	tick(rig, &in);
}

void api_act(struct api_rig *rig, uint64_t avatar, const char *action, uint64_t target, const double *at)
{
	Region__Input in = REGION__INPUT__INIT;

	in.has_kind = in.has_avatar = in.has_token = in.has_target = in.has_x = in.has_y = in.has_z = in.has_place = 1;
	in.kind = REGION__INPUT_KIND__INPUT_ACT;
	in.avatar = avatar;
	in.token = 77;
	in.name = (char *)(uintptr_t)action;
	in.target = target;
	in.place = at != NULL;
	in.x = at != NULL ? at[0] : 0;
	in.y = at != NULL ? at[1] : 0;
	in.z = at != NULL ? at[2] : 0;
	rig->status = -1;
	rig->answer[0] = '\0';
	tick(rig, &in);
}

struct counting {
	const char *what;
	uint32_t calls;
};

static void count(void *arg, const char *what, const char *file, int at, uint32_t calls, uint32_t errors, int quarantined)
{
	struct counting *in = arg;

	(void)file;
	(void)at;
	(void)errors;
	(void)quarantined;
	in->calls += strncmp(what, in->what, strlen(in->what)) == 0 ? calls : 0;
}

uint32_t api_calls(struct api_rig *rig, const char *what)
{
	struct counting in = { what, 0 };

	engine_rules_each(rig->e, count, &in);
	return in.calls;
}

uint64_t api_errors(struct api_rig *rig)
{
	struct engine_figures figures;

	engine_figures(rig->e, &figures);
	return figures.script_errors;
}

struct finding {
	const char *kind;
	struct sight *sight;
	int found;
};

static int find(void *arg, const struct sight *sight)
{
	struct finding *in = arg;

	if (strcmp(sight->kind, in->kind) == 0) {
		*in->sight = *sight;
		in->found = 1;
	}
	return in->found;
}

int api_one(struct api_rig *rig, const char *kind, struct sight *ret_sight)
{
	struct finding in = { kind, ret_sight, 0 };

	engine_each(rig->e, find, &in);
	return in.found;
}
