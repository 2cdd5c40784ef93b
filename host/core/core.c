/* SPDX-License-Identifier: MIT */
/* A host: making it, releasing it, and what others ask it for. */
#include "host/core/core_state.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/bus/bus.h"
#include "host/core/buf.h"
#include "host/core/mailbox.h"
#include "host/core/table.h"
#include "host/db/db.h"
#include "host/obs/log.h"

#define MAILBOX_MESSAGES_DEFAULT 65536u
#define MAILBOX_BYTES_DEFAULT (64u * 1024u * 1024u)

/* The host itself as an instance, so that what operators ask has a sender like every message. */
static void self_destroy(void *instance)
{
	(void)instance;
}

static int32_t self_order(void *instance, const struct troupe_request *request, troupe_any_fn typed)
{
	const struct core *core = ((struct instance *)instance)->core;

	(void)typed;
	if (core->on_order == NULL) {
		return TROUPE_UNIMPLEMENTED;
	}
	core->on_order(core->on_order_arg, request);
	return TROUPE_OK;
}

static const char *const self_allow[] = { "host", NULL };
static const struct troupe_method self_methods[] = {
	{ .name = "host.order", .id = 0xc41e1395u, .allow = self_allow, .serve = self_order },
	{ .name = NULL },
};
static const struct troupe_role self_role = { .size = sizeof(self_role), .destroy = self_destroy };
static const struct troupe_plugin self_plugin = {
	TROUPE_PLUGIN_HEAD,
	.kind = TROUPE_PLUGIN_ROLE,
	.name = "host",
	.version = PACKAGE_VERSION,
	.summary = "The host itself.",
	.methods = self_methods,
	.role = &self_role,
};

/* --- small things --------------------------------------------------------------------------------- */

struct directory *core_directory(struct core *core)
{
	return &core->directory;
}

struct job_pool *core_jobs(struct core *core)
{
	return core->jobs;
}

struct net *core_net(struct core *core, unsigned loop)
{
	return core->nets[loop];
}

struct db *core_db(struct core *core)
{
	return core->db;
}

struct bus *core_bus(struct core *core)
{
	return core->bus;
}

struct loop *core_first_loop(struct core *core)
{
	return core->loops[0];
}

struct instance *core_self(struct core *core)
{
	return core->self;
}

struct loop *core_main_loop(struct core *core)
{
	return core->loops[core->loops_len];
}

struct loop *core_loop(struct core *core, unsigned n)
{
	return n < core->loops_len ? core->loops[n] : NULL;
}

const struct config *core_config(struct core *core)
{
	return core->config;
}

struct instance *const *core_instances(struct core *core, uint32_t *ret_len)
{
	*ret_len = core->instances_len;
	return core->instances;
}

struct instance *const *core_own(struct core *core, uint32_t *ret_len)
{
	*ret_len = core->own_len;
	return core->own;
}

struct instance *const *core_remotes(struct core *core, uint32_t *ret_len)
{
	*ret_len = core->remotes_len;
	return core->remotes;
}

struct instance *core_instance(struct core *core, const char *name)
{
	for (uint32_t i = 0; i < core->instances_len; i++) {
		if (strcmp(core->instances[i]->host.name, name) == 0) {
			return core->instances[i];
		}
	}
	return NULL;
}

bool core_speaks_for_players(const struct instance *instance)
{
	return strcmp(instance->role_class->plugin->name, "frontend") == 0;
}

void core_on_order(struct core *core, void (*fn)(void *arg, const struct troupe_request *request), void *arg)
{
	core->on_order = fn;
	core->on_order_arg = arg;
}

void core_why(struct instance *instance, const char *why)
{
	pthread_mutex_lock(&instance->core->mutex);
	snprintf(instance->why, sizeof(instance->why), "%s", why);
	pthread_mutex_unlock(&instance->core->mutex);
}

void core_why_read(const struct instance *instance, char *ret_text, size_t size)
{
	pthread_mutex_lock(&instance->core->mutex);
	snprintf(ret_text, size, "%s", instance->why);
	pthread_mutex_unlock(&instance->core->mutex);
}

