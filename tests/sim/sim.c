/* SPDX-License-Identifier: MIT */
/* The simulator's events, clock, randomness, and the life of its instances. */
#include "sim_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/diag.h"

/* --- randomness and the digest ------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood 2014): one word of state, so a seed is all there is to a run */
uint64_t sim_random(struct sim *sim)
{
	uint64_t z = sim->random += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

uint64_t sim_below(struct sim *sim, uint64_t bound)
{
	return bound > 0 ? sim_random(sim) % bound : 0;
}

int sim_chance(struct sim *sim, uint32_t ppm)
{
	return ppm > 0 && sim_below(sim, 1000000) < ppm;
}

void sim_mix(struct sim *sim, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < len; i++) {
		sim->hash = (sim->hash ^ p[i]) * 1099511628211u;
	}
}

/* --- tables by id -------------------------------------------------------------------------------- */

void sim_table_add(struct sim_table *table, void *item)
{
	if (table->len == table->cap) {
		table->cap = table->cap ? table->cap * 2 : 64;
		table->items = realloc(table->items, table->cap * sizeof(*table->items));
	}
	table->items[table->len++] = item;
}

static size_t table_at(const struct sim_table *table, uint64_t id)
{
	size_t low = 0, high = table->len;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (*(const uint64_t *)table->items[middle] < id) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

void *sim_table_find(struct sim_table *table, uint64_t id)
{
	size_t at = table_at(table, id);

	return at < table->len && *(uint64_t *)table->items[at] == id ? table->items[at] : NULL;
}

void *sim_table_take(struct sim_table *table, uint64_t id)
{
	size_t at = table_at(table, id);
	void *item;

	if (at == table->len || *(uint64_t *)table->items[at] != id) {
		return NULL;
	}
	item = table->items[at];
	memmove(table->items + at, table->items + at + 1, (table->len - at - 1) * sizeof(*table->items));
	table->len--;
	return item;
}

/* --- events -------------------------------------------------------------------------------------- */

static int event_before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void heap_add(struct sim *sim, struct sim_event *event)
{
	size_t at = sim->heap_len;

	if (sim->heap_len == sim->heap_cap) {
		sim->heap_cap = sim->heap_cap ? sim->heap_cap * 2 : 256;
		sim->heap = realloc(sim->heap, sim->heap_cap * sizeof(*sim->heap));
	}
	sim->heap_len++;
	while (at > 0 && event_before(event, sim->heap[(at - 1) / 2])) {
		sim->heap[at] = sim->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	sim->heap[at] = event;
}

struct sim_event *sim_schedule(struct sim *sim, struct sim_instance *on, uint64_t delay_us,
			       enum sim_event_kind kind, void (*run)(struct sim *, struct sim_event *),
			       void *payload)
{
	struct sim_event *event = calloc(1, sizeof(*event));

	event->at_us = sim->now_us + delay_us;
	event->order = ++sim->order;
	event->kind = kind;
	event->instance = on;
	event->incarnation = on != NULL ? on->incarnation : 0;
	event->context = sim->context;
	event->payload = payload;
	event->run = run;
	heap_add(sim, event);
	return event;
}

static struct sim_event *heap_take(struct sim *sim)
{
	struct sim_event *top = sim->heap[0], *last = sim->heap[--sim->heap_len];
	size_t at = 0;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child >= sim->heap_len) {
			break;
		}
		if (child + 1 < sim->heap_len && event_before(sim->heap[child + 1], sim->heap[child])) {
			child++;
		}
		if (!event_before(sim->heap[child], last)) {
			break;
		}
		sim->heap[at] = sim->heap[child];
		at = child;
	}
	if (sim->heap_len > 0) {
		sim->heap[at] = last;
	}
	return top;
}

static void event_free(struct sim_event *event)
{
	if (event->drop != NULL) {
		event->drop(event);
	} else {
		free(event->payload);
	}
	free(event);
}

/* --- life ---------------------------------------------------------------------------------------- */

struct sim_instance *sim_of(const struct troupe_host *h)
{
	return (struct sim_instance *)(uintptr_t)h;
}

struct sim_instance *sim_find(struct sim *sim, const char *name)
{
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (strcmp(sim->instances[i]->host.name, name) == 0) {
			return sim->instances[i];
		}
	}
	fprintf(stderr, "sim: no instance %s\n", name);
	abort();
}

static struct sim_instance *instance_add(struct sim *sim, const char *name, const char *part, const char *role)
{
	struct sim_instance *instance = calloc(1, sizeof(*instance));

