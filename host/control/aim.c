/* SPDX-License-Identifier: MIT */
/* Which instance and which command the words of an operator mean: a role, an instance, a service, a noun, or a part before
 * one of these. */
#include <stdio.h>
#include <string.h>

#include "host/control/order.h"
#include "host/core/directory.h"
#include "host/plugin/commands.h"

#define KNOWN_MAX 300u

/* All instances that commands may go to: ours, then those of other hosts, unless the order came from one of them: it goes no
 * further. NULL past the last. */
static struct instance *reach(const struct order *order, uint32_t index)
{
	uint32_t len, remotes_len;
	struct instance *const *instances = core_instances(order->control->core, &len);
	struct instance *const *remotes = core_remotes(order->control->core, &remotes_len);

	if (index < len) {
		return instances[index];
	}
	return order->request_id == 0 && index - len < remotes_len ? remotes[index - len] : NULL;
}

static const struct troupe_plugin *plugin_of(const struct instance *instance)
{
	return instance->role_class->plugin;
}

static const char *part_word(const struct instance *instance)
{
	return strncmp(instance->config->part, "shard:", 6) == 0 ? instance->config->part + 6 : instance->config->part;
}

bool order_in_part(const struct instance *instance, const char *word)
{
	return strcmp(plugin_of(instance)->name, "host") != 0 && strcmp(part_word(instance), word) == 0;
}

/* May this instance be meant, after the part that was named? */
static bool is_meant(const struct aim *aim, const struct instance *instance)
{
	return aim->part == NULL || order_in_part(instance, aim->part);
}

/* --- words that nobody knows ------------------------------------------------------------------------ */

static void known_add(const char *known[], unsigned *len, const char *word)
{
	for (unsigned i = 0; i < *len; i++) {
		if (strcmp(known[i], word) == 0) {
			return;
		}
	}
	if (*len < KNOWN_MAX) {
		known[(*len)++] = word;
	}
}

/* Commands with two words are offered whole: a noun alone is no command. */
static void role_unknown(struct order *order, const char *word)
{
	const char *known[KNOWN_MAX], *const *host;
	char nouns[32][80];
	unsigned len = 0, nouns_len = 0, host_len;
	const struct troupe_command *command;
	struct instance *one;

	host = order_host_names(&host_len);
	for (unsigned i = 0; i < host_len; i++) {
		known_add(known, &len, host[i]);
	}
	for (uint32_t i = 0; (one = reach(order, i)) != NULL; i++) {
		if (one->remote == NULL) {
			known_add(known, &len, plugin_of(one)->name);
		}
		for (unsigned j = 0; (command = commands_at(plugin_of(one), j)) != NULL && nouns_len < 32; j++) {
			unsigned noun = (unsigned)commands_noun(command), before = len;

			if (noun != 0) {
				snprintf(nouns[nouns_len], sizeof(nouns[0]), "%.*s", (int)noun, command->verb);
				known_add(known, &len, nouns[nouns_len]);
				nouns_len += len > before;
			}
		}
	}
	order_unknown(order, "command or role", word, known, len);
}

static void verb_unknown(struct order *order, const struct troupe_plugin *plugin, const char *word)
{
	const char *known[128];
	const struct troupe_command *command;
	unsigned len = 0;
	char what[96];

	for (unsigned i = 0; len < 128 && (command = commands_at(plugin, i)) != NULL; i++) {
		known[len++] = command->verb;
	}
	snprintf(what, sizeof(what), "command of %s", plugin->name);
	order_unknown(order, what, word, known, len);
}

/* --- nouns ---------------------------------------------------------------------------------------- */

/* The verbs behind a noun; 0 = nobody has it. */
static unsigned noun_verbs(const struct order *order, const struct aim *aim, const char *noun, const char *known[],
			   unsigned max)
{
	const struct troupe_command *command;
	struct instance *one;
	unsigned len = 0;

	for (uint32_t i = 0; (one = reach(order, i)) != NULL; i++) {
		for (unsigned j = 0; is_meant(aim, one) && (command = commands_at(plugin_of(one), j)) != NULL; j++) {
			if (commands_has_noun(command, noun) && len < max) {
				const char *verb = command->verb + commands_noun(command);
				known_add(known, &len, verb[0] == ' ' ? verb + 1 : command->verb);
			}
		}
	}
	return len;
}

static void parts_several(struct order *order, struct aim *aim, const char *const *parts, unsigned len)
{
	char text[900];
	struct text list;

	text_init_fixed(&list, text, sizeof(text));
	for (unsigned i = 0; i < len; i++) {
		text_format(&list, "%stroupe %s %s", i > 0 ? ", " : "", parts[i], aim->command->verb);
	}
	order_refused(order, EXIT_USAGE, "name the part", "several parts have it: %s", text);
	aim->target = NULL;
	aim->answered = true;
}

/* A command that begins with a noun: whoever has it in its table, a ready one first. Returns false if nobody has, or after
 * an answer, which sets aim->answered. */