void core_process(struct instance *proxy, enum instance_process process, const char *why)
{
	pthread_mutex_lock(&proxy->core->mutex);
	snprintf(proxy->process_why, sizeof(proxy->process_why), "%s", why);
	pthread_mutex_unlock(&proxy->core->mutex);
	atomic_store_explicit(&proxy->process, process, memory_order_release);
	core_changed(proxy->core);
}

void core_on_end(struct core *core, void (*fn)(void *arg, struct instance *proxy, bool now), void *arg)
{
	core->on_end = fn;
	core->on_end_arg = arg;
}

void core_end_process(struct instance *proxy, bool now)
{
	if (proxy->core->on_end != NULL) {
		proxy->core->on_end(proxy->core->on_end_arg, proxy, now);
	} else {
		core_process(proxy, PROCESS_ENDED, "");
	}
}

void core_changed(struct core *core)
{
	if (!atomic_exchange_explicit(&core->changed, true, memory_order_acq_rel)) {
		loop_post(core_main_loop(core), &core->changed_task);
	}
}

/* --- making it ------------------------------------------------------------------------------------ */

static int fail(struct troupe_error *reterr, int error, const char *what)
{
	reterr->status = TROUPE_INTERNAL;
	snprintf(reterr->text, sizeof(reterr->text), "%s: %s", what, strerror(-error));
	reterr->help[0] = '\0';
	return error;
}

/* Two clusters may have one name: a copy of a configuration, a test beside the real one. What does not change with the
 * configuration tells them apart: the state folder of one on a single machine, the place of the base of a larger one. */
static void cluster_name(struct core *core)
{
	const struct config *config = core->config;
	const char *address = config->hosts[0].address;
	char machine[HOST_NAME_MAX + 1] = "";

	if (config_keys_own(config)) {
		gethostname(machine, sizeof(machine) - 1);
		snprintf(core->cluster, sizeof(core->cluster), "%.60s on %.60s (%.120s)", config->cluster, machine, config->state);
		return;
	}
	for (uint32_t i = config->instances_len; i-- > 0;) {
		if (config->instances[i].placed && strcmp(config->instances[i].part, "base") == 0) {
			address = config->hosts[config->instances[i].host].address;
		}
	}
	snprintf(core->cluster, sizeof(core->cluster), "%.60s at %.120s", config->cluster, address);
}

static struct instance *instance_new(struct core *core, const struct config_instance *config, uint32_t index)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	unsigned loop = config->loop < core->loops_len ? config->loop : 0;

	if (instance == NULL) {
		return NULL;
	}
	if (config->plugin == &self_plugin) {
		loop = core->loops_len;
	}
	instance->core = core;
	instance->config = config;
	instance->role = config->plugin->role;
	instance->index = index;
	instance->loop = core->loops[loop];
	instance->mailbox = core->mailboxes[loop];
	instance->host.name = config->name;
	instance->host.part = config->part;
	instance->host.id = troupe_fnv64(config->name, strlen(config->name));
	instance->host.cluster = core->cluster;
	atomic_init(&instance->log_level, config->log_level);
	table_fill(instance);
	return instance;
}

/* Is it here that this instance of the cluster runs? */
static bool is_local(const struct config *config, const struct config_instance *instance)
{
	for (uint32_t i = 0; i < config->local_len; i++) {
		if (config->local[i] == instance) {
			return true;
		}
	}
	return false;
}

/* The name of a host process as an instance; `isolated` (may be NULL): of its child for that one. */
static const char *process_name(const struct config *config, uint32_t host, const struct config_instance *isolated,
				char buf[CORE_HOST_NAME])
{
	const char *name = config->hosts != NULL && config->hosts[host].name != NULL ? config->hosts[host].name : "";

	snprintf(buf, CORE_HOST_NAME, "host.%s%s%s", name, isolated != NULL ? "~" : "",
		 isolated != NULL ? isolated->name : "");
	return buf;
}

