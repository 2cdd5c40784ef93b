/* SPDX-License-Identifier: MIT */
/* Commands that run a world without a host: tests of rules, recordings. */
#ifndef TOOLS_TOOLS_H
#define TOOLS_TOOLS_H

/* api_lua_main: `troupe api lua`. [main] */
int api_lua_main(int argc, char **argv);
extern const char api_lua_usage[];

/* script_test_main: `troupe script test`; argv[0] is "test". Returns an exit code of the program. [main] */
int script_test_main(int argc, char **argv);
extern const char script_test_usage[];

/* record_main: `troupe record`. [main] */
int record_main(int argc, char **argv);
extern const char record_usage[];

/* replay_main: `troupe replay`. [main] */
int replay_main(int argc, char **argv);
extern const char replay_usage[];

/* bench_commit_main: `troupe bench commit`. [main] */
int bench_commit_main(int argc, char **argv);
extern const char bench_commit_usage[];

#endif