	if (sim->instances_len == SIM_INSTANCES_MAX) {
		fprintf(stderr, "sim: more than %d instances\n", SIM_INSTANCES_MAX);
		abort();
	}
	instance->sim = sim;
	instance->role = role;
	instance->host.size = sizeof(instance->host);
	instance->host.abi_major = TROUPE_ABI_MAJOR;
	instance->host.abi_minor = TROUPE_ABI_MINOR;
	instance->host.id = troupe_fnv64(name, strlen(name));
	instance->host.name = name;
	instance->host.part = part;
	instance->host.cluster = "sim";
	sim_host_fill(&instance->host);
	sim_message_fill(&instance->host);
	sim_db_fill(&instance->host);
	sim_conn_fill(&instance->host);
	sim->instances[sim->instances_len++] = instance;
	return instance;
}

static void instance_fail(struct sim_instance *instance, const char *step, const struct troupe_error *error)
{
	fprintf(stderr, "sim: %s: %s failed: %s\n", instance->host.name, step, error->text);
	abort();
}

void sim_instance_create(struct sim *sim, struct sim_instance *instance)
{
	const struct troupe_role *role = instance->config->plugin->role;
	struct troupe_error error = { .size = sizeof(error) };

	sim->context = (struct sim_context){ 0 };
	instance->self = calloc(1, role->instance_size);
	instance->alive = 1;
	instance->started = instance->ready = instance->ending = instance->drained = 0;
	instance->listeners_len = 0;
	if (role->create(instance->self, &instance->host, instance->config->options, &error) != TROUPE_OK) {
		instance_fail(instance, "create", &error);
	}
}

static int service_ready(struct sim *sim, const char *service)
{
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (sim->instances[i]->ready && sim->instances[i]->config != NULL) {
			const char *const *p = sim->instances[i]->config->plugin->provides;

			for (; p != NULL && *p != NULL; p++) {
				if (strcmp(*p, service) == 0) {
					return 1;
				}
			}
		} else if (sim->instances[i]->ready && sim->instances[i]->methods != NULL) {
			for (const struct troupe_method *m = sim->instances[i]->methods; m->name != NULL; m++) {
				if (strncmp(m->name, service, strlen(service)) == 0 &&
				    m->name[strlen(service)] == '.') {
					return 1;
				}
			}
		}
	}
	return strcmp(service, "database") == 0;
}

static int needs_ready(struct sim *sim, const struct sim_instance *instance)
{
	const char *const *need = instance->config->plugin->needs;

	for (; need != NULL && *need != NULL; need++) {
		if (!service_ready(sim, *need)) {
			return 0;
		}
	}
	return 1;
}

void sim_try_start(struct sim *sim)
{
	for (unsigned i = 0; i < sim->instances_len; i++) {
		struct sim_instance *instance = sim->instances[i];
		struct troupe_error error = { .size = sizeof(error) };

		if (instance->config == NULL || !instance->alive || instance->started ||
		    !needs_ready(sim, instance)) {
			continue;
		}
		instance->started = 1;
		instance->ready = 1; /* unless start says otherwise through host->state */
		sim->context = (struct sim_context){ 0 };
		if (instance->config->plugin->role->start != NULL &&
		    instance->config->plugin->role->start(instance->self, &error) != TROUPE_OK) {
			instance_fail(instance, "start", &error);
		}
		i = (unsigned)-1; /* others may have waited for it */
	}
}

static void restart(struct sim *sim, struct sim_event *event)
{
	sim_instance_create(sim, event->instance);
	sim_try_start(sim);
}

/* A crash takes everything the instance had in memory. destroy only gives the memory back: with `ending` set the host table
 * does nothing on its behalf. */
static void instance_forget(struct sim *sim, struct sim_instance *instance, void (*destroy)(void *))
{
	instance->ending = 1;
	instance->ready = 0;
	sim_conns_crashed(sim, instance);
	destroy(instance->self);
	instance->alive = 0;
	instance->incarnation++;
	instance->timers = 0;
	sim_messages_crashed(sim, instance);
	sim_asks_forget(sim, instance);
	for (size_t i = 0; i < sim->places_len; i++) {
		if (sim->places[i].instance == instance) {
			sim->places[i--] = sim->places[--sim->places_len];
		}
	}
}

void sim_instance_end(struct sim *sim, struct sim_instance *instance)
{
	if (!instance->alive || instance->config == NULL) {
		return;
	}
	instance_forget(sim, instance, instance->config->plugin->role->destroy);
	free(instance->self);
	instance->self = NULL;
}

static void crash(struct sim *sim, struct sim_instance *instance)
{
	uint64_t restart_us = sim->faults.restart_us ? sim->faults.restart_us : 1000;

	if (!instance->alive || instance->config == NULL) {
		return;
	}
	if (instance->node != NULL) {
		/* some hosts run a database and no instance that an event could come to */
		sim_node_crash(sim, sim_chance(sim, 250000) ? sim->nodes[sim_below(sim, sim->nodes_len)] : instance->node);
		return;
	}
	sim_logf(sim, instance->host.name, "(crash)");
	sim_instance_end(sim, instance);
	sim->context = (struct sim_context){ 0 };
	sim_schedule(sim, instance, restart_us + sim_below(sim, restart_us), SIM_RESTART, restart, NULL);
}

