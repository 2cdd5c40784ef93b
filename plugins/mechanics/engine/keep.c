/* SPDX-License-Identifier: MIT */
/* The state as bytes: records, checkpoints, digests. */
#include "internal.h"

uint8_t *engine_record(struct engine *e, uint64_t id, size_t *ret_len)
{
	(void)e;
	(void)id;
	*ret_len = 0;
	return NULL;
}

void engine_save(struct engine *e, void (*page)(void *arg, uint32_t region, uint32_t number, const uint8_t *bytes, size_t len),
		 void *arg)
{
	(void)e;
	(void)page;
	(void)arg;
}

int engine_load(struct engine *e, const Region__Page *page)
{
	(void)e;
	(void)page;
	return 0;
}

void engine_loaded(struct engine *e, uint64_t tick)
{
	e->tick = tick;
}

uint64_t engine_digest(struct engine *e)
{
	(void)e;
	return 0;
}