static bool noun_aim(struct order *order, struct aim *aim, unsigned at)
{
	char *const *words = order->request.words + at;
	const struct troupe_command *command;
	const char *parts[KNOWN_MAX];
	struct instance *one;
	unsigned len = 0;

	for (uint32_t i = 0; (one = reach(order, i)) != NULL; i++) {
		command = is_meant(aim, one) ? commands_find(plugin_of(one), words, order->request.words_len - at) : NULL;
		if (command == NULL || commands_noun(command) == 0) {
			continue;
		}
		known_add(parts, &len, part_word(one));
		if (aim->target == NULL || (!directory_ready(aim->target) && directory_ready(one))) {
			aim->target = one;
			aim->command = command;
		}
	}
	aim->verb = at;
	if (len > 1) {
		parts_several(order, aim, parts, len);
	}
	return aim->target != NULL;
}

/* --- roles, instances, services --------------------------------------------------------------------- */

/* The instance that a word names, or the only one of the role that it names. NULL: none, or answered. */
static struct instance *role_find(struct order *order, struct aim *aim, const char *word)
{
	struct instance *one, *found = NULL;
	unsigned count = 0;
	char text[900];
	struct text names;

	text_init_fixed(&names, text, sizeof(text));
	for (uint32_t i = 0; (one = reach(order, i)) != NULL; i++) {
		if (strcmp(one->host.name, word) == 0 && is_meant(aim, one)) {
			return one;
		}
		if (strcmp(plugin_of(one)->name, word) == 0 && strcmp(word, "host") != 0 && is_meant(aim, one)) {
			found = one;
			text_format(&names, "%s%s", count > 0 ? ", " : "", one->host.name);
			count++;
		}
	}
	if (count > 1) {
		order_refused(order, EXIT_USAGE, "name the instance in place of the role", "%s runs %u times: %s", word,
			      count, text);
		aim->answered = true;
	}
	return count == 1 ? found : NULL;
}

/* Any instance that provides a service: they are interchangeable. NULL: no such service, or answered. */
static struct instance *service_find(struct order *order, struct aim *aim, const char *word)
{
	struct core *core = order->control->core;
	const struct service *service = directory_service(core_directory(core), word);
	struct instance *found;

	if (order->request_id != 0 || service == NULL || aim->part != NULL) {
		return NULL;
	}
	found = directory_pick(service, core_self(core), 0, 0);
	if (found == NULL) {
		order_refused(order, EXIT_FAILED, "`troupe status` shows what they wait for",
			      "nothing that provides %s is ready", word);
		aim->answered = true;
	}
	return found;
}

static bool is_part(const struct order *order, const char *word)
{
	struct instance *one;

	for (uint32_t i = 0; (one = reach(order, i)) != NULL; i++) {
		if (order_in_part(one, word)) {
			return true;
		}
	}
	return false;
}

/* The words from `at` on. */
static bool aim_at(struct order *order, struct aim *aim, unsigned at)
{
	char *const *words = order->request.words;
	const char *known[128], *verb = words[at + 1];
	bool helps = verb == NULL || strcmp(verb, "help") == 0;
	unsigned len;
	char what[96];

	if (noun_aim(order, aim, at) || aim->answered) {
		return !aim->answered;
	}
	aim->target = role_find(order, aim, words[at]);
	if (aim->target == NULL && !aim->answered) {
		len = noun_verbs(order, aim, words[at], known, 128);
		if (len != 0 && !helps) {
			snprintf(what, sizeof(what), "command of %.64s", words[at]);
			order_unknown(order, what, verb, known, len);
			aim->answered = true;
		} else if (len == 0) {
			aim->target = service_find(order, aim, words[at]);
		}
		aim->helps = len != 0;
	}
	if (aim->target == NULL) {
		return false;
	}
	aim->verb = at + 1;
	aim->helps = helps;
	aim->command = aim->helps ? NULL : commands_find(plugin_of(aim->target), words + at + 1,
							 order->request.words_len - at - 1);
	if (aim->command == NULL && !aim->helps) {
		verb_unknown(order, plugin_of(aim->target), verb);
		aim->answered = true;
	}
	return aim->command != NULL;
}

bool order_aim(struct order *order, struct aim *ret_aim)
{
	char *const *words = order->request.words;

	*ret_aim = (struct aim){ .target = NULL };
	if (aim_at(order, ret_aim, 0)) {
		return true;
	}
	if (!ret_aim->answered && !ret_aim->helps && is_part(order, words[0])) {
		ret_aim->part = words[0];
		ret_aim->helps = words[1] == NULL || strcmp(words[1], "help") == 0;
		if (!ret_aim->helps && aim_at(order, ret_aim, 1)) {
			return true;
		}
	}
	if (!ret_aim->answered && ret_aim->helps) {
		order_help(order, ret_aim->part != NULL && words[1] != NULL && strcmp(words[1], "help") != 0 ? 1 : 0);
	} else if (!ret_aim->answered) {
		role_unknown(order, words[ret_aim->part != NULL ? 1 : 0]);
	}
	return false;
}
