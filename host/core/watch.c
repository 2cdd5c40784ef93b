/* SPDX-License-Identifier: MIT */
/* Watches on files and folders, by looking at them in a job four times a second. */
#include "host/core/watch.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/core/core.h"
#include "host/core/job.h"

/*
 * Why not inotify: it watches an inode, and editors save by renaming a new file over the old one; folders are replaced
 * too, and network file systems report nothing. A look at names, sizes and times sees all of that with one piece of
 * code. A folder of a hundred scripts costs about a tenth of a millisecond a look, on a worker.
 */
#define LOOK_MS 250u

struct watch {
	struct job job; /* first */
	struct watch *next;
	struct instance *instance;
	struct loop_timer timer;
	uint64_t id;
	troupe_timer_fn on_change;
	void *arg;
	uint64_t seen, found; /* digests of the last look and of this one */
	bool looked, looking, stopped;
	char path[];
};

static uint64_t digest_add(uint64_t digest, const void *bytes, size_t len)
{
	return (digest ^ troupe_fnv64(bytes, len)) * 1099511628211u;
}

static uint64_t digest_stat(const char *name, const struct stat *st)
{
	uint64_t facts[6] = { st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec,
			      (uint64_t)st->st_mtim.tv_nsec, (uint64_t)st->st_ctim.tv_sec,
			      (uint64_t)st->st_ctim.tv_nsec };

	return digest_add(digest_add(0, name, strlen(name)), facts, sizeof(facts));
}

/* What the folder (or file) looks like; the order of its entries does not matter. */
static uint64_t look(const char *path)
{
	struct stat st;
	struct dirent *entry;
	uint64_t digest = 1;
	DIR *folder;

	if (stat(path, &st) < 0) {
		return 0;
	}
	if (!S_ISDIR(st.st_mode)) {
		return digest_stat("", &st);
	}
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    fstatat(dirfd(folder), entry->d_name, &st, 0) == 0) {
			digest += digest_stat(entry->d_name, &st);
		}
	}
	if (folder != NULL) {
		closedir(folder);
	}
	return digest;
}

static void on_look(struct job *job)
{
	struct watch *watch = (struct watch *)(void *)job;

	watch->found = look(watch->path);
}

static void watch_unlink(struct watch *watch)
{
	struct watch **link = &watch->instance->watches;

	while (*link != watch) {
		link = &(*link)->next;
	}
	*link = watch->next;
	free(watch);
}

static void on_looked(struct job *job)
{
	struct watch *watch = (struct watch *)(void *)job;
	struct instance *instance = watch->instance;
	bool changed = watch->looked && watch->found != watch->seen;

	watch->looking = false;
	if (watch->stopped) {
		watch_unlink(watch);
		return;
	}
	loop_timer_start(instance->loop, &watch->timer, LOOK_MS);
	if (job->status != TROUPE_OK) {
		return; /* the pool is full: look later */
	}
	watch->looked = true;
	watch->seen = watch->found;
	if (changed) {
		instance_enter(instance, NULL);
		watch->on_change(instance->self, watch->arg);
		instance_leave(instance);
	}
}

static void on_time(struct loop_timer *timer)
{
	struct watch *watch = (struct watch *)(void *)((char *)timer - offsetof(struct watch, timer));
	struct instance *instance = watch->instance;

	watch->looking = true;
	watch->job = (struct job){
		.loop = instance->loop, .owner = instance, .run = on_look, .on_done = on_looked
	};
	job_add(core_jobs(instance->core), &watch->job);
}

uint64_t watch_start(struct instance *instance, const char *path, troupe_timer_fn on_change, void *arg)
{
	uint32_t len = 0;
	uint64_t id = 1;
	struct watch *watch;

	for (watch = instance->watches; watch != NULL; watch = watch->next) {
		len++;
		id = watch->id >= id ? watch->id + 1 : id;
	}
	if (len >= WATCH_MAX || atomic_load_explicit(&instance->state, memory_order_relaxed) >= INSTANCE_STOPPING) {
		return 0;
	}
	watch = calloc(1, sizeof(*watch) + strlen(path) + 1);
	if (watch == NULL) {
		return 0;
	}
	strcpy(watch->path, path);
	watch->id = id;
	watch->instance = instance;
	watch->on_change = on_change;
	watch->arg = arg;
	watch->timer.expire = on_time;
	watch->next = instance->watches;
	instance->watches = watch;
	on_time(&watch->timer); /* the first look is what later ones are compared with */
	return id;
}

static void watch_end(struct watch *watch)
{
	loop_timer_stop(&watch->timer);
	watch->stopped = true;
	if (!watch->looking) {
		watch_unlink(watch);
	}
}

void watch_stop(struct instance *instance, uint64_t id)
{
	for (struct watch *watch = instance->watches; watch != NULL; watch = watch->next) {
		if (watch->id == id && !watch->stopped) {
			watch_end(watch);
			return;
		}
	}
}

void watch_stop_all(struct instance *instance)
{
	for (struct watch *watch = instance->watches, *next; watch != NULL; watch = next) {
		next = watch->next;
		watch_end(watch);
	}
}
