/* SPDX-License-Identifier: MIT */
/* troupe tree: the cluster, its parts, their instances, and where and how each runs. */
#include "host/control/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/command.h"
#include "host/config/look.h"
#include "host/control/converse.h"
#include "host/control/running.h"

#define ANSWER_S 5 /* a host that hangs does not hold up the rest for long */

const char tree_usage[] =
	"usage: troupe tree [CONFIG] [--state DIR] [--json]\n"
	"\n"
	"  troupe tree                          of the hosts that run here\n"
	"  troupe tree conf/production.lua      of a configuration, and what of it runs\n"
	"\n"
	"The cluster's parts, their instances, the host of each and its state. What runs on other machines is\n"
	"shown as the hosts here know it: `away` is not linked with one of them.\n"
	"\n" LOOK_USAGE
	"\n"
	"exit code: 0 done, 2 wrong usage, 3 configuration invalid, 4 without CONFIG: no host runs here\n";

/* What processes say of one instance. */
struct tree_state {
	char state[24]; /* "" = nobody said anything */
	char why[160];
	bool own; /* said by the process that runs it */
};

struct tree {
	struct config *config;
	struct tree_state *states; /* by index of the instance */
	bool *running;		   /* by index of the host: it runs on this machine */
	bool any;
};

static void state_set(struct tree *tree, const struct control_row *row, bool own)
{
	const char *name = control_row_string(row, "instance"), *text = control_row_string(row, "state");
	const char *why = control_row_string(row, "why");
	const struct config_instance *instance = name != NULL ? config_instance_find(tree->config, name) : NULL;

	if (instance == NULL || text == NULL) {
		return;
	}
	struct tree_state *state = &tree->states[instance - tree->config->instances];

	/* Of what others say, the one that knows something. */
	if (!own && (state->own || (state->state[0] != '\0' && strcmp(text, "away") == 0))) {
		return;
	}
	state->own = own;
	snprintf(state->state, sizeof(state->state), "%s", text);
	snprintf(state->why, sizeof(state->why), "%s", why != NULL ? why : "");
}

static void row_own(void *arg, const struct control_row *row)
{
	state_set(arg, row, true);
}

static void row_elsewhere(void *arg, const struct control_row *row)
{
	state_set(arg, row, false);
}

static void tree_hear(struct tree *tree, const struct control_answer *answer)
{
	const char *cluster = control_answer_member(answer, "cluster"), *host = control_answer_member(answer, "host");

	if (cluster == NULL || host == NULL || strcmp(cluster, tree->config->cluster) != 0) {
		return;
	}
	for (uint32_t i = 0; i < tree->config->hosts_len; i++) {
		tree->running[i] |= strcmp(tree->config->hosts[i].name, host) == 0;
	}
	tree->any = true;
	control_answer_rows(answer, "instances", row_own, tree);
	control_answer_rows(answer, "elsewhere", row_elsewhere, tree);
}

/* Asks all processes with that state folder. Returns how many answers there are; each is to be freed. */
static uint32_t answers_get(const char *state, struct control_answer *answers[RUNNING_MAX])
{
	char status[] = "status", *ask[] = { status, NULL }, *words[CONTROL_WORDS_MAX + 1];
	struct operation operation;
	uint32_t len, answered = 0;
	int error;
	struct running *list = running_list(state, &len, &error);

	operation_init(&operation, words);
	operation.timeout_s = ANSWER_S;
	for (uint32_t i = 0; list != NULL && i < len; i++) {
		answers[answered] = operation_ask(&operation, list[i].folder, ask, 1);
		answered += answers[answered] != NULL;
	}
	free(list);
	return answered;
}

/* --- output --------------------------------------------------------------------------------------- */

/* Whether an instance is the first of its part. */
static bool begins_part(const struct config *config, uint32_t index)
{
	for (uint32_t i = 0; i < index; i++) {
		if (strcmp(config->instances[i].part, config->instances[index].part) == 0) {
			return false;
		}
	}
	return true;
}

static const char *host_of(const struct config *config, const struct config_instance *instance)
{
	const struct config_host *host = config_host_of(config, instance);

	return host != NULL ? host->name : "(none)";
}

static void part_text(const struct tree *tree, const char *part, int name, int host)
{
	printf("\n%s\n", part);
	for (uint32_t i = 0; i < tree->config->instances_len; i++) {
		const struct config_instance *instance = &tree->config->instances[i];
		const struct tree_state *state = &tree->states[i];
		const char *text = !tree->any ? "" : state->state[0] != '\0' ? state->state : "not running";

		if (strcmp(instance->part, part) != 0) {
			continue;
		}
		printf("  %-*s  %-*s", name, instance->name, tree->any || instance->isolate ? host : 0,
		       host_of(tree->config, instance));
		printf("%s%s%s", instance->isolate ? "  isolated" : "", text[0] != '\0' ? "  " : "", text);
		/* `why` often begins with the state's name */
		const char *why = strncmp(state->why, text, strlen(text)) == 0 ? state->why + strlen(text) : state->why;

		why += strspn(why, ": ");
		printf("%s%s\n", why[0] != '\0' ? ": " : "", why);
	}
}

