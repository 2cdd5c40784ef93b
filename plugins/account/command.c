/* SPDX-License-Identifier: MIT */
/* What operators may ask of accounts: show, list, ban, unban. */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "frontend.stub.h"
#include "json/json.h"
#include "master.stub.h"
#include "proto/proto.h"

#define LIST_LIMIT 200u

struct user_args {
	const char *user;
	const char *reason;
};

struct list_args {
	const char *after;
};

/* A command that is under way. */
struct command {
	struct account *account;
	uint64_t request, id;
	uint32_t ban;
	char user[USER_MAX + 1];
	char reason[256];
};

static void command_refuse(struct command *command, int32_t status, const char *reason)
{
	proto_refuse(command->account->h, command->request, status, reason);
	free(command);
}

static struct command *command_new(struct account *account, const struct troupe_request *request, const char *user)
{
	struct command *command = calloc(1, sizeof(*command));

	if (command == NULL) {
		proto_refuse(account->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "account.no_memory");
		return NULL;
	}
	command->account = account;
	command->request = request->id;
	if (user == NULL || user_fold(user, command->user) != 0) {
		command_refuse(command, TROUPE_INVALID_ARGUMENT, "account.bad_name");
		return NULL;
	}
	return command;
}

/* --- show ----------------------------------------------------------------------------------------- */

static void on_show(struct account *account, void *arg, int32_t status, const char *reason,
		    const Accountdb__Record *record)
{
	struct command *command = arg;
	struct json json = { 0 };

	if (status != TROUPE_OK) {
		command_refuse(command, status, reason);
		return;
	}
	json_open(&json, '{');
	json_key(&json, "account");
	json_id(&json, record->id);
	json_key(&json, "user");
	json_text(&json, record->user);
	json_key(&json, "status");
	json_text(&json, record->status);
	json_key(&json, "reason");
	json_text(&json, record->status_reason);
	json_key(&json, "epoch");
	json_number(&json, (int64_t)record->epoch);
	json_key(&json, "created_ms");
	json_number(&json, record->created_ms);
	json_key(&json, "last_login_ms");
	json_number(&json, record->last_login_ms);
	json_close(&json, '}');
	json_reply(&json, account->h, command->request);
	free(command);
}

static void command_show(void *instance, const struct troupe_request *request, const void *args)
{
	struct account *account = instance;
	const struct user_args *user = args;
	struct command *command = command_new(account, request, user->user);

	if (command != NULL) {
		record_run(account, request, command->user, 0, record_look, on_show, command);
	}
}

/* --- list ----------------------------------------------------------------------------------------- */

/* A list that is being made. */
struct listing {
	struct store_walk walk;
	uint64_t request;
	struct json json;
};

static int list_name(struct store_walk *walk, const struct troupe_db_value *value)
{
	struct listing *listing = (struct listing *)walk;
	const uint32_t prefix = 10; /* "account:n:" */
	char user[USER_MAX + 1] = { 0 };

	if (value->key_len <= prefix || value->key_len > prefix + USER_MAX || value->value_len != 8) {
		return 0;
	}
	memcpy(user, (const char *)value->key + prefix, value->key_len - prefix);
	json_open(&listing->json, '{');
	json_key(&listing->json, "user");
	json_text(&listing->json, user);
	json_key(&listing->json, "account");
	json_id(&listing->json, store_u64_be(value->value));
	json_close(&listing->json, '}');
	return 0;
}

static void list_end(struct store_walk *walk, int32_t status)
{
	struct listing *listing = (struct listing *)walk;

	if (status != TROUPE_OK) {
		proto_refuse(walk->store->h, listing->request, status, "account.not_read");
		return;
	}
	json_close(&listing->json, ']');
	json_reply(&listing->json, walk->store->h, listing->request);
	listing->json.text = NULL;
}

static void list_release(struct store_walk *walk)
{
	free(((struct listing *)walk)->json.text);
}

static void command_list(void *instance, const struct troupe_request *request, const void *args)
{
	struct account *account = instance;
	const struct list_args *list = args;
	struct listing *listing = store_walk_new(&account->store, sizeof(*listing));
	char after[USER_MAX + 1];

	if (listing == NULL) {
		proto_refuse(account->h, request->id, TROUPE_RESOURCE_EXHAUSTED, "account.no_memory");
		return;
	}
	user_fold(list->after != NULL ? list->after : "", after);
	listing->request = request->id;
	listing->walk.each = list_name;
	listing->walk.end = list_end;
	listing->walk.release = list_release;
	listing->walk.max = listing->walk.page = LIST_LIMIT;
	listing->walk.after = 1;
	store_key_end(record_key_name(&listing->walk.from, ""), &listing->walk.to);
	record_key_name(&listing->walk.from, after);
	json_open(&listing->json, '[');
	store_walk_run(listing, NULL);
}

/* --- ban and unban -------------------------------------------------------------------------------- */