/* Adds a block for every other process of the cluster. */
static uint32_t configs_processes(struct core *core, uint32_t len)
{
	const struct config *config = core->config;
	const struct config_instance block = { .part = "base", .role = "host", .short_name = "", .plugin = &self_plugin,
					       .placed = 1 };
	uint32_t names_len = 0;

	for (uint32_t i = 0; i < config->hosts_len; i++) {
		if (&config->hosts[i] != config->host || config->isolated != NULL) {
			core->configs[len] = block;
			core->configs[len].host = i;
			core->configs[len++].name = process_name(config, i, NULL, core->host_names[names_len++]);
		}
	}
	for (uint32_t i = 0; i < config->instances_len; i++) {
		const struct config_instance *one = &config->instances[i];
		if (one->isolate && one->placed && one != config->isolated) {
			core->configs[len] = block;
			core->configs[len].host = one->host;
			core->configs[len++].name = process_name(config, one->host, one, core->host_names[names_len++]);
		}
	}
	return len;
}

/* Copies what the configuration says of every instance, the local ones first, and adds the hosts' own. */
static int configs_make(struct core *core, uint32_t *ret_len)
{
	const struct config *config = core->config;
	uint32_t len = 0, processes = config->hosts_len + config->instances_len;

	core->configs = calloc(config->local_len + config->instances_len + processes + 1, sizeof(*core->configs));
	core->host_names = calloc(processes + 1, sizeof(*core->host_names));
	if (core->configs == NULL || core->host_names == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < config->local_len; i++) {
		core->configs[len++] = *config->local[i];
	}
	core->configs[len++] = (struct config_instance){
		.name = "host", .part = "base", .role = "host", .short_name = "", .plugin = &self_plugin
	};
	for (uint32_t i = 0; i < config->instances_len; i++) {
		if (!is_local(config, &config->instances[i])) {
			core->configs[len++] = config->instances[i];
		}
	}
	len = configs_processes(core, len);
	for (uint32_t i = 0; i < len; i++) {
		struct config_instance *one = &core->configs[i];
		one->mailbox_messages = one->mailbox_messages != 0 ? one->mailbox_messages : MAILBOX_MESSAGES_DEFAULT;
		one->mailbox_bytes = one->mailbox_bytes != 0 ? one->mailbox_bytes : MAILBOX_BYTES_DEFAULT;
		one->log_level = one->log_level != 0 ? one->log_level : TROUPE_LOG_INFO;
	}
	*ret_len = len;
	return 0;
}

/* A child process runs nothing but its own instance, and does not look after those beside it. */
static bool is_isolated_here(const struct config *config, const struct config_instance *instance)
{
	return config->isolated == NULL && instance->isolate != 0 && instance->placed != 0 &&
	       &config->hosts[instance->host] == config->host;
}

static int own_make(struct core *core)
{
	core->own = calloc(core->known_len + 1, sizeof(struct instance *));
	if (core->own == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < core->instances_len; i++) {
		core->own[core->own_len++] = core->instances[i];
	}
	for (uint32_t i = 0; i < core->remotes_len; i++) {
		if (is_isolated_here(core->config, core->remotes[i]->config)) {
			atomic_store(&core->remotes[i]->process, PROCESS_STARTING);
			core->own[core->own_len++] = core->remotes[i];
		}
	}
	return 0;
}

static int instances_make(struct core *core)
{
	uint32_t len = core->config->local_len, known_len = 0;
	char name[CORE_HOST_NAME];
	int r = configs_make(core, &known_len);

	if (r < 0) {
		return r;
	}
	core->known = calloc(known_len, sizeof(struct instance *));
	if (core->known == NULL) {
		return -ENOMEM;
	}
	core->known_len = known_len;
	for (uint32_t i = 0; i < known_len; i++) {
		core->known[i] = instance_new(core, &core->configs[i], i);
		if (core->known[i] == NULL) {
			return -ENOMEM;
		}
	}
	core->instances = core->known;
	core->instances_len = len;
	core->remotes = core->known + len + 1;
	core->remotes_len = known_len - len - 1;
	for (uint32_t i = 0; i < core->remotes_len; i++) {
		core->remotes[i]->loop = core->loops[0]; /* where the bus is */
		core->remotes[i]->mailbox = core->mailboxes[0];
		core->remotes[i]->self = core->remotes[i];
	}
	r = own_make(core);
	if (r < 0) {
		return r;
	}
	core->self = core->known[len];
	core->self->self = core->self;
	process_name(core->config, (uint32_t)(core->config->host - core->config->hosts), core->config->isolated, name);
	core->self->host.id = troupe_fnv64(name, strlen(name));
	atomic_store(&core->self->state, INSTANCE_RUNNING);
	atomic_store(&core->self->ready, true);
	core->directory_made = true;
	return directory_init(&core->directory, core->known, known_len);
}

