/* SPDX-License-Identifier: MIT */
/* Three host processes and a relay. */
#include "tests/bus/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *const instances[2][CLUSTER_HOSTS] = {
	{ "base/bounce.a", "base/bounce.b", "base/bounce.c" },
	{ "base/bounce.a", "base/bounce.b", "meadow/bounce.c" },
};

static const char *environment(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value != NULL && value[0] != '\0' ? value : otherwise;
}

static void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Are these two linked, so that there is a way between them to be made bad? */
static bool linked(const struct cluster *cluster, unsigned from, unsigned to)
{
	return from != to && (!cluster->forwarded || from == 0 || to == 0);
}

static void config_write(const struct cluster *cluster)
{
	const char *const *all = instances[cluster->forwarded];
	char path[96];

	snprintf(path, sizeof(path), "%s/bounce.lua", cluster->folder);
	FILE *file = fopen(path, "w");
	if (file == NULL) {
		die(path);
	}
	fprintf(file, "cluster \"bounce\" { sockets = \"%s/s\" }\n", cluster->folder);
	fprintf(file, "local all = { \"%s\", \"%s\", \"%s\" }\npart \"base\"\n", all[0], all[1], all[2]);
	if (cluster->forwarded) {
		fprintf(file, "database \"base\" { driver = \"leveldb\", path = \"base\" }\n"
			      "master { database = \"base\", shards = { meadow = { comment = \"\", limit = 500 } } }\n");
	}
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		fprintf(file, "%sbounce \"%s\" { instances = all, books = \"%s/%u.log\", quiet = \"%s/quiet\" }\n",
			i == 2 && cluster->forwarded ? "part \"shard:meadow\"\n" : "", cluster->name[i], cluster->folder, i,
			cluster->folder);
	}
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		fprintf(file, "host \"%s\" { run = { \"%s\"%s }, metrics = 0, reach = {", cluster->name[i], all[i],
			i == 0 && cluster->forwarded ? ", \"base/database\", \"base/master\"" : "");
		for (unsigned to = 0; to < CLUSTER_HOSTS; to++) {
			if (linked(cluster, i, to)) {
				fprintf(file, " %s = \"ipc://%s/%s-%s\",", cluster->name[to], cluster->folder,
					cluster->name[i], cluster->name[to]);
			}
		}
		fprintf(file, " } }\n");
	}
	fclose(file);
}

/* All plugins of the build and the fixture, in one folder. */
static void plugins_link(const struct cluster *cluster)
{
	const char *build = environment("top_builddir", ".");
	char command[1024];

	snprintf(command, sizeof(command), "mkdir -m 700 %s/plugins %s/s && ln -s \"$(realpath '%s')\"/*.so "
					   "\"$(realpath '%s')\"/tests/fixtures/.libs/bounce.so %s/plugins/",
		 cluster->folder, cluster->folder, environment("TROUPE_PLUGINS", "plugins/all"), build, cluster->folder);
	if (system(command) != 0) {
		die(command);
	}
}

static pid_t spawn(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0) {
		die("fork");
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent) {
			_exit(9);
		}
	}
	return pid;
}

static void relay_start(struct cluster *cluster, unsigned seed)
{
	static char words[3 * CLUSTER_HOSTS * CLUSTER_HOSTS][128];
	char program[256], seed_text[16], *argv[4 + 3 * CLUSTER_HOSTS * CLUSTER_HOSTS] = { "relay", "--seed", seed_text };
	unsigned argc = 3, w = 0;
	int in[2], out[2];
	char line[16] = "";

	snprintf(program, sizeof(program), "%s/tests/support/relay", environment("top_builddir", "."));
	snprintf(seed_text, sizeof(seed_text), "%u", seed);
	for (unsigned from = 0; from < CLUSTER_HOSTS; from++) {
		for (unsigned to = 0; to < CLUSTER_HOSTS; to++) {
			if (linked(cluster, from, to)) {
				snprintf(words[w], 128, "%s-%s", cluster->name[from], cluster->name[to]);
				snprintf(words[w + 1], 128, "ipc://%s/%s-%s", cluster->folder, cluster->name[from],
					 cluster->name[to]);
				snprintf(words[w + 2], 128, "ipc://%s/s/%s.bus", cluster->folder, cluster->name[to]);
				for (unsigned i = 0; i < 3; i++) {
					argv[argc++] = words[w++];
				}
			}
		}
	}
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) {
		die("pipe");
	}
	cluster->relay = spawn();
	if (cluster->relay == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execv(program, argv);
		_exit(9);
	}
	close(in[0]);
	close(out[1]);
	cluster->orders = fdopen(in[1], "w");
	if (read(out[0], line, sizeof(line)) != 6) {
		die("the relay does not begin");
	}
	close(out[0]); /* it is asked nothing */
}

