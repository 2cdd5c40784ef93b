/* SPDX-License-Identifier: MIT */
/* Every value of a configuration and where it came from. Secrets are not shown. */
#include "effective.h"

#include "options.h"

/* Origins are chained last first; values print in the order of their tables. */
static void origins_text(const struct config_origin *origin, FILE *out)
{
	if (origin != NULL) {
		origins_text(origin->next, out);
		fprintf(out, "  %-24s = %-32s -- %s\n", origin->option, origin->value[0] != '\0' ? origin->value : "\"\"",
			origin->origin);
	}
}

void effective_print_text(const struct config *config, FILE *out)
{
	fprintf(out, "cluster \"%s\"\n", config->cluster);
	origins_text(config->origins, out);
	for (uint32_t i = 0; i < config->hosts_len; i++) {
		fprintf(out, "host \"%s\"\n", config->hosts[i].name);
		origins_text(config->hosts[i].origins, out);
	}
	for (uint32_t i = 0; i < config->local_len; i++) {
		const struct config_instance *instance = config->local[i];

		fprintf(out, "%s  -- %s:%u, %s %s, host %s, loop %u\n", instance->name, instance->file, instance->line,
			instance->plugin->name, instance->plugin->version, config->hosts[instance->host].name,
			instance->loop);
		origins_text(instance->origins, out);
	}
}
