/* SPDX-License-Identifier: MIT */
/* Who provides what: role classes with their methods, services, instances by id, and placed keys. */
#ifndef HOST_CORE_DIRECTORY_H
#define HOST_CORE_DIRECTORY_H

#include <pthread.h>

#include "host/core/instance.h"

#define DIRECTORY_ROLES_MAX 64u
#define DIRECTORY_PLACES_MAX 100000u

/* A plugin with its methods, hashed. Constant while loops run. */
struct role_class {
	const struct troupe_plugin *plugin;
	uint64_t bit;			/* this role in the masks of who may call */
	uint32_t mask;			/* size of `methods` - 1, a power of two */
	struct role_method {
		const struct troupe_method *method; /* NULL = free */
		uint64_t allow;			    /* roles that may call it */
		bool users;			    /* and those whose `databases` name the instance */
	} *methods;
};

/* A service and all instances that provide it. */
struct service {
	const char *name;
	uint32_t hash;
	uint32_t instances_len;
	struct instance **instances;
};

struct directory_place {
	uint64_t key, instance;
	uint32_t route; /* 0 = free */
};

struct directory {
	struct role_class *classes;
	uint32_t classes_len;
	struct service *services;
	uint32_t services_len;
	struct instance **instances;
	uint32_t instances_len;
	struct troupe_route *routes; /* by client message, sorted */
	uint32_t routes_len;
	struct instance **by_id; /* open addressing */
	uint32_t by_id_mask;
	pthread_mutex_t mutex; /* of the places */
	struct directory_place *places; /* open addressing, linear */
	uint32_t places_len, places_mask;
};

/* directory_init describes these instances (of which each has `core`, `config` and `host.id` set) and sets their
 * role_class and databases. 0; -E2BIG above DIRECTORY_ROLES_MAX roles; -EEXIST if two ids are equal; -ENOMEM. [main] */
int directory_init(struct directory *directory, struct instance **instances, uint32_t instances_len);
void directory_fini(struct directory *directory);

/* directory_method returns the method of this number, or NULL. [any] */
const struct role_method *directory_method(const struct role_class *role_class, uint32_t method);
/* directory_service returns the service of this name, or NULL if nobody here provides it. [any] */
const struct service *directory_service(const struct directory *directory, const char *name);
/* directory_instance returns the instance with this id, or NULL. [any] */
struct instance *directory_instance(const struct directory *directory, uint64_t id);

/*
 * directory_pick returns the instance that should take a call of `from` to `service`: of the caller's own part, else of
 * base (for one of base: of any part), the least loaded of those that are ready; `turn` breaks ties. With `account`
 * not 0 the same one for the same account while it is ready (rendezvous hashing, Thaler and Ravishankar 1998).
 * NULL if none is ready. [any]
 */
struct instance *directory_pick(const struct service *service, const struct instance *from, uint32_t turn,
				uint64_t account);

/* directory_home returns the instance to which a key belongs, ready or not: of those in `part`, else of those in base, else of all
 * (rendezvous hashing over their ids). [any] */
struct instance *directory_home(const struct service *service, const char *part, uint64_t key);

/* directory_allows: may `from` call this method of `to`? directory_uses: is `database` one that `from` names? [any] */
bool directory_allows(const struct role_method *method, const struct instance *from, const struct instance *to);
bool directory_uses(const struct instance *from, const struct instance *database);

/* directory_ready: may calls be delivered to it? directory_well: is it ready, or does it stand by for one that is?
 * directory_reaches: does a caller in `part` see `instance`? [any] */
bool directory_ready(const struct instance *instance);
bool directory_well(const struct instance *instance);
bool directory_reaches(const char *part, const struct instance *instance);

/* directory_place sets where a key goes (0 = nowhere): OK, INVALID_ARGUMENT, RESOURCE_EXHAUSTED. directory_placed
 * returns the instance's id or 0. [any] */
int32_t directory_place(struct directory *directory, uint32_t route, uint64_t key, uint64_t instance);
uint64_t directory_placed(struct directory *directory, uint32_t route, uint64_t key);

/* directory_route finds the method that takes this client message: OK or NOT_FOUND. Writes no more than
 * ret_route->size bytes. [any] */
int32_t directory_route(const struct directory *directory, uint32_t event, struct troupe_route *ret_route);

#endif
