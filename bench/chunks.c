/* SPDX-License-Identifier: MIT */
/* Chunks of generated terrain: what they take in memory and stored, and what it costs to make, store, read and walk them. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure.h"
#include "world/chunk_pack.h"
#include "world/path.h"
#include "world/terrain.h"

#define SIDE 16 /* chunks measured: SIDE * SIDE, every third one in both directions */
#define SIZE 1024

static const struct terrain_settings settings = { .seed = 1, .map = { .kind = GENERATE_LAND, .height = 64 }, .size = SIZE };

struct sums {
	uint64_t chunks, raw, memory, stored;
	uint64_t generate_ns, pack_ns, unpack_ns;
};

static int chunk_measure(struct block_table *table, int32_t x, int32_t y, struct sums *sums)
{
	uint64_t began = clock_ns(), generated, packed;
	struct chunk *chunk = generate_chunk(settings.seed, &settings.map, x, y), *again;
	uint8_t *bytes;
	size_t len;

	generated = clock_ns();
	if (chunk == NULL || chunk_pack(chunk, table, &bytes, &len) != 0) {
		return -1;
	}
	packed = clock_ns();
	if (chunk_unpack(bytes, len, table, x, y, settings.map.height, &again) != 0) {
		return -1;
	}
	sums->unpack_ns += clock_ns() - packed;
	sums->pack_ns += packed - generated;
	sums->generate_ns += generated - began;
	sums->chunks++;
	sums->raw += chunk_raw_bytes(chunk);
	sums->memory += chunk_bytes(again);
	sums->stored += len;
	chunk_free(chunk);
	chunk_free(again);
	free(bytes);
	return 0;
}

/* blocks_read: nanoseconds a block, walking about near one place as rules do. */
static double blocks_read(struct terrain *t, uint64_t time_ns)
{
	uint64_t began = clock_ns(), ended, reads = 0, sum = 0;
	uint32_t seed = 1;

	do {
		for (int i = 0; i < 1000; i++, reads++) {
			seed = seed * 1664525u + 1013904223u;
			sum += terrain_block(t, (int32_t)(seed >> 8 & 31) - 16, (int32_t)(seed >> 16 & 31) - 16, (int32_t)(seed >> 26));
		}
		ended = clock_ns();
	} while (ended - began < time_ns);
	return sum > 0 ? (double)(ended - began) / (double)reads : 0;
}

/* ways_find: microseconds a search, to places up to 16 cells away in each direction. */
static double ways_find(struct terrain *t, uint64_t time_ns)
{
	static struct path_search search;
	uint64_t began, ended, spent = 0, ways = 0;
	struct path path;
	uint32_t seed = 1;

	while (spent < time_ns) {
		struct path_request request = { .near = 1 };

		seed = seed * 1664525u + 1013904223u;
		request.from.x = (int32_t)(seed >> 8 & 255) - 128;
		request.from.y = (int32_t)(seed >> 20 & 255) - 128;
		seed = seed * 1664525u + 1013904223u;
		request.to.x = request.from.x + (int32_t)(seed >> 8 & 31) - 16;
		request.to.y = request.from.y + (int32_t)(seed >> 16 & 31) - 16;
		request.from.z = terrain_surface(t, request.from.x, request.from.y);
		request.to.z = terrain_surface(t, request.to.x, request.to.y);
		began = clock_ns();
		path_find(t, &search, &request, &path);
		ended = clock_ns();
		spent += ended - began;
		ways++;
	}
	return (double)spent / (double)ways / 1000;
}

static int measure(uint64_t time_ns)
{
	struct block_table *table = block_table_new();
	struct sums sums = { 0 };
	struct terrain *t;
	uint64_t began = clock_ns();
	double read_ns, way_us;

	if (table == NULL || terrain_open(&settings, table, &t) != 0) {
		fputs("chunks: no memory\n", stderr);
		return 1;
	}
	do {
		for (int32_t i = 0; i < SIDE * SIDE; i++) {
			if (chunk_measure(table, (i % SIDE - SIDE / 2) * 3, (i / SIDE - SIDE / 2) * 3, &sums) != 0) {
				fputs("chunks: a chunk was not read again\n", stderr);
				return 1;
			}
		}
	} while (clock_ns() - began < time_ns);
	read_ns = blocks_read(t, time_ns / 4);
	way_us = ways_find(t, time_ns / 4);
	printf("{\"raw_bytes\": %.1f, \"memory_bytes\": %.1f, \"stored_bytes\": %.1f, ", (double)sums.raw / (double)sums.chunks,
	       (double)sums.memory / (double)sums.chunks, (double)sums.stored / (double)sums.chunks);
	printf("\"generate_us\": %.2f, \"pack_us\": %.2f, \"unpack_us\": %.2f, ", (double)sums.generate_ns / (double)sums.chunks / 1000,
	       (double)sums.pack_ns / (double)sums.chunks / 1000, (double)sums.unpack_ns / (double)sums.chunks / 1000);
	printf("\"read_ns\": %.2f, \"way_us\": %.2f}\n", read_ns, way_us);
	terrain_close(t);
	block_table_free(table);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "time", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t time_ns = 1000000000;
	int bad = 0, option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		bad |= option == 't' ? seconds_parse(optarg, &time_ns) : -1;
	}
	if (bad || optind < argc) {
		fputs("usage: chunks [--time S]\n", stderr);
		return 2;
	}
	return measure(time_ns);
}
