/* SPDX-License-Identifier: MIT */
/* Checks of a plugin's descriptor, from what must never change to what each version adds. */
#include "descriptor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "troupe/driver.h"

/* What the first version of the contract fixed. Later members are read only after TROUPE_HAS. */
#define DESCRIPTOR_HEAD offsetof(struct troupe_plugin, kind)
#define DESCRIPTOR_1_0 (offsetof(struct troupe_plugin, driver) + sizeof(const struct troupe_driver *))
#define ROLE_1_0 (offsetof(struct troupe_role, destroy) + sizeof(void (*)(void *)))
#define DRIVER_1_0 (offsetof(struct troupe_driver, snapshot_close) + sizeof(void (*)(void *, void *)))
#define TABLE_MAX 1024u /* entries of one table: an end marker is missing beyond it */

_Static_assert(DESCRIPTOR_HEAD == 8, "size and versions come first, for ever");

int refuse(struct loader_refusal *refusal, const char *code, const char *help, const char *format, ...)
{
	va_list args;

	refusal->code = code;
	refusal->note[0] = '\0';
	va_start(args, format);
	vsnprintf(refusal->text, sizeof(refusal->text), format, args);
	va_end(args);
	snprintf(refusal->help, sizeof(refusal->help), "%s", help != NULL ? help : "");
	return -EINVAL;
}

/* Both versions, for every refusal that has to do with them. */
static int refuse_version(struct loader_refusal *refusal, const char *code, const char *help, const char *what,
			  const char *file, const struct troupe_plugin *plugin)
{
	refuse(refusal, code, help, "plugin %s %s", file, what);
	snprintf(refusal->note, sizeof(refusal->note), "it is built for contract %u.%u, this host speaks %u.%u",
		 plugin->abi_major, plugin->abi_minor, TROUPE_ABI_MAJOR, TROUPE_ABI_MINOR);
	return -EINVAL;
}

static bool name_is_good(const char *name)
{
	return name != NULL && name[0] >= 'a' && name[0] <= 'z' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0' && strlen(name) <= 64;
}

/* "grant", or "world pause" */
static bool verb_is_good(const char *verb)
{
	const char *space = strchr(verb, ' ');
	char noun[80];

	snprintf(noun, sizeof(noun), "%.*s", space != NULL ? (int)(space - verb) : 0, verb);
	return space == NULL ? name_is_good(verb) : name_is_good(noun) && name_is_good(space + 1);
}

/* The bytes that an option of this type takes; 0 = the type is not known. */
static uint32_t option_width(const struct troupe_option *option)
{
	switch (option->type) {
	case TROUPE_OPTION_LISTEN:
	case TROUPE_OPTION_STRINGS:
		return sizeof(struct troupe_strings);
	case TROUPE_OPTION_MAP:
		return sizeof(struct troupe_map);
	default:
		return option->type >= TROUPE_OPTION_BOOL && option->type <= TROUPE_OPTION_SECRET ? 8 : 0;
	}
}

/* A wrong offset would make the host write outside of the plugin's struct. Returns what is wrong, or NULL. */
static const char *options_wrong(const struct troupe_option *table, uint32_t stride, uint32_t size, uint32_t depth,
				 const char **ret_name)
{
	for (uint32_t i = 0; table != NULL; i++) {
		const struct troupe_option *option = (const void *)((const char *)table + (size_t)i * stride);

		if (option->name == NULL) {
			break;
		}
		*ret_name = option->name;
		if (i == TABLE_MAX) {
			return "its table has no end";
		}
		if (!name_is_good(option->name)) {
			return "its name is not made of a-z, 0-9 and _";
		}
		for (uint32_t j = 0; j < i; j++) {
			const struct troupe_option *other = (const void *)((const char *)table + (size_t)j * stride);

			if (strcmp(other->name, option->name) == 0) {
				return "its name stands twice in the table";
			}
		}
		if (option_width(option) == 0) {
			return "its type is not known";
		}
		if (option->offset % 8 != 0) {
			return "its offset is not a multiple of 8";
		}
		bool block = option->type == TROUPE_OPTION_BLOCK, map = option->type == TROUPE_OPTION_MAP;

		if (option->offset > size || (!block && size - option->offset < option_width(option))) {
			return "it lies outside of the options struct";
		}
		if ((block || map) && depth == 8) {
			return "its blocks are nested too deep";
		}
		if (map && (option->item_size < 8 || option->item_size % 8 != 0)) {
			return "its item_size is not that of a struct that begins with a name";
		}
		if (block || map) {
			const char *wrong = options_wrong(option->fields, stride,
							  map ? option->item_size : size - option->offset, depth + 1,
							  ret_name);

			if (wrong != NULL) {
				return wrong;
			}
		}
	}
	return NULL;
}

