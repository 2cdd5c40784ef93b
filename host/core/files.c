/* SPDX-License-Identifier: MIT */
/* Reading files for roles, in a job. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/core/core.h"
#include "host/core/job.h"

#define BYTES_DEFAULT (4u * 1024u * 1024u)
#define FILES_MAX 4096u

struct reading {
	struct job job; /* first */
	struct core_context context;
	void (*on_files)(void *instance, void *arg, int32_t status, const struct troupe_file *files, uint32_t count,
			 const char *text);
	void *arg;
	char *path, *suffix;
	uint32_t bytes_max, bytes;
	struct troupe_file *files;
	uint32_t len;
	int32_t status;
	char text[256];
};

static bool fail(struct reading *reading, int32_t status, const char *what, const char *why)
{
	reading->status = status;
	snprintf(reading->text, sizeof(reading->text), "%s: %s", what, why);
	return false;
}

static bool fail_errno(struct reading *reading, const char *what)
{
	int32_t status = errno == ENOENT || errno == ENOTDIR ? TROUPE_NOT_FOUND
			 : errno == EACCES		       ? TROUPE_PERMISSION_DENIED
							       : TROUPE_INTERNAL;

	return fail(reading, status, what, strerror(errno));
}

static bool read_all(struct reading *reading, int fd, uint8_t *bytes, uint32_t *len)
{
	uint32_t got = 0;

	while (got < *len) {
		ssize_t n = read(fd, bytes + got, *len - got);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return fail_errno(reading, reading->path);
		}
		if (n == 0) {
			break; /* it was cut while we read: what is there is the file */
		}
		got += (uint32_t)n;
	}
	*len = got;
	return true;
}

/* Adds the open file; `name` is copied. */
static bool add_file(struct reading *reading, int fd, const char *name)
{
	struct stat st;
	struct troupe_file *files;

	if (fstat(fd, &st) < 0) {
		return fail_errno(reading, name);
	}
	if (!S_ISREG(st.st_mode)) {
		return fail(reading, TROUPE_INVALID_ARGUMENT, name, "is not a file");
	}
	if ((uint64_t)st.st_size > reading->bytes_max - reading->bytes || reading->len >= FILES_MAX) {
		return fail(reading, TROUPE_RESOURCE_EXHAUSTED, reading->path, "more than may be read at once");
	}
	files = realloc(reading->files, (reading->len + 1) * sizeof(*files));
	if (files == NULL) {
		return fail(reading, TROUPE_RESOURCE_EXHAUSTED, name, "no memory");
	}
	reading->files = files;
	uint32_t len = (uint32_t)st.st_size;
	uint8_t *bytes = malloc((size_t)len + 1);
	char *copy = strdup(name);
	if (bytes == NULL || copy == NULL || !read_all(reading, fd, bytes, &len)) {
		free(bytes);
		free(copy);
		return reading->status == TROUPE_OK ? fail(reading, TROUPE_RESOURCE_EXHAUSTED, name, "no memory") : false;
	}
	bytes[len] = '\0';
	files[reading->len++] = (struct troupe_file){ .name = copy, .bytes = bytes, .len = len };
	reading->bytes += len;
	return true;
}

static bool has_suffix(const char *name, const char *suffix)
{
	size_t a = strlen(name), b = strlen(suffix);

	return a >= b && strcmp(name + a - b, suffix) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct troupe_file *)a)->name, ((const struct troupe_file *)b)->name);
}

static void read_folder(struct reading *reading, DIR *folder)
{
	struct dirent *entry;

	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.' || !has_suffix(entry->d_name, reading->suffix)) {
			continue;
		}
		int fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0 && errno == ENOENT) {
			continue; /* it went away between the two looks */
		}
		struct stat st;
		if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
			close(fd);
			continue;
		}
		bool done = fd >= 0 ? add_file(reading, fd, entry->d_name) : fail_errno(reading, entry->d_name);
		if (fd >= 0) {
			close(fd);
		}
		if (!done) {
			return;
		}
	}
	if (reading->len > 0) {
		qsort(reading->files, reading->len, sizeof(*reading->files), by_name);
	}
}

static void on_read(struct job *job)
{
	struct reading *reading = (struct reading *)(void *)job;
	int fd = open(reading->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		fail_errno(reading, reading->path);
	} else if (!S_ISDIR(st.st_mode)) {
		const char *slash = strrchr(reading->path, '/');
		add_file(reading, fd, slash != NULL ? slash + 1 : reading->path);
	} else {
		DIR *folder = fdopendir(fd);
		if (folder != NULL) {
			read_folder(reading, folder);
			closedir(folder);
			return;
		}
		fail_errno(reading, reading->path);
	}
	if (fd >= 0) {
		close(fd);
	}
}

static void on_read_done(struct job *job)
{
	struct reading *reading = (struct reading *)(void *)job;
	struct instance *instance = job->owner;
	int32_t status = job->status != TROUPE_OK ? job->status : reading->status;

	if (instance_alive(instance)) {
		instance_enter(instance, &reading->context);
		reading->on_files(instance->self, reading->arg, status, reading->files,
				  status == TROUPE_OK ? reading->len : 0, reading->text);
		instance_leave(instance);
	}
	for (uint32_t i = 0; i < reading->len; i++) {
		free((char *)(uintptr_t)reading->files[i].name);
		free((uint8_t *)(uintptr_t)reading->files[i].bytes);
	}
	free(reading->files);
	free(reading->path);
	free(reading->suffix);
	free(reading);
}

void files_start(struct instance *instance, const struct troupe_files *files)
{
	struct reading *reading = calloc(1, sizeof(*reading));

	if (reading == NULL || (reading->path = strdup(files->path)) == NULL ||
	    (reading->suffix = strdup(files->suffix != NULL ? files->suffix : "")) == NULL) {
		abort(); /* out of memory: as good as a crash, and handled as one */
	}
	reading->context = *core_context_now();
	reading->on_files = files->on_files;
	reading->arg = files->arg;
	reading->bytes_max = files->bytes_max != 0 ? files->bytes_max : BYTES_DEFAULT;
	reading->job = (struct job){
		.loop = instance->loop, .owner = instance, .run = on_read, .on_done = on_read_done
	};
	job_add(core_jobs(instance->core), &reading->job);
}
