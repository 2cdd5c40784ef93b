/* SPDX-License-Identifier: MIT */
/* The disk's own limit: how often a second a small append can be made durable. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../measure.h"

#define SIZE_MAX_BYTES 65536

static int appends_run(int fd, size_t size, uint64_t time_ns, struct hist *hist)
{
	static char block[SIZE_MAX_BYTES];
	uint64_t end = clock_ns() + time_ns, now;

	memset(block, 'x', size);
	while ((now = clock_ns()) < end) {
		if (write(fd, block, size) != (ssize_t)size || fdatasync(fd) != 0) {
			return errno != 0 ? -errno : -EIO;
		}
		hist_add(hist, clock_ns() - now);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "time", required_argument, NULL, 't' },
		{ 0 },
	};
	static struct hist hist;
	const char *dir = NULL;
	uint64_t time_ns = 1000000000;
	long size = 200;
	char path[4096];
	int option, bad = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'd') {
			dir = optarg;
		} else if (option == 's') {
			bad |= number_parse(optarg, 1, SIZE_MAX_BYTES, &size);
		} else {
			bad |= option == 't' ? seconds_parse(optarg, &time_ns) : -EINVAL;
		}
	}
	if (bad || dir == NULL || snprintf(path, sizeof(path), "%s/append", dir) >= (int)sizeof(path)) {
		fprintf(stderr, "usage: disk --dir DIR [--size BYTES] [--time S]\n");
		return 2;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t begin = clock_ns();
	int r = fd < 0 ? -errno : appends_run(fd, (size_t)size, time_ns, &hist);
	double seconds = (double)(clock_ns() - begin) / 1e9;
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	if (r < 0) {
		fprintf(stderr, "disk: %s: %s\n", path, strerror(-r));
		return 1;
	}
	printf("{\"appends_per_s\": %.1f, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", (double)hist.count / seconds,
	       (double)hist_quantile(&hist, 0.5) / 1e3, (double)hist_quantile(&hist, 0.99) / 1e3);
	return 0;
}