static void net_warn(const char *owner, const char *code, const char *text)
{
	log_write(&(struct log_line){ .level = TROUPE_LOG_WARNING, .instance = owner, .code = code, .text = text });
}

static int loops_make(struct core *core)
{
	unsigned len = core->config->host->loops > 0 ? core->config->host->loops : 1;
	const struct net_setup net_setup = {
		.address = core->config->host->address, .buf_unref = buf_unref, .warn = net_warn
	};

	core->loops_len = len;
	core->loops = calloc(len + 1, sizeof(struct loop *));
	core->mailboxes = calloc(len + 1, sizeof(struct mailbox *));
	core->mailboxes_space = calloc(len + 1, sizeof(struct mailbox));
	core->nets = calloc(len + 1, sizeof(struct net *));
	if (core->loops == NULL || core->nets == NULL || core->mailboxes == NULL || core->mailboxes_space == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i <= len; i++) {
		char name[16];
		snprintf(name, sizeof(name), i < len ? "loop%u" : "main", i);
		core->loops[i] = loop_new(i, name);
		if (core->loops[i] == NULL) {
			return -EMFILE;
		}
		int r = mailbox_init(&core->mailboxes_space[i], core->loops[i], core, core->mailboxes, len + 1);
		if (r < 0) {
			return r;
		}
		core->mailboxes[i] = &core->mailboxes_space[i];
		core->nets[i] = net_new(core->loops[i], &net_setup);
		if (core->nets[i] == NULL) {
			return -ENOMEM;
		}
	}
	return 0;
}

int core_new(const struct config *config, struct core **ret_core, struct troupe_error *reterr)
{
	struct core *core = calloc(1, sizeof(*core));
	int r;

	if (core == NULL) {
		return fail(reterr, -ENOMEM, "core");
	}
	core->config = config;
	cluster_name(core);
	core->signal_fd = -1;
	core_tasks_init(core);
	pthread_mutex_init(&core->mutex, NULL);
	r = loops_make(core);
	if (r < 0) {
		core_free(core);
		return fail(reterr, r, "loops");
	}
	r = instances_make(core);
	if (r < 0) {
		core_free(core);
		return fail(reterr, r, r == -E2BIG ? "more than 63 roles" : "instances");
	}
	r = bus_new(core, &core->bus, reterr);
	if (r < 0) {
		core_free(core);
		return r;
	}
	r = db_new(core->loops, core->loops_len + 1, core->instances, core->instances_len, &core->db);
	if (r < 0) {
		core_free(core);
		return fail(reterr, r, "databases");
	}
	*ret_core = core;
	return 0;
}

struct core *core_free(struct core *core)
{
	if (core == NULL) {
		return NULL;
	}
	db_free(core->db);
	bus_free(core->bus);
	for (unsigned i = 0; core->loops != NULL && i <= core->loops_len; i++) {
		if (core->mailboxes != NULL && core->mailboxes[i] != NULL) {
			mailbox_fini(core->mailboxes[i]);
		}
		if (core->nets != NULL) {
			net_free(core->nets[i]);
		}
		loop_free(core->loops[i]);
	}
	if (core->directory_made) {
		directory_fini(&core->directory);
	}
	for (uint32_t i = 0; i < core->known_len; i++) {
		free(core->known[i]);
	}
	pthread_mutex_destroy(&core->mutex);
	free(core->own);
	free(core->known);
	free(core->host_names);
	free(core->configs);
	free(core->nets);
	free(core->mailboxes_space);
	free(core->mailboxes);
	free(core->loops);
	free(core);
	return NULL;
}