void sim_crash(struct sim *sim, const char *name)
{
	struct sim_instance *instance = sim_find(sim, name);

	if (instance->node != NULL) {
		sim_node_crash(sim, instance->node);
	} else {
		crash(sim, instance);
	}
}

void sim_power(struct sim *sim)
{
	sim->in_power = 1; /* commits on their way to the disk: half of them made it, see sim_messages_crashed */
	for (unsigned i = 0; i < sim->nodes_len; i++) {
		sim_node_crash(sim, sim->nodes[i]);
	}
	for (unsigned i = 0; i < sim->instances_len && sim->nodes_len == 0; i++) {
		crash(sim, sim->instances[i]);
	}
	sim->in_power = 0;
}

void sim_freeze(struct sim *sim, const char *name, uint64_t ms)
{
	struct sim_instance *instance = sim_find(sim, name);
	uint64_t until_us = sim->now_us + ms * 1000;
	char what[64];

	snprintf(what, sizeof(what), "(frozen for %llu ms)", (unsigned long long)ms);
	sim_logf(sim, name, what);
	if (until_us > instance->frozen_us) {
		instance->frozen_us = until_us; /* one that sleeps already does not wake earlier */
	}
}

void sim_cluster(struct sim *sim, const char *name, const char *cluster)
{
	sim_find(sim, name)->host.cluster = cluster;
}

int sim_takes_calls(const struct sim_instance *instance)
{
	return instance->ready && instance->frozen_us <= instance->sim->now_us;
}

void sim_drain(struct sim *sim, const char *name)
{
	struct sim_instance *instance = sim_find(sim, name);

	if (instance->alive && instance->config != NULL && instance->config->plugin->role->drain != NULL) {
		instance->config->plugin->role->drain(instance->self);
	}
}

void *sim_instance(struct sim *sim, const char *name)
{
	return sim_find(sim, name)->self;
}

int sim_ready(struct sim *sim, const char *name)
{
	return sim_takes_calls(sim_find(sim, name));
}

const struct troupe_host *sim_actor(struct sim *sim, const char *name, const char *part, void *self,
				    const struct troupe_method *methods)
{
	const char *role = strchr(name, '/') != NULL ? strchr(name, '/') + 1 : name;
	struct sim_instance *instance =
		instance_add(sim, strdup(name), part, strndup(role, strcspn(role, ".")));

	instance->self = self;
	instance->node = sim_node_actor(sim, instance->host.name, part);
	instance->methods = methods;
	instance->alive = instance->started = instance->ready = 1;
	sim_try_start(sim);
	return &instance->host;
}

void sim_actor_end(struct sim *sim, const struct troupe_host *h, void (*destroy)(void *))
{
	instance_forget(sim, sim_of(h), destroy);
}

/* --- running ------------------------------------------------------------------------------------- */

int sim_step(struct sim *sim)
{
	struct sim_event *event;
	struct sim_instance *instance;

	if (sim->heap_len == 0) {
		return 0;
	}
	event = heap_take(sim);
	sim->now_us = event->at_us;
	instance = event->instance;
	if (event->cancelled || (instance != NULL && event->incarnation != instance->incarnation)) {
		event_free(event);
		return 1;
	}
	if (instance != NULL && instance->frozen_us > event->at_us) {
		event->at_us = instance->frozen_us;
		heap_add(sim, event);
		return 1;
	}
	sim->events_run++;
	sim->context = event->context;
	sim_mix(sim, &event->at_us, sizeof(event->at_us));
	sim_mix(sim, &event->kind, sizeof(event->kind));
	if (instance != NULL) {
		sim_mix(sim, &instance->host.id, sizeof(instance->host.id));
	}
	event->run(sim, event);
	event_free(event);
	if (instance != NULL && instance->alive && instance->config != NULL) {
		if (sim_chance(sim, sim->faults.crash)) {
			crash(sim, instance);
		} else if (sim_chance(sim, sim->faults.power)) {
			sim_power(sim);
		} else if (instance->node != NULL && sim_chance(sim, sim->faults.stop)) {
			sim_node_freeze(sim, instance->node, sim_below(sim, sim->faults.cut_us));
		}
		if (sim->nodes_len > 0 && sim_chance(sim, sim->faults.cut)) {
			sim_node_cut(sim);
		}
	}
	return 1;
}

static void run_to(struct sim *sim, uint64_t end_us, const int *flag)
{
	while (sim->heap_len > 0 && sim->heap[0]->at_us <= end_us) {
		if (flag != NULL && *flag) {
			return;
		}
		sim_step(sim);
	}
	if (flag == NULL || !*flag) {
		sim->now_us = end_us;
	}
}