static int check_tables(const struct troupe_plugin *plugin, uint32_t size, const char *file,
			struct loader_refusal *refusal)
{
	const char *help = "mend the plugin's tables: TROUPE_PLUGIN_HEAD sets the sizes, offsetof the offsets";
	const char *name = "", *wrong;

	if (plugin->option_size < sizeof(struct troupe_option) || plugin->command_size < sizeof(struct troupe_command) ||
	    plugin->method_size < sizeof(struct troupe_method) || plugin->option_size % 8 != 0 ||
	    plugin->command_size % 8 != 0 || plugin->method_size % 8 != 0) {
		return refuse(refusal, "P0012", help,
			      "plugin %s says its table entries have %u, %u and %u bytes; at least %zu, %zu and %zu are "
			      "needed",
			      file, plugin->option_size, plugin->command_size, plugin->method_size,
			      sizeof(struct troupe_option), sizeof(struct troupe_command), sizeof(struct troupe_method));
	}
	wrong = options_wrong(plugin->options, plugin->option_size, size, 0, &name);
	if (wrong != NULL) {
		return refuse(refusal, "P0012", help, "plugin %s, option `%s`: %s", file, name, wrong);
	}
	for (uint32_t i = 0; plugin->commands != NULL; i++) {
		const struct troupe_command *command =
			(const void *)((const char *)plugin->commands + (size_t)i * plugin->command_size);

		if (command->verb == NULL) {
			break;
		}
		if (i == TABLE_MAX || !verb_is_good(command->verb) || command->run == NULL) {
			return refuse(refusal, "P0012", help, "plugin %s, command `%s`: %s", file, command->verb,
				      i == TABLE_MAX ? "its table has no end" : "it has a bad name or nothing to run");
		}
		wrong = options_wrong(command->args, plugin->option_size, command->args_size, 0, &name);
		if (wrong != NULL) {
			return refuse(refusal, "P0012", help, "plugin %s, command `%s`, argument `%s`: %s", file,
				      command->verb, name, wrong);
		}
	}
	for (uint32_t i = 0; plugin->methods != NULL; i++) {
		const struct troupe_method *method =
			(const void *)((const char *)plugin->methods + (size_t)i * plugin->method_size);

		if (method->name == NULL) {
			break;
		}
		if (i == TABLE_MAX || method->serve == NULL || method->allow == NULL) {
			return refuse(refusal, "P0012", "make the table with the generated *_METHODS macros",
				      "plugin %s, method `%s`: it has no function or no list of callers", file,
				      method->name);
		}
	}
	return 0;
}

static int refuse_missing(struct loader_refusal *refusal, const char *file, const char *what)
{
	return refuse(refusal, "P0009", "set it in the descriptor: only those marked (may be NULL) may be left out",
		      "plugin %s has no %s", file, what);
}

static int check_role(const struct troupe_plugin *plugin, const char *file, struct loader_refusal *refusal)
{
	const struct troupe_role *role = plugin->role;

	if (role == NULL) {
		return refuse_missing(refusal, file, "role");
	}
	if (role->size < ROLE_1_0) {
		return refuse_version(refusal, "P0005", "rebuild it: set .size = sizeof(struct troupe_role)",
				      "has a role struct that is too short", file, plugin);
	}
	if (role->create == NULL || role->destroy == NULL) {
		return refuse_missing(refusal, file, role->create == NULL ? "role.create" : "role.destroy");
	}
	return check_tables(plugin, role->options_size, file, refusal);
}

