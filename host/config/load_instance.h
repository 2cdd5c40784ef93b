/* SPDX-License-Identifier: MIT */
/* Instances: from block to plugin, from option tables to a filled struct. */
#ifndef HOST_CONFIG_LOAD_INSTANCE_H
#define HOST_CONFIG_LOAD_INSTANCE_H

#include "load.h"
#include "plugin/loader.h"

/* load_instances makes an instance of every block of a plugin; their options are not filled yet. */
void load_instances(struct load *load);
/* load_options fills the options of all instances and calls each role's check. Hosts must be decided. */
void load_options(struct load *load);

#endif