void sim_run(struct sim *sim, uint64_t ms)
{
	run_to(sim, sim->now_us + ms * 1000, NULL);
}

int sim_run_until(struct sim *sim, const int *flag, uint64_t ms)
{
	run_to(sim, sim->now_us + ms * 1000, flag);
	return *flag;
}

void sim_faults(struct sim *sim, const struct sim_faults *faults)
{
	sim->faults = faults != NULL ? *faults : (struct sim_faults){ 0 };
	if (faults == NULL) {
		sim_nodes_heal(sim);
	}
}

uint64_t sim_now_us(const struct sim *sim)
{
	return sim->now_us;
}

uint64_t sim_events(const struct sim *sim)
{
	return sim->events_run;
}

void sim_wire(const struct sim *sim, struct sim_wire *ret_wire)
{
	*ret_wire = sim->wire;
}

uint64_t sim_hash(const struct sim *sim)
{
	return sim->hash;
}

/* --- log ----------------------------------------------------------------------------------------- */

void sim_logf(struct sim *sim, const char *who, const char *text)
{
	unsigned at = sim->log_len++ % SIM_LOG_MAX;

	free(sim->log[at]);
	if (asprintf(&sim->log[at], "%10.6f %s: %s", (double)sim->now_us / 1e6, who, text) < 0) {
		abort();
	}
	if (sim->verbose) {
		fprintf(stderr, "%s\n", sim->log[at]);
	}
}

int sim_logged(struct sim *sim, const char *part_of_text)
{
	for (unsigned i = 0; i < SIM_LOG_MAX; i++) {
		if (sim->log[i] != NULL && strstr(sim->log[i], part_of_text) != NULL) {
			return 1;
		}
	}
	return 0;
}

/* --- open and close ------------------------------------------------------------------------------ */

struct config *sim_config(const char *text, const char *plugins)
{
	struct config_request request = {
		.path = "sim.lua",
		.text = text,
		.text_len = (uint32_t)strlen(text),
		.plugins = plugins != NULL ? plugins : getenv("TROUPE_PLUGINS"),
		.state = "sim-state",
		.all_hosts = 1,
	};
	struct diag_list *diags = diag_list_create();
	struct config *config = NULL;

	if (config_load(&request, &config, diags) != 0) {
		diag_print_text(diags, stderr);
		config = NULL;
	}
	diag_list_free(diags);
	return config;
}

static int is_database(const struct config_instance *config)
{
	return strcmp(config->role, "database") == 0;
}

struct sim *sim_open(const struct config *config, uint64_t seed)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	sim->config = config;
	sim->random = seed;
	sim->hash = 14695981039346656037u;
	sim->next_id = 1;
	sim->verbose = getenv("SIM_VERBOSE") != NULL;
	sim_nodes_open(sim);
	sim_db_open_all(sim);
	for (unsigned i = 0; i < config->instances_len; i++) {
		const struct config_instance *c = &config->instances[i];

		if (!is_database(c)) {
			struct sim_instance *instance = instance_add(sim, c->name, c->part, c->role);

			instance->config = c;
			instance->node = sim->nodes_len > 0 ? sim->nodes[c->host] : NULL;
		}
	}
	for (unsigned i = 0; i < sim->instances_len; i++) {
		sim_instance_create(sim, sim->instances[i]);
	}
	sim_try_start(sim);
	return sim;
}

struct sim *sim_close(struct sim *sim)
{
	if (sim == NULL) {
		return NULL;
	}
	for (unsigned i = 0; i < sim->instances_len; i++) {
		sim_instance_end(sim, sim->instances[i]);
	}
	while (sim->heap_len > 0) {
		event_free(heap_take(sim));
	}
	for (size_t i = 0; i < sim->calls.len; i++) {
		free(sim->calls.items[i]);
	}
	for (size_t i = 0; i < sim->requests.len; i++) {
		free(sim->requests.items[i]);
	}
	for (unsigned i = 0; i < sim->instances_len; i++) {
		if (sim->instances[i]->config == NULL) {
			free((char *)sim->instances[i]->host.name);
			free((char *)sim->instances[i]->role);
		}
		free(sim->instances[i]);
	}
	for (unsigned i = 0; i < SIM_LOG_MAX; i++) {
		free(sim->log[i]);
	}
	sim_nodes_close(sim);
	sim_post_close(sim);
	sim_db_close_all(sim);
	sim_conns_close_all(sim);
	free(sim->calls.items);
	free(sim->requests.items);
	free(sim->places);
	for (unsigned i = 0; i < sim->services_len; i++) {
		free(sim->services[i]);
	}
	free(sim->services);
	free(sim->heap);
	free(sim);
	return NULL;
}