static int check_driver(const struct troupe_plugin *plugin, const char *file, struct loader_refusal *refusal)
{
	const struct troupe_driver *driver = plugin->driver;

	if (driver == NULL) {
		return refuse_missing(refusal, file, "driver");
	}
	if (driver->size < DRIVER_1_0) {
		return refuse_version(refusal, "P0005", "rebuild it: set .size = sizeof(struct troupe_driver)",
				      "has a driver struct that is too short", file, plugin);
	}
	const struct {
		const char *name;
		bool there;
	} callbacks[] = {
		{ "driver.open", driver->open != NULL },
		{ "driver.close", driver->close != NULL },
		{ "driver.commit", driver->commit != NULL },
		{ "driver.find_key", driver->find_key != NULL },
		{ "driver.get", driver->get != NULL },
		{ "driver.scan", driver->scan != NULL },
		{ "driver.snapshot_open", driver->snapshot_open != NULL },
		{ "driver.snapshot_close", driver->snapshot_close != NULL },
	};

	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++) {
		if (!callbacks[i].there) {
			return refuse_missing(refusal, file, callbacks[i].name);
		}
	}
	return check_tables(plugin, driver->options_size, file, refusal);
}

int descriptor_check(const void *symbol, size_t symbol_size, const char *file, const char *name,
		     struct loader_refusal *ret_refusal)
{
	const struct troupe_plugin *plugin = symbol;

	if (symbol_size < DESCRIPTOR_HEAD || plugin->size < DESCRIPTOR_HEAD || plugin->size > symbol_size) {
		return refuse(ret_refusal, "P0005", "troupe_entry must be a struct troupe_plugin that begins with "
			      "TROUPE_PLUGIN_HEAD",
			      "plugin %s: troupe_entry is %zu bytes long, too short for a descriptor of this host's contract "
			      "%u.%u",
			      file, symbol_size, TROUPE_ABI_MAJOR, TROUPE_ABI_MINOR);
	}
	if (plugin->abi_major != TROUPE_ABI_MAJOR) {
		return refuse_version(ret_refusal, "P0007",
				      "rebuild it against this host's headers: pkg-config --cflags troupe",
				      "was built for another host", file, plugin);
	}
	if (plugin->abi_minor > TROUPE_ABI_MINOR) {
		return refuse_version(ret_refusal, "P0008",
				      "update this host, or rebuild the plugin against the older headers",
				      "needs a newer host", file, plugin);
	}
	if (plugin->size < DESCRIPTOR_1_0) {
		return refuse_version(ret_refusal, "P0005", "rebuild it: .size must be sizeof(struct troupe_plugin)",
				      "has a descriptor that is too short", file, plugin);
	}
	if (plugin->name == NULL || strcmp(plugin->name, name) != 0) {
		return refuse(ret_refusal, "P0010", "rename the file or the plugin: `name` is the file's name without .so",
			      "plugin %s calls itself `%s`", file, plugin->name != NULL ? plugin->name : "");
	}
	if (plugin->version == NULL || plugin->summary == NULL) {
		return refuse_missing(ret_refusal, file, plugin->version == NULL ? "version" : "summary");
	}
	if (plugin->kind == TROUPE_PLUGIN_ROLE) {
		return check_role(plugin, file, ret_refusal);
	}
	if (plugin->kind == TROUPE_PLUGIN_DRIVER) {
		return check_driver(plugin, file, ret_refusal);
	}
	return refuse(ret_refusal, "P0013", "kind is TROUPE_PLUGIN_ROLE or TROUPE_PLUGIN_DRIVER",
		      "plugin %s is of kind %u, which this host does not know", file, plugin->kind);
}