static void status_answer(struct command *command, uint32_t kicked)
{
	struct json json = { 0 };

	json_open(&json, '{');
	json_key(&json, "user");
	json_text(&json, command->user);
	json_key(&json, "account");
	json_id(&json, command->id);
	json_key(&json, "status");
	json_text(&json, command->ban ? "banned" : "active");
	json_key(&json, "kicked");
	json_number(&json, kicked);
	json_close(&json, '}');
	json_reply(&json, command->account->h, command->request);
	free(command);
}

static void on_kicked(void *instance, void *arg, const struct troupe_reply *reply, const Frontend__KickReply *body)
{
	(void)instance;
	status_answer(arg, reply->status == TROUPE_OK ? body->kicked : 0);
}

static void on_who(void *instance, void *arg, const struct troupe_reply *reply, const Master__WhoReply *body)
{
	struct account *account = instance;
	struct command *command = arg;
	Frontend__KickRequest kick = FRONTEND__KICK_REQUEST__INIT;
	struct proto_to to = { 0 };

	if (reply->status != TROUPE_OK || body->frontend == 0) {
		status_answer(command, 0); /* the ban holds from the next login on in any case */
		return;
	}
	to.instance = body->frontend;
	kick.has_account = kick.has_epoch = 1;
	kick.account = command->id;
	kick.epoch = body->epoch;
	kick.reason = "account.banned";
	frontend_kick(account->h, &kick, &to, on_kicked, command);
}

static enum store_next status_decide(struct store_tx *tx, void *arg, const Accountdb__Record *record)
{
	struct command *command = arg;
	Accountdb__Record next;

	if (record == NULL) {
		return store_refuse(tx, TROUPE_NOT_FOUND, "account.no_user");
	}
	command->id = record->id;
	next = *record;
	next.status = command->ban ? "banned" : "active";
	next.status_reason = command->reason;
	next.has_resume = 0; /* not even after the ban is lifted */
	record_put(tx, &next);
	return STORE_COMMIT;
}

static void on_status_saved(struct account *account, void *arg, int32_t status, const char *reason,
			    const Accountdb__Record *record)
{
	struct command *command = arg;
	Master__WhoRequest who = MASTER__WHO_REQUEST__INIT;

	(void)record;
	if (status != TROUPE_OK) {
		command_refuse(command, status, reason);
	} else if (!command->ban) {
		status_answer(command, 0);
	} else {
		who.has_account = 1;
		who.account = command->id;
		master_who(account->h, &who, NULL, on_who, command);
	}
}

static void status_change(struct account *account, const struct troupe_request *request, const struct user_args *args,
			  uint32_t ban)
{
	struct command *command = command_new(account, request, args->user);

	if (command == NULL) {
		return;
	}
	command->ban = ban;
	strncpy(command->reason, args->reason != NULL ? args->reason : "", sizeof(command->reason) - 1);
	record_run(account, request, command->user, 0, status_decide, on_status_saved, command);
}

static void command_ban(void *instance, const struct troupe_request *request, const void *args)
{
	status_change(instance, request, args, 1);
}

static void command_unban(void *instance, const struct troupe_request *request, const void *args)
{
	status_change(instance, request, args, 0);
}

#define USER_ARG \
	{ .name = "user", .help = "The account's name.", .type = TROUPE_OPTION_STRING, .flags = TROUPE_OPTION_REQUIRED, \
	  .offset = offsetof(struct user_args, user), .min = USER_MIN, .max = USER_MAX }

static const struct troupe_option show_args[] = { USER_ARG, { 0 } };
static const struct troupe_option ban_args[] = {
	USER_ARG,
	{ .name = "reason", .help = "Why; kept with the account.", .type = TROUPE_OPTION_STRING,
	  .flags = TROUPE_OPTION_REQUIRED, .offset = offsetof(struct user_args, reason), .min = 1, .max = 255 },
	{ 0 }
};
static const struct troupe_option unban_args[] = {
	USER_ARG,
	{ .name = "reason", .help = "Why; kept with the account.", .type = TROUPE_OPTION_STRING,
	  .offset = offsetof(struct user_args, reason), .max = 255 },
	{ 0 }
};
static const struct troupe_option list_arguments[] = {
	{ .name = "after", .help = "Goes on after this name; 200 names are shown at a time.",
	  .type = TROUPE_OPTION_STRING, .offset = offsetof(struct list_args, after), .max = USER_MAX },
	{ 0 }
};

const struct troupe_command account_commands[] = {
	{ .verb = "show", .help = "Shows one account.", .right = "read", .args = show_args,
	  .args_size = sizeof(struct user_args), .run = command_show },
	{ .verb = "list", .help = "Lists accounts by name.", .right = "read", .args = list_arguments,
	  .args_size = sizeof(struct list_args), .run = command_list },
	{ .verb = "ban", .help = "Bans an account and ends its session.", .right = "operate", .args = ban_args,
	  .args_size = sizeof(struct user_args), .flags = TROUPE_COMMAND_CHANGES, .run = command_ban },
	{ .verb = "unban", .help = "Lets a banned account in again.", .right = "operate", .args = unban_args,
	  .args_size = sizeof(struct user_args), .flags = TROUPE_COMMAND_CHANGES, .run = command_unban },
	{ 0 }
};
