/* SPDX-License-Identifier: MIT */
/* troupe tree: the cluster, its parts, their instances, and where and how each runs. */
#ifndef HOST_CONTROL_TREE_H
#define HOST_CONTROL_TREE_H

extern const char tree_usage[];

/* tree_main runs the command and returns an exit code. */
int tree_main(int argc, char **argv);

#endif
