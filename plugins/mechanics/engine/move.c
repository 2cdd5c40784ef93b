/* SPDX-License-Identifier: MIT */
/* Standing, walking and falling on the blocks of the world. */
#include "internal.h"

/* floor_of: rounded down, without libm; for places of a world, which fit. */
static int32_t floor_of(double a)
{
	int32_t cut = (int32_t)a;

	return (double)cut > a ? cut - 1 : cut;
}

int32_t cell_of(const struct engine *e, double at)
{
	int32_t half = (int32_t)e->shape.size / 2, cell = floor_of(at);

	return cell < half ? cell : half - 1; /* the far edge belongs to the last one */
}

void entity_stand(struct engine *e, uint32_t row, const double *z)
{
	int32_t x = cell_of(e, e->all.x[row]), y = cell_of(e, e->all.y[row]), found = TERRAIN_NOWHERE;

	if (z != NULL && *z >= 0 && *z <= e->shape.height) {
		found = terrain_stand(e->terrain, x, y, floor_of(*z));
	}
	if (found == TERRAIN_NOWHERE) {
		found = terrain_surface(e->terrain, x, y);
	}
	e->all.z[row] = found != TERRAIN_NOWHERE ? found : 0;
}

/* movement: wishes to walk became positions; who crossed into another chunk sees others. */
void movement(struct engine *e)
{
	struct entities *w = &e->all;

	entities_step(w);
	for (uint32_t n = 0, crossed = 0; n < w->moved_len; n++) {
		uint32_t row = w->moved[n] & ~ENTITY_ARRIVED;
		struct output *out;

		if (crossed == w->crossed_len || w->crossed[crossed] != row) {
			out = output(e, OUTPUT_MOVED, w->id[row]);
			if (out != NULL) {
				out->chunk = w->chunk_of[row];
				out->flag = (w->moved[n] & ENTITY_ARRIVED) != 0;
			}
			continue;
		}
		out = output(e, OUTPUT_GONE, w->id[row]);
		if (out != NULL) {
			out->chunk = w->crossed_from[crossed];
		}
		crossed++;
		out = output(e, OUTPUT_APPEARED, w->id[row]);
		if (out != NULL) {
			out->chunk = w->chunk_of[row];
		}
		if (w->kind[row] == 0 && (out = output(e, OUTPUT_VIEW, w->id[row])) != NULL) {
			out->chunk = w->chunk_of[row];
		}
	}
}
