/* SPDX-License-Identifier: MIT */
/* Stored chunks of any kind: refused, or the same when they are stored again. */
#include <stdlib.h>
#include <string.h>

#include "world/chunk_pack.h"

/* Input: a byte, 'z' for a compressed chunk or anything else for the record in it, then its bytes. The place is 0, 0 and
 * the height 16, so that seeds are small. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds) {
		abort();
	}
}

static void chunks_equal(const struct chunk *a, const struct chunk *b)
{
	static uint16_t cells[2][CHUNK_SECTION_CELLS];

	chunk_section_read(a, 0, cells[0]);
	chunk_section_read(b, 0, cells[1]);
	check(memcmp(cells[0], cells[1], sizeof(cells[0])) == 0);
	check(a->rev == b->rev && a->epoch == b->epoch && a->biome == b->biome && a->potency == b->potency);
	check(a->strange_len == b->strange_len);
	check(a->strange_len == 0 || memcmp(a->strange, b->strange, a->strange_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct block_table *table;
	struct chunk *chunk = NULL, *again = NULL;
	uint8_t *bytes;
	size_t len;
	int rc;

	if (size == 0) {
		return 0;
	}
	table = block_table_new();
	rc = (*data == 'z' ? chunk_unpack : chunk_record_unpack)(data + 1, size - 1, table, 0, 0, 16, &chunk);
	if (rc == 0) {
		for (uint32_t at = 0; at < CHUNK_SECTION_CELLS; at++) {
			check(chunk_get(chunk, at & 15, at >> 4 & 15, at >> 8) < block_count(table));
		}
		check(chunk_pack(chunk, table, &bytes, &len) == 0);
		check(chunk_unpack(bytes, len, table, 0, 0, 16, &again) == 0);
		chunks_equal(chunk, again);
		free(bytes);
	} else {
		check(rc == CHUNK_DAMAGED || rc == CHUNK_FOREIGN || rc == CHUNK_NO_ROOM);
	}
	chunk_free(chunk);
	chunk_free(again);
	block_table_free(table);
	return 0;
}
