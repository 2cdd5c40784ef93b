/* SPDX-License-Identifier: MIT */
/* troupe key. */
#include "host/bus/key_command.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bus/cipher.h"
#include "host/bus/key.h"
#include "host/command.h"
#include "host/obs/text.h"

const char key_usage[] =
	"usage: troupe key new|show|drop NAME [--state DIR] [--json]\n"
	"\n"
	"  troupe key new front     makes a key for host \"front\" and prints the public half\n"
	"  troupe key show front    prints that again, and the former one if it is still valid\n"
	"  troupe key drop front    forgets the former key\n"
	"\n"
	"The public half belongs into the host's block: host \"front\" { key = \"...\" }. The secret half stays in\n"
	"DIR/keys/front.key on the machine of that host.\n"
	"\n"
	"To change a key: `new`, then the new public key in front of the old one in every host's configuration\n"
	"(key = { \"NEW\", \"OLD\" }) and reload them all, that host too; then take the old one out, reload, and\n"
	"`drop`. Both keys are valid in between.\n"
	"\n"
	"  --state DIR    the state folder of the host (also: TROUPE_STATE); `data` without it\n"
	"  --json         the answer as one JSON object\n"
	"\n"
	"exit code: 0 done, 1 failed, 2 wrong usage\n";

struct key_order {
	const char *verb, *name, *state;
	bool json;
};

static int arguments(struct key_order *order, int argc, char **argv)
{
	static const char *const known[] = { "new", "show", "drop", "--state", "--json", "--help", NULL };
	int i = 1, r;

	order->state = getenv("TROUPE_STATE");
	while (i < argc) {
		if (strcmp(argv[i], "--json") == 0) {
			order->json = true;
			i++;
		} else if ((r = command_option(argc, argv, &i, "state", &order->state)) != 0) {
			if (r < 0) {
				return EXIT_USAGE;
			}
		} else if (argv[i][0] == '-' || order->name != NULL) {
			return command_unknown(argv[0], argv[i], known);
		} else if (order->verb == NULL) {
			order->verb = argv[i++];
			if (strcmp(order->verb, "new") != 0 && strcmp(order->verb, "show") != 0 &&
			    strcmp(order->verb, "drop") != 0) {
				return command_unknown(argv[0], order->verb, known);
			}
		} else {
			order->name = argv[i++];
		}
	}
	if (order->name == NULL) {
		fputs("troupe key: the key of which host? For example: troupe key new front\n", stderr);
		return EXIT_USAGE;
	}
	if (order->state == NULL || order->state[0] == '\0') {
		order->state = "data";
	}
	return 0;
}

/* The public halves, as text; how many. */
static int key_texts(const struct key_order *order, char ret_texts[SEAL_KEYS_MAX][KEY_TEXT],
		     struct troupe_error *reterr)
{
	uint8_t secrets[SEAL_KEYS_MAX][SEAL_KEY], key[SEAL_KEY];
	unsigned len;
	int r = key_load(order->state, order->name, secrets, &len, reterr);

	for (unsigned i = 0; r == 0 && i < len; i++) {
		cipher_public(secrets[i], key);
		key_public_print(key, ret_texts[i]);
	}
	cipher_wipe(secrets, sizeof(secrets));
	return r < 0 ? r : (int)len;
}

static void json_print(struct text *out)
{
	puts(out->bytes != NULL && !out->failed ? out->bytes : "{\"exit\":1}");
	text_clear(out);
}

static int fail(const struct key_order *order, int error, const struct troupe_error *reason)
{
	int exit = error == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	struct text out;

	if (!order->json) {
		fprintf(stderr, "troupe key: %s; %s\n", reason->text, reason->help);
		return exit;
	}
	text_init(&out, 8192);
	text_format(&out, "{\"exit\":%d", exit);
	text_member(&out, "error", reason->text);
	text_member(&out, "help", reason->help);
	text_put(&out, "}");
	json_print(&out);
	return exit;
}

static void answer_json(const struct key_order *order, char texts[SEAL_KEYS_MAX][KEY_TEXT], int count)
{
	struct text out;

	text_init(&out, 8192);
	text_put(&out, "{\"exit\":0");
	text_member(&out, "host", order->name);
	text_member(&out, "key", texts[0]);
	text_member(&out, "former", count > 1 ? texts[1] : NULL);
	text_put(&out, "}");
	json_print(&out);
}

/* The keys alone go to standard output, so that scripts can take them. */
static void answer_text(const struct key_order *order, char texts[SEAL_KEYS_MAX][KEY_TEXT], int count, bool dropped)
{
	for (int i = 0; i < count; i++) {
		puts(texts[i]);
	}
	if (strcmp(order->verb, "drop") == 0) {
		fputs(dropped ? "The former key is forgotten.\n" : "There was no former key.\n", stderr);
	} else if (count > 1) {
		fprintf(stderr, "Both are valid, the second is the former one: host \"%s\" { key = { \"%s\", \"%s\" } }\n",
			order->name, texts[0], texts[1]);
	} else {
		fprintf(stderr, "For the configuration: host \"%s\" { key = \"%s\" }\n", order->name, texts[0]);
	}
}

int key_main(int argc, char **argv)
{
	struct troupe_error error = { .size = sizeof(error) };
	char texts[SEAL_KEYS_MAX][KEY_TEXT];
	struct key_order order = { .verb = NULL };
	uint8_t key[SEAL_KEY];
	int r = arguments(&order, argc, argv), count;

	if (r != 0) {
		return r;
	}
	if (strcmp(order.verb, "new") == 0) {
		r = key_new(order.state, order.name, key, &error);
	} else if (strcmp(order.verb, "drop") == 0) {
		r = key_drop(order.state, order.name, &error);
	}
	count = r < 0 ? r : key_texts(&order, texts, &error);
	if (count < 0) {
		return fail(&order, count, &error);
	}
	if (order.json) {
		answer_json(&order, texts, count);
	} else {
		answer_text(&order, texts, count, r > 0);
	}
	return EXIT_DONE;
}