static void tree_text(const struct tree *tree)
{
	const struct config *config = tree->config;
	int name = 0, host = 0;

	for (uint32_t i = 0; i < config->instances_len; i++) {
		int len = (int)strlen(config->instances[i].name), host_len = (int)strlen(host_of(config, &config->instances[i]));

		name = len > name ? len : name;
		host = host_len > host ? host_len : host;
	}
	printf("cluster %s: %u instances on %u host%s\n", config->cluster, config->instances_len, config->hosts_len,
	       config->hosts_len > 1 ? "s" : "");
	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (begins_part(config, i)) {
			part_text(tree, config->instances[i].part, name, host);
		}
	}
}

static void part_json(struct text *out, const struct tree *tree, const char *part)
{
	bool first = true;

	text_put(out, "{");
	text_member(out, "part", part);
	text_put(out, ",\"instances\":[");
	for (uint32_t i = 0; i < tree->config->instances_len; i++) {
		const struct config_instance *instance = &tree->config->instances[i];
		const struct tree_state *state = &tree->states[i];

		if (strcmp(instance->part, part) != 0) {
			continue;
		}
		text_put(out, first ? "{" : ",{");
		text_member(out, "instance", instance->name);
		text_member(out, "role", instance->role);
		text_member(out, "host", instance->placed ? host_of(tree->config, instance) : NULL);
		text_format(out, ",\"isolated\":%s", instance->isolate ? "true" : "false");
		text_member(out, "state", state->state[0] != '\0' ? state->state : NULL);
		text_member(out, "why", state->why);
		text_put(out, "}");
		first = false;
	}
	text_put(out, "]}");
}

static void tree_json(const struct tree *tree)
{
	const struct config *config = tree->config;
	struct text out;

	text_init(&out, CONTROL_ANSWER_MAX);
	text_put(&out, "{\"version\":1");
	text_member(&out, "cluster", config->cluster);
	text_put(&out, ",\"hosts\":[");
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		text_put(&out, i > 0 ? ",{" : "{");
		text_member(&out, "host", config->hosts[i].name);
		text_member(&out, "address", config->hosts[i].address);
		text_format(&out, ",\"running_here\":%s}", tree->running[i] ? "true" : "false");
	}
	text_put(&out, "],\"parts\":[");
	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (begins_part(config, i)) {
			text_put(&out, i > 0 ? "," : "");
			part_json(&out, tree, config->instances[i].part);
		}
	}
	text_put(&out, "]}");
	puts(out.bytes != NULL && !out.failed ? out.bytes : "{\"version\":1,\"error\":\"no memory\"}");
	text_clear(&out);
}

/* --- the command ---------------------------------------------------------------------------------- */

static int tree_show(struct config *config, bool json, struct control_answer *const answers[], uint32_t len)
{
	struct tree tree = { .config = config };

	tree.states = calloc(config->instances_len + 1, sizeof(*tree.states));
	tree.running = calloc(config->hosts_len, sizeof(*tree.running));
	if (tree.states == NULL || tree.running == NULL) {
		free(tree.states);
		free(tree.running);
		return EXIT_FAILED;
	}
	for (uint32_t i = 0; i < len; i++) {
		tree_hear(&tree, answers[i]);
	}
	if (json) {
		tree_json(&tree);
	} else {
		tree_text(&tree);
	}
	free(tree.states);
	free(tree.running);
	return EXIT_DONE;
}

/* The configuration of the hosts that run: the file's name is in their answers. */
static struct config *config_running(struct look *look, struct control_answer *answers[RUNNING_MAX], uint32_t *ret_len,
				     int *ret_exit)
{
	look->request.state = look->request.state != NULL && look->request.state[0] != '\0' ? look->request.state : "data";
	*ret_len = answers_get(look->request.state, answers);
	look->request.path = *ret_len > 0 ? control_answer_member(answers[0], "configuration") : NULL;
	if (look->request.path == NULL) {
		fprintf(stderr, "troupe tree: no host runs with the state folder %s; name a configuration: "
				"troupe tree conf/standalone.lua\n", look->request.state);
		*ret_exit = EXIT_UNREACHABLE;
		return NULL;
	}
	*ret_exit = EXIT_INVALID;
	return look_load(look);
}

int tree_main(int argc, char **argv)
{
	static const char *const known[] = { "--state", "--set", "--json", "--help", NULL };
	struct control_answer *answers[RUNNING_MAX] = { NULL };
	struct config *config;
	struct look look;
	uint32_t len = 0;
	int i = 1, r = 0;

	look_init(&look);
	while (i < argc && r == 0) {
		r = look_argument(&look, argc, argv, &i, known);
	}
	if (r != 0) {
		return r;
	}
	if (look.request.path == NULL) {
		config = config_running(&look, answers, &len, &r);
	} else {
		config = look_load(&look);
		r = EXIT_INVALID;
		len = config != NULL ? answers_get(config->state, answers) : 0;
	}
	if (config != NULL) {
		r = tree_show(config, look.json, answers, len);
	}
	for (uint32_t a = 0; a < len; a++) {
		control_answer_free(answers[a]);
	}
	config_free(config);
	return r;
}