void relay_tell(struct cluster *cluster, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(cluster->orders, format, args);
	va_end(args);
	fputc('\n', cluster->orders);
	fflush(cluster->orders);
}

void host_start(struct cluster *cluster, unsigned host)
{
	char config[96], state[96], log[96], plugins[96];

	snprintf(config, sizeof(config), "%s/bounce.lua", cluster->folder);
	snprintf(state, sizeof(state), "%s/state", cluster->folder);
	snprintf(log, sizeof(log), "%s/%s.out", cluster->folder, cluster->name[host]);
	snprintf(plugins, sizeof(plugins), "%s/plugins", cluster->folder);
	cluster->hosts[host] = spawn();
	if (cluster->hosts[host] == 0) {
		const char *troupe = environment("TROUPE", "./troupe");
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, 1);
		dup2(fd, 2);
		setenv("TROUPE_PLUGINS", plugins, 1);
		execl(troupe, troupe, "run", config, "--host", cluster->name[host], "--state", state, "--log", "text",
		      (char *)NULL);
		_exit(9);
	}
}

void host_kill(struct cluster *cluster, unsigned host)
{
	if (cluster->hosts[host] > 0) {
		kill(cluster->hosts[host], SIGKILL);
		waitpid(cluster->hosts[host], NULL, 0);
		cluster->hosts[host] = 0;
	}
}

void host_signal(const struct cluster *cluster, unsigned host, int signal)
{
	if (cluster->hosts[host] > 0) {
		kill(cluster->hosts[host], signal);
	}
}

const char *cluster_check(struct cluster *cluster)
{
	if (waitpid(cluster->relay, NULL, WNOHANG) != 0) {
		cluster->relay = 0;
		return "the relay";
	}
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		if (cluster->hosts[i] > 0 && waitpid(cluster->hosts[i], NULL, WNOHANG) != 0) {
			cluster->hosts[i] = 0;
			return cluster->name[i];
		}
	}
	return NULL;
}

void cluster_start(struct cluster *cluster, bool forwarded, unsigned seed)
{
	*cluster = (struct cluster){ .forwarded = forwarded };
	snprintf(cluster->folder, sizeof(cluster->folder), "/tmp/troupe-bus.XXXXXX");
	if (mkdtemp(cluster->folder) == NULL) {
		die(cluster->folder);
	}
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		snprintf(cluster->name[i], sizeof(cluster->name[i]), "%c", (char)('a' + i));
	}
	plugins_link(cluster);
	config_write(cluster);
	relay_start(cluster, seed);
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		host_start(cluster, i);
	}
}

bool cluster_stop(struct cluster *cluster)
{
	bool good = true;

	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		host_signal(cluster, i, SIGTERM);
	}
	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		int status = -1;
		if (cluster->hosts[i] == 0) {
			good = false;
			continue;
		}
		pid_t ended = 0;
		for (unsigned waited = 0; ended == 0 && waited < 1500; waited++) {
			ended = waitpid(cluster->hosts[i], &status, WNOHANG);
			nanosleep(&(struct timespec){ .tv_nsec = ended == 0 ? 10000000 : 0 }, NULL);
		}
		good &= ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
		cluster->hosts[i] = ended > 0 ? 0 : cluster->hosts[i];
	}
	return good;
}

void cluster_remove(struct cluster *cluster)
{
	char command[96];

	for (unsigned i = 0; i < CLUSTER_HOSTS; i++) {
		host_kill(cluster, i);
	}
	fclose(cluster->orders);
	if (cluster->relay > 0) {
		kill(cluster->relay, SIGKILL);
		waitpid(cluster->relay, NULL, 0);
	}
	if (getenv("KEEP") != NULL) {
		printf("# everything is kept in %s\n", cluster->folder);
		return;
	}
	snprintf(command, sizeof(command), "rm -rf %s", cluster->folder);
	if (system(command) != 0) {
		perror(command);
	}
}
