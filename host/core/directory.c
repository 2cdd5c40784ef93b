/* SPDX-License-Identifier: MIT */
/* Who provides what. Everything but the placed keys and the instances' state is constant while loops run. */
#include "host/core/directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/core/core.h"

static uint64_t mix(uint64_t x)
{
	/* the finalizer of SplitMix64 */
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint32_t table_size(uint32_t len)
{
	uint32_t size = 8;

	while (size < len * 2) {
		size *= 2;
	}
	return size;
}

/* --- classes and methods -------------------------------------------------------------------------- */

static const struct troupe_method *method_at(const struct troupe_plugin *plugin, uint32_t i)
{
	return (const struct troupe_method *)(const void *)((const char *)plugin->methods +
							    (size_t)i * plugin->method_size);
}

static uint64_t allow_mask(const struct directory *directory, const char *const *allow)
{
	uint64_t mask = 0;

	for (; allow != NULL && *allow != NULL; allow++) {
		if (strcmp(*allow, "*") == 0) {
			return UINT64_MAX;
		}
		for (uint32_t i = 0; i < directory->classes_len; i++) {
			if (strcmp(directory->classes[i].plugin->name, *allow) == 0) {
				mask |= directory->classes[i].bit;
			}
		}
	}
	return mask;
}

static int class_fill(const struct directory *directory, struct role_class *class)
{
	const struct troupe_plugin *plugin = class->plugin;
	uint32_t len = 0;

	while (plugin->methods != NULL && method_at(plugin, len)->name != NULL) {
		len++;
	}
	class->mask = table_size(len) - 1;
	class->methods = calloc((size_t)class->mask + 1, sizeof(*class->methods));
	if (class->methods == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < len; i++) {
		const struct troupe_method *method = method_at(plugin, i);
		uint32_t at = method->id & class->mask;
		while (class->methods[at].method != NULL) {
			at = (at + 1) & class->mask;
		}
		class->methods[at].method = method;
		class->methods[at].allow = allow_mask(directory, method->allow);
		for (const char *const *allow = method->allow; allow != NULL && *allow != NULL; allow++) {
			class->methods[at].users |= strcmp(*allow, "@users") == 0;
		}
	}
	return 0;
}

const struct role_method *directory_method(const struct role_class *class, uint32_t method)
{
	for (uint32_t at = method & class->mask;; at = (at + 1) & class->mask) {
		const struct role_method *found = &class->methods[at];
		if (found->method == NULL) {
			return NULL;
		}
		if (found->method->id == method) {
			return found;
		}
	}
}

bool directory_uses(const struct instance *from, const struct instance *database)
{
	for (uint32_t i = 0; i < from->databases_len; i++) {
		if (from->databases[i] == database) {
			return true;
		}
	}
	return false;
}

bool directory_allows(const struct role_method *method, const struct instance *from, const struct instance *to)
{
	return (method->allow & from->role_class->bit) != 0 || (method->users && directory_uses(from, to));
}

static int classes_fill(struct directory *directory)
{
	directory->classes = calloc(DIRECTORY_ROLES_MAX, sizeof(*directory->classes));
	if (directory->classes == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < directory->instances_len; i++) {
		struct instance *instance = directory->instances[i];
		uint32_t k = 0;
		while (k < directory->classes_len && directory->classes[k].plugin != instance->config->plugin) {
			k++;
		}
		if (k == DIRECTORY_ROLES_MAX) {
			return -E2BIG;
		}
		if (k == directory->classes_len) {
			directory->classes[k].plugin = instance->config->plugin;
			directory->classes[k].bit = (uint64_t)1 << k;
			directory->classes_len++;
		}
		instance->role_class = &directory->classes[k];
	}
	for (uint32_t k = 0; k < directory->classes_len; k++) {
		if (class_fill(directory, &directory->classes[k]) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

/* --- services and instances ----------------------------------------------------------------------- */

const struct service *directory_service(const struct directory *directory, const char *name)
{
	uint32_t hash = troupe_fnv32(name, strlen(name));

	for (uint32_t i = 0; i < directory->services_len; i++) {
		const struct service *service = &directory->services[i];
		if (service->hash == hash && strcmp(service->name, name) == 0) {
			return service;
		}
	}
	return NULL;
}

static int service_add(struct directory *directory, const char *name, struct instance *instance)
{
	struct service *service = (struct service *)(uintptr_t)directory_service(directory, name);

	if (service == NULL) {
		size_t size = (directory->services_len + 1) * sizeof(*service);
		struct service *services = realloc(directory->services, size);
		if (services == NULL) {
			return -ENOMEM;
		}
		directory->services = services;
		service = &services[directory->services_len++];
		*service = (struct service){ .name = name, .hash = troupe_fnv32(name, strlen(name)) };
	}
	size_t size = (service->instances_len + 1) * sizeof(struct instance *);
	struct instance **instances = realloc(service->instances, size);
	if (instances == NULL) {
		return -ENOMEM;
	}
	service->instances = instances;
	instances[service->instances_len++] = instance;
	return 0;
}

struct instance *directory_instance(const struct directory *directory, uint64_t id)
{
	for (uint32_t at = id & directory->by_id_mask;; at = (at + 1) & directory->by_id_mask) {
		struct instance *instance = directory->by_id[at];
		if (instance == NULL || instance->host.id == id) {
			return instance;
		}
	}
}

static int instances_fill(struct directory *directory)
{
	directory->by_id_mask = table_size(directory->instances_len) - 1;
	directory->by_id = calloc((size_t)directory->by_id_mask + 1, sizeof(*directory->by_id));
	if (directory->by_id == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < directory->instances_len; i++) {
		struct instance *instance = directory->instances[i];
		uint32_t at = instance->host.id & directory->by_id_mask;
		if (directory_instance(directory, instance->host.id) != NULL) {
			return -EEXIST;
		}
		while (directory->by_id[at] != NULL) {
			at = (at + 1) & directory->by_id_mask;
		}
		directory->by_id[at] = instance;
		const char *const *provides = instance->config->plugin->provides;
		for (; provides != NULL && *provides != NULL; provides++) {
			if (service_add(directory, *provides, instance) < 0) {
				return -ENOMEM;
			}
		}
	}
	return 0;
}

/* Links the instances with those that their configuration names by number. */
static int databases_fill(struct directory *directory)
{
	for (uint32_t i = 0; i < directory->instances_len; i++) {
		struct instance *instance = directory->instances[i];
		const struct config *config = core_config(instance->core);
		uint32_t len = instance->config->databases_len;

		instance->databases = len > 0 ? calloc(len, sizeof(*instance->databases)) : NULL;
		if (len > 0 && instance->databases == NULL) {
			return -ENOMEM;
		}
		for (uint32_t k = 0; k < len; k++) {
			const char *name = config->instances[instance->config->databases[k]].name;
			struct instance *database = directory_instance(directory, troupe_fnv64(name, strlen(name)));

			if (database != NULL) {
				instance->databases[instance->databases_len++] = database;
			}
		}
	}
	return 0;
}

/* The service of "service.method", as it is named in the directory. */
static const char *route_service(const struct directory *directory, const struct troupe_method *method)
{
	const char *dot = strchr(method->name, '.');

	for (uint32_t i = 0; dot != NULL && i < directory->services_len; i++) {
		const char *name = directory->services[i].name;
		if (strlen(name) == (size_t)(dot - method->name) && strncmp(name, method->name, strlen(name)) == 0) {
			return name;
		}
	}
	return NULL;
}

static int route_order(const void *a, const void *b)
{
	uint32_t x = ((const struct troupe_route *)a)->size, y = ((const struct troupe_route *)b)->size;

	return x < y ? -1 : x > y;
}

/* The table of client messages, sorted by event; `size` holds the event number in it. */
static int routes_fill(struct directory *directory)
{
	uint32_t len = 0;

	for (uint32_t i = 0; i < directory->classes_len; i++) {
		len += directory->classes[i].mask + 1;
	}
	directory->routes = calloc(len, sizeof(*directory->routes));
	if (directory->routes == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < directory->classes_len; i++) {
		const struct role_class *class = &directory->classes[i];
		for (uint32_t k = 0; k <= class->mask; k++) {
			const struct troupe_method *method = class->methods[k].method;
			if (method == NULL || method->client_event == 0) {
				continue;
			}
			const char *service = route_service(directory, method);
			if (service == NULL) {
				continue;
			}
			directory->routes[directory->routes_len++] = (struct troupe_route){
				.size = method->client_event,
				.method = method->id,
				.reply_event = method->client_reply,
				.to = method->client_to,
				.service = service,
			};
		}
	}
	qsort(directory->routes, directory->routes_len, sizeof(*directory->routes), route_order);
	return 0;
}

int32_t directory_route(const struct directory *directory, uint32_t event, struct troupe_route *ret_route)
{
	struct troupe_route key = { .size = event };
	const struct troupe_route *found = bsearch(&key, directory->routes, directory->routes_len, sizeof(key),
						   route_order);
	uint32_t size = ret_route->size;

	if (found == NULL) {
		return TROUPE_NOT_FOUND;
	}
	memcpy(ret_route, found, size < sizeof(*found) ? size : sizeof(*found));
	ret_route->size = size;
	return TROUPE_OK;
}

int directory_init(struct directory *directory, struct instance **instances, uint32_t instances_len)
{
	int r;

	*directory = (struct directory){ .instances = instances, .instances_len = instances_len };
	pthread_mutex_init(&directory->mutex, NULL);
	r = classes_fill(directory);
	r = r < 0 ? r : instances_fill(directory);
	r = r < 0 ? r : databases_fill(directory);
	return r < 0 ? r : routes_fill(directory);
}

void directory_fini(struct directory *directory)
{
	for (uint32_t i = 0; i < directory->classes_len; i++) {
		free(directory->classes[i].methods);
	}
	for (uint32_t i = 0; i < directory->services_len; i++) {
		free(directory->services[i].instances);
	}
	for (uint32_t i = 0; i < directory->instances_len; i++) {
		free(directory->instances[i]->databases);
	}
	free(directory->classes);
	free(directory->services);
	free(directory->by_id);
	free(directory->routes);
	free(directory->places);
	pthread_mutex_destroy(&directory->mutex);
}

/* --- who takes a call ----------------------------------------------------------------------------- */

bool directory_ready(const struct instance *instance)
{
	return atomic_load_explicit(&instance->state, memory_order_acquire) == INSTANCE_RUNNING &&
	       atomic_load_explicit(&instance->ready, memory_order_relaxed);
}

bool directory_well(const struct instance *instance)
{
	return directory_ready(instance) ||
	       (atomic_load_explicit(&instance->state, memory_order_acquire) == INSTANCE_RUNNING &&
		atomic_load_explicit(&instance->standby, memory_order_relaxed));
}

bool directory_reaches(const char *part, const struct instance *instance)
{
	return strcmp(part, "base") == 0 || strcmp(instance->host.part, "base") == 0 ||
	       strcmp(instance->host.part, part) == 0;
}

/* One that drains still answers, but gets a call only when no other can: others may need it to end their own work. */
static bool still_answers(const struct instance *instance)
{
	int state = atomic_load_explicit(&instance->state, memory_order_acquire);

	return state == INSTANCE_DRAINING || state == INSTANCE_DRAINED;
}

/* 0 = cannot take it, higher is nearer. */
static int nearness(const struct instance *instance, const struct instance *from)
{
	int near;

	if (!directory_reaches(from->host.part, instance)) {
		return 0;
	}
	near = strcmp(instance->host.part, from->host.part) == 0 ? 2 : 1;
	return directory_ready(instance) ? near + 2 : still_answers(instance) ? near : 0;
}

struct instance *directory_pick(const struct service *service, const struct instance *from, uint32_t turn,
				uint64_t account)
{
	struct instance *best = NULL;
	int best_near = 0;
	uint64_t best_cost = 0;

	for (uint32_t i = 0; i < service->instances_len; i++) {
		struct instance *one = service->instances[i];
		int near = nearness(one, from);
		if (near == 0 || near < best_near) {
			continue;
		}
		uint64_t rank = (i + turn) % service->instances_len;
		uint64_t load = atomic_load_explicit(&one->load, memory_order_relaxed);
		uint64_t cost = account != 0 ? mix(account ^ one->host.id) : load << 32 | rank;
		if (best == NULL || near > best_near || cost < best_cost) {
			best = one;
			best_near = near;
			best_cost = cost;
		}
	}
	return best;
}

struct instance *directory_home(const struct service *service, const char *part, uint64_t key)
{
	struct instance *best = NULL;
	uint64_t best_cost = 0;

	for (uint32_t i = 0; i < service->instances_len; i++) {
		struct instance *one = service->instances[i];
		uint64_t cost = mix(key ^ one->host.id);
		if ((part == NULL || strcmp(one->host.part, part) == 0) && (best == NULL || cost < best_cost)) {
			best = one;
			best_cost = cost;
		}
	}
	if (best == NULL && part != NULL) {
		return directory_home(service, strcmp(part, "base") != 0 ? "base" : NULL, key);
	}
	return best;
}

/* --- placed keys ---------------------------------------------------------------------------------- */

static struct directory_place *place_find(struct directory *directory, uint32_t route, uint64_t key)
{
	uint64_t at = mix(key * 4 + route) & directory->places_mask;

	while (directory->places[at].route != 0 &&
	       (directory->places[at].route != route || directory->places[at].key != key)) {
		at = (at + 1) & directory->places_mask;
	}
	return &directory->places[at];
}

static int places_grow(struct directory *directory)
{
	struct directory_place *old = directory->places;
	uint32_t old_len = old != NULL ? directory->places_mask + 1 : 0;
	uint32_t len = old_len != 0 ? old_len * 2 : 64;
	struct directory_place *places = calloc(len, sizeof(*places));

	if (places == NULL) {
		return -ENOMEM;
	}
	directory->places = places;
	directory->places_mask = len - 1;
	for (uint32_t i = 0; i < old_len; i++) {
		if (old[i].route != 0) {
			*place_find(directory, old[i].route, old[i].key) = old[i];
		}
	}
	free(old);
	return 0;
}

static void place_remove(struct directory *directory, struct directory_place *place)
{
	uint32_t mask = directory->places_mask;
	uint32_t hole = (uint32_t)(place - directory->places);

	directory->places_len--;
	directory->places[hole].route = 0;
	/* what lies behind the hole and was displaced over it moves back (Knuth, vol. 3, 6.4, algorithm R) */
	for (uint32_t at = (hole + 1) & mask; directory->places[at].route != 0; at = (at + 1) & mask) {
		struct directory_place moved = directory->places[at];
		directory->places[at].route = 0;
		*place_find(directory, moved.route, moved.key) = moved;
	}
}

int32_t directory_place(struct directory *directory, uint32_t route, uint64_t key, uint64_t instance)
{
	int32_t status = TROUPE_OK;

	if (route != TROUPE_ROUTE_AVATAR && route != TROUPE_ROUTE_ACCOUNT) {
		return TROUPE_INVALID_ARGUMENT;
	}
	pthread_mutex_lock(&directory->mutex);
	if (directory->places == NULL || directory->places_len * 2 > directory->places_mask) {
		if (places_grow(directory) < 0) {
			pthread_mutex_unlock(&directory->mutex);
			return TROUPE_RESOURCE_EXHAUSTED;
		}
	}
	struct directory_place *place = place_find(directory, route, key);
	if (place->route != 0) {
		if (instance != 0) {
			place->instance = instance;
		} else {
			place_remove(directory, place);
		}
	} else if (instance != 0) {
		if (directory->places_len >= DIRECTORY_PLACES_MAX) {
			status = TROUPE_RESOURCE_EXHAUSTED;
		} else {
			*place = (struct directory_place){ .key = key, .instance = instance, .route = route };
			directory->places_len++;
		}
	}
	pthread_mutex_unlock(&directory->mutex);
	return status;
}

uint64_t directory_placed(struct directory *directory, uint32_t route, uint64_t key)
{
	uint64_t instance = 0;

	pthread_mutex_lock(&directory->mutex);
	if (directory->places != NULL) {
		struct directory_place *place = place_find(directory, route, key);
		instance = place->route != 0 ? place->instance : 0;
	}
	pthread_mutex_unlock(&directory->mutex);
	return instance;
}
